/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/plan.h"
#include "selection/selection_judge.h"

#define STARTED 0.02 /* of a step: less says nothing */

void remaining_heard(struct selection *s, const struct engine_event *event)
{
	if (event->kind != ENGINE_CELL || event->run_id != s->row.run_id || event->cell->prompt_us <= 0)
		return;
	int64_t ms = event->cell->prompt_us / 1000;
	if (s->prompt_ms == 0 || ms < s->prompt_ms)
		s->prompt_ms = ms;
}

/* Of the step at hand; -1: unknown. */
static int64_t step_rest_ms(const struct selection *s)
{
	double fraction = s->steps[s->at].fraction;

	if (s->at == STEP_ANSWERS)
		return engine_eta_ms(s->ss->options.engine, s->row.run_id);
	if (s->at == STEP_SCORES || s->at == STEP_DECISION)
		return 0;
	return fraction > STARTED ? (int64_t)((double)selection_step_ms(s, s->at) * (1 - fraction) / fraction) : -1;
}

/* Reading a question with its reference takes about what reading the question took when it was asked. */
static int64_t likelihood_ms(const struct selection *s)
{
	return s->at < STEP_LIKELIHOOD ? s->n_likelihoods * s->prompt_ms : 0;
}

/* Pairs of answers that the judge will be asked about, as far as nothing else decides; -1: nobody knows how fast it is. */
static int64_t pairs_ms(const struct selection *s)
{
	const struct judging *j = s->judging;
	size_t n_calls = 0;

	if (s->row.judge_model_id == 0 || s->at >= STEP_JUDGE || (j && j->state == JUDGE_FAILED))
		return 0;
	if (!j || j->n_calls == 0 || !s->material)
		return -1;
	for (size_t i = 0; i < s->material->n_answered; i++)
		if (!s->material->is_short[s->material->answered[i]])
			n_calls += plan_calls(s->material->n_columns);
	return (int64_t)((double)n_calls * (double)(selection_step_ms(s, STEP_EXAM) + selection_step_ms(s, STEP_JUDGE)) / (double)j->n_calls);
}

/* Rounds to come take as long for a question as those before. */
static int64_t rounds_ms(const struct selection *s, int64_t rest)
{
	int64_t n = s->material ? (int64_t)s->material->n_questions : s->n_questions, spent = 0;

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
	parts[1] = likelihood_ms(s);
	parts[2] = pairs_ms(s);
	if (parts[0] < 0 || parts[2] < 0)
		return left == INT64_MAX ? -1 : left;
	int64_t rest = parts[0] + parts[1] + parts[2];
	rest += rounds_ms(s, rest);
	return rest < left ? rest : left;
}
