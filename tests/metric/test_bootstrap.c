/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/bootstrap.h"
#include "metric/splitmix.h"

#define MAX 512

static double number(const json_t *entry, const char *key)
{
	return json_number_value(json_object_get(entry, key));
}

static size_t read_numbers(const json_t *list, double *out)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		out[i] = json_number_value(json_array_get(list, i));
	return json_array_size(list);
}

static void random_numbers_are_splitmix64(void **state)
{
	json_t *file = golden_load("statistics.json"), *golden = json_object_get(file, "splitmix64"), *hex;
	struct splitmix dice = { (uint64_t)number(golden, "seed") };
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(golden, "first5_hex"), i, hex) {
		char seen[17];
		snprintf(seen, sizeof seen, "%016llx", (unsigned long long)splitmix_next(&dice));
		assert_string_equal(seen, json_string_value(hex));
	}
	assert_int_equal(i, 5);
	json_decref(file);
}

static void the_paired_bootstrap_is_reproducible_to_the_bit(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	double d[MAX];
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(file, "paired_bootstrap_splitmix64"), i, entry) {
		size_t n = read_numbers(json_object_get(entry, "d"), d);
		struct bootstrap_options o = bootstrap_defaults();
		struct bootstrap b;
		o.n_resamples = (size_t)number(entry, "B");
		o.seed = (uint64_t)number(entry, "seed");
		assert_true(bootstrap_mean(d, NULL, n, n, &o, &b));
		const json_t *interval = json_object_get(entry, "ci95_percentile");
		assert_true(b.mean == number(entry, "mean"));
		assert_golden("low", b.interval.low, json_number_value(json_array_get(interval, 0)), 1e-15);
		assert_golden("high", b.interval.high, json_number_value(json_array_get(interval, 1)), 1e-15);
		assert_true(b.share_not_above_0 == number(entry, "frac_le_0"));
	}
	assert_int_equal(i, 3);
	json_decref(file);
}

static void whole_clusters_are_resampled(void **state)
{
	json_t *file = golden_load("statistics.json"), *golden = json_object_get(file, "clustered"), *list;
	json_t *wanted = json_object_get(golden, "bootstrap"), *interval = json_object_get(wanted, "ci95");
	struct bootstrap_options o = bootstrap_defaults();
	struct bootstrap b;
	double values[MAX];
	uint32_t cluster[MAX];
	size_t i, n = 0;

	(void)state;
	json_array_foreach(json_object_get(golden, "clusters"), i, list) {
		size_t more = read_numbers(list, values + n);
		for (size_t k = 0; k < more; k++)
			cluster[n + k] = (uint32_t)i * 2; /* every other question has no vote */
		n += more;
	}
	o.n_resamples = (size_t)number(wanted, "B");
	o.seed = (uint64_t)number(wanted, "seed");
	assert_true(bootstrap_mean(values, cluster, n, 2 * i, &o, &b));
	assert_golden("mean", b.mean, number(golden, "mean"), 1e-9);
	assert_golden("low", b.interval.low, json_number_value(json_array_get(interval, 0)), 1e-9);
	assert_golden("high", b.interval.high, json_number_value(json_array_get(interval, 1)), 1e-9);
	assert_golden("CR0", cluster_se(values, cluster, n, 2 * i), number(golden, "cluster_robust_se_CR0"), 1e-9);
	assert_golden("naive", naive_se(values, n), number(golden, "naive_se"), 1e-9);
	json_decref(file);
}

static void noninferiority_needs_the_lower_bound_above_the_margin(void **state)
{
	struct bootstrap_options o = bootstrap_defaults();
	struct noninferiority t;
	double d[200];

	(void)state;
	for (size_t i = 0; i < 200; i++)
		d[i] = i % 2 ? 0.1 : -0.11; /* mean -0.005 */
	assert_true(noninferiority(d, NULL, 200, 200, 0.02, &o, &t));
	assert_golden("mean", t.mean, -0.005, 1e-9);
	assert_true(t.holds && t.lower < -0.005 && t.lower > -0.02);
	assert_true(noninferiority(d, NULL, 200, 200, 0.01, &o, &t));
	assert_false(t.holds);
	assert_true(noninferiority(d, NULL, 4, 4, 0.02, &o, &t)); /* four questions prove nothing */
	assert_false(t.holds);
	assert_true(noninferiority(d, NULL, 0, 0, 0.02, &o, &t)); /* nor do none */
	assert_false(t.holds);
	assert_int_equal(noninferiority_n(0.2, 0.03), 275);
}

static void the_share_of_firsts_splits_ties_and_skips_missing_scores(void **state)
{
	struct bootstrap_options o = bootstrap_defaults();
	double equal[] = { 1, 1, 0, 0, 1, 1 }, missing[] = { 1, NAN, 0.5, 0.9, 1, 0.9 }, never[] = { 0, NAN, 0, NAN }, first[2];

	(void)state;
	assert_true(bootstrap_first(equal, 3, 2, &o, first));
	assert_golden("half", first[0], 0.5, 1e-9);
	assert_golden("half", first[1], 0.5, 1e-9);
	assert_true(bootstrap_first(missing, 3, 2, &o, first));
	assert_golden("all", first[0] + first[1], 1, 1e-9);
	assert_true(first[0] > 0.1 && first[1] > 0.1);
	assert_true(bootstrap_first(never, 2, 2, &o, first));
	assert_golden("never", first[0], 1, 1e-9);
}

static void a_cancelled_job_says_so(void **state)
{
	atomic_bool cancel = true;
	struct bootstrap_options o = bootstrap_defaults();
	struct bootstrap b;
	struct noninferiority t;
	double d[] = { 1, 2, 3 }, first[1];

	(void)state;
	o.cancel = &cancel;
	assert_false(bootstrap_mean(d, NULL, 3, 3, &o, &b));
	assert_false(noninferiority(d, NULL, 3, 3, 1, &o, &t));
	assert_false(bootstrap_first(d, 3, 1, &o, first));
}

static double noise(struct splitmix *dice)
{
	double sum = 0;

	for (int i = 0; i < 12; i++)
		sum += (double)(splitmix_next(dice) >> 11) / 0x1p53;
	return sum - 6;
}

/* 3,000 samples for each size: the standard error of the coverage is 0.4 points. */
static void the_cluster_interval_covers_the_truth(void **state)
{
	static const size_t sizes[] = { 30, 100 };
	struct bootstrap_options o = bootstrap_defaults();
	struct splitmix dice = { 11 };

	(void)state;
	o.n_resamples = 500;
	for (size_t s = 0; s < 2; s++) {
		size_t covered = 0;
		for (size_t trial = 0; trial < 3000; trial++) {
			double values[4 * 100];
			uint32_t cluster[4 * 100];
			size_t n = 0;
			for (size_t q = 0; q < sizes[s]; q++) {
				double shared = noise(&dice);
				for (size_t k = 0; k <= q % 4; k++, n++) {
					values[n] = 0.3 + shared + noise(&dice);
					cluster[n] = (uint32_t)q;
				}
			}
			struct bootstrap b;
			o.seed = trial;
			assert_true(bootstrap_mean(values, cluster, n, sizes[s], &o, &b));
			covered += b.interval.low <= 0.3 && 0.3 <= b.interval.high;
		}
		assert_in_range(covered, 2790, 2910); /* 93 to 97 % */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_numbers_are_splitmix64),
		cmocka_unit_test(the_paired_bootstrap_is_reproducible_to_the_bit),
		cmocka_unit_test(whole_clusters_are_resampled),
		cmocka_unit_test(noninferiority_needs_the_lower_bound_above_the_margin),
		cmocka_unit_test(the_share_of_firsts_splits_ties_and_skips_missing_scores),
		cmocka_unit_test(a_cancelled_job_says_so),
		cmocka_unit_test(the_cluster_interval_covers_the_truth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
