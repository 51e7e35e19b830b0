/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/url.h"

#define RESOLVE_MS 5000
#define UPLOAD_BLOCK (256L * 1024)
#define RETRY_AFTER_MAX_S 300
#define ERROR_BODY_MAX (256 * KIB) /* of a reply that is not 2xx */

struct http_client {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer; /* curl's own */
	struct loop_timer *later; /* calls that begin or fail in the next turn */
	struct http_call *calls;
	int depth;                /* inside libcurl */
	bool closed;
};

struct http_call {
	struct http_client *client;
	CURL *easy;
	struct curl_slist *headers;
	struct url_parts url;
	struct http_request request;
	struct http_upload upload;
	struct loop_timer *watch;
	struct buf body;
	struct err err;        /* why it ends, where we know better than libcurl */
	char *json;
	uint64_t sent, received;
	int64_t started_ms, active_ms, resolve_ms; /* resolve_ms 0: no look-up under way */
	int64_t retry_after_ms;
	bool got_byte, sent_all;
	bool added;            /* libcurl has it */
	bool is_forgotten;     /* cancelled while libcurl was calling us */
	bool is_over;          /* done() runs */
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

static void call_free(struct http_call *call)
{
	*call->at = call->next;
	if (call->next)
		call->next->at = call->at;
	if (call->added)
		curl_multi_remove_handle(call->client->multi, call->easy);
	curl_easy_cleanup(call->easy);
	for (struct curl_slist *h = call->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data)); /* the key is in one of them */
	curl_slist_free_all(call->headers);
	loop_timer_free(call->watch);
	buf_release(&call->body);
	mem_free(call->json);
	mem_free(call);
}

static void call_finish(struct http_call *call)
{
	struct http_reply reply = { .retry_after_ms = call->retry_after_ms, .body = buf_str(&call->body) };
	long status = 0;

	if (call->easy)
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	reply.status = (int)status;
	if (call->added)
		curl_multi_remove_handle(call->client->multi, call->easy);
	call->added = false;
	loop_timer_set(call->watch, -1);
	call->is_over = true;
	if (!call->is_forgotten)
		call->request.done(call->request.user, &reply, &call->err);
	call_free(call);
}

static void fail_timeout(struct http_call *call, int64_t limit_ms)
{
	if (call->err.code == ERR_OK)
		err_set(&call->err, ERR_IO, "err_http_timeout", "url=%s|seconds=%lld", call->url.origin,
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
		fail_timeout(call, call->request.limits.connect_ms);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		err_set(&call->err, ERR_DENIED, "err_http_tls", "url=%s|reason=%s", url, reason);
		break;
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
		err_set(&call->err, ERR_CANCELLED, "err_cancelled", NULL);
		break;
	default:
		err_set(&call->err, ERR_IO, "err_http_broken", "url=%s|reason=%s", url, reason);
	}
}

static void check_redirect(struct http_call *call)
{
	long status = 0;
	char *target = NULL;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (call->err.code != ERR_OK || status < 300 || status > 399)
		return;
	curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &target);
	err_set(&call->err, ERR_DENIED, "err_http_redirect", "url=%s|target=%s", call->url.origin, target ? target : "?");
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
		check_redirect(call);
		call_finish(call);
	}
}

static void act(struct http_client *c, curl_socket_t fd, int events)
{
	int running;

	c->depth++;
	curl_multi_socket_action(c->multi, fd, events, &running);
	c->depth--;
	take_results(c);
	for (struct http_call *call = c->calls, *next; call; call = next) {
		next = call->next;
		if (call->is_forgotten)
			call_free(call);
	}
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

static bool is_link_local(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 16 == 0xa9fe;
	if (address->sa_family != AF_INET6)
		return false;
	const struct in6_addr *a = &((const struct sockaddr_in6 *)address)->sin6_addr;
	return IN6_IS_ADDR_LINKLOCAL(a) ||
	       (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 0xa9 && a->s6_addr[13] == 0xfe);
}

static bool is_typed_address(const struct url_parts *url)
{
	unsigned char address[16];
	return inet_pton(AF_INET, url->host, address) == 1 || inet_pton(AF_INET6, url->host, address) == 1;
}

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
	if (is_link_local(&address->addr) && !is_typed_address(&call->url)) {
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
	if (line.ptr && str_eq_nocase(name, "retry-after") && str_to_u64(str_trim(line), &seconds))
		call->retry_after_ms = 1000 * (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
	return size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	struct http_call *call = user;
	size_t len = size * n;
	long status = 0;

	touch(call);
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	call->received += len;
	bool good = status >= 200 && status < 300;
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
	int64_t now = clock_mono_ms(), wait = call->active_ms + patience(call) - now;
	int64_t resolve = call->resolve_ms ? call->resolve_ms + RESOLVE_MS - now : INT64_MAX;
	int64_t total = l->total_ms ? call->started_ms + l->total_ms - now : INT64_MAX;

	if (resolve <= 0)
		err_set(&call->err, ERR_IO, "err_http_resolve", "url=%s|host=%s", call->url.origin, call->url.host);
	else if (wait <= 0)
		fail_timeout(call, patience(call));
	else if (total <= 0)
		fail_timeout(call, l->total_ms);
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
		add_header(call, "Content-Type", "application/octet-stream");
	} else if (request->json.len) {
		call->json = mem_copy(request->json.ptr, request->json.len);
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->json.len);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, call->json);
		add_header(call, "Content-Type", "application/json");
	} else if (strcmp(request->method, "POST") == 0) {
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, 0L);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
	}
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, request->method);
	call->headers = curl_slist_append(call->headers, "Expect:");
	call->headers = curl_slist_append(call->headers, "Accept:");
}

static void set_options(struct http_call *call, const struct http_request *request)
{
	CURL *h = call->easy;

	curl_easy_setopt(h, CURLOPT_URL, request->url);
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
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
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
	if (call->url.is_loopback)
		curl_easy_setopt(h, CURLOPT_PROXY, "");
	if (request->bearer && request->bearer[0]) {
		char *value = mem_printf("Bearer %s", request->bearer);
		add_header(call, "Authorization", value);
		explicit_bzero(value, strlen(value));
		mem_free(value);
	}
	set_body(call, request);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, call->headers);
}

/* In a turn of its own: a callback of libcurl may have started the call, and done() must not run inside the start. */
static void on_later(void *user)
{
	struct http_client *c = user;

	for (struct http_call *call = c->calls, *next; call; call = next) {
		next = call->next;
		if (call->added)
			continue;
		if (call->err.code == ERR_OK) {
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
	call->request.method = call->request.url = call->request.bearer = NULL; /* the caller's; libcurl has copies */
	if (request->upload)
		call->upload = *request->upload;
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
	else if (url_parse(request->url, &call->url, &call->err) == ERR_OK) {
		call->easy = curl_easy_init();
		if (!call->easy)
			BUG("no memory for a request");
		set_options(call, request);
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
	loop_timer_free(c->timer);
	loop_timer_free(c->later);
	mem_free(c);
}
