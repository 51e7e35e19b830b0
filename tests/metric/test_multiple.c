/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/multiple.h"

#define MAX 16

static void adjusted_p_values_agree_with_statsmodels(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	double p[MAX], adjusted[MAX];
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(file, "multiple_comparisons"), i, entry) {
		const json_t *given = json_object_get(entry, "p"), *reject = json_object_get(entry, "holm_reject");
		size_t n = json_array_size(given);
		assert_true(n <= MAX);
		for (size_t k = 0; k < n; k++)
			p[k] = json_number_value(json_array_get(given, k));
		holm(p, n, adjusted);
		for (size_t k = 0; k < n; k++) {
			assert_golden("holm", adjusted[k], json_number_value(json_array_get(json_object_get(entry, "holm_adj"), k)), 1e-9);
			assert_true((adjusted[k] <= 0.05) == json_is_true(json_array_get(reject, k)));
		}
		benjamini_hochberg(p, n, p); /* in place */
		for (size_t k = 0; k < n; k++)
			assert_golden("bh", p[k], json_number_value(json_array_get(json_object_get(entry, "bh_adj"), k)), 1e-9);
	}
	assert_int_equal(i, 5);
	json_decref(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adjusted_p_values_agree_with_statsmodels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
