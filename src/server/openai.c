/* SPDX-License-Identifier: Apache-2.0 */
#include "server/openai.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/chat.h"
#include "server/http.h"
#include "server/json_view.h"
#include "server/openai_body.h"
#include "server/openai_name.h"
#include "server/openai_view.h"
#include "server/routes.h"
#include "server/talk_prompt.h"
#include "store/template_store.h"

#define OUT_MAX (64 * MIB)

/* --- models --- */

static void list_models(struct request *r, struct db *db)
{
	struct openai_name *names;
	size_t n;
	if (openai_names(db, r->arena, &names, &n, request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "object", "list");
	json_open(&r->out, "data", '[');
	for (size_t i = 0; i < n; i++) {
		json_open(&r->out, NULL, '{');
		json_cstr(&r->out, "id", names[i].name);
		json_cstr(&r->out, "object", "model");
		json_int(&r->out, "created", names[i].created_ms / 1000);
		json_cstr(&r->out, "owned_by", names[i].workspace_id ? "assay-workspace" : "assay");
		json_close(&r->out, '}');
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void openai_list_models(struct request *r)
{
	request_defer(r, LANE_READ, list_models, NULL);
}

/* --- one answer --- */

struct completion {
	struct app *app;
	struct request *request; /* NULL: the client has left */
	struct openai_body body;
	struct openai_name name;
	struct gen_params params;
	struct err problem;      /* of resolving: what it owns must be freed, so it does not end the request by itself */
	char id[48];
	struct openai_head head;
	struct chat_turn *turn;  /* NULL: not asked yet, or over */
	struct buf out;          /* of the stream */
	bool is_open;            /* the stream has begun */
	struct completion *next;
};

static void completion_free(struct completion *c)
{
	struct completion **at = &c->app->completions;
	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	openai_body_release(&c->body);
	buf_release(&c->out);
	mem_free(c);
}

/* --- the stream --- */

static ssize_t read_stream(void *user, char *out, size_t max)
{
	struct completion *c = user;
	size_t n = c->out.len < max ? c->out.len : max;
	if (n == 0)
		return c->turn ? 0 : -1;
	memcpy(out, c->out.ptr, n);
	buf_consume(&c->out, n);
	return (ssize_t)n;
}

/* All was sent, or the client has left. */
static void close_stream(void *user)
{
	struct completion *c = user;
	c->request = NULL;
	if (c->turn)
		chat_turn_stop(c->turn); /* its end frees */
	else
		completion_free(c);
}

static void open_stream(struct completion *c)
{
	struct body_source source = { read_stream, close_stream, c };
	c->is_open = true;
	request_stream(c->request, "text/event-stream", &source);
}

/* --- the engine speaks --- */

static void on_phase(void *user, enum chat_phase phase, double progress)
{
	(void)user, (void)phase, (void)progress; /* OpenAI's API has no word for it */
}

static void on_text(void *user, struct str text, bool is_thinking)
{
	struct completion *c = user;
	if (!c->request || !c->body.streams)
		return;
	openai_view_delta(&c->out, &c->head, !c->is_open, text, is_thinking);
	if (!c->is_open)
		open_stream(c);
	else
		request_wake(c->request);
}

static void end_stream(struct completion *c, const struct chat_answer *a, const struct err *err)
{
	if (a) {
		openai_view_end(&c->out, &c->head, a);
		if (c->body.wants_usage)
			openai_view_usage(&c->out, &c->head, a);
		buf_add_text(&c->out, "data: [DONE]\n\n");
	} else {
		struct buf problem = BUF_INIT(64 * KIB);
		openai_view_error(&problem, c->request->lang, status_of(err->code), err);
		buf_printf(&c->out, "data: %s\n\n", buf_text(&problem));
		buf_release(&problem);
	}
	if (c->is_open)
		request_wake(c->request);
	else
		open_stream(c);
}

static void on_done(void *user, const struct chat_answer *a, const struct err *err)
{
	struct completion *c = user;
	struct request *r = c->request;
	c->turn = NULL;
	if (!r) {
		completion_free(c);
		return;
	}
	if (c->is_open || (a && c->body.streams)) {
		end_stream(c, a, err); /* its close frees */
		return;
	}
	if (a) {
		openai_view_answer(&r->out, &c->head, a);
		request_reply(r, 200);
	} else {
		request_fail(r, err);
	}
	completion_free(c);
}

static const struct chat_events events = { on_phase, on_text, on_done };

/* --- asking --- */

/* A workspace answers with its settings, its system prompt (unless the program has one) and its documents. */
static void resolve_workspace(struct request *r, struct db *db, struct completion *c)
{
	struct err *err = request_err(r);
	struct talk_prompt p = { .messages = c->body.messages };
	size_t last = json_array_size(c->body.messages) - 1;
	json_t *question = json_array_get(c->body.messages, last);
	if (workspace_store_get(db, r->arena, c->name.workspace_id, &p.workspace, err) != ERR_OK)
		return;
	c->params = p.workspace.params;
	if (strcmp(json_string_value(json_object_get(question, "role")), "user") != 0)
		return;
	json_t *text = json_incref(json_object_get(question, "content"));
	json_array_remove(c->body.messages, last);
	err_kept(talk_prompt_ask(db, r->arena, &p, (struct str){ json_string_value(text), json_string_length(text) }, err));
	json_decref(p.citations);
	json_decref(text);
}

static void resolve(struct request *r, struct db *db)
{
	struct completion *c = r->state;
	struct err *err = request_err(r);
	c->params = workspace_params_default();
	if (openai_name_find(db, r->arena, c->body.model, &c->name, err) == ERR_OK && c->name.workspace_id)
		resolve_workspace(r, db, c);
	else if (err->code == ERR_OK)
		err_kept(template_store_fill(db, r->arena, c->name.model_id, c->body.has_system ? PARAM_ALL & ~PARAM_SYSTEM : PARAM_ALL, &c->params, err));
	if (c->body.has_system)
		c->params.system = "";
	openai_body_params(r->json, &c->params);
	c->problem = *err;
	*err = (struct err){ 0 };
}

static void resolved(struct request *r)
{
	struct completion *c = r->state;
	struct app *app = r->app;
	if (app->closing)
		err_set(&c->problem, ERR_CANCELLED, "err_cancelled", NULL);
	if (c->problem.code != ERR_OK) {
		request_fail(r, &c->problem);
		openai_body_release(&c->body);
		mem_free(c);
		return;
	}
	struct chat_request request = { .model_id = c->name.model_id, .params = c->params, .messages = c->body.messages,
					.stops = c->body.stops,
					.seed = c->body.seed >= 0 ? c->body.seed : (int64_t)(random_u64() & 0x7fffffff) };
	c->next = app->completions;
	app->completions = c;
	c->turn = engine_chat(app->engine, &request, &events, c);
}

static void start(struct request *r)
{
	struct completion *c = r->state;
	(void)str_format(c->id, sizeof c->id, "chatcmpl-%016llx", (unsigned long long)random_u64());
	c->head = (struct openai_head){ c->id, c->body.model, clock_wall_ms() / 1000 };
	request_defer(r, LANE_READ, resolve, resolved);
}

void openai_complete(struct request *r)
{
	struct err err = { 0 };
	struct completion *c = r->state = mem_alloc(sizeof *c);
	*c = (struct completion){ .app = r->app, .request = r, .out = BUF_INIT(OUT_MAX) };
	if (openai_body_read(r->json, &c->body, &err) == ERR_OK) {
		start(r);
		return;
	}
	request_fail(r, &err);
	openai_body_release(&c->body);
	mem_free(c);
}

/* --- clients that left --- */

void openai_check(struct app *app)
{
	for (struct completion *c = app->completions, *next; c; c = next) {
		next = c->next;
		if (c->turn && c->request && http_peer_gone(c->request->transport))
			chat_turn_stop(c->turn);
	}
}

void openai_cancel(struct app *app)
{
	for (struct completion *c = app->completions, *next; c; c = next) {
		next = c->next;
		if (c->turn)
			chat_turn_stop(c->turn);
	}
}
