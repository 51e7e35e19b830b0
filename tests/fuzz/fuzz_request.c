/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a request, from its head to the reply: one reply, of JSON that parses; a refusal has a sentence in both
 * languages; and nothing that a client sends is a fault of the server (5xx).
 *
 * The input is METHOD PATH[?QUERY], header lines, an empty line, and the body.  libmicrohttpd, which takes the bytes apart,
 * is not in it. */
#include "fuzz_engine.h"
#include "engine/match_check.h"
#include "hub/downloads.h"
#include "server/api_keys.h"
#include "server/http.h"
#include "server/live.h"
#include "server/routes.h"
#include "server/talk.h"
#include "server/upload.h"

#define PAIRS_MAX 32
#define PORT 7878

struct pair {
	const char *name, *value;
};

/* Our part of a request: what libmicrohttpd would have found, and what was replied. */
struct exchange {
	struct pair queries[PAIRS_MAX], headers[PAIRS_MAX];
	size_t n_queries, n_headers;
	int n_replies;
	bool is_openai; /* its errors have another shape */
};

static struct app app;

/* --- in the place of exchange.c --- */

static const char *find_pair(const struct pair *pairs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(pairs[i].name, name) == 0)
			return pairs[i].value;
	}
	return NULL;
}

const char *__wrap_http_query(struct exchange *x, const char *name);
const char *__wrap_http_query(struct exchange *x, const char *name)
{
	return find_pair(x->queries, x->n_queries, name);
}

const char *__wrap_http_header(struct exchange *x, const char *name);
const char *__wrap_http_header(struct exchange *x, const char *name)
{
	return find_pair(x->headers, x->n_headers, name);
}

static void check_openai_error(int status, const json_t *body)
{
	const json_t *error = json_object_get(body, "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	if ((status >= 500 && status != 503) || !message || !message[0] || !json_is_string(json_object_get(error, "type")))
		BUG("status %d: %s", status, message ? message : "?");
}

static void check_error(int status, const json_t *body)
{
	const json_t *error = json_object_get(body, "error");
	const char *key = json_string_value(json_object_get(error, "key"));
	const char *message = json_string_value(json_object_get(error, "message"));

	if (status >= 500 && status != 503)
		BUG("status %d: %s", status, key ? key : "?");
	if (!key || !message || !message[0] || !msg_text(LANG_EN, key) || !msg_text(LANG_ZH_TW, key))
		BUG("status %d without a sentence: %s", status, key ? key : "?");
}

void __wrap_http_reply(struct exchange *x, int status, const char *content_type, struct str body);
void __wrap_http_reply(struct exchange *x, int status, const char *content_type, struct str body)
{
	json_error_t problem;

	x->n_replies++;
	if (status < 200 || status > 599 || !utf8_valid(body, NULL))
		BUG("status %d or no UTF-8", status);
	if (strcmp(content_type, "application/json") != 0)
		return;
	json_t *json = json_loadb(body.ptr ? body.ptr : "", body.len, 0, &problem);
	if (body.len > 0 && !json)
		BUG("reply: %s", problem.text);
	if (status >= 400 && x->is_openai)
		check_openai_error(status, json);
	else if (status >= 400)
		check_error(status, json);
	json_decref(json);
}

void __wrap_http_stream(struct exchange *x, const char *content_type, const struct body_source *source);
void __wrap_http_stream(struct exchange *x, const char *content_type, const struct body_source *source)
{
	char chunk[4096];
	ssize_t n;

	(void)content_type;
	x->n_replies++;
	while ((n = source->read(source->user, chunk, sizeof chunk)) > 0) {
		if (n > (ssize_t)sizeof chunk)
			BUG("more than was asked for");
	}
	source->close(source->user);
}

void __wrap_http_reply_asset(struct exchange *x, const char *content_type, struct str gzip, const char *etag, const char *cache);
void __wrap_http_reply_asset(struct exchange *x, const char *content_type, struct str gzip, const char *etag, const char *cache)
{
	(void)content_type, (void)gzip, (void)etag, (void)cache;
	x->n_replies++;
}

void __wrap_http_wake(struct exchange *x);
void __wrap_http_wake(struct exchange *x)
{
	(void)x;
}

bool __wrap_http_peer_gone(struct exchange *x);
bool __wrap_http_peer_gone(struct exchange *x)
{
	(void)x;
	return false;
}

/* In the place of a provider: one reply to everything. */
struct http_call *__wrap_http_client_start(struct http_client *c, const struct http_request *request);
struct http_call *__wrap_http_client_start(struct http_client *c, const struct http_request *request)
{
	static const char body[] = "{\"version\":\"0.33.0\",\"models\":[{\"name\":\"tiny:latest\",\"digest\":\"d\"}],\"data\":[{\"id\":\"x\"}],"
				   "\"message\":{\"content\":\"hi\"},\"choices\":[{\"message\":{\"content\":\"hi\"}}]}";
	struct http_reply reply = { .status = 200, .body = { body, sizeof body - 1 }, .retry_after_ms = -1 };
	struct err none = { 0 };

	(void)c;
	request->done(request->user, &reply, &none);
	return NULL;
}

/* A path of the machine that runs the fuzzer is not looked into. */
enum err_code __wrap_catalogue_scan(struct arena *a, const char *path, struct catalogue *out, const atomic_bool *cancel,
				    struct err *err);
enum err_code __wrap_catalogue_scan(struct arena *a, const char *path, struct catalogue *out, const atomic_bool *cancel,
				    struct err *err)
{
	(void)a, (void)out, (void)cancel;
	return err_set(err, ERR_NOT_FOUND, "err_model_not_found", "path=%s", path);
}

/* --- the head --- */

static char *text_of(struct arena *a, struct str s)
{
	char *text = arena_strndup(a, s.ptr, s.len); /* ends at a NUL byte, as the library's */
	return text;
}

static void add_pair(struct pair *pairs, size_t *n, struct arena *a, struct str part, char between)
{
	struct str name = str_split(&part, between);

	if (*n < PAIRS_MAX)
		pairs[(*n)++] = (struct pair){ text_of(a, name), text_of(a, str_trim(part)) };
}

static void count_header(struct gate_headers *h, const struct pair *p)
{
	const struct {
		const char *name;
		const char **value;
		int *count;
	} known[] = {
		{ "Host", &h->host, &h->n_host }, { "Origin", &h->origin, &h->n_origin }, { "X-Assay", &h->key, &h->n_key },
		{ "Authorization", NULL, &h->n_authorization }, { "Sec-Fetch-Site", &h->fetch_site, NULL },
		{ "Sec-Fetch-Mode", &h->fetch_mode, NULL }, { "Sec-Fetch-Dest", &h->fetch_dest, NULL },
		{ "Cookie", &h->cookie, NULL }, { "Content-Type", &h->content_type, NULL },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcasecmp(p->name, known[i].name) != 0)
			continue;
		if (known[i].value)
			*known[i].value = p->value;
		if (known[i].count)
			++*known[i].count;
	}
	h->has_upgrade = h->has_upgrade || !strcasecmp(p->name, "Upgrade");
}

static bool check_session(void *user, struct str cookie, struct str key, int64_t *id)
{
	return sessions_check(user, cookie, key, 1, id);
}

/* As exchange.c: what no rule lets pass is no request.  Over TCP nobody has a session, so the gate is asked twice. */
static bool pass_gate(struct request *r, struct gate_headers *h)
{
	const struct gate_config config = { .port = PORT, .user = app.sessions,
					    .owner = { "assay_7878_0", 4, check_session, "err_gate_login" },
					    .raters = { "assay_rater_7878_0_", 32, check_session, "err_gate_rater" } };
	struct err err = { 0 };
	int64_t session = 0;

	h->is_unix = false;
	if (gate_check(&config, &r->route->rule, h, &session, &err) == 0 && r->route->rule.role != GATE_PUBLIC && r->route->rule.role != GATE_LOCAL)
		BUG("let in without a session");
	h->is_unix = true;
	h->n_host = h->n_host > 1 ? h->n_host : 1;
	h->host = "localhost";
	if (h->has_body && !h->content_type)
		h->content_type = r->route->rule.body == GATE_BYTES ? "application/octet-stream" : "application/json";
	/* What raters may, the socket may not: their handlers get what anybody sends all the same, from nobody. */
	return gate_check(&config, &r->route->rule, h, &session, &err) == 0 || r->route->rule.role == GATE_RATER;
}

static bool spool(struct request *r, struct str body)
{
	struct err err = { 0 };
	int fd = upload_create(r, &err);

	if (fd < 0 || upload_write(fd, fuzz_temp.dir, body.ptr, body.len, &err) != ERR_OK)
		BUG("upload: %s", err.key);
	close(fd);
	r->received = body.len;
	return true;
}

static void serve(struct request *r, struct exchange *x, const char *method, const char *path, struct gate_headers *h,
		  struct str body)
{
	char allow[128];

	if (route_find(method, path, &r->route, &r->id, &r->upload, allow) != ROUTE_FOUND)
		return;
	h->has_body = body.len > 0;
	if (!pass_gate(r, h))
		return;
	r->is_openai = x->is_openai = !strncmp(path, ROUTE_OPENAI, sizeof ROUTE_OPENAI - 1);
	bool bytes = r->route->rule.body == GATE_BYTES;
	if (!(bytes ? spool(r, body) : request_add_body(r, body.ptr, body.len)))
		return;
	request_start(r);
	fuzz_settle();
	fuzz_fire();
	if (x->n_replies != 1)
		BUG("%d replies to %s %s", x->n_replies, method, path);
	if (bytes)
		upload_remove(fuzz_temp.dir, r->upload);
}

/* --- the server --- */

static void open_app(void)
{
	static bool first = true;

	if (first)
		fuzz_world();
	first = false;
	fuzz_no_worker = true;
	fuzz_exec("SAVEPOINT input");
	app = (struct app){ .port = PORT, .url = mem_strdup("http://127.0.0.1:7878"), .worker_path = mem_strdup("/nowhere"),
			    .cookie_name = "assay_7878_0", .hub = hub_new(1, LIMIT_SSE_QUEUE), .sessions = sessions_new() };
	app.engine = fuzz_engine_new();
	app.live = live_new(&app);
	app.talk = talk_new(&app);
	app.keys = keys_new();
	app.raters = sessions_new();
	struct downloads_options options = { .data_dir = fuzz_temp.dir };
	app.downloads = downloads_new(&options); /* the hub that answers has no model: nothing is begun */
	app.matches = match_checks_new(&(struct match_checks_options){ .engine = app.engine, .worker_path = "/nowhere" });
}

static void close_app(void)
{
	match_checks_free(app.matches);
	engine_free(app.engine);
	fuzz_settle();
	live_free(app.live);
	talk_free(app.talk);
	downloads_free(app.downloads);
	keys_free(app.keys);
	hub_free(app.hub);
	sessions_free(app.sessions);
	sessions_free(app.raters);
	mem_free(app.url);
	mem_free(app.worker_path);
	fuzz_exec("ROLLBACK TO input");
	fuzz_exec("RELEASE input");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, line = str_split(&rest, '\n');
	struct exchange x = { .n_replies = 0 };
	struct gate_headers h = { .is_unix = true };

	open_app();
	struct arena *a = arena_new();
	h.method = text_of(a, str_split(&line, ' '));
	struct str path = str_split(&line, '?');
	while (line.len > 0)
		add_pair(x.queries, &x.n_queries, a, str_split(&line, '&'), '=');
	while (rest.len > 0 && (line = str_split(&rest, '\n')).len > 0)
		add_pair(x.headers, &x.n_headers, a, line, ':');
	for (size_t i = 0; i < x.n_headers; i++)
		count_header(&h, &x.headers[i]);
	struct request *r = request_new(&app, &x);
	r->is_unix = true;
	serve(r, &x, h.method, text_of(a, path), &h, rest);
	request_free(r);
	arena_free(a);
	close_app();
	return 0;
}
