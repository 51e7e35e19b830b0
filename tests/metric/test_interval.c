/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/interval.h"
#include "metric/normal.h"
#include "metric/splitmix.h"

static double at(const json_t *pair, size_t i)
{
	return json_number_value(json_array_get(pair, i));
}

static void intervals_of_a_share_agree_with_statsmodels(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	size_t i, n_checked = 0;

	(void)state;
	json_array_foreach(json_object_get(file, "proportion_intervals"), i, entry) {
		size_t k = (size_t)json_integer_value(json_object_get(entry, "k"));
		size_t n = (size_t)json_integer_value(json_object_get(entry, "n"));
		double confidence = json_number_value(json_object_get(entry, "conf"));
		struct interval wilson = interval_wilson((double)k, (double)n, confidence);
		struct interval exact = interval_clopper_pearson(k, n, confidence);
		json_t *wanted = json_object_get(entry, "wilson"), *wanted_exact = json_object_get(entry, "clopper_pearson");
		assert_golden("wilson", wilson.low, at(wanted, 0), 1e-9);
		assert_golden("wilson", wilson.high, at(wanted, 1), 1e-9);
		assert_golden("clopper_pearson", exact.low, at(wanted_exact, 0), 1e-9);
		assert_golden("clopper_pearson", exact.high, at(wanted_exact, 1), 1e-9);
		n_checked++;
	}
	assert_int_equal(n_checked, 42);
	json_decref(file);
}

static void the_normal_quantile_inverts_the_tail(void **state)
{
	(void)state;
	assert_golden("0.975", normal_quantile(0.975), 1.959963984540054, 1e-12);
	for (double p = 1e-12; p < 0.5; p *= 3) {
		assert_golden("tail", normal_above(-normal_quantile(p)) / p, 1, 1e-9);
		assert_golden("symmetry", normal_quantile(1 - 0.25), -normal_quantile(0.25), 1e-12);
	}
	assert_true(normal_quantile(0.5) == 0);
	assert_true(isinf(normal_quantile(0)) && isinf(normal_quantile(1)));
}

static void without_a_vote_the_interval_is_everything(void **state)
{
	struct interval i = interval_wilson(0, 0, 0.95);

	(void)state;
	assert_true(i.low == 0 && i.high == 1);
	i = interval_wilson(2.5, 5, 0.95); /* two wins, two losses, one tie */
	assert_golden("symmetric", i.low, 1 - i.high, 1e-12);
}

/* Over 4,000 samples the standard error of the coverage is 0.35 points. */
static void wilson_covers_what_it_promises(void **state)
{
	static const size_t sizes[] = { 30, 100, 300 };
	struct splitmix dice = { 7 };

	(void)state;
	for (size_t s = 0; s < 3; s++) {
		size_t covered = 0;
		for (size_t trial = 0; trial < 4000; trial++) {
			size_t wins = 0;
			for (size_t i = 0; i < sizes[s]; i++)
				wins += splitmix_below(&dice, 100) < 60;
			struct interval seen = interval_wilson((double)wins, (double)sizes[s], 0.95);
			covered += seen.low <= 0.6 && 0.6 <= seen.high;
		}
		assert_in_range(covered, 3720, 3880); /* 93 to 97 % */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intervals_of_a_share_agree_with_statsmodels),
		cmocka_unit_test(the_normal_quantile_inverts_the_tail),
		cmocka_unit_test(without_a_vote_the_interval_is_everything),
		cmocka_unit_test(wilson_covers_what_it_promises),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
