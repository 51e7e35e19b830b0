/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "judge/opinion.h"
#include "support/check.h"

static struct opinion opinion(double p1, double p2)
{
	return opinion_of((struct reading){ p1, 1 - p1 }, (struct reading){ 1 - p2, p2 });
}

static void both_orders_make_a_soft_win(void **state)
{
	struct opinion o = opinion_of((struct reading){ 0.6, 0.2 }, (struct reading){ 0.3, 0.6 });

	(void)state;
	assert_true(o.is_valid && !o.is_flipped && o.outcome == OUTCOME_WIN);
	assert_near(o.p1, 0.75, 1e-12);
	assert_near(o.p2, 2 / 3.0, 1e-12);
	assert_near(o.score, (0.75 + 2 / 3.0) / 2, 1e-12);
	assert_near(o.preference, (log(3) + log(2)) / 2, 1e-12);
	assert_near(o.slot_bias, (log(3) - log(2)) / 2, 1e-12);
	assert_near(o.mass, 0.8, 1e-12);
}

static void a_taste_for_a_slot_is_a_tie(void **state)
{
	struct opinion o = opinion(0.9, 0.1);

	(void)state;
	assert_true(o.is_flipped && o.outcome == OUTCOME_TIE);
	assert_near(o.score, 0.5, 1e-12);
	assert_near(o.preference, 0, 1e-12);
	assert_near(o.slot_bias, log(9), 1e-12);
	assert_int_equal(opinion(0.5, 0.9).outcome, OUTCOME_TIE);
	assert_int_equal(opinion(0.2, 0.4).outcome, OUTCOME_LOSS);
}

static void certainty_stays_finite(void **state)
{
	struct opinion o = opinion(1, 1);

	(void)state;
	assert_true(o.outcome == OUTCOME_WIN && isfinite(o.preference) && o.slot_bias == 0);
}

static void a_judge_that_wants_to_say_something_else_is_not_heard(void **state)
{
	(void)state;
	assert_false(opinion_of((struct reading){ 0.3, 0.1 }, (struct reading){ 0.5, 0.5 }).is_valid);
	assert_false(opinion_of((struct reading){ NAN, 0.5 }, (struct reading){ 0.5, 0.5 }).is_valid);
	assert_false(opinion_of((struct reading){ -0.2, 0.9 }, (struct reading){ 0.5, 0.5 }).is_valid);
	assert_false(opinion_of((struct reading){ 0.5, 0.5 }, (struct reading){ 3, 0.5 }).is_valid);
	struct reading r = reading_of_logprobs(log(0.25), log(0.5));
	assert_near(r.a, 0.25, 1e-12);
	assert_near(r.b, 0.5, 1e-12);
}

static void the_other_side_sees_the_reverse(void **state)
{
	struct opinion o = opinion(0.9, 0.6), y = opinion_of((struct reading){ 0.4, 0.6 }, (struct reading){ 0.9, 0.1 });

	(void)state;
	assert_near(opinion_reversed(o).score, y.score, 1e-12);
	assert_near(opinion_reversed(o).p1, y.p1, 1e-12);
	assert_near(opinion_reversed(o).slot_bias, y.slot_bias, 1e-12);
	assert_int_equal(opinion_reversed(o).outcome, OUTCOME_LOSS);
}

static void a_panel_is_the_mean_of_its_valid_judges(void **state)
{
	struct opinion judges[3] = { opinion(0.9, 0.8), { .mass = 0.1 }, opinion(0.3, 0.4) };
	struct opinion panel = opinion_of_panel(judges, 3);

	(void)state;
	assert_true(panel.is_valid && panel.outcome == OUTCOME_TIE);
	assert_near(panel.score, (0.85 + 0.35) / 2, 1e-12);
	judges[1] = opinion(0.6, 0.7);
	assert_int_equal(opinion_of_panel(judges, 3).outcome, OUTCOME_WIN);
	assert_false(opinion_of_panel(judges + 1, 0).is_valid);
}

static void replies_are_read_as_people_would(void **state)
{
	static const struct {
		const char *reply;
		double a, b;
	} CASES[] = {
		{ "A", 1, 0 }, { "b.", 0, 1 }, { "**B**", 0, 1 }, { "[[A]]", 1, 0 }, { " Answer: B\nbecause it is right", 0, 1 },
		{ "The better answer is A.", 1, 0 }, { "答案：B", 0, 1 }, { "回答 A", 1, 0 }, { "<think>B looks better, but A</think>\n\nA", 1, 0 },
		{ "A is better", 1, 0 }, { "Tie", 0.5, 0.5 }, { "平手", 0.5, 0.5 }, { "", 0, 0 }, { "Neither", 0, 0 }, { "A good answer names", 0, 0 },
		{ "Both are wrong", 0.5, 0.5 }, { "C", 0, 0 }, { "Because", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct reading r = reading_of_reply(str_of(CASES[i].reply));
		if (r.a != CASES[i].a || r.b != CASES[i].b)
			fail_msg("\"%s\" was read as %g, %g", CASES[i].reply, r.a, r.b);
	}
}

static void grades_are_expectations(void **state)
{
	(void)state;
	assert_near(opinion_grade((double[]){ 0, 0, 0.2, 0.2, 0.4 }), (0.6 + 0.8 + 2) / 0.8, 1e-12);
	assert_true(isnan(opinion_grade((double[]){ 0, 0, 0.2, 0.1, 0.1 })));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_orders_make_a_soft_win), cmocka_unit_test(a_taste_for_a_slot_is_a_tie), cmocka_unit_test(certainty_stays_finite),
		cmocka_unit_test(a_judge_that_wants_to_say_something_else_is_not_heard), cmocka_unit_test(the_other_side_sees_the_reverse),
		cmocka_unit_test(a_panel_is_the_mean_of_its_valid_judges), cmocka_unit_test(replies_are_read_as_people_would),
		cmocka_unit_test(grades_are_expectations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
