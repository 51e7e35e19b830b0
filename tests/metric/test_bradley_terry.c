/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/bradley_terry.h"
#include "metric/splitmix.h"

static size_t read_matrix(const json_t *rows, double *out)
{
	size_t n = json_array_size(rows);

	for (size_t i = 0; i < n * n; i++)
		out[i] = json_number_value(json_array_get(json_array_get(rows, i / n), i % n));
	return n;
}

static void check_pair(const struct bradley_terry *fit, const char *key, const json_t *wanted)
{
	struct str rest = str_of(key);
	uint64_t i, j;

	assert_true(str_to_u64(str_split(&rest, '-'), &i) && str_to_u64(rest, &j));
	assert_golden(key, fit->theta[i] - fit->theta[j], json_number_value(json_object_get(wanted, "diff")), 1e-6);
	assert_golden(key, bradley_terry_se_difference(fit, i, j), json_number_value(json_object_get(wanted, "se")), 1e-6);
}

static void strengths_and_errors_agree_with_choix(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry, *wanted;
	double wins[BRADLEY_TERRY_MAX * BRADLEY_TERRY_MAX];
	struct bradley_terry fit;
	const char *key;
	size_t at;

	(void)state;
	json_array_foreach(json_object_get(file, "bradley_terry_choix"), at, entry) {
		size_t n = read_matrix(json_object_get(entry, "wins_matrix"), wins);
		bradley_terry(wins, NULL, n, &fit);
		assert_true(fit.converged && !fit.has_phantom);
		for (size_t i = 0; i < n; i++) {
			const json_t *elo = json_object_get(entry, "elo");
			assert_golden("theta", fit.theta[i], json_number_value(json_array_get(json_object_get(entry, "theta_sum0"), i)), 1e-6);
			assert_golden("se", bradley_terry_se(&fit, i), json_number_value(json_array_get(json_object_get(entry, "se_sum0"), i)), 1e-6);
			assert_golden("elo", bradley_terry_elo(fit.theta[i]), json_number_value(json_array_get(elo, i)), 1e-6);
		}
		json_object_foreach(json_object_get(entry, "pair_diffs"), key, wanted)
			check_pair(&fit, key, wanted);
		assert_golden("loglik", fit.log_likelihood, json_number_value(json_object_get(entry, "loglik")), 1e-6);
	}
	assert_int_equal(at, 4);
	json_decref(file);
}

static void davidson_agrees_with_a_general_maximizer(void **state)
{
	json_t *file = golden_load("statistics.json"), *entry;
	double wins[BRADLEY_TERRY_MAX * BRADLEY_TERRY_MAX], ties[BRADLEY_TERRY_MAX * BRADLEY_TERRY_MAX];
	struct bradley_terry fit;
	size_t at;

	(void)state;
	json_array_foreach(json_object_get(file, "davidson_ties_scipy_mle"), at, entry) {
		size_t n = read_matrix(json_object_get(entry, "wins_matrix"), wins);
		double tolerance = json_number_value(json_object_get(entry, "tol_abs"));
		read_matrix(json_object_get(entry, "ties_matrix"), ties);
		bradley_terry(wins, ties, n, &fit);
		assert_true(fit.converged && !fit.has_phantom);
		for (size_t i = 0; i < n; i++)
			assert_golden("theta", fit.theta[i], json_number_value(json_array_get(json_object_get(entry, "theta_sum0"), i)), tolerance);
		assert_golden("nu", fit.nu, json_number_value(json_object_get(entry, "nu")), tolerance);
		assert_golden("loglik", fit.log_likelihood, json_number_value(json_object_get(entry, "loglik")), tolerance);
	}
	assert_int_equal(at, 3);
	json_decref(file);
}

static void who_wins_everything_gets_a_finite_strength(void **state)
{
	const double wins[9] = { 0, 5, 5, 0, 0, 3, 0, 2, 0 }, none[9] = { 0 }, ties[9] = { 0, 2, 2, 2, 0, 2, 2, 2, 0 };
	struct bradley_terry fit;

	(void)state;
	bradley_terry(wins, NULL, 3, &fit);
	assert_true(fit.has_phantom && fit.converged);
	assert_true(fit.theta[0] > fit.theta[1] && fit.theta[1] > fit.theta[2] && fit.theta[0] < 10);
	assert_golden("sum", fit.theta[0] + fit.theta[1] + fit.theta[2], 0, 1e-9);
	assert_true(bradley_terry_se(&fit, 0) > 0 && isfinite(bradley_terry_se_difference(&fit, 0, 2)));

	bradley_terry(none, NULL, 3, &fit); /* nobody has played */
	assert_true(fit.converged && fit.theta[0] == 0 && fit.theta[2] == 0);

	bradley_terry(none, ties, 3, &fit);
	assert_true(fit.converged && fit.has_phantom && fabs(fit.theta[1]) < 1e-9 && fit.nu > 1 && isfinite(fit.nu));
}

static void scaling_all_games_keeps_the_strengths(void **state)
{
	double wins[16] = { 0, 30, 35, 20, 20, 0, 28, 26, 15, 22, 0, 25, 30, 24, 25, 0 };
	struct bradley_terry once, often;

	(void)state;
	bradley_terry(wins, NULL, 4, &once);
	for (size_t i = 0; i < 16; i++)
		wins[i] *= 4;
	bradley_terry(wins, NULL, 4, &often);
	for (size_t i = 0; i < 4; i++)
		assert_golden("theta", often.theta[i], once.theta[i], 1e-9);
	assert_golden("se", 2 * bradley_terry_se_difference(&often, 0, 1), bradley_terry_se_difference(&once, 0, 1), 1e-9);
}

static void the_bootstrap_draws_whole_questions_whatever_their_order(void **state)
{
	struct comparison list[300], reversed[300];
	struct bootstrap_options o = bootstrap_defaults();
	struct bradley_terry_spread s, again;
	struct splitmix dice = { 17 };
	atomic_bool cancel = true;

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		uint16_t a = (uint16_t)(i % 3), b = (uint16_t)((i + 1) % 3);
		size_t chance = a == 0 ? 70 : b == 0 ? 30 : 50; /* model 0 wins 70 % */
		list[i] = (struct comparison){ i / 3, a, b, splitmix_below(&dice, 100) < chance };
		reversed[299 - i] = list[i];
	}
	o.n_resamples = 300;
	assert_true(bradley_terry_bootstrap(list, 300, 3, 100, &o, &s));
	assert_true(bradley_terry_bootstrap(reversed, 300, 3, 100, &o, &again));
	assert_golden("sum", s.first[0] + s.first[1] + s.first[2], 1, 1e-9);
	assert_true(s.first[0] > 0.95);
	assert_true(s.theta[0].low > s.theta[1].low && s.theta[0].low < s.theta[0].high);
	for (size_t m = 0; m < 3; m++)
		assert_true(s.theta[m].low == again.theta[m].low && s.theta[m].high == again.theta[m].high);
	o.cancel = &cancel;
	assert_false(bradley_terry_bootstrap(list, 300, 3, 100, &o, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strengths_and_errors_agree_with_choix),
		cmocka_unit_test(davidson_agrees_with_a_general_maximizer),
		cmocka_unit_test(who_wins_everything_gets_a_finite_strength),
		cmocka_unit_test(scaling_all_games_keeps_the_strengths),
		cmocka_unit_test(the_bootstrap_draws_whole_questions_whatever_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
