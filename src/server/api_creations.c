/* SPDX-License-Identifier: Apache-2.0
 *
 * api_creations - jobs that make files, workspaces and models in Ollama: estimate, begin, watch, cancel, try again. */
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "deploy/creation.h"
#include "engine/machine.h"
#include "engine/model_cache.h"
#include "model/estimate.h"
#include "model/quant_types.h"
#include "server/audit.h"
#include "server/create_view.h"
#include "server/creation_feed.h"
#include "server/home_path.h"
#include "server/model_name.h"
#include "server/routes.h"

#define SMALL_PARAMS 3000000000LL /* below this a model loses more by 4 bits */
#define CHAT_TOKENS 4096          /* what answering is estimated for */

/* --- formats --- */

static bool is_common(const char *name)
{
	static const char *const common[] = { "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16" };
	for (size_t i = 0; i < sizeof common / sizeof *common; i++)
		if (!strcmp(name, common[i]))
			return true;
	return false;
}

void api_list_formats(struct request *r)
{
	const struct quant_type *type;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "formats", '[');
	for (size_t i = 0; (type = quant_type_at(i)); i++) {
		json_open(&r->out, NULL, '{');
		json_cstr(&r->out, "name", type->name);
		json_num(&r->out, "bits_per_weight", type->bits);
		json_flag(&r->out, "needs_imatrix", type->needs_imatrix);
		json_flag(&r->out, "is_common", is_common(type->name));
		json_close(&r->out, '}');
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	request_reply(r, 200);
}

static const struct quant_type *read_format(const json_t *body, struct err *err)
{
	const char *name = body_text(body, "format", 1, 20, NULL, err);
	const struct quant_type *type = name ? quant_type_find(name) : NULL;
	if (err->code == ERR_OK && !name)
		err_set(err, ERR_INVALID, "err_field_needed", "field=format");
	else if (err->code == ERR_OK && !type)
		err_set(err, ERR_INVALID, "err_format_unknown", "field=format|name=%s", name);
	return type;
}

/* --- estimate --- */

struct estimate {
	int64_t model_id;
	const struct quant_type *type;
	bool proves;
	struct model_row base;
	int64_t memory_free;
};

static void load_base(struct request *r, struct db *db)
{
	struct estimate *e = r->state;
	struct err *err = request_err(r);
	struct model_row model;
	if (model_store_get(db, r->arena, e->model_id, &model, err) != ERR_OK || model_has_base(&model, "model_id", err) != ERR_OK)
		return;
	e->base = model;
	if (model.model.kind == MODEL_REMOTE)
		err_set(err, ERR_UNSUPPORTED, "err_create_remote", "name=%s", model.model.name);
	else if (model.model.kind == MODEL_ADAPTER)
		err_kept(model_store_get(db, r->arena, model.base_model_id, &e->base, err));
}

static const char *hint_key(const struct estimate *e, uint64_t n_params, bool quantized)
{
	if (n_params < SMALL_PARAMS && e->type->bits < 5.2)
		return "create_hint_small";
	return quantized ? "create_hint_quantized" : NULL;
}

/* `g` is NULL where the base is a folder that was not converted yet. */
static void view_estimate(struct request *r, const struct estimate *e, const struct gguf *g)
{
	const struct found_model *base = &e->base.model;
	uint64_t n_params = base->n_params;
	uint64_t size = g ? quant_estimate(g, e->type) : (uint64_t)((double)n_params * e->type->bits / 8);
	struct memory_use use = { .cells = CHAT_TOKENS, .ubatch = 512, .outputs = 1 };
	struct memory_estimate memory = { .kv = CHAT_TOKENS * base->kv_bytes_per_token, .compute = size / 10 };
	bool quantized = g && quant_is_quantized(g);
	if (g)
		estimate_from_gguf(g, &use, &memory);
	json_open(&r->out, NULL, '{');
	json_int(&r->out, "size_bytes", (int64_t)size);
	json_int(&r->out, "memory_bytes", (int64_t)(memory.kv + memory.compute + size));
	json_int(&r->out, "memory_free_bytes", e->memory_free);
	json_int(&r->out, "disk_needed_bytes", (int64_t)creation_disk_bytes(n_params, e->type->name, e->proves));
	json_int(&r->out, "disk_free_bytes", (int64_t)fs_free_space(store_data_dir(r->app->store)));
	json_int(&r->out, "n_params", (int64_t)n_params);
	json_flag(&r->out, "base_is_quantized", quantized);
	json_cstr(&r->out, "base_format", e->base.model.file_type);
	const char *key = hint_key(e, n_params, quantized);
	if (key) {
		struct buf text = BUF_INIT(8 * KIB);
		msg_format(&text, r->lang, key, "format=%s", e->base.model.file_type);
		json_str(&r->out, "hint", buf_str(&text));
		buf_release(&text);
	} else {
		json_raw(&r->out, "hint", "null");
	}
	json_close(&r->out, '}');
}

static void read_header(struct request *r, struct db *db)
{
	const struct estimate *e = r->state;
	struct err *err = request_err(r);
	char *file = NULL;
	(void)db;
	if (model_cache_find(store_data_dir(r->app->store), model_cache_source(&e->base), &file, err) != ERR_OK)
		return;
	struct gguf *g = *file ? gguf_open_model(file, err) : NULL;
	if (g || !*file)
		view_estimate(r, e, g);
	gguf_close(g);
	mem_free(file);
}

static void base_loaded(struct request *r)
{
	struct estimate *e = r->state;
	const struct app *app = r->app;
	bool has_backend;
	const struct devices *d = engine_devices(app->engine, &has_backend);

	e->memory_free = machine_memory().available;
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->items[i].type, "gpu") == 0)
			e->memory_free += d->items[i].memory_free;
	request_defer(r, LANE_WORK, read_header, NULL);
}

void api_estimate_creation(struct request *r)
{
	struct err err = { 0 };
	struct estimate *e = r->state = arena_alloc(r->arena, sizeof *e);
	e->model_id = json_get_int(r->json, "model_id", 1, INT64_MAX, 0, &err);
	e->proves = json_get_bool(r->json, "prove", true, &err);
	if (err.code == ERR_OK && !e->model_id)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=model_id");
	e->type = read_format(r->json, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, load_base, base_loaded);
}

/* --- one job as the reply --- */

static void load_one(struct request *r, struct db *db)
{
	struct creation_whole *whole = r->state = arena_alloc(r->arena, sizeof *whole);
	err_kept(creation_load(db, r->arena, r->id, whole, request_err(r)));
}

static void add_view(struct request *r, const struct creation_whole *whole)
{
	struct buf steps = BUF_INIT(MIB);
	struct str live = { 0 };
	if (creations_live(r->app->creations, whole->row.id, &steps))
		live = (struct str){ buf_text(&steps), steps.len };
	view_creation(&r->out, NULL, r->lang, whole, live);
	buf_release(&steps);
}

static void reply_one(struct request *r)
{
	add_view(r, r->state);
	request_reply(r, 200);
}

void api_get_creation(struct request *r)
{
	request_defer(r, LANE_READ, load_one, reply_one);
}

/* --- list --- */

struct listing {
	int64_t run_id;
	struct creation_whole *all;
	size_t n;
};

static void list_rows(struct request *r, struct db *db)
{
	struct listing *l = r->state;
	struct err *err = request_err(r);
	struct creation_row *rows;
	struct model_list list;
	if (creation_store_list(db, r->arena, l->run_id, &rows, &l->n, err) != ERR_OK ||
	    model_store_list(db, r->arena, &list, err) != ERR_OK)
		return;
	l->all = arena_array(r->arena, l->n + 1, sizeof *l->all);
	for (size_t i = 0; i < l->n; i++) {
		l->all[i].row = rows[i];
		if (creation_complete(db, r->arena, &list, &l->all[i], err) != ERR_OK)
			return;
	}
}

static void reply_rows(struct request *r)
{
	const struct listing *l = r->state;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "creations", '[');
	for (size_t i = 0; i < l->n; i++)
		add_view(r, &l->all[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	request_reply(r, 200);
}

void api_list_creations(struct request *r)
{
	struct err err = { 0 };
	struct listing *l = r->state = arena_alloc(r->arena, sizeof *l);
	l->run_id = request_query_int(r, "run_id", 1, INT64_MAX, 0, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, list_rows, reply_rows);
}

/* --- begin --- */

struct beginning {
	struct creation_row row;
	const struct quant_type *type;
	struct creation_params params;
};

/* The model can be merged, and the column is of it. */
static void check_source(struct request *r, struct db *db, const struct beginning *b)
{
	struct err *err = request_err(r);
	struct model_row model;
	struct run_row run;
	struct column_row *columns;
	size_t n = 0;
	bool found = false;
	if (model_store_get(db, r->arena, b->row.source_model_id, &model, err) != ERR_OK ||
	    model_has_base(&model, "model_id", err) != ERR_OK)
		return;
	if (model.model.kind == MODEL_REMOTE) {
		err_set(err, ERR_UNSUPPORTED, "err_create_remote", "name=%s", model.model.name);
		return;
	}
	if (!b->row.run_id || run_store_get(db, r->arena, b->row.run_id, &run, &columns, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		found |= columns[i].id == b->row.column_id && columns[i].model_id == b->row.source_model_id;
	if (!found)
		err_set(err, ERR_INVALID, "err_create_column", "field=column_id");
}

/* "create_file", "create_workspace", "create_ollama" */
static void note_creation(struct request *r, struct db *db, const struct creation_row *row)
{
	audit_note(r, db, arena_printf(r->arena, "create_%s", row->target),
		   arena_printf(r->arena, "%lld, %s", (long long)r->id, row->name));
}

static void store_creation(struct request *r, struct db *db)
{
	struct beginning *b = r->state;
	struct err *err = request_err(r);
	struct buf params = BUF_INIT(LIMIT_JSON_BODY);
	check_source(r, db, b);
	creation_params_write(&b->params, &params);
	b->row.params = buf_text(&params);
	if (err->code == ERR_OK && creation_store_add(db, &b->row, err) == ERR_OK) {
		r->id = b->row.id;
		note_creation(r, db, &b->row);
		load_one(r, db);
	}
	buf_release(&params);
}

static void begin_creation(struct request *r)
{
	creations_start(r->app->creations, r->id);
	reply_one(r);
}

static bool is_target(const char *name)
{
	return !strcmp(name, "file") || !strcmp(name, "workspace") || !strcmp(name, "ollama");
}

static void read_target(struct request *r, struct beginning *b, struct err *err)
{
	b->row.target = body_text(r->json, "target", 1, 20, "", err);
	b->row.name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, err);
	b->params.replace = json_get_bool(r->json, "replace", false, err);
	const char *path = body_text(r->json, "path", 0, PATH_LIMIT, "", err);
	if (err->code == ERR_OK && !is_target(b->row.target))
		err_set(err, ERR_INVALID, "err_field_choice", "field=target|choices=file, workspace, ollama");
	b->params.provider_id = json_get_int(r->json, "provider_id", 1, INT64_MAX, 0, err);
	if (err->code == ERR_OK && !b->row.name)
		err_set(err, ERR_INVALID, "err_field_needed", "field=name");
	if (err->code == ERR_OK && *path)
		b->params.path = home_path(r->arena, path, err);
}

void api_add_creation(struct request *r)
{
	struct err err = { 0 };
	struct beginning *b = r->state = arena_alloc(r->arena, sizeof *b);
	b->params.path = "";
	b->row.source_model_id = json_get_int(r->json, "model_id", 1, INT64_MAX, 0, &err);
	b->row.run_id = json_get_int(r->json, "run_id", 1, INT64_MAX, 0, &err);
	b->row.column_id = json_get_int(r->json, "column_id", 1, INT64_MAX, 0, &err);
	b->params.imatrix = json_get_bool(r->json, "imatrix", false, &err);
	/* Without a validation there is nothing to check it with. */
	b->params.prove = json_get_bool(r->json, "prove", true, &err) && b->row.run_id;
	if (err.code == ERR_OK && !b->row.source_model_id)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=model_id");
	b->type = read_format(r->json, &err);
	if (err.code == ERR_OK && b->type->needs_imatrix && !b->params.imatrix)
		err_set(&err, ERR_INVALID, "err_format_imatrix", "field=imatrix|name=%s", b->type->name);
	if (err.code == ERR_OK && b->params.imatrix && !b->row.run_id)
		err_set(&err, ERR_INVALID, "err_imatrix_run", "field=run_id");
	if (err.code == ERR_OK && !b->row.run_id != !b->row.column_id)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=%s", b->row.run_id ? "column_id" : "run_id");
	read_target(r, b, &err);
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	b->params.format = b->type->name;
	request_defer(r, LANE_WRITE, store_creation, begin_creation);
}

/* --- cancel, try again, forget --- */

static void reply_cancelled(struct request *r)
{
	const struct creation_whole *whole = r->state;
	struct err err = { 0 };
	if (creations_cancel(r->app->creations, r->id)) {
		request_reply(r, 204);
		return;
	}
	err_set(&err, ERR_CONFLICT, "err_creation_over", "name=%s", whole->row.name);
	request_fail(r, &err);
}

void api_cancel_creation(struct request *r)
{
	request_defer(r, LANE_READ, load_one, reply_cancelled);
}

static void reset_one(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct creation_row row;
	if (creation_store_get(db, r->arena, r->id, &row, err) != ERR_OK)
		return;
	if (row.state != CREATION_FAILED && row.state != CREATION_CANCELLED) {
		err_set(err, ERR_CONFLICT, "err_creation_not_failed", "name=%s", row.name);
		return;
	}
	row.state = CREATION_WAITING;
	row.problem = (struct err){ 0 };
	row.steps = "[]";
	row.result = "{}";
	if (creation_store_set(db, &row, err) != ERR_OK)
		return;
	note_creation(r, db, &row);
	load_one(r, db);
}

void api_retry_creation(struct request *r)
{
	request_defer(r, LANE_WRITE, reset_one, begin_creation);
}

static void remove_one(struct request *r, struct db *db)
{
	err_kept(creation_store_remove(db, r->id, request_err(r)));
}

static void reply_removed(struct request *r)
{
	request_reply(r, 204);
}

void api_remove_creation(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_one, reply_removed);
}
