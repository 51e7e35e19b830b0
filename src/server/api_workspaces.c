/* SPDX-License-Identifier: Apache-2.0
 *
 * api_workspaces - workspaces: list, make, change, remove. */
#include "base/json.h"
#include "base/limits.h"
#include "server/audit.h"
#include "server/json_view.h"
#include "server/model_name.h"
#include "server/routes.h"
#include "server/run_body.h"
#include "server/talk.h"
#include "server/workspace_model.h"
#include "store/gen_params.h"
#include "store/template_store.h"

static void reply_one(struct request *r, struct db *db, int64_t id)
{
	struct err *err = request_err(r);
	struct workspace_row row;
	struct workspace_model *model;
	if (workspace_store_get(db, r->arena, id, &row, err) == ERR_OK &&
	    workspace_models(db, r->arena, &row, 1, &model, err) == ERR_OK)
		view_workspace(&r->out, &row, model);
}

/* --- list and get --- */

static void list_workspaces(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct workspace_row *rows;
	struct workspace_model *models;
	size_t n;
	if (workspace_store_list(db, r->arena, &rows, &n, err) != ERR_OK ||
	    workspace_models(db, r->arena, rows, n, &models, err) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "workspaces", '[');
	for (size_t i = 0; i < n; i++)
		view_workspace(&r->out, &rows[i], &models[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

void api_list_workspaces(struct request *r)
{
	request_defer(r, LANE_READ, list_workspaces, NULL);
}

static void get_workspace(struct request *r, struct db *db)
{
	reply_one(r, db, r->id);
}

void api_get_workspace(struct request *r)
{
	request_defer(r, LANE_READ, get_workspace, NULL);
}

/* --- make --- */

/* The settings of the column where the model was chosen, so that the chat goes on as the validation was; but an answer may be
 * as long as in any other chat. */
static enum err_code take_column(struct request *r, struct db *db, struct workspace_row *w)
{
	struct err *err = request_err(r);
	struct run_row run;
	struct column_row *columns;
	size_t n;
	if (run_store_get(db, r->arena, w->run_id, &run, &columns, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		if (columns[i].id != w->column_id)
			continue;
		int64_t tokens = w->params.max_tokens;
		w->params = columns[i].params;
		if (w->params.max_tokens < tokens)
			w->params.max_tokens = tokens;
		if (!w->model_id)
			w->model_id = columns[i].model_id;
		return ERR_OK;
	}
	return err_set(err, ERR_NOT_FOUND, "err_column_not_found", "field=column_id|id=%lld", (long long)w->column_id);
}

static void store_workspace(struct request *r, struct db *db)
{
	struct workspace_row *w = r->state;
	struct err *err = request_err(r);
	struct model_row model;
	unsigned given = w->column_id ? PARAM_ALL : gen_params_named(json_object_get(r->json, "params"));
	w->params = workspace_params_default();
	if (w->column_id && take_column(r, db, w) != ERR_OK)
		return;
	params_body_read(json_object_get(r->json, "params"), r->arena, &w->params, "params.", err);
	if (err->code == ERR_OK && model_store_get(db, r->arena, w->model_id, &model, err) == ERR_OK &&
	    model_has_base(&model, "model_id", err) == ERR_OK &&
	    template_store_fill(db, r->arena, w->model_id, PARAM_ALL & ~given, &w->params, err) == ERR_OK &&
	    workspace_store_add(db, w, err) == ERR_OK)
		reply_one(r, db, w->id);
}

static void workspace_stored(struct request *r)
{
	app_publish(r->app, "workspaces", NULL);
	request_reply(r, 200);
}

static void read_body(struct request *r, struct workspace_row *w, struct err *err)
{
	w->name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, err);
	w->model_id = json_get_int(r->json, "model_id", 1, INT64_MAX, 0, err);
	w->artifact_id = json_get_int(r->json, "artifact_id", 1, INT64_MAX, 0, err);
	w->run_id = json_get_int(r->json, "run_id", 1, INT64_MAX, 0, err);
	w->column_id = json_get_int(r->json, "column_id", 1, INT64_MAX, 0, err);
	w->n_passages = json_get_int(r->json, "n_passages", 0, LIMIT_PASSAGES, WORKSPACE_PASSAGES, err);
	(void)json_get_object(r->json, "params", err);
}

void api_add_workspace(struct request *r)
{
	struct err err = { 0 };
	struct workspace_row *w = r->state = arena_alloc(r->arena, sizeof *w);
	read_body(r, w, &err);
	if (err.code == ERR_OK && !w->name)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=name");
	if (err.code == ERR_OK && !w->model_id && !w->column_id)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=model_id");
	if (err.code == ERR_OK && w->column_id && !w->run_id)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=run_id");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_workspace, workspace_stored);
}

/* --- change and remove --- */

static void store_change(struct request *r, struct db *db)
{
	const struct workspace_row *change = r->state;
	struct err *err = request_err(r);
	struct workspace_row w;
	struct model_row model;
	if (workspace_store_get(db, r->arena, r->id, &w, err) != ERR_OK)
		return;
	if (change->name)
		w.name = change->name;
	if (json_is_integer(json_object_get(r->json, "n_passages")))
		w.n_passages = change->n_passages;
	if (change->model_id && change->model_id != w.model_id) {
		w.model_id = change->model_id;
		w.artifact_id = 0;
	}
	if (change->artifact_id)
		w.artifact_id = change->artifact_id;
	params_body_read(json_object_get(r->json, "params"), r->arena, &w.params, "params.", err);
	w.params.of_model &= ~gen_params_named(json_object_get(r->json, "params"));
	if (err->code == ERR_OK && model_store_get(db, r->arena, w.model_id, &model, err) == ERR_OK &&
	    model_has_base(&model, "model_id", err) == ERR_OK && workspace_store_set(db, &w, err) == ERR_OK)
		reply_one(r, db, w.id);
}

void api_change_workspace(struct request *r)
{
	struct err err = { 0 };
	struct workspace_row *w = r->state = arena_alloc(r->arena, sizeof *w);
	read_body(r, w, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_change, workspace_stored);
}

static void remove_workspace(struct request *r, struct db *db)
{
	if (workspace_store_remove(db, r->id, request_err(r)) == ERR_OK)
		audit_note(r, db, "remove_workspace", NULL);
}

static void workspace_removed(struct request *r)
{
	app_publish(r->app, "workspaces", NULL);
	request_reply(r, 204);
}

void api_remove_workspace(struct request *r)
{
	talk_stop_workspace(r->app->talk, r->id);
	request_defer(r, LANE_WRITE, remove_workspace, workspace_removed);
}
