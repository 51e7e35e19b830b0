/* SPDX-License-Identifier: Apache-2.0 */
#include "server/request.h"

#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "server/http.h"
#include "server/json_view.h"
#include "server/openai_view.h"
#include "server/routes.h"

#define PARSE_ON_LOOP (64 * KIB) /* longer bodies would hold the loop too long */

struct request *request_new(struct app *app, void *transport)
{
	struct request *r = mem_alloc(sizeof *r);
	r->app = app;
	r->transport = transport;
	r->arena = arena_new();
	r->lang = app->lang;
	r->from = "";
	buf_init(&r->out, REPLY_MAX);
	buf_init(&r->body, LIMIT_JSON_BODY);
	return r;
}

void request_free(struct request *r)
{
	json_decref(r->json);
	buf_release(&r->out);
	buf_release(&r->body);
	arena_free(r->arena);
	mem_free(r);
}

bool request_add_body(struct request *r, const char *data, size_t len)
{
	buf_add(&r->body, data, len);
	return !r->body.overflow;
}

/* --- other threads --- */

struct err *request_err(struct request *r)
{
	return &r->task.err;
}

const atomic_bool *request_cancelled(struct request *r)
{
	return &r->task.cancelled;
}

static struct request *request_of(struct task *task)
{
	return (struct request *)((char *)task - offsetof(struct request, task));
}

static void task_run(struct task *task, void *context)
{
	struct request *r = request_of(task);
	r->run(r, context);
	if (task->err.code == ERR_OK && r->out.overflow)
		err_set(&task->err, ERR_LIMIT, "err_reply_too_big", "limit=%d", REPLY_MAX);
}

static void task_done(struct task *task)
{
	struct request *r = request_of(task);
	r->on_task = false;
	if (task->err.code != ERR_OK)
		request_fail(r, &task->err);
	else if (r->done)
		r->done(r);
	else
		request_reply(r, 200);
}

void request_defer(struct request *r, enum lane lane, request_run_fn run, request_fn done)
{
	if (r->on_task)
		BUG("request deferred twice");
	memset(&r->task.err, 0, sizeof r->task.err);
	r->task.run = task_run;
	r->task.done = task_done;
	r->run = run;
	r->done = done;
	r->on_task = true;
	switch (lane) {
	case LANE_READ:
		store_read(r->app->store, &r->task);
		break;
	case LANE_WRITE:
		store_write(r->app->store, &r->task);
		break;
	case LANE_WORK:
		executor_post(r->app->work, &r->task);
		break;
	}
}

/* --- the body --- */

static void parse_body(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	(void)db;
	r->json = json_parse(buf_str(&r->body), "request body", err);
	if (!r->json && err->code == ERR_DATA)
		err->code = ERR_INVALID; /* a wrong request, not a wrong file */
	if (r->json && !json_is_object(r->json))
		err_set(err, ERR_INVALID, "err_body_object", NULL);
	buf_release(&r->body);
}

static void call_handler(struct request *r)
{
	r->route->handler(r);
}

void request_start(struct request *r)
{
	enum gate_body kind = r->route->rule.body;
	if (kind == GATE_NO_BODY || kind == GATE_BYTES || (kind == GATE_MAYBE_JSON && r->body.len == 0)) {
		call_handler(r);
		return;
	}
	if (r->body.len > PARSE_ON_LOOP) {
		request_defer(r, LANE_WORK, parse_body, call_handler);
		return;
	}
	memset(&r->task.err, 0, sizeof r->task.err);
	parse_body(r, NULL);
	if (r->task.err.code != ERR_OK)
		request_fail(r, &r->task.err);
	else
		call_handler(r);
}

/* --- replies --- */

static const struct {
	enum err_code code;
	int status;
} statuses[] = {
	{ ERR_INVALID, 400 },   { ERR_DATA, 422 },        { ERR_NOT_FOUND, 404 }, { ERR_CONFLICT, 409 }, { ERR_LIMIT, 413 },
	{ ERR_DENIED, 403 },    { ERR_BUSY, 503 },        { ERR_IO, 500 },        { ERR_CANCELLED, 503 },
	{ ERR_UNSUPPORTED, 422 }, { ERR_INTERNAL, 500 },
};

int status_of(enum err_code code)
{
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (statuses[i].code == code)
			return statuses[i].status;
	return 500;
}

void request_reply(struct request *r, int status)
{
	http_reply(r->transport, status, "application/json", status == 204 ? STR("") : buf_str(&r->out));
}

void request_fail_status(struct request *r, int status, const struct err *err)
{
	buf_clear(&r->out);
	if (r->is_openai)
		openai_view_error(&r->out, r->lang, status, err);
	else
		view_error(&r->out, r->lang, err);
	request_reply(r, status);
}

void request_fail(struct request *r, const struct err *err)
{
	request_fail_status(r, status_of(err->code), err);
}

void request_text(struct request *r, int status, const char *text)
{
	http_reply(r->transport, status, "text/plain; charset=utf-8", str_of(text));
}

void request_stream(struct request *r, const char *content_type, const struct body_source *source)
{
	http_stream(r->transport, content_type, source);
}

void request_wake(struct request *r)
{
	http_wake(r->transport);
}

const char *request_query(struct request *r, const char *name)
{
	return http_query(r->transport, name);
}

const char *request_header(struct request *r, const char *name)
{
	return http_header(r->transport, name);
}

int64_t request_query_int(struct request *r, const char *name, int64_t min, int64_t max, int64_t fallback, struct err *err)
{
	const char *text = request_query(r, name);
	int64_t value;
	if (!text)
		return fallback;
	if (str_to_i64(str_of(text), &value) && value >= min && value <= max)
		return value;
	if (err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_integer", "field=%s|min=%lld|max=%lld", name, (long long)min, (long long)max);
	return fallback;
}

bool request_by_conversation(struct request *r, struct err *err)
{
	const char *order = request_query(r, "order");
	bool is_asked = order && !strcmp(order, "conversation");
	if (order && !is_asked && strcmp(order, "position") != 0 && err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_choice", "field=order|choices=position, conversation");
	return is_asked;
}

/* --- bodies --- */

static size_t count_code_points(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += (s.ptr[i] & 0xC0) != 0x80;
	return n;
}

const char *body_text(const json_t *obj, const char *key, size_t min, size_t max, const char *fallback, struct err *err)
{
	const char *text = json_get_text(obj, key, NULL, err);
	if (!text)
		return fallback;
	size_t n = count_code_points(str_of(text));
	if (n >= min && n <= max)
		return text;
	if (err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_length", "field=%s|min=%zu|max=%zu|found=%zu", key, min, max, n);
	return fallback;
}

void err_prefix_field(struct err *err, const char *prefix)
{
	static const char name[] = "field=";
	struct err old = *err;
	struct str rest = str_of(old.args);
	struct buf args = BUF_INIT(sizeof old.args);
	while (rest.ptr && rest.len) {
		struct str pair = str_split(&rest, ERR_ARG_SEP);
		if (args.len)
			buf_add_char(&args, ERR_ARG_SEP);
		if (str_starts(pair, name)) {
			buf_printf(&args, "%s%s", name, prefix);
			pair = (struct str){ pair.ptr + sizeof name - 1, pair.len - (sizeof name - 1) };
		}
		buf_add_str(&args, pair);
	}
	err_restore(err, old.code, old.key, buf_text(&args));
	buf_release(&args);
}
