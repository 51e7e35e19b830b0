/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/key_command.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/url.h"

#define RESOLVE_MS 5000
#define UPLOAD_BLOCK (256L * 1024)
#define RETRY_AFTER_MAX_S 300
#define ERROR_BODY_MAX (256 * KIB) /* of a reply that is not 2xx */
#define HEAD_MAX (64 * KIB)

struct http_client {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer; /* curl's own */
	struct loop_timer *later; /* calls that begin or fail in the next turn */
	struct key_commands *keys;
	struct http_call *calls;
	int depth;                /* inside libcurl */
	bool closed;
};

struct http_call {
	struct http_client *client;
	CURL *easy;
	struct curl_slist *headers;
	struct url_parts url, first; /* where it is, and where it began */
	struct http_request request;
	struct http_upload upload;
	struct loop_timer *watch;
	struct buf body, head;
	struct err err;        /* why it ends, where we know better than libcurl */
	struct tls_look look;
	struct key_wait *wait; /* for a key */
	char *json, *bearer, *ca_file, *key_command;
	char **more;           /* request.headers */
	int hops;              /* redirects that were followed */
	uint64_t sent, received;
	int64_t started_ms, active_ms, resolve_ms; /* resolve_ms 0: no look-up under way */
	int64_t retry_after_ms;
	bool got_byte, sent_all, told_head, is_held;
	bool is_away;          /* another origin than the first was visited */
	bool added;            /* libcurl has it */
	bool is_forgotten;     /* cancelled while libcurl was calling us */
	bool is_over;          /* done() runs */
	bool has_old_key;      /* one that was told for an earlier call */
	bool is_refused;       /* for its key, of which another is asked for */
	struct http_call *next, **at;
};

/* What a watcher of one of libcurl's descriptors needs. */
struct http_socket {
	struct http_client *client;
	struct loop_fd *watch;
	curl_socket_t fd;
};

struct http_limits http_limits_default(void)
{
	return (struct http_limits){ .connect_ms = 10000, .first_byte_ms = 120000, .idle_ms = 60000,
				     .body_max = LIMIT_ANSWER_BYTES };
}

/* --- ends --- */

static void forget_headers(struct http_call *call)
{
	for (struct curl_slist *h = call->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data)); /* the key is in one of them */
	curl_slist_free_all(call->headers);
	call->headers = NULL;
}

static void set_bearer(struct http_call *call, const char *key)
{
	if (call->bearer)
		explicit_bzero(call->bearer, strlen(call->bearer));
	mem_free(call->bearer);
	call->bearer = key && *key ? mem_strdup(key) : NULL;
}

static void call_free(struct http_call *call)
{
	*call->at = call->next;
	if (call->next)
		call->next->at = call->at;
	if (call->added)
		curl_multi_remove_handle(call->client->multi, call->easy);
	curl_easy_cleanup(call->easy);
	forget_headers(call);
	loop_timer_free(call->watch);
	key_wait_cancel(call->wait);
	buf_release(&call->body);
	buf_release(&call->head);
	set_bearer(call, NULL);
	mem_free(call->ca_file);
	mem_free(call->key_command);
	for (size_t i = 0; call->more && call->more[i]; i++)
		mem_free(call->more[i]);
	mem_free(call->more);
	mem_free(call->json);
	mem_free(call);
}

static int status_of_call(const struct http_call *call)
{
	long status = 0;

	if (call->easy)
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static struct http_reply reply_of(const struct http_call *call)
{
	return (struct http_reply){ .status = status_of_call(call), .body = buf_str(&call->body), .head = buf_str(&call->head),
				    .retry_after_ms = call->retry_after_ms };
}

static void call_finish(struct http_call *call)
{
	struct http_reply reply = reply_of(call);

	if (call->added)
		curl_multi_remove_handle(call->client->multi, call->easy);
	call->added = false;
	loop_timer_set(call->watch, -1);
	call->is_over = true;
	if (!call->is_forgotten)
		call->request.done(call->request.user, &reply, &call->err);
	call_free(call);
}

static void fail_timeout(struct http_call *call, const char *key, int64_t limit_ms)
{
	if (call->err.code == ERR_OK)
		err_set(&call->err, ERR_IO, key, "url=%s|seconds=%lld", call->url.origin,
			(long long)(limit_ms + 999) / 1000);
}

/* libcurl's result as one of our sentences. */
static void explain(struct http_call *call, CURLcode result)
{
	const char *url = call->url.origin, *reason = curl_easy_strerror(result);
	long why = 0;

	if (call->err.code != ERR_OK || result == CURLE_OK)
		return;
	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &why);
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
		err_set(&call->err, ERR_IO, "err_http_resolve", "url=%s|host=%s", url, call->url.host);
		break;
	case CURLE_COULDNT_CONNECT:
		err_set(&call->err, ERR_IO, "err_http_connect", "url=%s|reason=%s", url, why ? strerror((int)why) : reason);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		fail_timeout(call, "err_http_timeout", call->request.limits.connect_ms);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		tls_explain(&call->look, call->ca_file, result, url, call->url.host, &call->err);
		break;
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
		err_set(&call->err, ERR_CANCELLED, "err_cancelled", NULL);
		break;
	default:
		err_set(&call->err, ERR_IO, "err_http_broken", "url=%s|reason=%s", url, reason);
	}
}

static void aim(struct http_call *call, const char *url);

/* Whether the call may go on at `target`; its error says why not. */
static bool may_follow(struct http_call *call, const char *target, struct url_parts *next)
{
	const char *key = NULL;

	if (call->request.redirects == 0 || !target || url_origin(target, next, NULL) != ERR_OK)
		key = "err_http_redirect";
	else if (call->hops == call->request.redirects)
		key = "err_http_redirects";
	else if (!strcmp(call->url.scheme, "https") && strcmp(next->scheme, "https") != 0)
		key = "err_http_redirect_plain";
	else if (!call->first.is_private && next->is_private)
		key = "err_http_redirect_local";
	else if (address_names_link_local(next))
		return err_set(&call->err, ERR_DENIED, "err_http_address", "url=%s", next->origin) == ERR_OK;
	/* Without its query: that of a target may be a key of its own. */
	if (key)
		err_set(&call->err, ERR_DENIED, key, "url=%s|target=%.*s", call->url.origin,
			target ? (int)strcspn(target, "?#") : 1, target ? target : "?");
	return !key;
}

/* As if nothing had come or gone. */
static void rewind_call(struct http_call *call)
{
	call->received = call->sent = 0;
	call->got_byte = call->sent_all = false;
	call->retry_after_ms = -1;
	call->active_ms = clock_mono_ms();
	call->resolve_ms = 0;
	buf_clear(&call->body);
	buf_clear(&call->head);
}

/* True where the call goes on at another address. */
static bool follow_redirect(struct http_call *call)
{
	struct url_parts next;
	char *target = NULL;
	int status = status_of_call(call);

	if (call->err.code != ERR_OK || call->is_forgotten || status < 300 || status > 399)
		return false;
	curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &target);
	if (!may_follow(call, target, &next))
		return false;
	char *url = mem_strdup(target); /* libcurl's dies with the handle's next use */
	curl_multi_remove_handle(call->client->multi, call->easy);
	call->url = next;
	call->hops++;
	call->is_away = call->is_away || strcmp(next.origin, call->first.origin) != 0;
	rewind_call(call);
	aim(call, url);
	mem_free(url);
	curl_multi_add_handle(call->client->multi, call->easy);
	return true;
}

static void set_headers(struct http_call *call);

static void on_key(void *user, const char *key, const struct err *err)
{
	struct http_call *call = user;
	bool is_new = key && (!call->bearer || strcmp(key, call->bearer) != 0);

	call->wait = NULL;
	if (!key)
		call->err = *err;
	if (is_new) { /* else the refusal of the same key stands */
		set_bearer(call, key);
		set_headers(call);
		rewind_call(call);
		call->started_ms = call->active_ms;
		call->is_refused = false;
	}
	loop_timer_set(call->client->later, 0);
}

/* The key that was told a while ago, or else the one that will be told. */
static void find_key(struct http_call *call)
{
	const char *known = key_command_known(call->client->keys, call->key_command);

	if (known)
		on_key(call, known, NULL);
	else
		call->wait = key_command_ask(call->client->keys, call->key_command, on_key, call);
}

/* A key that a command told a while ago may be too old by now: true where the command is asked again. */
static bool ask_another_key(struct http_call *call)
{
	if (call->err.code != ERR_OK || call->is_forgotten || call->is_away || !call->has_old_key || status_of_call(call) != 401)
		return false;
	curl_multi_remove_handle(call->client->multi, call->easy);
	loop_timer_set(call->watch, -1);
	call->added = call->has_old_key = false;
	call->is_refused = true;
	key_command_forget(call->client->keys, call->key_command, call->bearer);
	find_key(call);
	return true;
}

static void take_results(struct http_client *c)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(c->multi, &left))) {
		struct http_call *call = NULL;
		CURLcode result = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		explain(call, result);
		if (!ask_another_key(call) && !follow_redirect(call))
			call_finish(call);
	}
}

/* Frees what was cancelled inside libcurl. */
static void sweep(struct http_client *c)
{
	for (struct http_call *call = c->calls, *next; call; call = next) {
		next = call->next;
		if (call->is_forgotten)
			call_free(call);
	}
}

static void act(struct http_client *c, curl_socket_t fd, int events)
{
	int running;

	c->depth++;
	curl_multi_socket_action(c->multi, fd, events, &running);
	c->depth--;
	take_results(c);
	sweep(c);
}

/* --- libcurl asks the loop --- */

static void on_socket_event(void *user, int events)
{
	const struct http_socket *s = user;
	int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
		   (events & LOOP_HANGUP ? CURL_CSELECT_ERR : 0);

	act(s->client, s->fd, mask);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *slot)
{
	struct http_client *c = user;
	struct http_socket *s = slot;
	int events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			loop_remove_fd(s->watch);
		mem_free(s);
		return 0;
	}
	if (s) {
		loop_set_events(s->watch, events);
		return 0;
	}
	s = mem_alloc(sizeof *s);
	*s = (struct http_socket){ .client = c, .fd = fd };
	s->watch = loop_add_fd(c->loop, fd, events, on_socket_event, s);
	curl_multi_assign(c->multi, fd, s);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct http_client *c = user;

	(void)multi;
	loop_timer_set(c->timer, timeout_ms);
	return 0;
}

static void on_timeout(void *user)
{
	act(user, CURL_SOCKET_TIMEOUT, 0);
}

/* --- one call --- */

static int on_resolve(void *state, void *reserved, void *user)
{
	struct http_call *call = user;

	(void)state;
	(void)reserved;
	call->resolve_ms = clock_mono_ms();
	return 0;
}

/* The address that was looked up is the one that is connected to: it is checked here. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_call *call = user;

	(void)purpose;
	call->resolve_ms = 0;
	if (address_is_link_local(&address->addr) && (call->hops > 0 || !address_is_typed(&call->url))) {
		err_set(&call->err, ERR_DENIED, "err_http_address", "url=%s", call->url.origin);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

static void touch(struct http_call *call)
{
	call->active_ms = clock_mono_ms();
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
	struct http_call *call = user;
	struct str line = { data, size * n }, name = str_split(&line, ':');
	uint64_t seconds;

	call->got_byte = true;
	touch(call);
	if (str_starts((struct str){ data, size * n }, "HTTP/"))
		buf_clear(&call->head);
	buf_add(&call->head, data, size * n);
	if (line.ptr && str_eq_nocase(name, "retry-after") && str_to_u64(str_trim(line), &seconds))
		call->retry_after_ms = 1000 * (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
	return size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	struct http_call *call = user;
	size_t len = size * n;
	int status = status_of_call(call);
	bool good = status >= 200 && status < 300;

	touch(call);
	if (good && !call->told_head && call->request.on_head) {
		struct http_reply reply = reply_of(call);
		call->told_head = true;
		if (!call->request.on_head(call->request.user, &reply) || call->is_forgotten)
			return 0;
	}
	call->received += len;
	if (good && call->received > call->request.limits.body_max) {
		err_set(&call->err, ERR_LIMIT, "err_http_too_big", "url=%s|limit=%llu", call->url.origin,
			(unsigned long long)call->request.limits.body_max);
		return 0;
	}
	if (!good) {
		if (call->body.len + len <= ERROR_BODY_MAX)
			buf_add(&call->body, data, len);
		return len;
	}
	if (!call->request.on_data)
		buf_add(&call->body, data, len);
	else if (!call->request.on_data(call->request.user, (struct str){ data, len }) || call->is_forgotten)
		return 0;
	return len;
}

static size_t on_read(char *out, size_t size, size_t n, void *user)
{
	struct http_call *call = user;
	uint64_t left = call->upload.size - call->sent;
	size_t want = size * n < left ? size * n : (size_t)left;

	touch(call);
	if (want == 0)
		return 0;
	ssize_t got = pread(call->upload.fd, out, want, (off_t)call->sent);
	if (got <= 0) {
		err_set(&call->err, ERR_IO, "err_http_upload_file", NULL);
		return CURL_READFUNC_ABORT;
	}
	call->sent += (uint64_t)got;
	call->sent_all = call->sent == call->upload.size;
	if (call->request.on_upload)
		call->request.on_upload(call->request.user, call->sent);
	return call->is_forgotten ? CURL_READFUNC_ABORT : (size_t)got;
}

/* How long the call may stay as it is. */
static int64_t patience(const struct http_call *call)
{
	const struct http_limits *l = &call->request.limits;

	if (call->got_byte || (call->request.upload && !call->sent_all && call->sent > 0))
		return l->idle_ms;
	return l->first_byte_ms + (call->sent > 0 ? 0 : l->connect_ms);
}

static void on_watch(void *user)
{
	struct http_call *call = user;
	const struct http_limits *l = &call->request.limits;
	if (call->is_held)
		touch(call);
	int64_t now = clock_mono_ms(), wait = call->active_ms + patience(call) - now;
	int64_t resolve = call->resolve_ms ? call->resolve_ms + RESOLVE_MS - now : INT64_MAX;
	int64_t total = l->total_ms ? call->started_ms + l->total_ms - now : INT64_MAX;

	if (resolve <= 0)
		err_set(&call->err, ERR_IO, "err_http_resolve", "url=%s|host=%s", call->url.origin, call->url.host);
	else if (wait <= 0)
		fail_timeout(call, "err_http_timeout", patience(call));
	else if (total <= 0)
		fail_timeout(call, "err_http_slow", l->total_ms);
	if (call->err.code != ERR_OK) {
		call_finish(call);
		return;
	}
	wait = total < wait ? total : wait;
	wait = resolve < wait ? resolve : wait;
	loop_timer_set(call->watch, wait < 1000 ? wait : 1000);
}

static void add_header(struct http_call *call, const char *name, const char *value)
{
	char *line = mem_printf("%s: %s", name, value);

	call->headers = curl_slist_append(call->headers, line);
	explicit_bzero(line, strlen(line));
	mem_free(line);
}

/* Header lines, the key only where it belongs. */
static void set_headers(struct http_call *call)
{
	forget_headers(call);
	if (call->bearer && !call->is_away) {
		char *value = mem_printf("Bearer %s", call->bearer);
		add_header(call, "Authorization", value);
		explicit_bzero(value, strlen(value));
		mem_free(value);
	}
	if (call->request.upload)
		add_header(call, "Content-Type", "application/octet-stream");
	else if (call->json)
		add_header(call, "Content-Type", "application/json");
	for (size_t i = 0; call->more && call->more[i]; i++)
		call->headers = curl_slist_append(call->headers, call->more[i]);
	call->headers = curl_slist_append(call->headers, "Expect:");
	call->headers = curl_slist_append(call->headers, "Accept:");
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

/* To the call's address as it is now. */
static void aim(struct http_call *call, const char *url)
{
	call->look.fault = TLS_UNKNOWN;
	call->look.seen[0] = 0;
	curl_easy_setopt(call->easy, CURLOPT_URL, url);
	curl_easy_setopt(call->easy, CURLOPT_PROXY, call->url.is_loopback ? "" : NULL);
	set_headers(call);
}

static void set_body(struct http_call *call, const struct http_request *request)
{
	CURL *h = call->easy;

	if (request->upload) {
		curl_easy_setopt(h, CURLOPT_POST, 1L);
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->upload.size);
		curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(h, CURLOPT_READDATA, call);
		/* A kept connection may turn out to be closed when gigabytes are on their way. */
		curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BLOCK);
	} else if (request->json.len) {
		call->json = mem_copy(request->json.ptr, request->json.len);
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->json.len);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, call->json);
	} else if (strcmp(request->method, "POST") == 0) {
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, 0L);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
	}
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, request->method);
}

static void copy_texts(struct http_call *call, const struct http_request *request)
{
	size_t n = 0;

	call->request.method = call->request.url = call->request.bearer = NULL; /* the caller's; libcurl has copies */
	call->request.headers = NULL;
	call->request.key_command = call->request.trust.ca_file = call->request.trust.pin = NULL;
	set_bearer(call, request->bearer);
	call->key_command = request->key_command ? mem_strdup(request->key_command) : NULL;
	call->ca_file = request->trust.ca_file && request->trust.ca_file[0] ? mem_strdup(request->trust.ca_file) : NULL;
	while (request->headers && request->headers[n])
		n++;
	call->more = n ? mem_array(n + 1, sizeof *call->more) : NULL;
	for (size_t i = 0; i < n; i++)
		call->more[i] = mem_strdup(request->headers[i]);
}

static void set_options(struct http_call *call, const struct http_request *request)
{
	CURL *h = call->easy;

	curl_easy_setopt(h, CURLOPT_PRIVATE, call);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(h, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L); /* a cancelled call does not wait for a look-up of a name */
#endif
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(h, CURLOPT_USERAGENT, "assay/" ASSAY_VERSION);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)request->limits.connect_ms);
	curl_easy_setopt(h, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
	curl_easy_setopt(h, CURLOPT_RESOLVER_START_DATA, call);
	curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, call);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, call);
	set_body(call, request);
	(void)!tls_trust_apply(h, &(struct tls_trust){ call->ca_file, request->trust.pin }, &call->look, &call->err);
	aim(call, request->url);
}

/* In a turn of its own: a callback of libcurl may have started the call, and done() must not run inside the start. */
static void on_later(void *user)
{
	struct http_client *c = user;

	for (struct http_call *call = c->calls, *next; call; call = next) {
		next = call->next;
		if (call->added || call->wait)
			continue;
		if (call->err.code == ERR_OK && !call->is_refused) {
			call->added = true;
			curl_multi_add_handle(c->multi, call->easy);
			loop_timer_set(call->watch, 1000);
			continue;
		}
		call_finish(call);
		loop_timer_set(c->later, 0); /* the list may have changed under us */
		return;
	}
}

struct http_call *http_client_start(struct http_client *c, const struct http_request *request)
{
	struct http_call *call = mem_alloc(sizeof *call);

	call->client = c;
	call->request = *request;
	copy_texts(call, request);
	if (request->upload)
		call->upload = *request->upload;
	call->head = BUF_INIT(HEAD_MAX);
	call->body = BUF_INIT((size_t)request->limits.body_max + ERROR_BODY_MAX);
	call->retry_after_ms = -1;
	call->started_ms = call->active_ms = clock_mono_ms();
	call->watch = loop_timer_new(c->loop, on_watch, call);
	call->next = c->calls;
	call->at = &c->calls;
	if (c->calls)
		c->calls->at = &call->next;
	c->calls = call;
	if (c->closed)
		err_set(&call->err, ERR_CANCELLED, "err_cancelled", NULL);
	else if (url_origin(request->url, &call->url, &call->err) == ERR_OK) {
		call->first = call->url;
		call->easy = curl_easy_init();
		if (!call->easy)
			BUG("no memory for a request");
		set_options(call, request);
		if (call->key_command && call->err.code == ERR_OK) {
			call->has_old_key = key_command_known(c->keys, call->key_command) != NULL;
			find_key(call);
		}
	}
	loop_timer_set(c->later, 0);
	return call;
}

void http_call_cancel(struct http_call *call)
{
	if (!call || call->is_over)
		return;
	if (call->client->depth > 0)
		call->is_forgotten = true; /* freed when libcurl has returned */
	else
		call_free(call);
}

void http_call_hold(struct http_call *call, bool hold)
{
	struct http_client *c = call->client;

	if (call->is_over || call->is_held == hold || !call->added)
		return;
	call->is_held = hold;
	touch(call);
	c->depth++;
	curl_easy_pause(call->easy, hold ? CURLPAUSE_RECV : CURLPAUSE_CONT); /* what waits may be delivered in here */
	c->depth--;
	if (c->depth == 0)
		sweep(c);
}

bool http_reply_header(const struct http_reply *reply, const char *name, char *out, size_t out_size)
{
	struct str rest = reply->head;

	while (rest.ptr) {
		struct str line = str_split(&rest, '\n'), key = str_split(&line, ':');
		if (!line.ptr || !str_eq_nocase(key, name))
			continue;
		line = str_trim(line);
		(void)str_format(out, out_size, "%.*s", (int)line.len, line.ptr);
		return true;
	}
	if (out_size)
		out[0] = 0;
	return false;
}

/* --- life --- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_new(struct loop *loop)
{
	struct http_client *c = mem_alloc(sizeof *c);

	pthread_once(&curl_once, init_curl);
	c->loop = loop;
	c->multi = curl_multi_init();
	if (!c->multi)
		BUG("no memory for a client");
	c->timer = loop_timer_new(loop, on_timeout, c);
	c->later = loop_timer_new(loop, on_later, c);
	c->keys = key_commands_new(loop, key_command_limits_default());
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, 64L);
	return c;
}

void http_client_close(struct http_client *c)
{
	c->closed = true;
	while (c->calls) {
		struct http_call *call = c->calls;
		err_set(&call->err, ERR_CANCELLED, "err_cancelled", NULL);
		call_finish(call);
	}
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	http_client_close(c);
	curl_multi_cleanup(c->multi);
	key_commands_free(c->keys);
	loop_timer_free(c->timer);
	loop_timer_free(c->later);
	mem_free(c);
}
