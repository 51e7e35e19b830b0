/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "judge/decision.h"
#include "judge/plan.h"
#include "selection/selection_judge.h"
#include "store/question_store.h"

#define CAUTION 0.9	  /* of what is left may be planned: measured speeds vary */
#define ANSWER_S 0.5	  /* where nothing was answered for this start */
#define ROUND_MIN_S 5	  /* for less no further round is begun */

bool selection_may_ask_more(const struct selection *s)
{
	return !s->is_last_round && !s->is_time_up && s->material->n_questions < (size_t)s->n_set_questions;
}

/* --- what there is time for --- */

struct round_chore {
	struct chore chore;
	struct material *material; /* the selection's: it is not touched meanwhile */
	struct opinions opinions;
	struct plan_request request;
	int64_t run_id, question_set_id;
	size_t from, n; /* questions of the set that are added */
	bool is_out[LIMIT_COLUMNS];
	bool has_raced, is_settled, is_last;
};

static size_t count_in(const struct round_chore *r)
{
	size_t n = 0;

	for (size_t c = 0; c < r->material->n_columns; c++)
		n += !r->is_out[c];
	return n;
}

static struct evidence evidence_so_far(const struct round_chore *r)
{
	struct evidence e = material_evidence(r->material);

	e.pairs = r->opinions.pairs;
	e.n_pairs = r->opinions.n_pairs;
	e.has_judge = r->opinions.has_card;
	e.judge_is_fit = r->opinions.state == JUDGE_PASSED;
	return e;
}

static void run_plan(struct task *task, void *context)
{
	struct round_chore *r = (struct round_chore *)task;
	struct evidence e = evidence_so_far(r);

	(void)context;
	r->from = r->material->n_questions;
	if (r->request.budget_s > 0 && plan_is_settled(&e, r->is_out)) {
		r->is_settled = true;
		return;
	}
	struct plan_result plan = plan_make(&r->request);
	if (plan.n_finalists < r->request.n_candidates || plan.n_questions < r->request.n_questions) {
		/* No time for all: those that the leader beats for certain go. */
		r->has_raced = plan_race(&e, r->is_out) > 0;
		r->request.n_candidates = count_in(r);
		plan = plan_make(&r->request);
	}
	r->n = plan.n_questions > r->from ? plan.n_questions - r->from : 0;
	if (r->request.budget_s > 0)
		r->n = plan_round(r->from, r->n);
	r->is_last = r->from + r->n >= plan.n_questions;
}

/* --- adding them --- */

static void run_add(struct task *task, void *context)
{
	struct round_chore *r = (struct round_chore *)task;
	struct question *questions;
	int64_t total;
	size_t n;

	if (question_set_read(context, r->chore.arena, r->question_set_id, (int64_t)r->from, (int64_t)r->n, &questions, &n, &total,
			      &task->err) == ERR_OK &&
	    n > 0)
		(void)!run_store_add_questions_for(context, r->run_id, questions, n, r->is_out, &task->err);
}

static void home_added(struct chore *c)
{
	if (!chore_failed(c))
		step_again(c->s, STEP_ANSWERS);
}

static void drop(struct selection *s, const struct round_chore *r)
{
	struct selection_params *p = &s->params;

	if (!r->has_raced)
		return;
	p->n_raced = (int64_t)r->from;
	p->n_dropped = 0;
	for (size_t c = 0; c < r->material->n_columns; c++)
		if (r->is_out[c])
			p->dropped[p->n_dropped++] = r->material->columns[c].id;
}

static void home_planned(struct chore *c)
{
	struct round_chore *r = (struct round_chore *)c, *add;
	struct selection *s = c->s;

	s->is_last_round = true;
	if (chore_failed(c))
		return;
	if (r->is_settled) {
		s->is_settled = true;
		s->params.n_raced = (int64_t)r->material->answered[r->material->n_answered - DECISION_FRESH_MIN];
		begin_decision(s);
		return;
	}
	if (r->n == 0) {
		s->is_time_up = r->from < (size_t)s->n_set_questions;
		begin_decision(s);
		return;
	}
	log_info("selection", "%lld: %zu more questions for %zu candidates", (long long)s->row.id, r->n, count_in(r));
	drop(s, r);
	selection_give_machine(s); /* the run needs it */
	add = chore_new(s, sizeof *add, run_add, home_added);
	add->run_id = s->row.run_id;
	add->question_set_id = s->row.question_set_id;
	add->from = r->from;
	add->n = r->n;
	for (size_t i = 0; i < LIMIT_COLUMNS; i++)
		add->is_out[i] = r->is_out[i];
	s->is_last_round = r->is_last;
	chore_write(&add->chore);
}

static double judge_s(const struct selection *s)
{
	return judging_calls(s) > 0 ? judging_call_ms(s) / 1000 * (double)judging_calls(s) : 0;
}

/* From what this start measured.  Of all calls that there could be the judge is asked only those that nothing else decides: its
 * time is spread over them all. */
static struct plan_speeds speeds(const struct selection *s, size_t n_candidates)
{
	struct plan_speeds out = { .answer_s = ANSWER_S };
	size_t n_calls = s->material->n_answered * plan_calls(n_candidates);

	if (s->n_new_cells > 0)
		out.answer_s = (double)selection_step_ms(s, STEP_ANSWERS) / 1000 / (double)s->n_new_cells;
	if (judging_calls(s) > 0 && n_calls > 0)
		out.judge_call_s = judge_s(s) / (double)n_calls;
	return out;
}

void begin_round(struct selection *s)
{
	int64_t left_ms = selection_left_ms(s);

	if (!selection_may_ask_more(s)) {
		/* Fewer questions than were there: the time did not suffice. */
		s->is_time_up |= s->params.budget_s > 0 && s->material->n_questions < (size_t)s->n_set_questions;
		begin_decision(s);
		return;
	}
	struct round_chore *r = chore_new(s, sizeof *r, run_plan, home_planned);
	r->material = s->material;
	r->opinions = judging_opinions(s);
	r->run_id = s->row.run_id;
	r->question_set_id = s->row.question_set_id;
	for (size_t c = 0; c < s->material->n_columns; c++)
		r->is_out[c] = s->material->is_out[c];
	r->request = (struct plan_request){
		.n_questions = (size_t)s->n_set_questions,
		.n_candidates = count_in(r),
		.n_stored = s->material->n_questions * count_in(r),
		.speeds = speeds(s, count_in(r)),
	};
	/* The plan counts the calls of the questions that are done, too. */
	if (left_ms != INT64_MAX)
		r->request.budget_s = left_ms > ROUND_MIN_S * 1000 ? CAUTION * (double)left_ms / 1000 + judge_s(s) : 0.001;
	chore_work(&r->chore);
}
