/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/plan.h"
#include "selection/selection_judge.h"

#define STARTED 0.1 /* of a step: less says little */

void remaining_heard(struct selection *s, const struct engine_event *event)
{
	if (event->kind != ENGINE_CELL || event->run_id != s->row.run_id || event->cell->prompt_us <= 0)
		return;
	int64_t ms = event->cell->prompt_us / 1000;
	if (s->prompt_ms == 0 || ms < s->prompt_ms)
		s->prompt_ms = ms;
}

/* Reading a question with its reference takes about what reading the question took when it was asked. */
static int64_t likelihood_ms(const struct selection *s)
{
	return s->n_likelihoods * s->prompt_ms;
}

/* Of the step at hand; -1: unknown. */
static int64_t step_rest_ms(const struct selection *s)
{
	double fraction = s->steps[s->at].fraction;
	int64_t spent = selection_step_ms(s, s->at);

	if (s->at == STEP_ANSWERS)
		return engine_eta_ms(s->ss->options.engine, s->row.run_id);
	if (s->at == STEP_SCORES || s->at == STEP_DECISION)
		return 0;
	if (fraction > STARTED)
		return (int64_t)((double)spent * (1 - fraction) / fraction);
	return s->at == STEP_LIKELIHOOD && likelihood_ms(s) > spent ? likelihood_ms(s) - spent : -1;
}

/* Questions of the run, those of the round at hand too. */
static int64_t count_questions(const struct selection *s)
{
	return s->material && s->n_cells > 0 ? s->n_cells / (int64_t)s->material->n_columns : s->n_questions;
}

/* Questions whose answers the judge is still to compare, if it is like those that are known: few with a short reference are. */
static double count_open(const struct selection *s)
{
	const struct material *m = s->material;
	double n_open = 0, n_new = (double)count_questions(s) - (s->judging->n_pairs > 0 ? (double)m->n_answered : 0);

	for (size_t i = 0; i < m->n_answered; i++)
		n_open += !m->is_short[m->answered[i]];
	return m->n_answered > 0 ? n_new * n_open / (double)m->n_answered : 0;
}

/* Pairs of answers that the judge will be asked about; -1: nobody knows how fast it is. */
static int64_t pairs_ms(const struct selection *s)
{
	const struct judging *j = s->judging;

	if (s->row.judge_model_id == 0 || s->at >= STEP_JUDGE || (j && j->state == JUDGE_FAILED))
		return 0;
	if (!j || j->n_calls == 0 || !s->material)
		return -1;
	double call_ms = (double)(selection_step_ms(s, STEP_EXAM) + selection_step_ms(s, STEP_JUDGE)) / (double)j->n_calls;
	return (int64_t)(count_open(s) * (double)plan_calls(s->material->n_columns) * call_ms);
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
	parts[2] = pairs_ms(s);
	if (parts[0] < 0 || parts[2] < 0)
		return left == INT64_MAX ? -1 : left;
	int64_t rest = parts[0] + parts[1] + parts[2];
	rest += rounds_ms(s, rest);
	return rest < left ? rest : left;
}
