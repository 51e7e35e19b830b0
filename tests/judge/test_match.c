/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>

#include "judge/match.h"

static struct match_pair pairs[MATCH_ANSWERS_MAX];

/* `n` answers of 10 tokens; each gains `gain` a token, more or less. */
static struct match_result judge(size_t n, double without, double gain, double spread, double recorded)
{
	for (size_t i = 0; i < n; i++) {
		double own = without - 0.01 * (double)i, more = gain + spread * (i % 2 ? 1 : -1) * (1 + 0.1 * (double)i);
		pairs[i] = (struct match_pair){ 10 * own, 10 * (own + more), 10 };
	}
	return match_judge(pairs, n, recorded);
}

static void answers_that_become_likely_fit(void **state)
{
	(void)state;
	struct match_result r = judge(32, -2.2, 1.9, 0, 0.3);
	assert_int_equal(r.verdict, MATCH_FITS);
	assert_int_equal(r.n_answers, 32);
	assert_int_equal(r.n_better, 32);
	assert_int_equal(r.n_tokens, 320);
	assert_true(fabs(r.with - r.without - 1.9) < 1e-9 && r.p < 1e-5);
	assert_int_equal(judge(12, -2.2, 0.05, 0, (double)NAN).verdict, MATCH_FITS);
}

static void answers_that_become_no_likelier_do_not(void **state)
{
	(void)state;
	assert_int_equal(judge(32, -2.2, -0.5, 0, 0.3).verdict, MATCH_DOES_NOT_FIT);
	/* A broken base: what the adapter does to it is chance, even where that helps. */
	assert_int_equal(judge(32, -19, 0.4, 0, 0.3).verdict, MATCH_DOES_NOT_FIT);
}

static void what_may_be_chance_is_not_told(void **state)
{
	(void)state;
	assert_int_equal(judge(MATCH_ANSWERS_MIN - 1, -2.2, 1.9, 0, 0.3).verdict, MATCH_CANNOT_TELL);
	assert_int_equal(judge(32, -2.2, 0, 0, 0.3).verdict, MATCH_CANNOT_TELL);	 /* an adapter that does nothing */
	assert_int_equal(judge(32, -2.2, 0.005, 0.1, 0.3).verdict, MATCH_CANNOT_TELL); /* half of them better */
	assert_int_equal(judge(0, 0, 0, 0, 0.3).verdict, MATCH_CANNOT_TELL);
	assert_true(isnan(judge(0, 0, 0, 0, 0.3).with));
}

/* A base that is nearly the right one: better, but nowhere near what the trainer has seen. */
static void a_gain_far_below_the_recorded_loss_is_not_told(void **state)
{
	(void)state;
	struct match_result r = judge(32, -4, 1.4, 0, 0.03);
	assert_int_equal(r.verdict, MATCH_CANNOT_TELL);
	assert_true(match_is_more_likely(&r));
	assert_int_equal(judge(32, -4, 1.4, 0, 1.5).verdict, MATCH_FITS);
}

static void answers_without_figures_are_left_out(void **state)
{
	(void)state;
	judge(10, -2, 1, 0, (double)NAN);
	pairs[3].with = (double)NAN;
	pairs[4].n_tokens = 0;
	struct match_result r = match_judge(pairs, 10, (double)NAN);
	assert_int_equal(r.n_answers, 8);
	assert_int_equal(r.n_tokens, 80);
	assert_int_equal(r.verdict, MATCH_FITS);
	assert_string_equal(match_verdict_name(r.verdict), "fits");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_that_become_likely_fit),
		cmocka_unit_test(answers_that_become_no_likelier_do_not),
		cmocka_unit_test(what_may_be_chance_is_not_told),
		cmocka_unit_test(a_gain_far_below_the_recorded_loss_is_not_told),
		cmocka_unit_test(answers_without_figures_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
