/* SPDX-License-Identifier: Apache-2.0 */
#include "server/selection_wish.h"

#include <math.h>

#include "base/clock.h"
#include "base/fs.h"
#include "engine/machine.h"
#include "judge/plan.h"
#include "selection/material.h"
#include "selection/selection.h"
#include "server/judge_choice.h"
#include "server/model_name.h"
#include "server/question_body.h"
#include "server/run_make.h"
#include "store/artifact_store.h"

/* --- candidates --- */

static enum err_code add_column(struct selection_wish *w, int64_t model_id, struct err *err)
{
	if (w->n_columns == LIMIT_COLUMNS)
		return err_set(err, ERR_INVALID, "err_selection_count", "field=family_id|limit=%d|found=%d", LIMIT_COLUMNS,
			       LIMIT_COLUMNS + 1);
	w->columns[w->n_columns] = (struct column_row){ .position = (int64_t)w->n_columns, .model_id = model_id,
							.params = w->body->params, .epoch = NAN, .label = "", .model_hash = "",
							.adapter_hash = "", .template_hash = "", .build = "", .device = "" };
	w->n_columns++;
	return ERR_OK;
}

/* The base model, then the checkpoints as the list has them: by epoch. */
static enum err_code add_family(struct selection_wish *w, const struct model_list *list, struct err *err)
{
	int64_t family = w->body->family_id, base = 0;
	size_t n = 0;

	for (size_t i = 0; i < list->n_models; i++) {
		n += list->models[i].family_id == family;
		if (list->models[i].family_id == family && !base)
			base = list->models[i].base_model_id;
	}
	if (n == 0)
		return err_set(err, ERR_NOT_FOUND, "err_family_not_found", "id=%lld", (long long)family);
	for (size_t i = 0; i < list->n_families; i++)
		if (list->families[i].id == family)
			w->family_name = list->families[i].name;
	if (base && add_column(w, base, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < list->n_models; i++)
		if (list->models[i].family_id == family && add_column(w, list->models[i].id, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

static enum err_code read_run(struct db *db, struct arena *a, struct selection_wish *w, struct err *err)
{
	struct column_row *columns;

	if (run_store_get(db, a, w->body->run_id, &w->run, &columns, &w->n_columns, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < w->n_columns; i++) {
		w->columns[i] = columns[i];
		w->n_stored += columns[i].n_done;
	}
	return ERR_OK;
}

static enum err_code read_candidates(struct db *db, struct arena *a, const struct model_list *list, struct selection_wish *w,
				     struct err *err)
{
	const struct selection_body *b = w->body;
	char field[64];

	if (b->run_id ? read_run(db, a, w, err) != ERR_OK : b->family_id ? add_family(w, list, err) != ERR_OK : false)
		return err->code;
	for (size_t i = 0; i < b->n_models; i++)
		if (add_column(w, b->model_ids[i], err) != ERR_OK)
			return err->code;
	if (w->n_columns < 2)
		return err_set(err, ERR_INVALID, "err_selection_candidates", "field=%s", b->run_id ? "run_id" : "family_id");
	for (size_t i = 0; i < w->n_columns; i++) {
		(void)str_format(field, sizeof field, "model_ids[%zu]", i);
		if (!b->run_id && (run_name_column(db, a, list, b->family_id ? "family_id" : field, &w->columns[i], err) != ERR_OK ||
				   run_fill_column(db, a, b->given, &w->columns[i], err) != ERR_OK))
			return err->code;
		if (model_store_get(db, a, w->columns[i].model_id, &w->models[i], err) != ERR_OK)
			return err->code;
	}
	w->base = material_find_base(w->models, w->n_columns);
	w->shared = b->params;
	return b->run_id ? ERR_OK : run_share_weights(db, a, &w->shared, w->columns, w->n_columns, err);
}

/* --- questions --- */

static void count_rated(void *user, const bool *answered, const int64_t *likes)
{
	(void)answered, (void)likes;
	++*(int64_t *)user;
}

static enum err_code count_questions(struct db *db, struct arena *a, struct selection_wish *w, struct err *err)
{
	struct question_set_row set;
	size_t n = 0;

	w->set_name = "";
	if (w->body->run_id) {
		w->n_questions = w->run.n_questions;
		if (run_store_count_references(db, w->run.id, &w->n_references, err) != ERR_OK)
			return err->code;
		return vote_store_each(db, w->run.id, count_rated, &w->n_rated, err);
	}
	if (w->body->question_set_id) {
		if (run_question_set(db, a, w->body->question_set_id, &set, err) != ERR_OK)
			return err->code;
		w->set_name = set.name;
		w->n_questions = set.n_questions;
		w->n_references = set.n_with_reference;
		return ERR_OK;
	}
	if (run_questions(db, a, 0, w->body->questions, 0, &w->questions, &n, err) != ERR_OK)
		return err->code;
	w->n_questions = (int64_t)n;
	for (size_t i = 0; i < n; i++)
		w->n_references += w->questions[i].reference.len > 0;
	return ERR_OK;
}

/* --- the judge --- */

static enum err_code choose_judge(struct db *db, struct arena *a, const struct model_list *list, struct selection_wish *w,
				  struct err *err)
{
	struct artifact_row *artifacts;
	size_t n = 0;

	if (artifact_store_list(db, a, &artifacts, &n, err) != ERR_OK)
		return err->code;
	int64_t *made = arena_array(a, n + 1, sizeof *made);
	for (size_t i = 0; i < n; i++)
		made[i] = artifacts[i].model_id;
	const struct model_row *judge =
		judge_choose(list, w->models, w->n_columns, made, n, (uint64_t)machine_memory().total / 10 * 8);
	w->has_judge = judge != NULL;
	if (judge)
		w->judge = *judge;
	return ERR_OK;
}

static enum err_code read_judge(struct db *db, struct arena *a, const struct model_list *list, struct selection_wish *w,
				struct err *err)
{
	const char *field = "judge_model_id";

	if (w->body->judge == JUDGE_NOBODY)
		return ERR_OK;
	if (w->body->judge == JUDGE_BY_US)
		return choose_judge(db, a, list, w, err);
	if (model_store_get(db, a, w->body->judge_model_id, &w->judge, err) != ERR_OK ||
	    model_has_base(&w->judge, field, err) != ERR_OK)
		return err->code;
	w->has_judge = true;
	for (size_t i = 0; i < w->n_columns; i++)
		if (w->columns[i].model_id == w->judge.id)
			return err_set(err, ERR_INVALID, "err_selection_judge_candidate", "field=%s|name=%s", field,
				       w->judge.model.name);
	return ERR_OK;
}

/* --- the whole --- */

enum err_code selection_wish_read(struct db *db, struct arena *a, const struct selection_body *body, struct selection_wish *out,
				  struct err *err)
{
	struct model_list list;

	*out = (struct selection_wish){ .body = body, .family_name = "" };
	if (*body->training_path && !fs_exists(body->training_path))
		return err_set(err, ERR_NOT_FOUND, "err_fs_not_found", "field=training_path|path=%s", body->training_path);
	if (model_store_list(db, a, &list, err) != ERR_OK || read_candidates(db, a, &list, out, err) != ERR_OK ||
	    count_questions(db, a, out, err) != ERR_OK || read_judge(db, a, &list, out, err) != ERR_OK)
		return err->code;
	if (out->n_questions > LIMIT_SELECTION_QUESTIONS)
		return err_set(err, ERR_LIMIT, "err_selection_questions", "field=%s|limit=%d|found=%lld",
			       body->run_id ? "run_id" : body->question_set_id ? "question_set_id" : "questions",
			       LIMIT_SELECTION_QUESTIONS, (long long)out->n_questions);
	return ERR_OK;
}

static const char *name_of(struct arena *a, const struct selection_wish *w, const struct question *first)
{
	if (*w->body->name)
		return w->body->name;
	if (w->body->run_id)
		return w->run.name;
	const char *of = *w->set_name ? w->set_name : question_title(a, first);
	if (!*w->family_name)
		return of;
	return *w->set_name ? arena_printf(a, "%s · %s", w->family_name, of) : w->family_name;
}

/* With a time limit the first questions go in; how many of the others follow is known once speeds are. */
static enum err_code store_run(struct db *db, struct arena *a, struct selection_wish *w, int64_t *set_id, struct err *err)
{
	struct question *questions = w->questions;
	size_t n = (size_t)w->n_questions;
	bool is_part = w->body->budget_s > 0 && w->n_questions > PLAN_QUESTIONS_MIN;

	/* All of them, though rounds may end before: a round begins to count anew. */
	if (run_check_requests(db, a, w->columns, w->n_columns, n, err) != ERR_OK)
		return err->code;
	*set_id = w->body->question_set_id;
	if (is_part && !*set_id && question_set_find(db, questions, n, set_id, err) != ERR_OK)
		return err->code;
	if (is_part && !*set_id && question_set_add(db, name_of(a, w, &questions[0]), "objects", questions, n, set_id, err) != ERR_OK)
		return err->code;
	if (w->body->question_set_id &&
	    run_questions(db, a, *set_id, NULL, is_part ? PLAN_QUESTIONS_MIN : 0, &questions, &n, err) != ERR_OK)
		return err->code;
	if (is_part)
		n = PLAN_QUESTIONS_MIN;
	w->run = (struct run_row){ .name = name_of(a, w, &questions[0]), .created_ms = clock_wall_ms(), .state = RUN_WAITING,
				   .seed = w->body->seed, .params = w->shared, .question_set_id = *set_id,
				   .n_questions = (int64_t)n, .n_columns = (int64_t)w->n_columns };
	return run_store_add(db, &w->run, w->columns, w->n_columns, questions, n, err);
}

enum err_code selection_wish_store(struct db *db, struct arena *a, struct selection_wish *w, int64_t *id, struct err *err)
{
	struct buf params = BUF_INIT(LIMIT_JSON_BODY);
	int64_t set_id = 0, n_planned;

	if (!w->body->run_id && store_run(db, a, w, &set_id, err) != ERR_OK)
		return err->code;
	n_planned = w->n_questions > w->run.n_questions ? w->n_questions : 0;
	selection_params_write(&(struct selection_params){ .budget_s = w->body->budget_s, .n_planned = n_planned,
							   .training_path = w->body->training_path,
							   .fresh = w->body->fresh },
			       &params);
	struct selection_row row = { .name = *w->body->name ? w->body->name : w->run.name, .state = SELECTION_WAITING,
				     .run_id = w->run.id, .family_id = w->body->family_id, .question_set_id = set_id,
				     .judge_model_id = w->has_judge ? w->judge.id : 0, .params = buf_text(&params) };
	enum err_code code = selection_store_add(db, &row, err);
	*id = row.id;
	buf_release(&params);
	return code;
}
