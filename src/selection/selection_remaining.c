/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "judge/plan.h"
#include "judge/reference.h"
#include "selection/judge_speed.h"
#include "selection/selection_judge.h"

#define STARTED 0.1 /* of a step: less says little */

/* --- before anything is asked --- */

struct counting {
	struct text_space *space;
	int64_t n_open;
};

static bool count_one(void *user, const struct run_question *q, size_t n_columns)
{
	struct counting *c = user;

	(void)n_columns;
	c->n_open += q->q.reference.len == 0 || !reference_is_short(text_new(c->space, q->q.reference));
	text_space_clear(c->space);
	return true;
}

static enum err_code look_at_judge(struct db *db, struct arena *a, const struct selection_row *row, struct selection_before *out,
				   struct err *err)
{
	struct counting c = { .space = text_space_new() };
	double call_s = NAN;

	if (judge_speed(db, a, row->judge_model_id, &call_s, &out->n_exam_calls, err) == ERR_OK)
		(void)!run_store_each(db, row->run_id, count_one, &c, err);
	out->judge_call_ms = 1000 * call_s;
	out->n_open = c.n_open;
	text_space_free(c.space);
	return err->code;
}

enum err_code selection_look_before(struct db *db, struct arena *a, const struct selection_row *row, struct selection_before *out,
				    struct err *err)
{
	struct run_row run;
	struct column_row *columns;
	size_t n = 0;

	if (run_store_get(db, a, row->run_id, &run, &columns, &n, err) != ERR_OK ||
	    run_store_count_references(db, row->run_id, &out->n_references, err) != ERR_OK)
		return err->code;
	out->n_questions = run.n_questions;
	out->n_columns = (int64_t)n;
	return row->judge_model_id ? look_at_judge(db, a, row, out, err) : ERR_OK;
}

/* --- what is left --- */

void remaining_heard(struct selection *s, const struct engine_event *event)
{
	if (event->kind != ENGINE_CELL || event->run_id != s->row.run_id || event->cell->prompt_us <= 0)
		return;
	int64_t ms = event->cell->prompt_us / 1000;
	if (s->prompt_ms == 0 || ms < s->prompt_ms)
		s->prompt_ms = ms;
}

/* Reading a question with its reference takes about half as long again as reading the question took when it was asked. */
static int64_t likelihood_ms(const struct selection *s)
{
	return likelihood_count(s->before.n_references) * s->before.n_columns * s->prompt_ms * 3 / 2;
}

/* What the step at hand was thought to take; NAN: unknown. */
static double thought_ms(const struct selection *s)
{
	if (s->at == STEP_EXAM)
		return (double)s->before.n_exam_calls * s->before.judge_call_ms;
	return s->at == STEP_LIKELIHOOD ? (double)likelihood_ms(s) : NAN;
}

/* Of the step at hand; -1: unknown. */
static int64_t step_rest_ms(const struct selection *s)
{
	double fraction = s->steps[s->at].fraction, spent = (double)selection_step_ms(s, s->at);

	if (s->at == STEP_ANSWERS)
		return engine_eta_ms(s->ss->options.engine, s->row.run_id);
	if (s->at == STEP_SCORES || s->at == STEP_DECISION)
		return 0;
	if (fraction > STARTED)
		return (int64_t)(spent * (1 - fraction) / fraction);
	return thought_ms(s) > spent ? (int64_t)(thought_ms(s) - spent) : -1;
}

/* Questions of the run, those of the round at hand too. */
static int64_t count_questions(const struct selection *s)
{
	return s->material && s->n_cells > 0 ? s->n_cells / s->before.n_columns : s->before.n_questions;
}

/* Questions whose answers the judge is still to compare: those without a short reference; of further rounds as many as so far. */
static double count_open(const struct selection *s)
{
	const struct material *m = s->material;
	double n = (double)count_questions(s), n_open = 0;

	if (!m || m->n_answered == 0)
		return (double)s->before.n_open;
	for (size_t i = 0; i < m->n_answered; i++)
		n_open += !m->is_short[m->answered[i]];
	n -= s->judging && s->judging->n_pairs > 0 ? (double)m->n_answered : 0;
	return n * n_open / (double)m->n_answered;
}

/* The judge's steps to come, exam and pairs; -1: nobody knows how fast it is. */
static int64_t judge_ms(const struct selection *s)
{
	const struct judging *j = s->judging;
	double call_ms = s->before.judge_call_ms, n_calls = count_open(s) * (double)plan_calls((size_t)s->before.n_columns);

	if (s->row.judge_model_id == 0 || s->at >= STEP_JUDGE || (j && j->state == JUDGE_FAILED))
		return 0;
	if (j && j->n_calls > 0)
		call_ms = (double)(selection_step_ms(s, STEP_EXAM) + selection_step_ms(s, STEP_JUDGE)) / (double)j->n_calls;
	if (s->at < STEP_EXAM && !(j && j->has_card))
		n_calls += (double)s->before.n_exam_calls;
	return isnan(call_ms) ? -1 : (int64_t)(n_calls * call_ms);
}

/* Rounds to come take as long for a question as those before. */
static int64_t rounds_ms(const struct selection *s, int64_t rest)
{
	int64_t n = count_questions(s), spent = 0;

	if (s->is_last_round || n <= 0 || n >= s->n_set_questions)
		return 0;
	for (size_t i = 0; i < STEP_COUNT; i++)
		spent += i == STEP_EXAM ? 0 : selection_step_ms(s, (enum step_name)i);
	return (spent + rest) * (s->n_set_questions - n) / n;
}

int64_t selection_remaining_ms(const struct selection *s)
{
	int64_t left = selection_left_ms(s), parts[3];

	if (s->at >= STEP_COUNT)
		return 0;
	parts[0] = step_rest_ms(s);
	parts[1] = s->at < STEP_LIKELIHOOD ? likelihood_ms(s) : 0;
	parts[2] = judge_ms(s);
	if (parts[0] < 0 || parts[2] < 0)
		return left == INT64_MAX ? -1 : left;
	int64_t rest = parts[0] + parts[1] + parts[2];
	rest += rounds_ms(s, rest);
	return rest < left ? rest : left;
}
