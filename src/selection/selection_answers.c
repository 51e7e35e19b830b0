/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/mem.h"
#include "selection/selection_private.h"
#include "store/question_store.h"

/* --- the run --- */

struct run_chore {
	struct chore chore;
	int64_t run_id;
	struct run_row run;
	bool resumes;
	int64_t question_set_id, n_set_questions;
	const struct selection_params *params; /* of the selection, not touched meanwhile */
};

/* Its cells wait again, but those of candidates that racing has left behind. */
static enum err_code reset_cells(struct run_chore *r, struct db *db, const struct column_row *columns, size_t n, struct err *err)
{
	for (size_t c = 0; c < n; c++) {
		bool is_dropped = false;
		for (size_t i = 0; i < r->params->n_dropped; i++)
			is_dropped |= r->params->dropped[i] == columns[c].id;
		if (!is_dropped && run_store_reset(db, r->run_id, true, false, columns[c].id, err) != ERR_OK)
			return err->code;
	}
	return run_store_set_state(db, r->run_id, RUN_WAITING, err);
}

/* How many questions there are to take from; none where the set is gone. */
static void count_set(struct run_chore *r, struct db *db)
{
	struct question *none;
	size_t n;
	struct err gone = { 0 };

	if (r->question_set_id && question_set_read(db, r->chore.arena, r->question_set_id, 0, 0, &none, &n, &r->n_set_questions, &gone) != ERR_OK)
		r->n_set_questions = 0;
}

/* Goes on where a stopped or interrupted run was; looks only, where it is done or at work. */
static void run_open(struct task *task, void *context)
{
	struct run_chore *r = (struct run_chore *)task;
	struct column_row *columns;
	size_t n;
	struct err *err = &task->err;

	if (run_store_get(context, r->chore.arena, r->run_id, &r->run, &columns, &n, err) != ERR_OK)
		return;
	r->resumes = r->run.state == RUN_STOPPED || r->run.state == RUN_INTERRUPTED;
	if (r->resumes && reset_cells(r, context, columns, n, err) != ERR_OK)
		return;
	count_set(r, context);
}

void answers_compute(struct selection *s, bool starts)
{
	s->is_reusing = false;
	if (s->is_time_up) {
		step_done(s);
		return;
	}
	s->run_is_mine = true;
	step_progress(s, (double)s->n_cells_done / (double)s->n_cells);
	if (starts)
		engine_start(s->ss->options.engine, s->row.run_id);
}

static void home_opened(struct chore *c)
{
	struct run_chore *r = (struct run_chore *)c;
	struct selection *s = c->s;
	bool is_active = engine_is_active(s->ss->options.engine, s->row.run_id);

	if (chore_failed(c))
		return;
	s->n_set_questions = r->n_set_questions;
	s->n_cells = r->run.n_cells;
	s->n_cells_done = r->run.n_done + r->run.n_failed;
	if (s->is_time_up || (s->n_cells_done >= s->n_cells && !is_active)) {
		step_done(s);
		return;
	}
	if (s->params.fresh || r->run.is_fast || is_active)
		answers_compute(s, !is_active || r->resumes);
	else
		answers_reuse(s);
}

void begin_answers(struct selection *s)
{
	struct run_chore *r = chore_new(s, sizeof *r, run_open, home_opened);

	r->run_id = s->row.run_id;
	r->question_set_id = s->row.question_set_id;
	r->params = &s->params;
	chore_write(&r->chore);
}

/* --- its end --- */

static void run_look(struct task *task, void *context)
{
	struct run_chore *r = (struct run_chore *)task;
	struct column_row *columns;
	size_t n;

	(void)!run_store_get(context, r->chore.arena, r->run_id, &r->run, &columns, &n, &task->err);
}

static void home_looked(struct chore *c)
{
	struct run_chore *r = (struct run_chore *)c;
	struct selection *s = c->s;
	struct err cause;

	if (chore_failed(c))
		return;
	/* It was still ending from a stop before this start. */
	bool was_ending = r->run.state == RUN_STOPPED && s->ss->stopping_run_id == s->row.run_id && !s->is_time_up;
	s->ss->stopping_run_id = 0;
	if (was_ending) {
		begin_answers(s);
		return;
	}
	if (r->run.state == RUN_DONE || s->is_time_up) {
		step_done(s);
		return;
	}
	/* Somebody stopped the run, or it broke off. */
	s->is_stopped = r->run.state == RUN_STOPPED;
	err_set(&cause, ERR_CANCELLED, "err_cancelled", NULL);
	if (r->run.problem.code != ERR_OK)
		cause = r->run.problem;
	else
		(void)engine_is_unsaved(s->ss->options.engine, s->row.run_id, &cause); /* a full disk: the row does not tell */
	selection_fail(s, &cause);
}

void answers_event(struct selection *s, const struct engine_event *event)
{
	if (!s->run_is_mine || event->run_id != s->row.run_id)
		return;
	if (event->kind == ENGINE_CELL) {
		s->n_cells_done++;
		s->n_new_cells++;
		step_progress(s, (double)s->n_cells_done / (double)(s->n_cells > 0 ? s->n_cells : 1));
	}
	if (event->kind != ENGINE_RUN || engine_is_active(s->ss->options.engine, s->row.run_id))
		return;
	s->run_is_mine = false;
	struct run_chore *r = chore_new(s, sizeof *r, run_look, home_looked);
	r->run_id = s->row.run_id;
	chore_write(&r->chore); /* behind the engine's own last writes */
}

void answers_stop(struct selection *s)
{
	if (s->is_reusing) /* it has not begun, and ends as stopped all the same */
		engine_start(s->ss->options.engine, s->row.run_id);
	else if (!s->run_is_mine)
		return;
	s->ss->stopping_run_id = s->row.run_id;
	engine_stop(s->ss->options.engine, s->row.run_id);
}

/* --- scores --- */

struct score_chore {
	struct chore chore;
	struct store *store;
	int64_t run_id;
	const struct selection_params *params; /* of the selection, not touched meanwhile */
	struct material *material;
	bool is_judged;
	int64_t n_for_judge;
};

static void run_score(struct task *task, void *context)
{
	struct score_chore *w = (struct score_chore *)task;
	struct db *db = NULL;

	(void)context;
	if (store_open_reader(w->store, &db, &task->err) != ERR_OK)
		return;
	const struct selection_params *p = w->params;
	if (material_read(db, w->run_id, p->dropped, p->n_dropped, &w->material, &task->cancelled, &task->err) == ERR_OK)
		(void)!material_score(w->material, p->training_path, &task->cancelled, &task->err);
	db_close(db);
	if (task->err.code == ERR_OK && w->is_judged)
		w->n_for_judge = (int64_t)judging_count(w->material, &task->cancelled);
	if (task->err.code == ERR_OK)
		return;
	material_free(w->material);
	w->material = NULL;
}

static void home_scored(struct chore *c)
{
	struct score_chore *w = (struct score_chore *)c;
	struct selection *s = c->s;

	if (chore_failed(c))
		return;
	judging_follow(s, w->material);
	material_free(s->material);
	s->material = w->material;
	s->n_for_judge = w->n_for_judge;
	w->material = NULL;
	step_done(s);
}

static void release_score(struct chore *c)
{
	material_free(((struct score_chore *)c)->material);
}

void begin_scores(struct selection *s)
{
	struct score_chore *w = chore_new(s, sizeof *w, run_score, home_scored);

	w->chore.release = release_score;
	w->store = s->ss->options.store;
	w->run_id = s->row.run_id;
	w->params = &s->params;
	w->is_judged = s->row.judge_model_id != 0;
	chore_work(&w->chore);
}
