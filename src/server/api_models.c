/* SPDX-License-Identifier: Apache-2.0
 *
 * api_models - models and families: list, scan and add, find what other programs keep, rename, forget. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "server/audit.h"
#include "server/found_models.h"
#include "server/home_path.h"
#include "server/json_view.h"
#include "server/model_extra.h"
#include "server/model_scan.h"
#include "server/routes.h"
#include "server/run_body.h"

static void list_models(struct request *r, struct db *db)
{
	struct model_list list;
	if (model_store_list(db, r->arena, &list, request_err(r)) != ERR_OK ||
	    model_extra_fill(db, r->arena, store_data_dir(r->app->store), &list, request_err(r)) != ERR_OK)
		return;
	refusals_leave_gone(&list);
	view_model_list(&r->out, r->lang, &list);
}

void api_list_models(struct request *r)
{
	request_defer(r, LANE_READ, list_models, NULL);
}

/* --- add --- */

static void run_scan(struct request *r, struct db *db)
{
	(void)db;
	model_scan_run(r->arena, r->state, request_cancelled(r), request_err(r));
}

static void store_scan(struct request *r, struct db *db)
{
	model_scan_store(r->arena, r->state, db, request_err(r));
	if (request_err(r)->code != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	view_scan(&r->out, r->lang, r->state);
	json_close(&r->out, '}');
}

static void models_changed(struct request *r)
{
	app_publish(r->app, "models", NULL);
	request_reply(r, r->out.len ? 200 : 204);
}

static void moved_done(struct request *r)
{
	request_defer(r, LANE_WRITE, store_scan, models_changed);
}

static void check_moved(struct request *r, struct db *db)
{
	(void)db;
	model_scan_check_moved(r->state, request_cancelled(r));
}

static void find_moved(struct request *r, struct db *db)
{
	model_scan_find_moved(r->arena, r->state, db, request_err(r));
}

static void moved_found(struct request *r)
{
	const struct model_scan *scan = r->state;
	if (scan->n_moved > 0)
		request_defer(r, LANE_WORK, check_moved, moved_done);
	else
		moved_done(r);
}

static void scan_done(struct request *r)
{
	request_defer(r, LANE_READ, find_moved, moved_found);
}

void api_add_models(struct request *r)
{
	struct err err = { 0 };
	struct model_scan *scan = r->state = arena_alloc(r->arena, sizeof *scan);
	scan->data_dir = store_data_dir(r->app->store);
	const char *path = body_text(r->json, "path", 0, PATH_LIMIT, NULL, &err);
	scan->name = body_text(r->json, "name", 0, LIMIT_NAME_BYTES, NULL, &err);
	if (scan->name && !*scan->name)
		scan->name = NULL;
	scan->base_model_id = json_get_int(r->json, "base_model_id", 0, INT64_MAX, 0, &err);
	if (err.code == ERR_OK && !path)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=path");
	if (err.code == ERR_OK)
		scan->path = home_path(r->arena, path, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WORK, run_scan, scan_done);
}

/* --- what was not taken --- */

static void forget_refusal(struct request *r, struct db *db)
{
	err_kept(model_store_forget_refusal(db, r->state, request_err(r)));
}

void api_forget_refusal(struct request *r)
{
	const char *path = request_query(r, "path");
	struct err err;

	if (path && *path) {
		r->state = (void *)(uintptr_t)path;
		request_defer(r, LANE_WRITE, forget_refusal, models_changed);
		return;
	}
	err_set(&err, ERR_INVALID, "err_field_needed", "field=path");
	request_fail(r, &err);
}

/* --- find --- */

static void find_models(struct request *r, struct db *db)
{
	(void)db;
	err_kept(found_models_find(r->arena, r->state, request_cancelled(r), request_err(r)));
}

static void view_finds(struct request *r, struct db *db)
{
	struct model_list list;
	if (model_store_list(db, r->arena, &list, request_err(r)) == ERR_OK)
		found_models_view(&r->out, r->lang, r->state, &list);
}

static void models_found(struct request *r)
{
	request_defer(r, LANE_READ, view_finds, NULL);
}

void api_find_models(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct place_finds));
	request_defer(r, LANE_WORK, find_models, models_found);
}

/* --- one model --- */

static void view_one_model(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct model_list list;
	struct model_row model;
	const char *family = NULL;
	if (model_store_get(db, r->arena, r->id, &model, err) != ERR_OK ||
	    model_store_list(db, r->arena, &list, err) != ERR_OK || model_extra_fill_one(db, r->arena, store_data_dir(r->app->store), &model, err) != ERR_OK)
		return;
	for (size_t i = 0; i < list.n_families; i++)
		if (list.families[i].id == model.family_id)
			family = list.families[i].name;
	view_model(&r->out, NULL, r->lang, &model, family);
}

void api_get_model(struct request *r)
{
	request_defer(r, LANE_READ, view_one_model, NULL);
}

struct model_change {
	const char *name; /* NULL: as it is */
	bool has_weights;
	enum weights weights;
};

static void change_model(struct request *r, struct db *db)
{
	const struct model_change *change = r->state;
	struct err *err = request_err(r);
	if (change->has_weights && model_store_set_weights(db, r->arena, r->id, change->weights, err) != ERR_OK)
		return;
	if (!change->name || model_store_rename(db, r->id, change->name, err) == ERR_OK)
		view_one_model(r, db);
}

void api_change_model(struct request *r)
{
	struct err err = { 0 };
	struct model_change *change = r->state = arena_alloc(r->arena, sizeof *change);
	change->name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, &err);
	change->has_weights = weights_body_read(r->json, &change->weights, &err);
	if (err.code == ERR_OK && !change->name && !change->has_weights)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=name");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, change_model, models_changed);
}

static void remove_model(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct model_row model;
	if (model_store_get(db, r->arena, r->id, &model, err) == ERR_OK && model_store_hide(db, r->id, err) == ERR_OK)
		audit_note(r, db, "remove_model", model.model.path);
}

void api_remove_model(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_model, models_changed);
}

/* --- families --- */

struct family_change {
	const char *name;
	int64_t base_model_id;
	bool has_weights;
	enum weights weights;
};

/* Of the base of its adapters, and of checkpoints that have weights of their own. */
static enum err_code set_family_weights(struct request *r, struct db *db, const struct model_list *list, enum weights weights,
					struct err *err)
{
	for (size_t i = 0; i < list->n_models; i++) {
		const struct model_row *m = &list->models[i];
		int64_t id = m->model.kind == MODEL_ADAPTER ? m->base_model_id : m->id;
		if (m->family_id == r->id && id && model_store_set_weights(db, r->arena, id, weights, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static const struct family_row *find_family(const struct model_list *list, int64_t id, struct err *err)
{
	for (size_t i = 0; i < list->n_families; i++)
		if (list->families[i].id == id)
			return &list->families[i];
	err_set(err, ERR_NOT_FOUND, "err_family_not_found", "id=%lld", (long long)id);
	return NULL;
}

static void change_family(struct request *r, struct db *db)
{
	const struct family_change *change = r->state;
	struct err *err = request_err(r);
	struct model_list list;
	if (model_store_list(db, r->arena, &list, err) != ERR_OK || !find_family(&list, r->id, err))
		return;
	if (change->name && family_store_rename(db, r->id, change->name, err) != ERR_OK)
		return;
	if (change->base_model_id && family_store_set_base(db, r->id, change->base_model_id, err) != ERR_OK)
		return;
	if (change->has_weights && (model_store_list(db, r->arena, &list, err) != ERR_OK ||
				    set_family_weights(r, db, &list, change->weights, err) != ERR_OK))
		return;
	if (model_store_list(db, r->arena, &list, err) != ERR_OK || model_extra_fill(db, r->arena, store_data_dir(r->app->store), &list, err) != ERR_OK)
		return;
	const struct family_row *family = find_family(&list, r->id, err);
	if (family)
		view_family(&r->out, r->lang, family, &list);
}

void api_change_family(struct request *r)
{
	struct err err = { 0 };
	struct family_change *change = r->state = arena_alloc(r->arena, sizeof *change);
	change->name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, &err);
	change->base_model_id = json_get_int(r->json, "base_model_id", 1, INT64_MAX, 0, &err);
	change->has_weights = weights_body_read(r->json, &change->weights, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, change_family, models_changed);
}

static void remove_family(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct model_list list;
	const struct family_row *family = NULL;
	if (model_store_list(db, r->arena, &list, err) == ERR_OK)
		family = find_family(&list, r->id, err);
	if (family && family_store_hide(db, r->id, err) == ERR_OK)
		audit_note(r, db, "remove_family", family->path);
}

void api_remove_family(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_family, models_changed);
}
