/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "judge/plan.h"
#include "support/check.h"
#include "support/judge_world.h"

static struct plan_request request(size_t n_questions, double budget_s)
{
	return (struct plan_request){ .n_questions = n_questions, .n_candidates = 6, .n_exam_calls = 92, .budget_s = budget_s,
				      .speeds = { .answer_s = 0.5, .load_s = 10, .judge_call_s = 0.1 } };
}

static void all_fits_in_enough_time(void **state)
{
	struct plan_request r = request(200, 0);
	struct plan_result p = plan_make(&r);

	(void)state;
	assert_true(p.fits && p.n_questions == 200 && p.n_raced == 200 && p.n_finalists == 6);
	assert_int_equal(p.n_judge_calls, 92 + 200 * 30);
	assert_near(p.seconds, 10 + 1200 * 0.5 + 6092 * 0.1, 1e-9);
	r.n_stored = 1200;
	assert_int_equal(plan_make(&r).n_answers, 0);
	r.budget_s = p.seconds;
	assert_int_equal(plan_make(&r).n_questions, 200);
}

static void less_time_means_finalists_then_fewer_questions(void **state)
{
	struct plan_request r = request(200, 1100);
	struct plan_result p = plan_make(&r), less;

	(void)state;
	assert_true(p.fits && p.n_questions == 200 && p.n_raced == 40 && p.n_finalists == 5);
	r.budget_s = 600;
	less = plan_make(&r);
	assert_true(less.fits && less.n_questions < 200 && less.n_questions > 40 && less.seconds <= 600);
	r.n_questions = less.n_questions + 1;
	assert_int_equal(plan_make(&r).n_questions, less.n_questions); /* one more would not fit */
}

static void never_below_40_questions(void **state)
{
	struct plan_request r = request(200, 5);
	struct plan_result p = plan_make(&r);

	(void)state;
	assert_true(!p.fits && p.n_questions == 40 && p.n_finalists == 6 && p.seconds > 5);
	r.n_questions = 12;
	assert_int_equal(plan_make(&r).n_questions, 12);
	r.speeds.judge_call_s = 0; /* no judge */
	assert_int_equal(plan_make(&r).n_judge_calls, 0);
}

/* Races in a world where model 3 is far ahead of 1 and 2; drops after `n` questions. */
static size_t race(size_t n, double lead, bool is_dropped[EVIDENCE_CANDIDATES_MAX])
{
	struct world w = { .n_questions = n, .n_models = 6, .agreement = 0.8, .mu = { -lead, 0, 0, lead, lead, -lead } };
	struct evidence e = { .n_questions = n, .n_candidates = 6, .epoch = WORLD_EPOCHS, .has_judge = true, .judge_is_fit = true };
	struct splitmix dice = { 5 };
	struct judged_pair *pairs = world_judge(&w, &dice, &e.n_pairs);

	e.pairs = pairs;
	size_t n_dropped = plan_race(&e, is_dropped);
	mem_free(pairs);
	return n_dropped;
}

static void racing_leaves_the_hopeless_behind(void **state)
{
	bool is_dropped[EVIDENCE_CANDIDATES_MAX] = { false };

	(void)state;
	assert_int_equal(race(39, 3, is_dropped), 0);
	assert_true(race(100, 1.5, is_dropped) >= 1);
	assert_true(is_dropped[5] && !is_dropped[3] && !is_dropped[4]);
	assert_false(is_dropped[0]); /* the base model stays, however bad */
	memset(is_dropped, 0, sizeof is_dropped);
	assert_int_equal(race(200, 0, is_dropped), 0);
	for (size_t c = 0; c < 4; c++)
		is_dropped[c] = c > 0;
	assert_int_equal(race(200, 3, is_dropped), 0); /* two are left */
}

/* Looks after each round, as an automatic validation does; questions asked when it ended, and who led. */
static size_t settle(double lead, uint64_t seed)
{
	struct world w = { .n_questions = 300, .n_models = 4, .agreement = 0.8, .mu = { 0, 0, 0, lead } };
	struct evidence e = { .n_questions = PLAN_QUESTIONS_MIN, .n_candidates = 4, .epoch = WORLD_EPOCHS, .has_judge = true, .judge_is_fit = true };
	struct splitmix dice = { seed };
	struct judged_pair *pairs = world_judge(&w, &dice, &e.n_pairs);
	bool nobody[EVIDENCE_CANDIDATES_MAX] = { false };

	e.pairs = pairs;
	while (!plan_is_settled(&e, nobody) && e.n_questions < w.n_questions)
		e.n_questions += plan_round(e.n_questions, w.n_questions - e.n_questions);
	mem_free(pairs);
	return e.n_questions;
}

static void it_ends_where_more_would_not_change_the_result(void **state)
{
	(void)state;
	assert_int_equal(settle(3, 1), PLAN_QUESTIONS_MIN + DECISION_FRESH_MIN); /* the earliest: 20 are never looked at */
	assert_in_range(settle(1, 2), PLAN_QUESTIONS_MIN + DECISION_FRESH_MIN, 202);
	for (uint64_t seed = 3; seed < 23; seed++)
		assert_int_equal(settle(0, seed), 300);
}

static void rounds_grow_with_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(plan_round(40, 1000), 20);
	assert_int_equal(plan_round(60, 1000), 30);
	assert_int_equal(plan_round(60, 7), 7);
	assert_int_equal(plan_round(400, 1000), 200);
	assert_int_equal(plan_round(400, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_fits_in_enough_time), cmocka_unit_test(less_time_means_finalists_then_fewer_questions),
		cmocka_unit_test(never_below_40_questions), cmocka_unit_test(racing_leaves_the_hopeless_behind),
		cmocka_unit_test(it_ends_where_more_would_not_change_the_result), cmocka_unit_test(rounds_grow_with_what_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
