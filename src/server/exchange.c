/* SPDX-License-Identifier: Apache-2.0 */
#include "server/exchange.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "server/api_keys.h"
#include "server/assets.h"
#include "server/buckets.h"
#include "server/routes.h"
#include "server/upload.h"

#define API "/api/v1"
#define STREAM_BLOCK (32 * KIB)
#define THROWN_MAX (1 * GIB) /* of a refused body: what is left unread would take the refusal from the client */
#define BODY_GRACE_MS 10000
#define NEXT_HEAD_MS 60000
#define OWNER_COOKIES 4  /* another port of this host may have set a cookie of the same name */
#define RATER_COOKIES 32 /* a browser keeps one for each panel until that ends */

struct exchange {
	struct http *http;
	struct MHD_Daemon *daemon;
	struct MHD_Connection *connection;
	struct conn *conn;
	struct request *request;
	struct MHD_Response *response;
	int status;
	const char *path;  /* in the request's arena */
	bool is_refused;   /* the answer stands already; the body is thrown away */
	bool is_started, is_asleep, is_queued, is_page;
	int spool;         /* file of an upload, or -1 */
	uint64_t thrown;   /* bytes of a refused body */
	struct body_source source;
	struct exchange *prev, *next;
};

/* --- replies --- */

static void sleep_now(struct exchange *x)
{
	MHD_suspend_connection(x->connection);
	x->is_asleep = true;
}

void http_wake(struct exchange *x)
{
	if (!x->is_asleep)
		return;
	x->is_asleep = false;
	x->http->must_run = true; /* the library does not report a resumed connection as work to do */
	MHD_resume_connection(x->connection);
}

static void add(struct exchange *x, const char *name, const char *value)
{
	if (value)
		MHD_add_response_header(x->response, name, value);
}

static void add_common(struct exchange *x, const char *content_type)
{
	static const char page_policy[] =
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
		"font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
		"require-trusted-types-for 'script'; trusted-types svelte-trusted-html assay";
	add(x, "Content-Type", content_type);
	add(x, "X-Content-Type-Options", "nosniff");
	add(x, "Referrer-Policy", "no-referrer");
	if (!x->conn->is_lan) /* plain http from elsewhere: browsers ignore it there, and complain */
		add(x, "Cross-Origin-Opener-Policy", "same-origin");
	add(x, "Cross-Origin-Resource-Policy", "same-origin");
	add(x, "Content-Security-Policy", x->is_page ? page_policy : "default-src 'none'; frame-ancestors 'none'");
}

static void finish_reply(struct exchange *x, int status)
{
	x->status = status;
	http_wake(x);
}

void http_reply(struct exchange *x, int status, const char *content_type, struct str body)
{
	/* Our memory is gone before the library has sent it where the client is slow: it keeps a copy. */
	x->response = MHD_create_response_from_buffer(body.len, (void *)(body.len ? body.ptr : ""), MHD_RESPMEM_MUST_COPY);
	if (!x->response)
		BUG("no memory for a reply");
	add_common(x, body.len ? content_type : NULL);
	add(x, "Cache-Control", "no-store");
	add(x, "Set-Cookie", x->request->cookie);
	finish_reply(x, status);
}

void http_reply_asset(struct exchange *x, const char *content_type, struct str gzip, const char *etag, const char *cache)
{
	const char *match = http_header(x, "If-None-Match");
	bool same = match && !strcmp(match, etag);
	x->response = MHD_create_response_from_buffer(same ? 0 : gzip.len, (void *)gzip.ptr, MHD_RESPMEM_PERSISTENT);
	if (!x->response)
		BUG("no memory for a reply");
	add_common(x, content_type);
	add(x, "Cache-Control", cache);
	add(x, "ETag", etag);
	add(x, "Vary", "Accept-Encoding");
	if (!same)
		add(x, "Content-Encoding", "gzip");
	finish_reply(x, same ? 304 : 200);
}

static ssize_t read_source(void *cls, uint64_t at, char *out, size_t max)
{
	(void)at;
	struct exchange *x = cls;
	ssize_t n = x->source.read(x->source.user, out, max);
	if (n < 0)
		return n == -1 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
	if (n == 0)
		sleep_now(x); /* returning 0 alone would call us again at once, for ever */
	return n;
}

void http_stream(struct exchange *x, const char *content_type, const struct body_source *source)
{
	x->source = *source;
	x->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_source, x, NULL);
	if (!x->response)
		BUG("no memory for a reply");
	add_common(x, content_type);
	add(x, "Cache-Control", "no-store");
	add(x, "Content-Disposition", x->request->disposition);
	finish_reply(x, 200);
}

const char *http_query(struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_header(struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

bool http_peer_gone(struct exchange *x)
{
	char byte;
	ssize_t n = recv(x->conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* --- the head of a request --- */

struct head {
	struct gate_headers gate;
	int n, n_length;
	bool chunked;
	uint64_t length;
};

static enum MHD_Result read_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	struct head *h = cls;
	struct gate_headers *g = &h->gate;
	const struct {
		const char *name;
		const char **value;
		int *count;
	} known[] = {
		{ "Host", &g->host, &g->n_host }, { "Origin", &g->origin, &g->n_origin }, { "X-Assay", &g->key, &g->n_key },
		{ "Authorization", &g->authorization, &g->n_authorization }, { "Sec-Fetch-Site", &g->fetch_site, NULL },
		{ "Sec-Fetch-Mode", &g->fetch_mode, NULL }, { "Sec-Fetch-Dest", &g->fetch_dest, NULL },
		{ "Cookie", &g->cookie, NULL }, { "Content-Type", &g->content_type, NULL },
	};
	h->n++;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcasecmp(name, known[i].name) != 0)
			continue;
		if (known[i].value)
			*known[i].value = value ? value : "";
		if (known[i].count)
			++*known[i].count;
		return MHD_YES;
	}
	if (!strcasecmp(name, "Upgrade"))
		g->has_upgrade = true;
	if (!strcasecmp(name, "Transfer-Encoding"))
		h->chunked = true;
	if (!strcasecmp(name, "Content-Length") && ++h->n_length)
		(void)str_to_u64(str_of(value), &h->length);
	return MHD_YES;
}

static bool check_session(void *user, struct str cookie, struct str key, int64_t *id)
{
	const struct app *app = user;
	return sessions_check(app->sessions, cookie, key, clock_wall_ms(), id);
}

static bool check_rater(void *user, struct str cookie, struct str key, int64_t *id)
{
	const struct app *app = user;
	return sessions_check(app->raters, cookie, key, clock_wall_ms(), id);
}

static bool check_viewer(void *user, struct str cookie, struct str key, int64_t *id)
{
	const struct app *app = user;
	return sessions_check(app->viewers, cookie, key, clock_wall_ms(), id);
}

static bool check_api_key(void *user, struct str key)
{
	return keys_check(user, key) != 0;
}

static void choose_lang(struct exchange *x)
{
	const char *tag = http_header(x, "X-Assay-Lang");
	if (!tag)
		tag = http_header(x, "Accept-Language");
	if (tag)
		x->request->lang = lang_from_tag(tag, x->request->lang);
}

static void refuse(struct exchange *x, int status, const struct err *err)
{
	x->is_refused = true;
	if (status != 421) {
		request_fail_status(x->request, status, err);
		return;
	}
	/* Somebody opened the page under another name: one plain sentence says how to get in. */
	struct buf text = BUF_INIT(4 * KIB);
	err_message(&text, x->request->lang, err);
	buf_add_char(&text, '\n');
	err_hint(&text, x->request->lang, err);
	buf_add_char(&text, '\n');
	request_text(x->request, status, buf_text(&text));
	buf_release(&text);
}

static void refuse_key(struct exchange *x, int status, enum err_code code, const char *key)
{
	struct err err = { 0 };
	err_set(&err, code, key, "path=%s", x->path);
	refuse(x, status, &err);
}

/* False, and refused, where too much was asked of late. */
static bool may_ask(struct exchange *x, struct buckets *buckets, uint64_t who, int per_s)
{
	struct err err = { 0 };

	if (buckets_take(buckets, who, clock_mono_ms()))
		return true;
	err_set(&err, ERR_BUSY, "err_too_often", "limit=%d", per_s);
	refuse(x, 429, &err);
	add(x, "Retry-After", "1");
	return false;
}

static bool pass_gate(struct exchange *x, const struct gate_rule *rule, const struct gate_headers *headers)
{
	struct app *app = x->http->app;
	const struct gate_config config = {
		.port = x->http->port,
		.owner = { app->cookie_name, OWNER_COOKIES, check_session, "err_gate_login" },
		.raters = { app->rater_cookies, RATER_COOKIES, check_rater, "err_gate_rater" },
		.viewers = { app->viewer_cookies, RATER_COOKIES, check_viewer, "err_gate_viewer" },
		.user = app,
		.api_key = check_api_key,
		.lan_hosts = app->lan.names,
	};
	struct err err = { 0 };
	int status = gate_check(&config, rule, headers, &x->request->session, &err);
	if (status)
		refuse(x, status, &err);
	else if (rule->role == GATE_RATER || rule->role == GATE_VIEWER)
		return may_ask(x, x->http->guests, (uint64_t)rule->role << 56 ^ (uint64_t)x->request->session, LIMIT_GUEST_REQUESTS);
	return status == 0;
}

static bool check_head(struct exchange *x, const struct head *head)
{
	struct err err = { 0 };

	if (x->conn->is_stranger) {
		refuse_key(x, 403, ERR_DENIED, "err_gate_stranger");
	} else if (head->n > LIMIT_HEAD_FIELDS) {
		err_set(&err, ERR_LIMIT, "err_http_headers", "limit=%d|found=%d", LIMIT_HEAD_FIELDS, head->n);
		refuse(x, 431, &err);
	} else if (head->n_length > 1 || (head->n_length && head->chunked)) {
		refuse_key(x, 400, ERR_INVALID, "err_http_length");
	} else if (x->conn->is_lan) {
		(void)may_ask(x, x->http->addresses, x->conn->from_digest, LIMIT_ADDRESS_REQUESTS);
	}
	return !x->is_refused;
}

/* What strangers, raters and viewers may send is held in memory too, and they may be many. */
static uint64_t body_limit(const struct gate_rule *rule)
{
	bool is_open = rule->role == GATE_PUBLIC || rule->role == GATE_LOCAL || rule->role == GATE_RATER || rule->role == GATE_VIEWER;
	return rule->body == GATE_BYTES ? LIMIT_UPLOAD : is_open ? LIMIT_OPEN_BODY : LIMIT_JSON_BODY;
}

static void check_length(struct exchange *x, const struct head *head)
{
	uint64_t limit = body_limit(&x->request->route->rule);
	struct err err = { 0 };
	if (head->length <= limit)
		return;
	err_set(&err, ERR_LIMIT, "err_body_too_big", "limit=%llu|found=%llu", (unsigned long long)limit,
		(unsigned long long)head->length);
	refuse(x, 413, &err);
}

static void begin_api(struct exchange *x, const char *method, const char *path, const struct head *head)
{
	struct request *r = x->request;
	char allow[128];
	enum route_match match = route_find(method, path, &r->route, &r->id, &r->upload, allow);
	const struct gate_rule *unknown = r->is_openai ? &rule_unknown_openai : &rule_unknown_api;
	if (!pass_gate(x, r->route && match == ROUTE_FOUND ? &r->route->rule : unknown, &head->gate))
		return;
	if (match == ROUTE_UNKNOWN) {
		refuse_key(x, 404, ERR_NOT_FOUND, "err_http_not_found");
	} else if (match == ROUTE_WRONG_METHOD) {
		refuse_key(x, 405, ERR_INVALID, "err_http_method");
		add(x, "Allow", allow);
	} else {
		check_length(x, head);
		if (!x->is_refused && r->route->rule.body == GATE_BYTES) {
			struct err err = { 0 };
			x->spool = upload_create(r, &err);
			if (x->spool < 0)
				refuse(x, status_of(err.code), &err);
		}
	}
}

static void begin_page(struct exchange *x, const char *method, const struct head *head)
{
	x->is_page = true;
	if (!pass_gate(x, &rule_page, &head->gate))
		return;
	x->is_refused = true; /* no page takes a body */
	if (!gate_is_safe(method)) {
		refuse_key(x, 405, ERR_INVALID, "err_http_method");
		add(x, "Allow", "GET, HEAD");
	} else if (!strcmp(x->path, "/healthz")) {
		request_text(x->request, 200, "ok");
	} else {
		assets_reply(x, x->path, x->conn->is_lan, x->request->lang);
	}
}

static struct exchange *exchange_new(struct listener *l, struct MHD_Connection *c, const char *url)
{
	struct exchange *x = mem_alloc(sizeof *x);
	x->http = l->http;
	x->daemon = l->daemon;
	x->connection = c;
	x->conn = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	x->spool = -1;
	x->request = request_new(l->http->app, x);
	x->request->is_unix = l->is_unix;
	x->request->from = arena_strdup(x->request->arena, x->conn->from);
	x->path = arena_strdup(x->request->arena, url);
	x->next = l->http->exchanges;
	if (x->next)
		x->next->prev = x;
	l->http->exchanges = x;
	return x;
}

/* Returns the announced length of the body. */
static uint64_t begin(struct exchange *x, const char *method)
{
	struct head head = { .gate = { .is_unix = x->conn->is_unix, .is_lan = x->conn->is_lan, .method = method } };
	choose_lang(x);
	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, read_header, &head);
	head.gate.has_body = head.length > 0 || head.chunked;
	x->conn->deadline_ms = clock_mono_ms() + BODY_GRACE_MS;
	x->conn->body_bytes = 0;
	if (!check_head(x, &head))
		return head.length;
	x->request->is_openai = !strncmp(x->path, ROUTE_OPENAI, sizeof ROUTE_OPENAI - 1);
	if (x->request->is_openai) {
		begin_api(x, method, x->path, &head);
	} else if (!strncmp(x->path, "/api/", 5) &&
		   (strncmp(x->path, API "/", sizeof API) != 0 || !strncmp(x->path, API ROUTE_OPENAI, sizeof API ROUTE_OPENAI - 1))) {
		if (pass_gate(x, &rule_unknown_api, &head.gate))
			refuse_key(x, 404, ERR_NOT_FOUND, "err_http_not_found");
	} else if (!strncmp(x->path, API "/", sizeof API)) {
		begin_api(x, method, x->path + sizeof API - 1, &head);
	} else {
		begin_page(x, method, &head);
	}
	return head.length;
}

/* --- body and reply --- */

static void drop_response(struct exchange *x)
{
	if (x->response)
		MHD_destroy_response(x->response);
	x->response = NULL;
}

static void fail_body(struct exchange *x, uint64_t limit)
{
	struct err err = { 0 };
	err_set(&err, ERR_LIMIT, "err_body_too_big", "limit=%llu|found=%llu", (unsigned long long)limit,
		(unsigned long long)x->request->received);
	refuse(x, 413, &err);
}

static void take_body(struct exchange *x, const char *data, size_t len)
{
	struct request *r = x->request;
	struct err err = { 0 };
	x->conn->body_bytes += len;
	r->received += len;
	if (x->spool >= 0 && r->received > LIMIT_UPLOAD) {
		fail_body(x, LIMIT_UPLOAD);
	} else if (x->spool >= 0) {
		if (upload_write(x->spool, store_data_dir(r->app->store), data, len, &err) != ERR_OK)
			refuse(x, status_of(err.code), &err);
	} else if (r->received > body_limit(&r->route->rule) || !request_add_body(r, data, len)) {
		fail_body(x, body_limit(&r->route->rule));
	}
}

static enum MHD_Result send_reply(struct exchange *x)
{
	x->is_queued = true;
	x->conn->deadline_ms = 0;
	return MHD_queue_response(x->connection, (unsigned)x->status, x->response);
}

/* The body of a refused request is thrown away up to a limit: closing with unread bytes would take the refusal from the
 * client. */
static enum MHD_Result throw_away(struct exchange *x, size_t *size)
{
	x->conn->body_bytes += *size;
	x->thrown += *size;
	*size = 0;
	return x->thrown > THROWN_MAX ? MHD_NO : MHD_YES;
}

enum MHD_Result exchange_on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
				    const char *version, const char *data, size_t *size, void **slot)
{
	(void)version;
	struct exchange *x = *slot;
	if (!x) {
		*slot = x = exchange_new(cls, c, url);
		/* A body that is too long to be thrown away is refused at once. */
		return begin(x, method) > THROWN_MAX && x->is_refused ? send_reply(x) : MHD_YES;
	}
	if (*size && x->is_refused)
		return throw_away(x, size);
	if (*size) {
		take_body(x, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (!x->is_refused && !x->is_started) {
		x->is_started = true;
		x->conn->deadline_ms = 0;
		request_start(x->request);
	}
	if (x->response)
		return send_reply(x);
	sleep_now(x);
	return MHD_YES;
}

void exchange_on_completed(void *cls, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode why)
{
	(void)cls, (void)c, (void)why;
	struct exchange *x = *slot;
	if (!x)
		return;
	*slot = NULL;
	if (x->source.close)
		x->source.close(x->source.user);
	if (x->spool >= 0)
		upload_abandon(x->request, x->spool, x->is_started && !x->is_refused);
	drop_response(x);
	x->conn->deadline_ms = clock_mono_ms() + NEXT_HEAD_MS;
	x->conn->body_bytes = 0;
	if (x->prev)
		x->prev->next = x->next;
	else
		x->http->exchanges = x->next;
	if (x->next)
		x->next->prev = x->prev;
	request_free(x->request);
	mem_free(x);
}

/* --- the end --- */

size_t http_in_flight(const struct http *h)
{
	size_t n = 0;
	for (const struct exchange *x = h->exchanges; x; x = x->next)
		n += !x->source.read;
	return n;
}

void http_cancel(struct http *h)
{
	for (struct exchange *x = h->exchanges; x; x = x->next)
		if (x->request->on_task)
			atomic_store(&x->request->task.cancelled, true);
}

void exchange_resume_all(struct http *h, struct MHD_Daemon *daemon)
{
	for (struct exchange *x = h->exchanges; x; x = x->next)
		if (x->daemon == daemon)
			http_wake(x);
}
