/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/power.h"

/* Enumerated in Python (numpy, all outcomes): win rate, questions for 80 % and 90 % with 30 % ties, without ties, at alpha / 4 with ties. */
static void questions_needed_are_those_of_the_enumeration(void **state)
{
	static const struct {
		double win_rate;
		size_t with_ties_80, with_ties_90, no_ties_80, no_ties_90, holm_80;
	} rows[] = { { 0.55, 1147, 1525, 786, 1055, 1617 },
		     { 0.60, 292, 384, 199, 263, 408 },
		     { 0.65, 131, 172, 90, 114, 183 },
		     { 0.70, 73, 96, 49, 65, 103 } };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct power_question ties = { rows[i].win_rate, 0.3, 0.05 }, plain = { rows[i].win_rate, 0, 0.05 };
		struct power_question holm = { rows[i].win_rate, 0.3, 0.0125 };
		assert_int_equal(sign_test_questions(&ties, 0.8), rows[i].with_ties_80);
		assert_int_equal(sign_test_questions(&ties, 0.9), rows[i].with_ties_90);
		assert_int_equal(sign_test_questions(&plain, 0.8), rows[i].no_ties_80);
		assert_int_equal(sign_test_questions(&plain, 0.9), rows[i].no_ties_90);
		assert_int_equal(sign_test_questions(&holm, 0.8), rows[i].holm_80);
	}
}

static void power_at_a_number_of_questions(void **state)
{
	static const size_t sizes[] = { 50, 80, 100, 200, 400 };
	static const double wanted[][5] = { { .0640, .0922, .1096, .1963, .3649 }, { .1700, .2781, .3462, .6325, .9112 } };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 5; k++) {
			struct power_question q = { i ? 0.6 : 0.55, 0.3, 0.05 };
			double seen = sign_test_power(&q, sizes[k]);
			assert_true(fabs(seen - wanted[i][k]) <= 0.0001);
		}
}

static void power_is_symmetric_and_never_above_alpha_without_a_difference(void **state)
{
	struct power_question better = { 0.6, 0.2, 0.05 }, worse = { 0.4, 0.2, 0.05 }, equal = { 0.5, 0.2, 0.05 };

	(void)state;
	for (size_t n = 0; n <= 300; n += 25) {
		assert_golden("symmetric", sign_test_power(&better, n), sign_test_power(&worse, n), 1e-9);
		assert_true(sign_test_power(&equal, n) <= 0.05);
	}
	assert_true(sign_test_power(&better, 5) == 0); /* five wins are not enough */
}

static void too_many_questions_are_said_to_be_so(void **state)
{
	struct power_question close = { 0.501, 0.3, 0.05 };

	(void)state;
	assert_int_equal(sign_test_questions(&close, 0.8), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_needed_are_those_of_the_enumeration),
		cmocka_unit_test(power_at_a_number_of_questions),
		cmocka_unit_test(power_is_symmetric_and_never_above_alpha_without_a_difference),
		cmocka_unit_test(too_many_questions_are_said_to_be_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
