/* SPDX-License-Identifier: Apache-2.0 */
#include "server/selection_view.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "judge/evidence.h"
#include "metric/guard.h"
#include "selection/material.h"
#include "selection/result.h"
#include "store/model_store.h"

/* --- reading --- */

static void count_rated(void *user, const bool *answered, const int64_t *likes)
{
	(void)answered, (void)likes;
	++*(int64_t *)user;
}

/* What the result will say; until there is one it is read from where it stands. */
static enum err_code read_prospect(struct db *db, struct arena *a, struct selection_whole *s, struct err *err)
{
	struct model_row *models = arena_array(a, s->n_columns + 1, sizeof *models);

	for (size_t i = 0; i < s->n_columns; i++)
		if (model_store_get(db, a, s->columns[i].model_id, &models[i], err) != ERR_OK)
			return err->code;
	s->base = material_find_base(models, s->n_columns);
	if (run_store_count_references(db, s->run.id, &s->n_references, err) != ERR_OK)
		return err->code;
	return vote_store_each(db, s->run.id, count_rated, &s->n_rated, err);
}

enum err_code selection_whole_complete(struct db *db, struct arena *a, struct selection_whole *s, struct err *err)
{
	struct model_row judge;
	struct err gone = { 0 };

	s->base = SIZE_MAX;
	s->judge_name = "";
	if (s->row.judge_model_id && model_store_get(db, a, s->row.judge_model_id, &judge, &gone) == ERR_OK)
		s->judge_name = judge.model.name;
	if (selection_params_parse(a, s->row.params, &s->params, err) != ERR_OK ||
	    run_store_get(db, a, s->row.run_id, &s->run, &s->columns, &s->n_columns, err) != ERR_OK)
		return err->code;
	return strcmp(s->row.result, "{}") ? ERR_OK : read_prospect(db, a, s, err);
}

enum err_code selection_whole_load(struct db *db, struct arena *a, int64_t id, struct selection_whole *out, struct err *err)
{
	*out = (struct selection_whole){ 0 };
	if (selection_store_get(db, a, id, &out->row, err) != ERR_OK)
		return err->code;
	return selection_whole_complete(db, a, out, err);
}

/* --- parts of the result --- */

/* A member of the result as it is; `fallback` is JSON. */
static void copy_member(struct buf *b, const char *name, const json_t *value, const char *fallback)
{
	if (!value) {
		json_raw(b, name, fallback);
		return;
	}
	json_raw(b, name, "");
	json_write(b, value);
}

/* What went wrong, with what can be done about it; and as the sentence that it is in the result. */
static json_t *problem_json(enum lang lang, const json_t *stored, const json_t *said)
{
	struct buf text = BUF_INIT(MIB);
	struct err ignored = { 0 };

	view_stored_problem(&text, NULL, lang, stored);
	json_t *problem = json_parse(buf_str(&text), "problem", &ignored);
	json_object_set(problem, "text", json_object_get(said, "text"));
	buf_release(&text);
	return problem;
}

/* `stored` is the result before it was put into words. */
static void view_judge(struct buf *b, enum lang lang, const struct selection_whole *s, const json_t *result, const json_t *stored)
{
	json_t *judge = json_object_get(result, "judge");
	const json_t *problem = json_object_get(json_object_get(stored, "judge"), "problem");

	if (json_is_object(problem))
		json_object_set_new(judge, "problem", problem_json(lang, problem, json_object_get(judge, "problem")));
	if (json_is_object(judge) || !s->row.judge_model_id) {
		copy_member(b, "judge", judge, "null");
		return;
	}
	json_open(b, "judge", '{');
	json_int(b, "model_id", s->row.judge_model_id);
	json_cstr(b, "name", s->judge_name);
	json_cstr(b, "state", "waiting");
	json_raw(b, "exam", "null");
	json_close(b, '}');
}

/* Of the result, else of the run. */
static int64_t count_of(const json_t *result, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(result, name);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static void view_checked_by(struct buf *b, enum lang lang, const struct selection_whole *s, const json_t *result)
{
	struct err ignored = { 0 };
	json_t *stored = json_parse(str_of(s->row.result), "selection", &ignored);
	const json_t *no_likelihoods = json_object_get(stored, "likelihood_problem");

	json_open(b, "checked_by", '{');
	json_int(b, "n_references", count_of(result, "n_references", s->n_references));
	json_int(b, "n_rated", count_of(result, "n_rated", s->n_rated));
	view_judge(b, lang, s, result, stored);
	if (json_is_object(no_likelihoods))
		view_stored_problem(b, "likelihood_problem", lang, no_likelihoods);
	json_close(b, '}');
	json_decref(stored);
}

/* A candidate before anything is known of its answers. */
static void view_prospect(struct buf *b, const struct selection_whole *s, size_t i)
{
	static const char *const unknown[] = { "score", "score_low", "score_high", "first", "win_rate", "win_rate_low", "win_rate_high",
					       "train_loss", "eval_loss", "log_likelihood" };
	static const char *const none[] = { "n_right", "n_unusable", "wins", "ties", "losses" };
	static const char *const no[] = { "is_recommended", "is_best", "is_vetoed", "beats_base", "is_tied", "is_in_best_set" };
	const struct column_row *c = &s->columns[i];

	json_open(b, NULL, '{');
	json_int(b, "column_id", c->id);
	json_int(b, "model_id", c->model_id);
	json_cstr(b, "label", c->label);
	json_num(b, "epoch", c->epoch);
	json_flag(b, "is_base", i == s->base);
	json_flag(b, "is_ranked", true);
	json_int(b, "n_references", s->n_references);
	json_int(b, "likes", c->n_likes);
	json_int(b, "p_base", 1);
	json_int(b, "p_best", 1);
	for (size_t k = 0; k < sizeof no / sizeof *no; k++)
		json_flag(b, no[k], false);
	for (size_t k = 0; k < sizeof none / sizeof *none; k++)
		json_int(b, none[k], 0);
	for (size_t k = 0; k < sizeof unknown / sizeof *unknown; k++)
		json_raw(b, unknown[k], "null");
	json_close(b, '}');
}

static void view_candidates(struct buf *b, const struct selection_whole *s, const json_t *result)
{
	const json_t *candidates = json_object_get(result, "candidates");

	if (candidates) {
		copy_member(b, "candidates", candidates, "[]");
		return;
	}
	json_open(b, "candidates", '[');
	for (size_t i = 0; i < s->n_columns; i++)
		view_prospect(b, s, i);
	json_close(b, ']');
}

/* What the level means is a sentence in the result and a text for clients. */
static void view_decision(struct buf *b, json_t *result)
{
	json_t *decision = json_object_get(result, "decision");
	const char *note = json_string_value(json_object_get(json_object_get(decision, "level_note"), "text"));

	if (note)
		json_object_set_new(decision, "level_note", json_text(str_of(note)));
	else
		json_object_del(decision, "level_note");
	copy_member(b, "decision", decision, "null");
}

/* --- whole things --- */

static enum selection_state state_now(const struct selection_whole *s, const struct selection_now *now)
{
	bool at_work = now->is_live && now->steps.len > 2 && s->row.state == SELECTION_WAITING;
	return at_work ? SELECTION_RUNNING : s->row.state;
}

void view_selection(struct buf *b, const char *name, enum lang lang, const struct selection_whole *s,
		    const struct selection_now *now)
{
	const struct selection_row *row = &s->row;
	json_t *result = result_in_words(row->result, lang);
	bool has_steps = now->is_live && now->steps.len > 0;
	int64_t n_answers = 0, n_reused = 0, n_q8 = 0;

	for (size_t i = 0; i < s->n_columns; i++) {
		n_answers += s->columns[i].n_done;
		n_reused += s->columns[i].n_reused;
		n_q8 += s->columns[i].params.weights == WEIGHTS_Q8_0;
	}
	json_open(b, name, '{');
	json_int(b, "id", row->id);
	json_cstr(b, "name", row->name);
	json_cstr(b, "state", selection_state_name(state_now(s, now)));
	json_int(b, "created_ms", row->created_ms);
	json_int(b, "finished_ms", row->finished_ms);
	if (row->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &row->problem);
	else
		json_raw(b, "problem", "null");
	json_int(b, "run_id", row->run_id);
	json_id(b, "family_id", row->family_id);
	json_int(b, "budget_s", s->params.budget_s);
	json_int(b, "elapsed_ms", now->is_live && now->live.elapsed_ms > row->elapsed_ms ? now->live.elapsed_ms : row->elapsed_ms);
	if (now->is_live && now->live.remaining_ms >= 0)
		json_int(b, "remaining_ms", now->live.remaining_ms);
	else
		json_raw(b, "remaining_ms", "null");
	json_int(b, "n_questions", count_of(result, "n_questions", s->run.n_questions));
	json_int(b, "n_answered", count_of(result, "n_answered", 0));
	json_int(b, "n_answers", n_answers);
	json_int(b, "n_reused", n_reused);
	json_int(b, "n_q8", n_q8);
	json_raw(b, "steps", has_steps ? now->steps.ptr : row->steps);
	view_checked_by(b, lang, s, result);
	view_candidates(b, s, result);
	view_decision(b, result);
	copy_member(b, "curves", json_object_get(result, "curves"), "[]");
	copy_member(b, "leak", json_object_get(result, "leak"), "null");
	json_close(b, '}');
	json_decref(result);
}

static void view_answer(struct buf *b, const struct cell_row *cell, const struct selection_cell *known, int64_t column_id)
{
	bool has_reference = !isnan(known->score);

	json_open(b, NULL, '{');
	json_int(b, "column_id", column_id);
	json_cstr(b, "text", cell->text);
	json_num(b, "score", known->score);
	if (has_reference)
		json_flag(b, "is_right", known->is_right);
	else
		json_raw(b, "is_right", "null");
	json_open(b, "guards", '[');
	for (unsigned flag = GUARD_EMPTY; flag <= GUARD_LENGTH; flag <<= 1)
		if (known->guards & flag)
			json_cstr(b, NULL, guard_flag_name(flag));
	json_close(b, ']');
	json_flag(b, "repeats_training", known->repeats);
	json_close(b, '}');
}

static const char *outcome_name(enum outcome outcome)
{
	return outcome == OUTCOME_WIN ? "win" : outcome == OUTCOME_LOSS ? "loss" : "tie";
}

void view_selection_questions(struct buf *b, const struct column_row *columns, size_t n_columns,
			      const struct selection_finding *findings, size_t n, int64_t total)
{
	json_open(b, NULL, '{');
	json_int(b, "total", total);
	json_open(b, "questions", '[');
	for (size_t i = 0; i < n; i++) {
		const struct selection_finding *f = &findings[i];
		json_open(b, NULL, '{');
		json_int(b, "question_id", f->question.question_id);
		json_int(b, "position", f->question.position);
		json_str(b, "text", f->row.q.text);
		if (f->row.q.turn) {
			json_int(b, "turn", f->row.q.turn + 1);
			json_int(b, "conversation", f->row.earlier[0].position);
		}
		if (f->row.q.reference.len)
			json_str(b, "reference", f->row.q.reference);
		json_cstr(b, "layer", layer_name(f->question.layer));
		json_cstr(b, "outcome", outcome_name(f->question.outcome));
		json_open(b, "answers", '[');
		for (size_t c = 0; c < n_columns; c++)
			view_answer(b, &f->row.cells[c], &f->cells[c], columns[c].id);
		json_close(b, ']');
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

void view_selection_rating(struct buf *b, const struct rating_session *s)
{
	json_open(b, NULL, '{');
	json_int(b, "n_rated", (int64_t)s->n_rated);
	json_int(b, "n_more", (int64_t)s->n_more);
	json_open(b, "questions", '[');
	for (size_t i = 0; i < s->n; i++) {
		json_open(b, NULL, '{');
		json_int(b, "question_id", s->questions[i].id);
		json_int(b, "position", s->questions[i].position);
		json_int(b, "row", s->questions[i].row);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}
