/* SPDX-License-Identifier: Apache-2.0
 *
 * api_provider_models - the models of one provider: list, use as a column, unload, remove, ask one question. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "deploy/parity.h"
#include "engine/ollama.h"
#include "server/audit.h"
#include "server/provider_calls.h"
#include "server/json_view.h"
#include "server/provider_view.h"
#include "server/remote_list.h"
#include "server/routes.h"

#define REMOTE_NAME_MAX 300
#define TEST_TOKENS 256

struct models {
	struct remote remote;
	struct provider_calls calls;
	struct provider_call list, loaded; /* loaded: Ollama only */
	struct provider_call rendered;
	const char *name, *text;
	struct remote_list found;
	struct err problem;
	int64_t model_id;
};

static void read_provider(struct request *r, struct db *db)
{
	struct models *m = r->state;
	(void)provider_read(r, db, r->id, &m->remote, NULL);
}

/* Asks for the list of models; `done` runs when it is there. */
static void ask_list(struct request *r, request_fn done)
{
	struct models *m = r->state;
	struct http_limits limits = provider_limits_quick();
	bool ollama = m->remote.row.kind == PROVIDER_OLLAMA;

	provider_calls_init(&m->calls, r, done);
	provider_call_start(&m->calls, &m->list, &m->remote, "GET", ollama ? "/api/tags" : "/models", NULL, &limits);
	if (ollama)
		provider_call_start(&m->calls, &m->loaded, &m->remote, "GET", "/api/ps", NULL, &limits);
	provider_calls_wait(&m->calls);
}

/* --- the list --- */

static const struct imported_row *find_imported(const struct imported_row *rows, size_t n, const struct remote_entry *e)
{
	for (size_t i = 0; i < n; i++)
		if (ollama_name_equal(rows[i].name, e->name) && (!rows[i].digest[0] || !strcmp(rows[i].digest, e->digest)))
			return &rows[i];
	return NULL;
}

static void view_imported(struct buf *b, enum lang lang, const struct imported_row *i)
{
	struct buf parity = BUF_INIT(REPLY_MAX);

	if (!i) {
		json_id(b, "imported", 0);
		return;
	}
	json_open(b, "imported", '{');
	json_id(b, "artifact_id", i->artifact_id);
	json_id(b, "run_id", i->run_id);
	json_id(b, "column_id", i->column_id);
	json_cstr(b, "label", i->label);
	json_num(b, "epoch", i->epoch);
	json_int(b, "created_ms", i->created_ms);
	parity_view(&parity, lang, i->parity);
	json_raw(b, "parity", buf_text(&parity));
	buf_release(&parity);
	json_close(b, '}');
}

static void view_entry(struct buf *b, enum lang lang, const struct remote_entry *e, const struct imported_row *imported, int64_t model_id)
{
	json_open(b, NULL, '{');
	json_cstr(b, "name", e->name);
	json_int(b, "size_bytes", e->size_bytes);
	json_cstr(b, "format", e->format);
	json_cstr(b, "family", e->family);
	json_cstr(b, "parameter_size", e->parameter_size);
	json_cstr(b, "digest", e->digest);
	json_cstr(b, "parent", e->parent);
	json_flag(b, "is_loaded", e->is_loaded);
	json_int(b, "memory_bytes", e->memory_bytes);
	json_int(b, "modified_ms", e->modified_ms);
	view_imported(b, lang, imported);
	json_id(b, "model_id", model_id);
	json_close(b, '}');
}

static void view_models(struct request *r, struct db *db)
{
	struct models *m = r->state;
	struct err *err = request_err(r);
	struct imported_row *imported;
	size_t n_imported;

	remote_list_read(r->arena, &m->remote, &m->list, m->remote.row.kind == PROVIDER_OLLAMA ? &m->loaded : NULL, &m->found,
			 &m->problem);
	if (imported_store_list(db, r->arena, m->remote.row.id, &imported, &n_imported, err) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "models", '[');
	for (size_t i = 0; i < m->found.n; i++) {
		const struct remote_entry *e = &m->found.items[i];
		int64_t model_id = 0;
		if (provider_store_used(db, m->remote.row.id, e->name, &model_id, err) != ERR_OK)
			return;
		view_entry(&r->out, r->lang, e, find_imported(imported, n_imported, e), model_id);
	}
	json_close(&r->out, ']');
	if (m->problem.code != ERR_OK)
		view_problem(&r->out, "problem", r->lang, &m->problem);
	json_close(&r->out, '}');
}

static void list_there(struct request *r)
{
	request_defer(r, LANE_READ, view_models, NULL);
}

static void list_of_known(struct request *r)
{
	ask_list(r, list_there);
}

void api_list_provider_models(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct models));
	request_defer(r, LANE_READ, read_provider, list_of_known);
}

/* --- one model by its name --- */

/* Reads {name} (and more by `read_more`) and the provider, then goes on with `next`. */
static void begin_named(struct request *r, void (*read_more)(struct request *, struct models *, struct err *), request_fn next)
{
	struct err err = { 0 };
	struct models *m = r->state = arena_alloc(r->arena, sizeof *m);

	m->name = body_text(r->json, "name", 1, REMOTE_NAME_MAX, NULL, &err);
	if (err.code == ERR_OK && !m->name)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=name");
	if (err.code == ERR_OK && read_more)
		read_more(r, m, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, read_provider, next);
}

static void store_use(struct request *r, struct db *db)
{
	struct models *m = r->state;
	struct err *err = request_err(r);
	const struct remote_entry *found = NULL;
	struct model_row row;

	remote_list_read(r->arena, &m->remote, &m->list, NULL, &m->found, &m->problem);
	for (size_t i = 0; i < m->found.n; i++)
		if (m->remote.row.kind == PROVIDER_OLLAMA ? ollama_name_equal(m->found.items[i].name, m->name)
							  : !strcmp(m->found.items[i].name, m->name))
			found = &m->found.items[i];
	if (m->problem.code != ERR_OK) {
		*err = m->problem;
		return;
	}
	if (!found) {
		err_set(err, ERR_NOT_FOUND, "err_remote_model", "field=name|name=%s|provider=%s", m->name, m->remote.row.name);
		return;
	}
	struct remote_model model = { .name = found->name, .size_bytes = found->size_bytes, .architecture = found->family,
				      .file_type = found->format };
	if (provider_store_use(db, m->remote.row.id, &model, &m->model_id, err) == ERR_OK &&
	    model_store_get(db, r->arena, m->model_id, &row, err) == ERR_OK)
		view_model(&r->out, NULL, r->lang, &row, NULL);
}

static void use_stored(struct request *r)
{
	app_publish(r->app, "models", NULL);
	request_reply(r, 200);
}

static void use_listed(struct request *r)
{
	request_defer(r, LANE_WRITE, store_use, use_stored);
}

static void use_known(struct request *r)
{
	ask_list(r, use_listed);
}

void api_use_provider_model(struct request *r)
{
	begin_named(r, NULL, use_known);
}

/* --- Ollama: remove and unload --- */

/* False with the reply sent where the provider is of another kind. */
static bool is_ollama(struct request *r)
{
	const struct models *m = r->state;
	struct err err = { 0 };

	if (m->remote.row.kind == PROVIDER_OLLAMA)
		return true;
	err_set(&err, ERR_UNSUPPORTED, "err_provider_kind", "name=%s", m->remote.row.name);
	request_fail(r, &err);
	return false;
}

/* False with the reply sent where the call failed. */
static bool call_ok(struct request *r, const struct provider_call *call)
{
	struct err err = call->err;

	if (err.code == ERR_OK && (call->reply.status < 200 || call->reply.status > 299))
		remote_fail(call->remote, &call->reply, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	return err.code == ERR_OK;
}

static void ask_one(struct request *r, const char *method, const char *path, json_t *json, request_fn done)
{
	struct models *m = r->state;
	struct http_limits limits = provider_limits_answer(&m->remote.row);

	provider_calls_init(&m->calls, r, done);
	provider_call_start(&m->calls, &m->list, &m->remote, method, path, json, &limits);
	provider_calls_wait(&m->calls);
}

static void store_removed(struct request *r, struct db *db)
{
	struct models *m = r->state;
	struct err *err = request_err(r);
	int64_t model_id = 0;
	char name[REMOTE_NAME_MAX * 4 + 16];

	ollama_name_whole(m->name, name, sizeof name);
	if (imported_store_remove(db, m->remote.row.id, name, err) != ERR_OK ||
	    provider_store_used(db, m->remote.row.id, name, &model_id, err) != ERR_OK ||
	    (model_id && model_store_hide(db, model_id, err) != ERR_OK))
		return;
	audit_note(r, db, "remove_provider_model", m->name);
}

static void removal_stored(struct request *r)
{
	app_publish(r->app, "models", NULL);
	app_publish(r->app, "providers", NULL);
	request_reply(r, 204);
}

static void removed(struct request *r)
{
	struct models *m = r->state;

	if (call_ok(r, &m->list))
		request_defer(r, LANE_WRITE, store_removed, removal_stored);
}

static void remove_known(struct request *r)
{
	const struct models *m = r->state;

	if (is_ollama(r))
		ask_one(r, "DELETE", "/api/delete", json_pack("{s:s, s:s}", "model", m->name, "name", m->name), removed);
}

void api_remove_provider_model(struct request *r)
{
	begin_named(r, NULL, remove_known);
}

static void unloaded(struct request *r)
{
	struct models *m = r->state;

	if (call_ok(r, &m->list))
		request_reply(r, 204);
}

static void unload_known(struct request *r)
{
	const struct models *m = r->state;

	if (is_ollama(r))
		ask_one(r, "POST", "/api/generate", json_pack("{s:s, s:i, s:b}", "model", m->name, "keep_alive", 0, "stream", 0),
			unloaded);
}

void api_unload_provider_model(struct request *r)
{
	begin_named(r, NULL, unload_known);
}

/* --- one question --- */

static void read_text(struct request *r, struct models *m, struct err *err)
{
	m->text = body_text(r->json, "text", 1, LIMIT_QUESTION_BYTES, NULL, err);
	if (err->code == ERR_OK && !m->text)
		err_set(err, ERR_INVALID, "err_field_needed", "field=text");
}

/* What Ollama made of the question, where it could be had. */
static void view_prompt(struct request *r, const struct provider_call *call)
{
	struct err ignored = call->err;
	json_t *json = ignored.code == ERR_OK ? remote_json(call->remote, &call->reply, &ignored) : NULL;
	const char *prompt = json_string_value(json_object_get(json_object_get(json, "_debug_info"), "rendered_template"));

	if (prompt)
		json_cstr(&r->out, "prompt", prompt);
	json_decref(json);
}

static void answered(struct request *r)
{
	struct models *m = r->state;
	struct err err = m->list.err;
	json_t *json = err.code == ERR_OK ? remote_json(&m->remote, &m->list.reply, &err) : NULL;
	bool ollama = m->remote.row.kind == PROVIDER_OLLAMA;
	const json_t *message = json_object_get(ollama ? json : json_array_get(json_object_get(json, "choices"), 0), "message");
	const char *text = json_string_value(json_object_get(message, "content"));

	if (json && !text)
		remote_wrong(&m->remote, "no answer", &err);
	if (err.code != ERR_OK) {
		request_fail(r, &err);
	} else {
		const json_t *n = ollama ? json_object_get(json, "eval_count")
					 : json_object_get(json_object_get(json, "usage"), "completion_tokens");
		json_open(&r->out, NULL, '{');
		json_cstr(&r->out, "text", text);
		json_int(&r->out, "n_generated", json_integer_value(n));
		json_num(&r->out, "seconds", (double)m->list.ms / 1000);
		if (m->rendered.remote)
			view_prompt(r, &m->rendered);
		json_close(&r->out, '}');
		request_reply(r, 200);
	}
	json_decref(json);
}

/* A new reference. */
static json_t *ollama_chat(const struct models *m)
{
	return json_pack("{s:s, s:[{s:s, s:s}], s:b, s:{s:i}}", "model", m->name, "messages", "role", "user", "content", m->text,
			 "stream", 0, "options", "num_predict", TEST_TOKENS);
}

static void version_known(struct request *r)
{
	struct models *m = r->state;
	struct http_limits limits = provider_limits_answer(&m->remote.row);
	struct provider_health health;
	json_t *render = ollama_chat(m);

	provider_health_read(&m->remote, &m->list.reply, &m->list.err, &health);
	json_object_set_new(render, "_debug_render_only", json_true());
	provider_calls_init(&m->calls, r, answered);
	provider_call_start(&m->calls, &m->list, &m->remote, "POST", "/api/chat", ollama_chat(m), &limits);
	/* An older version would answer a second time instead. */
	if (ollama_version_at_least(&health.version, 0, 11, 5))
		provider_call_start(&m->calls, &m->rendered, &m->remote, "POST", "/api/chat", json_incref(render), &limits);
	json_decref(render);
	provider_calls_wait(&m->calls);
}

static void test_known(struct request *r)
{
	const struct models *m = r->state;

	if (m->remote.row.kind == PROVIDER_OLLAMA)
		ask_one(r, "GET", "/api/version", NULL, version_known);
	else
		ask_one(r, "POST", "/chat/completions",
			json_pack("{s:s, s:[{s:s, s:s}], s:b, s:i}", "model", m->name, "messages", "role", "user", "content",
				  m->text, "stream", 0, "max_tokens", TEST_TOKENS),
			answered);
}

void api_test_provider(struct request *r)
{
	begin_named(r, read_text, test_known);
}
