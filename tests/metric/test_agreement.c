/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/agreement.h"

#define CATEGORIES 8
#define RATINGS 256

static double number(const json_t *entry, const char *key)
{
	return json_number_value(json_object_get(entry, key));
}

/* Pairs of labels as a table and as ratings of two raters. */
static size_t read_pairs(const json_t *entry, double table[CATEGORIES * CATEGORIES], double ratings[RATINGS])
{
	const json_t *a = json_object_get(entry, "a"), *b = json_object_get(entry, "b");
	size_t n = json_array_size(a);

	memset(table, 0, CATEGORIES * CATEGORIES * sizeof *table);
	for (size_t i = 0; i < n; i++) {
		size_t x = (size_t)json_integer_value(json_array_get(a, i)), y = (size_t)json_integer_value(json_array_get(b, i));
		assert_true(x < CATEGORIES && y < CATEGORIES && 2 * n <= RATINGS);
		table[x * CATEGORIES + y]++;
		ratings[i] = (double)x;
		ratings[n + i] = (double)y;
	}
	return n;
}

static void kappa_alpha_and_ac1_agree_for_two_raters(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	double table[CATEGORIES * CATEGORIES], ratings[RATINGS];
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(json_object_get(file, "agreement"), "cohen"), i, entry) {
		size_t n = read_pairs(entry, table, ratings);
		struct agreement a = agreement_of_table(table, CATEGORIES);
		assert_golden("observed", a.observed, number(entry, "percent_agreement"), 1e-9);
		if (!json_object_get(entry, "kappa")) { /* one label only: chance agrees fully */
			assert_true(isnan(a.kappa) && isnan(a.ac1) && isnan(a.kappa_se));
			assert_true(isnan(krippendorff_alpha(ratings, 2, n, ALPHA_NOMINAL)));
			continue;
		}
		const json_t *interval = json_object_get(entry, "kappa_ci95");
		assert_golden("kappa", a.kappa, number(entry, "kappa"), 1e-9);
		assert_golden("se", a.kappa_se, number(entry, "kappa_se"), 1e-9);
		assert_golden("low", a.interval.low, json_number_value(json_array_get(interval, 0)), 1e-9);
		assert_golden("high", a.interval.high, json_number_value(json_array_get(interval, 1)), 1e-9);
		assert_golden("ac1", a.ac1, number(entry, "gwet_ac1"), 1e-9);
		assert_golden("alpha", krippendorff_alpha(ratings, 2, n, ALPHA_NOMINAL), number(entry, "alpha_nominal"), 1e-9);
	}
	assert_int_equal(i, 4);
	json_decref(file);
}

static void alpha_leaves_missing_votes_out(void **state)
{
	json_t *file = golden_load("statistics.json");
	const json_t *golden = json_object_get(json_object_get(file, "agreement"), "krippendorff_missing");
	const json_t *rows = json_object_get(golden, "raters_by_units");
	size_t n_raters = json_array_size(rows), n_units = json_array_size(json_array_get(rows, 0));
	double ratings[RATINGS];

	(void)state;
	assert_true(n_raters * n_units <= RATINGS);
	for (size_t i = 0; i < n_raters * n_units; i++) {
		const json_t *value = json_array_get(json_array_get(rows, i / n_units), i % n_units);
		ratings[i] = json_is_null(value) ? NAN : json_number_value(value);
	}
	assert_golden("nominal", krippendorff_alpha(ratings, n_raters, n_units, ALPHA_NOMINAL), number(golden, "nominal"), 1e-9);
	assert_golden("ordinal", krippendorff_alpha(ratings, n_raters, n_units, ALPHA_ORDINAL), number(golden, "ordinal"), 1e-9);
	assert_golden("interval", krippendorff_alpha(ratings, n_raters, n_units, ALPHA_INTERVAL), number(golden, "interval"), 1e-9);
	json_decref(file);
}

static void fleiss_agrees_with_statsmodels(void **state)
{
	json_t *file = golden_load("statistics.json");
	const json_t *golden = json_object_get(json_object_get(file, "agreement"), "fleiss"), *table = json_object_get(golden, "table");
	size_t n_units = json_array_size(table), n_categories = json_array_size(json_array_get(table, 0));
	double counts[RATINGS];

	(void)state;
	assert_true(n_units * n_categories <= RATINGS);
	for (size_t i = 0; i < n_units * n_categories; i++)
		counts[i] = json_number_value(json_array_get(json_array_get(table, i / n_categories), i % n_categories));
	assert_golden("fleiss", fleiss_kappa(counts, n_units, n_categories), number(golden, "kappa"), 1e-9);
	json_decref(file);
}

static void check_real(const json_t *golden)
{
	const json_t *rows = json_object_get(golden, "table"), *interval = json_object_get(golden, "ci95");
	double table[9];

	for (size_t i = 0; i < 9; i++)
		table[i] = json_number_value(json_array_get(json_array_get(rows, i / 3), i % 3));
	struct agreement a = agreement_of_table(table, 3);
	assert_golden("kappa", a.kappa, number(golden, "kappa"), 1e-9);
	assert_golden("low", a.interval.low, json_number_value(json_array_get(interval, 0)), 1e-9);
	assert_golden("high", a.interval.high, json_number_value(json_array_get(interval, 1)), 1e-9);
}

static void real_votes_give_the_published_figures(void **state)
{
	json_t *file = golden_load("statistics.json"), *golden = json_object_get(file, "real_data_pandalm");

	(void)state;
	check_real(json_object_get(golden, "ann1_ann2"));
	check_real(json_object_get(golden, "pandalm7b_vs_majority"));
	json_decref(file);
}

static void nothing_rated_is_not_a_number(void **state)
{
	const double none[4] = { 0 }, lonely[] = { 1, NAN, NAN, 2 };
	struct agreement a = agreement_of_table(none, 2);

	(void)state;
	assert_true(isnan(a.observed) && isnan(a.kappa) && isnan(a.ac1));
	assert_true(isnan(krippendorff_alpha(lonely, 2, 2, ALPHA_NOMINAL)));
	assert_true(isnan(fleiss_kappa(none, 0, 2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kappa_alpha_and_ac1_agree_for_two_raters), cmocka_unit_test(alpha_leaves_missing_votes_out),
		cmocka_unit_test(fleiss_agrees_with_statsmodels),	     cmocka_unit_test(real_votes_give_the_published_figures),
		cmocka_unit_test(nothing_rated_is_not_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
