/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/sequential.h"
#include "metric/splitmix.h"

static double number(const json_t *entry, const char *key)
{
	return json_number_value(json_object_get(entry, key));
}

static void the_beta_mixture_agrees_with_the_golden_values(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(file, "e_process_coin_beta_mixture"), i, entry) {
		double a = number(entry, "a"), b = number(entry, "b"), k = number(entry, "k"), n = number(entry, "n");
		const json_t *wanted = json_object_get(entry, "cs95");
		struct interval seen = confidence_sequence(k, n, 0.05, a, b);
		assert_golden("log_e", e_process_log(k, n, 0.5, a, b), number(entry, "log_e_p0_0.5"), 1e-9);
		if (wanted) {
			assert_golden("low", seen.low, json_number_value(json_array_get(wanted, 0)), 1e-9);
			assert_golden("high", seen.high, json_number_value(json_array_get(wanted, 1)), 1e-9);
		} else {
			assert_true(n == 0 && seen.low == 0 && seen.high == 1);
		}
	}
	assert_int_equal(i, 45);
	json_decref(file);
}

static void unbroken_wins_stop_where_the_table_says(void **state)
{
	static const struct {
		const char *key;
		double prior;
	} priors[] = { { "a=b=1", 1 }, { "a=b=0.5", 0.5 }, { "a=b=10", 10 } };
	json_t *file = golden_load("statistics.json"), *table = json_object_get(file, "e_process_all_wins_first_n"), *wanted;
	const char *alpha;
	double level;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_object_foreach(json_object_get(table, priors[i].key), alpha, wanted) {
			int n = 0;
			assert_true(str_to_double(str_of(alpha), &level));
			while (e_process_log(n, n, 0.5, priors[i].prior, priors[i].prior) < log(1 / level))
				n++;
			assert_int_equal(n, json_integer_value(wanted));
		}
	}
	json_decref(file);
}

static void betting_agrees_with_the_golden_values(void **state)
{
	json_t *file = golden_load("statistics.json"), *golden = json_object_get(file, "betting_hedged_plugin"), *entry, *x;
	size_t i, k;

	(void)state;
	json_array_foreach(json_object_get(golden, "cases"), i, entry) {
		struct betting b = betting_start(number(entry, "m"), number(entry, "alpha"));
		const json_t *wanted = json_object_get(entry, "log_wealth");
		assert_golden("start", betting_log_wealth(&b), 0, 1e-12);
		json_array_foreach(json_object_get(entry, "x"), k, x)
			assert_golden("wealth", betting_add(&b, json_number_value(x)), json_number_value(json_array_get(wanted, k)), 1e-9);
		assert_int_equal(k, 40);
	}
	assert_int_equal(i, 3);
	json_decref(file);
}

/* 2,000 histories of 500 fair votes, looked at after each: 5 % may stop falsely, standard error 0.5 points. */
static void looking_after_every_vote_raises_few_false_alarms(void **state)
{
	struct splitmix dice = { 13 };
	size_t false_stops[2] = { 0 };

	(void)state;
	for (size_t history = 0; history < 2000; history++) {
		struct betting b = betting_start(0.5, 0.05);
		bool stopped[2] = { false };
		double wins = 0;
		for (int n = 1; n <= 500; n++) {
			bool win = splitmix_next(&dice) >> 63;
			wins += win;
			stopped[0] = stopped[0] || e_process_log(wins, n, 0.5, E_PROCESS_PRIOR, E_PROCESS_PRIOR) >= log(20);
			stopped[1] = stopped[1] || betting_add(&b, win) >= log(20);
		}
		false_stops[0] += stopped[0];
		false_stops[1] += stopped[1];
	}
	assert_in_range(false_stops[0], 1, 100);
	assert_in_range(false_stops[1], 1, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_beta_mixture_agrees_with_the_golden_values),
		cmocka_unit_test(unbroken_wins_stop_where_the_table_says),
		cmocka_unit_test(betting_agrees_with_the_golden_values),
		cmocka_unit_test(looking_after_every_vote_raises_few_false_alarms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
