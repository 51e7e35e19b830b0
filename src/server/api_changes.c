/* SPDX-License-Identifier: Apache-2.0
 *
 * api_changes - how much of a model with full weights differs from the epoch before it, or from its base. */
#include "model/hf_compare.h"
#include "model/hf_folder.h"
#include "server/json_view.h"
#include "server/routes.h"

struct comparison {
	int64_t against_id; /* asked for, 0: the one before */
	struct model_row model, against;
	struct hf_changes changes;
};

/* The checkpoint before it, else the base; false where there is neither. */
static bool one_before(const struct model_list *list, const struct model_row *model, struct model_row *out)
{
	const struct model_row *found = NULL;
	for (size_t i = 0; i < list->n_models && list->models[i].id != model->id; i++)
		if (model->family_id && list->models[i].family_id == model->family_id)
			found = &list->models[i];
	for (size_t i = 0; i < list->n_models && !found; i++)
		if (model->base_model_id && list->models[i].id == model->base_model_id)
			found = &list->models[i];
	if (found)
		*out = *found;
	return found != NULL;
}

static void load_two(struct request *r, struct db *db)
{
	struct comparison *c = r->state;
	struct err *err = request_err(r);
	struct model_list list;
	if (model_store_get(db, r->arena, r->id, &c->model, err) != ERR_OK || model_store_list(db, r->arena, &list, err) != ERR_OK)
		return;
	if (c->against_id && model_store_get(db, r->arena, c->against_id, &c->against, err) != ERR_OK)
		return;
	if (!c->against_id && !one_before(&list, &c->model, &c->against))
		err_set(err, ERR_NOT_FOUND, "err_changes_alone", "name=%s", c->model.model.name);
	else if (!hf_folder_is(c->model.model.path) || !hf_folder_is(c->against.model.path))
		err_set(err, ERR_UNSUPPORTED, "err_changes_format", "name=%s",
			hf_folder_is(c->model.model.path) ? c->against.model.name : c->model.model.name);
}

static void compare_two(struct request *r, struct db *db)
{
	struct comparison *c = r->state;
	(void)db;
	if (hf_compare(r->arena, c->model.model.path, c->against.model.path, &c->changes, request_cancelled(r), request_err(r)) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	json_int(&r->out, "model_id", c->model.id);
	json_int(&r->out, "against_id", c->against.id);
	json_cstr(&r->out, "against_name", c->against.model.name);
	json_num(&r->out, "against_epoch", c->against.model.epoch);
	json_int(&r->out, "n_tensors", (int64_t)c->changes.n_tensors);
	json_int(&r->out, "n_changed", (int64_t)c->changes.n_changed);
	json_int(&r->out, "n_added", (int64_t)c->changes.n_added);
	json_int(&r->out, "n_missing", (int64_t)c->changes.n_missing);
	json_open(&r->out, "changed", '[');
	for (size_t i = 0; i < c->changes.n_names; i++)
		json_cstr(&r->out, NULL, c->changes.names[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

static void reply_changes(struct request *r)
{
	request_reply(r, 200);
}

static void two_loaded(struct request *r)
{
	request_defer(r, LANE_WORK, compare_two, reply_changes);
}

void api_model_changes(struct request *r)
{
	struct err err = { 0 };
	struct comparison *c = r->state = arena_alloc(r->arena, sizeof *c);
	c->against_id = request_query_int(r, "against", 1, INT64_MAX, 0, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, load_two, two_loaded);
}
