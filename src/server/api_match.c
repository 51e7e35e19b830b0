/* SPDX-License-Identifier: Apache-2.0
 *
 * api_match - whether the epochs of a family belong to their base: begin a check, watch it, call it off. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "engine/match_check.h"
#include "server/json_view.h"
#include "server/match_answers.h"
#include "server/model_extra.h"
#include "server/model_name.h"
#include "server/routes.h"
#include "store/template_store.h"

struct wish {
	struct match_answers answers;
	int64_t ids[LIMIT_COLUMNS];
	size_t n_ids; /* 0: the last epoch */
	struct match_check check;
};

/* --- one check as the reply --- */

static void view_item(struct buf *b, enum lang lang, const struct match_check *c, const struct match_item *item)
{
	struct match_row row = { .result = item->result, .source = c->source };

	json_open(b, NULL, '{');
	json_int(b, "model_id", item->model.id);
	json_num(b, "epoch", item->model.model.epoch);
	json_cstr(b, "name", item->model.model.name);
	if (item->is_done)
		view_match(b, "result", lang, &row);
	json_close(b, '}');
}

static void reply_check(struct request *r, int status)
{
	static const char *const states[] = { "waiting", "running", "done", "failed", "cancelled" };
	const struct match_check *c = match_check_find(r->app->matches, r->id);
	struct buf *b = &r->out;

	json_open(b, NULL, '{');
	json_cstr(b, "state", c ? states[c->state] : "none");
	if (c) {
		json_num(b, "fraction", c->fraction);
		json_int(b, "base_model_id", c->base.id);
		json_int(b, "n_answers", (int64_t)c->n_questions);
		json_cstr(b, "source", c->source);
	}
	json_open(b, "items", '[');
	for (size_t i = 0; c && i < c->n_items; i++)
		view_item(b, r->lang, c, &c->items[i]);
	json_close(b, ']');
	if (c && c->state == MATCH_FAILED)
		view_problem(b, "problem", r->lang, &c->problem);
	json_close(b, '}');
	request_reply(r, status);
}

void api_get_match(struct request *r)
{
	reply_check(r, 200);
}

void api_cancel_match(struct request *r)
{
	(void)match_check_cancel(r->app->matches, r->id);
	reply_check(r, 200);
}

/* --- begin --- */

static enum err_code add_item(struct db *db, struct match_check *c, const struct model_row *model, struct err *err)
{
	struct match_item *item = &c->items[c->n_items];

	if (model->model.kind != MODEL_ADAPTER)
		return err_set(err, ERR_INVALID, "err_match_no_adapter", "name=%s", model->model.name);
	if (model_has_base(model, NULL, err) != ERR_OK)
		return err->code;
	if (c->n_items > 0 && model->base_model_id != c->base.id)
		return err_set(err, ERR_INVALID, "err_match_bases", "field=model_ids");
	if (c->n_items == 0 && model_store_get(db, c->arena, model->base_model_id, &c->base, err) != ERR_OK)
		return err->code;
	*item = (struct match_item){ .model = *model, .params = gen_params_default() };
	for (size_t i = 0; i < MATCH_ANSWERS_MAX; i++)
		item->pairs[i] = (struct match_pair){ 0 };
	c->n_items++;
	return template_store_fill(db, c->arena, model->id, PARAM_TEMPLATE | PARAM_SYSTEM, &item->params, err);
}

/* The epochs that were asked for, or the last one: it has learned the most. */
static enum err_code add_items(struct db *db, struct wish *w, const struct model_list *list, struct err *err)
{
	struct match_check *c = &w->check;
	const struct model_row *last = NULL;
	struct model_row model;

	for (size_t i = 0; i < list->n_models; i++)
		if (list->models[i].family_id == c->family_id)
			last = &list->models[i];
	if (!last)
		return err_set(err, ERR_NOT_FOUND, "err_family_not_found", "id=%lld", (long long)c->family_id);
	c->items = arena_array(c->arena, w->n_ids + 1, sizeof *c->items);
	if (w->n_ids == 0)
		return add_item(db, c, last, err);
	for (size_t i = 0; i < w->n_ids; i++) {
		if (model_store_get(db, c->arena, w->ids[i], &model, err) != ERR_OK)
			return err->code;
		if (model.family_id != c->family_id)
			return err_set(err, ERR_INVALID, "err_match_other_family", "field=model_ids");
		if (add_item(db, c, &model, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static void load(struct request *r, struct db *db)
{
	struct wish *w = r->state;
	struct match_check *c = &w->check;
	struct err *err = request_err(r);
	struct model_list list;

	if (model_store_list(db, c->arena, &list, err) == ERR_OK && add_items(db, w, &list, err) == ERR_OK &&
	    match_answers_load(db, c->arena, c->family_id, &w->answers, err) == ERR_OK) {
		c->questions = w->answers.questions;
		c->n_questions = w->answers.n_questions;
		c->source = w->answers.source;
	}
	if (err->code != ERR_OK)
		arena_free(c->arena);
}

static void begin(struct request *r)
{
	struct wish *w = r->state;
	struct err err = { 0 };

	if (match_check_start(r->app->matches, &w->check, &err) != ERR_OK)
		request_fail(r, &err);
	else
		reply_check(r, 202);
}

static void read_file(struct request *r, struct db *db)
{
	struct wish *w = r->state;

	(void)db;
	if (match_answers_read(r, w->check.arena, &w->answers) != ERR_OK)
		arena_free(w->check.arena);
}

static void file_read(struct request *r)
{
	request_defer(r, LANE_READ, load, begin);
}

static void read_ids(const json_t *json, struct wish *w, struct err *err)
{
	const json_t *list = json_get_array(json, "model_ids", err), *id;
	size_t i;

	if (json_array_size(list) > LIMIT_COLUMNS)
		err_set(err, ERR_INVALID, "err_field_length", "field=model_ids|min=0|max=%d|found=%zu", LIMIT_COLUMNS, json_array_size(list));
	json_array_foreach(list, i, id) {
		if (err->code != ERR_OK)
			return;
		if (!json_is_integer(id) || json_integer_value(id) < 1)
			err_set(err, ERR_INVALID, "err_field_integer", "field=model_ids[%zu]|min=1|max=%lld", i, (long long)INT64_MAX);
		else
			w->ids[w->n_ids++] = json_integer_value(id);
	}
}

void api_check_match(struct request *r)
{
	struct err err = { 0 };
	struct wish *w = r->state = arena_alloc(r->arena, sizeof *w);

	read_ids(r->json, w, &err);
	w->answers.upload = body_text(r->json, "upload", 32, 32, NULL, &err);
	w->answers.question_field = body_text(r->json, "question_field", 1, LIMIT_NAME_BYTES, NULL, &err);
	w->answers.reference_field = body_text(r->json, "reference_field", 0, LIMIT_NAME_BYTES, NULL, &err);
	if (err.code == ERR_OK && w->answers.upload && !match_answers_is_upload(w->answers.upload))
		err_set(&err, ERR_NOT_FOUND, "err_upload_not_found", "field=upload");
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	w->check.arena = arena_new(); /* goes on behind the reply */
	w->check.family_id = r->id;
	if (w->answers.upload)
		request_defer(r, LANE_WORK, read_file, file_read);
	else
		request_defer(r, LANE_READ, load, begin);
}
