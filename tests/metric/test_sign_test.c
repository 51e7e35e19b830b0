/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/sign_test.h"

static double number(const json_t *entry, const char *key)
{
	return json_number_value(json_object_get(entry, key));
}

static void sign_and_mcnemar_tests_agree_with_scipy(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	size_t i, n_checked = 0;

	(void)state;
	json_array_foreach(json_object_get(file, "sign_test_mcnemar_exact"), i, entry) {
		size_t wins = (size_t)number(entry, "wins"), losses = (size_t)number(entry, "losses");
		struct sign_test t = sign_test(wins, losses);
		assert_golden("two-sided", t.p_two_sided / number(entry, "p_two_sided"), 1, 1e-9);
		assert_golden("greater", t.p_greater / number(entry, "p_greater"), 1, 1e-9);
		assert_golden("mid", t.p_mid / number(entry, "mid_p_two_sided"), 1, 1e-9);
		const json_t *chi = json_object_get(entry, "mcnemar_chi2_cc");
		double statistic, p = mcnemar_chi_squared(wins, losses, &statistic);
		if (json_is_array(chi)) {
			assert_golden("chi", statistic, json_number_value(json_array_get(chi, 0)), 1e-9);
			assert_golden("chi p", p, json_number_value(json_array_get(chi, 1)), 1e-9);
		}
		n_checked++;
	}
	assert_int_equal(n_checked, 15);
	json_decref(file);
}

static void both_sides_are_alike_and_large_counts_continue_small_ones(void **state)
{
	(void)state;
	for (size_t wins = 0; wins <= 40; wins++) {
		struct sign_test a = sign_test(wins, 25), b = sign_test(25, wins);
		assert_true(a.p_two_sided == b.p_two_sided && a.p_mid == b.p_mid);
		assert_true(a.p_mid <= a.p_two_sided && a.p_two_sided <= 1 && a.p_greater > 0);
	}
	assert_true(sign_test(6, 0).p_two_sided <= 0.05 && sign_test(5, 0).p_two_sided > 0.05);
	/* 1,000 votes are summed from 2^-1000, 1,002 from a logarithm. */
	double below = sign_test(530, 470).p_two_sided, above = sign_test(531, 471).p_two_sided;
	assert_golden("next", above / below, 1, 0.01);
	assert_golden("exact", sign_test(600, 500).p_two_sided, 0.0028195449914364275, 1e-9);
	assert_true(sign_test(500000, 500000).p_two_sided == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sign_and_mcnemar_tests_agree_with_scipy),
		cmocka_unit_test(both_sides_are_alike_and_large_counts_continue_small_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
