/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/wilcoxon.h"

#define MAX 64

static size_t read_numbers(const json_t *list, double out[MAX])
{
	size_t n = json_array_size(list);

	assert_true(n > 0 && n <= MAX);
	for (size_t i = 0; i < n; i++)
		out[i] = json_number_value(json_array_get(list, i));
	return n;
}

static void check(const json_t *entry, const char *key, struct wilcoxon w)
{
	const json_t *wanted = json_object_get(entry, key);

	assert_golden(key, w.statistic, json_number_value(json_array_get(wanted, 0)), 1e-9);
	assert_golden(key, w.p, json_number_value(json_array_get(wanted, 1)), 1e-9);
}

static void signed_ranks_agree_with_scipy(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	double d[MAX];
	size_t i, n_exact = 0;

	(void)state;
	json_array_foreach(json_object_get(file, "wilcoxon_signed_rank"), i, entry) {
		size_t n = read_numbers(json_object_get(entry, "d"), d);
		struct wilcoxon exact;
		check(entry, "wilcox_approx_cc", wilcoxon_normal(d, n, false));
		check(entry, "pratt_approx_cc", wilcoxon_normal(d, n, true));
		bool is_exact = wilcoxon_exact(d, n, &exact);
		assert_true(is_exact == json_is_array(json_object_get(entry, "exact")));
		assert_true(wilcoxon(d, n).is_exact == is_exact);
		if (is_exact)
			check(entry, "exact", exact);
		n_exact += is_exact;
	}
	assert_int_equal(i, 6);
	assert_int_equal(n_exact, 3);
	json_decref(file);
}

static void sign_flips_are_counted_one_by_one(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	double d[MAX];
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(file, "sign_flip_permutation_exact"), i, entry) {
		struct sign_flip f = sign_flip_test(d, read_numbers(json_object_get(entry, "d"), d));
		assert_golden("two-sided", f.p_two_sided, json_number_value(json_object_get(entry, "p_two_sided")), 1e-9);
		assert_golden("greater", f.p_greater, json_number_value(json_object_get(entry, "p_greater")), 1e-9);
	}
	assert_int_equal(i, 4);
	json_decref(file);
}

static void no_difference_is_no_evidence(void **state)
{
	const double zeros[4] = { 0 };
	struct wilcoxon w;

	(void)state;
	assert_true(wilcoxon(zeros, 4).p == 1);
	assert_true(wilcoxon(zeros, 0).p == 1);
	assert_true(wilcoxon_normal(zeros, 4, true).p == 1);
	assert_false(wilcoxon_exact(zeros, 4, &w));
	assert_true(sign_flip_test(zeros, 4).p_two_sided == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_ranks_agree_with_scipy),
		cmocka_unit_test(sign_flips_are_counted_one_by_one),
		cmocka_unit_test(no_difference_is_no_evidence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
