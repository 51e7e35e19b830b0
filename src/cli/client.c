/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "server/app.h"

#define REPLY_MAX (256 * MIB)
#define START_WAIT_MS 10000
#define START_POLL_US 50000
#define URL_MAX 2048

struct client {
	char *socket_path;
	CURL *curl;
	struct curl_slist *headers, *headers_json, *headers_bytes;
	struct app *app; /* NULL: the server is another process */
	pthread_t thread;
	bool finishing;
};

static bool is_listening(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(socket_path);
	if (len >= sizeof address.sun_path)
		return false;
	memcpy(address.sun_path, socket_path, len);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static void *run_app(void *user)
{
	app_run(user);
	return NULL;
}

/* Opens the supervisor here, unless another process that is just starting takes the data directory first. */
static enum err_code open_own(struct client *c, const struct app_options *own, struct err *err)
{
	int64_t deadline = clock_mono_ms() + START_WAIT_MS;
	int why;
	interrupt_block(true); /* its threads leave the signals to this one */
	enum err_code code = app_open(own, &c->app, err);
	while (code == ERR_BUSY && clock_mono_ms() < deadline && !is_listening(c->socket_path)) {
		usleep(START_POLL_US);
		code = app_open(own, &c->app, err);
	}
	if (code == ERR_BUSY && is_listening(c->socket_path))
		code = ERR_OK;
	else if (code == ERR_OK && (why = pthread_create(&c->thread, NULL, run_app, c->app)) != 0) {
		app_close(c->app);
		c->app = NULL;
		code = err_set_errno(err, why, "err_no_thread", "name=%s", "server");
	}
	interrupt_block(false);
	return code;
}

static void init_curl(struct client *c, enum lang lang)
{
	char language[64];
	(void)str_format(language, sizeof language, "Accept-Language: %s", lang_name(lang));
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c->curl = curl_easy_init();
	if (!c->curl)
		BUG("curl did not start");
	c->headers = curl_slist_append(NULL, language);
	c->headers_json = curl_slist_append(NULL, language);
	c->headers_bytes = curl_slist_append(NULL, language);
	c->headers_json = curl_slist_append(c->headers_json, "Content-Type: application/json");
	c->headers_bytes = curl_slist_append(c->headers_bytes, "Content-Type: application/octet-stream");
}

enum err_code client_open(const char *data_dir, enum lang lang, const struct app_options *own, struct client **out,
			  struct err *err)
{
	struct client *c = mem_alloc(sizeof *c);
	c->socket_path = app_socket_path(data_dir);
	enum err_code code = ERR_OK;
	if (!is_listening(c->socket_path))
		code = own ? open_own(c, own, err)
			   : err_set(err, ERR_IO, "err_cli_no_server", "path=%s", data_dir);
	if (code != ERR_OK) {
		mem_free(c->socket_path);
		mem_free(c);
		return code;
	}
	init_curl(c, lang);
	*out = c;
	return ERR_OK;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->headers_json);
	curl_slist_free_all(c->headers_bytes);
	if (c->app) {
		app_stop(c->app);
		pthread_join(c->thread, NULL);
		app_close(c->app);
	}
	mem_free(c->socket_path);
	mem_free(c);
}

bool client_is_own(const struct client *c)
{
	return c->app != NULL;
}

void client_finish(struct client *c)
{
	c->finishing = true;
}

char *client_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy = mem_strdup(escaped ? escaped : "");
	curl_free(escaped);
	return copy;
}

/* --- one exchange --- */

struct exchange {
	CURL *curl;
	struct buf content;    /* the reply, or the text of a refusal */
	client_write_fn write; /* NULL: into `content` */
	void *user;
};

static size_t on_content(char *data, size_t size, size_t n, void *user)
{
	struct exchange *x = user;
	long status = 0;
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (x->write && status < 400)
		return x->write(x->user, data, size * n) ? size * n : 0;
	buf_add(&x->content, data, size * n);
	return x->content.overflow ? 0 : size * n;
}

static int on_progress(void *user, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total, curl_off_t ul_now)
{
	const struct client *c = user;
	(void)dl_total, (void)dl_now, (void)ul_total, (void)ul_now;
	return interrupt_seen() && !c->finishing;
}

/* The sentence of a refusal, as the server wrote it in the reader's language. */
static enum err_code refusal(const struct exchange *x, long status, struct err *err)
{
	json_t *body = json_loadb(x->content.ptr ? x->content.ptr : "", x->content.len, 0, NULL);
	const json_t *problem = json_object_get(body, "error");
	const char *name = json_string_value(json_object_get(problem, "code"));
	const char *message = json_string_value(json_object_get(problem, "message"));
	const char *hint = json_string_value(json_object_get(problem, "hint"));
	enum err_code code;
	if (name && message)
		code = err_set(err, err_code_from_name(name), "err_server_says", "message=%s|hint=%s", message,
			       hint ? hint : "");
	else
		code = err_set(err, ERR_INTERNAL, "err_server_status", "status=%ld", status);
	json_decref(body);
	return code;
}

static enum err_code perform(struct client *c, struct exchange *x, const char *path, struct err *err)
{
	char url[URL_MAX];
	long status = 0;
	if (!str_format(url, sizeof url, "http://localhost/api/v1%s", path))
		return err_set(err, ERR_LIMIT, "err_cli_url", NULL);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket_path);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_content);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
	CURLcode result = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (result == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	if (result == CURLE_WRITE_ERROR && x->write)
		return err && err->code != ERR_OK ? err->code : err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	if (result != CURLE_OK)
		return err_set(err, ERR_IO, "err_cli_connection", "reason=%s", curl_easy_strerror(result));
	return status >= 400 ? refusal(x, status, err) : ERR_OK;
}

static enum err_code parse_reply(const struct exchange *x, json_t **reply, struct err *err)
{
	if (!reply)
		return ERR_OK;
	*reply = NULL;
	if (!x->content.len)
		return ERR_OK;
	json_error_t problem;
	*reply = json_loadb(x->content.ptr, x->content.len, JSON_DECODE_ANY, &problem);
	return *reply ? ERR_OK : err_set(err, ERR_INTERNAL, "err_cli_reply", "reason=%s", problem.text);
}

static enum err_code exchange_bytes(struct client *c, const char *method, const char *path, struct curl_slist *headers,
				    struct str body, json_t **reply, struct err *err)
{
	struct exchange x = { .curl = c->curl, .content = BUF_INIT(REPLY_MAX) };
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
	if (body.ptr) {
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.ptr);
	}
	enum err_code code = perform(c, &x, path, err);
	if (code == ERR_OK)
		code = parse_reply(&x, reply, err);
	buf_release(&x.content);
	return code;
}

enum err_code client_call(struct client *c, const char *method, const char *path, const json_t *body, json_t **reply,
			  struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	if (body)
		json_write(&text, body);
	struct str sent = body ? buf_str(&text) : (struct str){ NULL, 0 };
	enum err_code code = exchange_bytes(c, method, path, body ? c->headers_json : c->headers, sent, reply, err);
	buf_release(&text);
	return code;
}

enum err_code client_upload(struct client *c, const char *path, const void *data, size_t len, json_t **reply,
			    struct err *err)
{
	return exchange_bytes(c, "POST", path, c->headers_bytes, (struct str){ len ? data : "", len }, reply, err);
}

enum err_code client_download(struct client *c, const char *path, client_write_fn write, void *user, struct err *err)
{
	struct exchange x = { .curl = c->curl, .content = BUF_INIT(MIB), .write = write, .user = user };
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	enum err_code code = perform(c, &x, path, err);
	buf_release(&x.content);
	return code;
}
