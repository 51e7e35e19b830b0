/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/length_control.h"
#include "metric/splitmix.h"

#define GAMES 6000

static struct comparison list[GAMES];
static double differences[GAMES];

/* Model 0 is `strength` stronger than 1 and 2 (log odds), writes `longer` units more, and raters like length by `gamma`. */
static void play(double strength, double longer, double gamma, uint64_t seed)
{
	struct splitmix dice = { seed };

	for (uint32_t i = 0; i < GAMES; i++) {
		uint16_t a = (uint16_t)(i % 3), b = (uint16_t)((i + 1) % 3);
		double own = (a == 0) - (b == 0), unit = (double)(splitmix_next(&dice) >> 11) / 0x1p53 - 0.5;
		differences[i] = own * longer + 4 * unit;
		double odds = strength * own + gamma * tanh(differences[i] / 1.5);
		list[i] = (struct comparison){ i / 3, a, b, (double)(splitmix_next(&dice) >> 11) / 0x1p53 < 1 / (1 + exp(-odds)) };
	}
}

static void strength_and_taste_for_length_are_told_apart(void **state)
{
	struct length_control fit;
	struct bradley_terry plain;
	double wins[9] = { 0 };

	(void)state;
	play(0, 1.5, 2, 5); /* no better, only longer */
	length_control(list, differences, GAMES, 3, &fit);
	for (size_t i = 0; i < GAMES; i++)
		wins[(list[i].a_wins > 0 ? list[i].a : list[i].b) * 3 + (list[i].a_wins > 0 ? list[i].b : list[i].a)]++;
	bradley_terry(wins, NULL, 3, &plain);
	assert_true(fit.converged);
	assert_true(plain.theta[0] - plain.theta[1] > 0.6);
	assert_true(fabs(fit.theta[0] - fit.theta[1]) < 0.15);
	assert_true(fit.gamma > 1.7 && fit.gamma < 2.3 && fit.longer_wins > 0.75);
	assert_true(fit.gamma_se > 0.01 && fit.gamma_se < 0.15);

	play(1, 0, 0, 6); /* better, no longer */
	length_control(list, differences, GAMES, 3, &fit);
	assert_true(fabs(fit.gamma) < 4 * fit.gamma_se && fabs(fit.longer_wins - 0.5) < 0.03);
	assert_true(fabs(fit.theta[0] - fit.theta[1] - 1) < 0.15);
}

static void the_fit_balances_wins_and_lengths(void **state)
{
	struct length_control fit;
	double seen = 0, expected = 0, squares = 0;

	(void)state;
	play(0.5, 1, 1, 7);
	length_control(list, differences, GAMES, 3, &fit);
	for (size_t i = 0; i < GAMES; i++)
		squares += differences[i] * differences[i] / GAMES;
	for (size_t i = 0; i < GAMES; i++) { /* where the likelihood is highest, gamma's equation holds */
		double z = tanh(differences[i] / sqrt(squares)), odds = fit.theta[list[i].a] - fit.theta[list[i].b] + fit.gamma * z;
		seen += list[i].a_wins * z;
		expected += z / (1 + exp(-odds));
	}
	assert_golden("prior", seen - expected, fit.gamma / 100, 1e-6);
}

static void one_sided_votes_stay_finite(void **state)
{
	struct length_control fit;
	const struct comparison one_sided[] = { { 0, 0, 1, 1 }, { 1, 0, 1, 1 }, { 2, 1, 0, 0 } };
	const double longer[] = { 3, 5, -2 }, equal[] = { 0, 0, 0 };

	(void)state;
	length_control(one_sided, longer, 3, 2, &fit);
	assert_true(fit.converged && isfinite(fit.theta[0]) && isfinite(fit.gamma) && fit.longer_wins == 1);
	length_control(one_sided, equal, 3, 2, &fit);
	assert_true(fit.converged && fit.gamma == 0 && fit.theta[0] > 0 && isnan(fit.longer_wins));
	length_control(one_sided, equal, 0, 2, &fit);
	assert_true(fit.converged && fit.theta[0] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strength_and_taste_for_length_are_told_apart),
		cmocka_unit_test(the_fit_balances_wins_and_lengths),
		cmocka_unit_test(one_sided_votes_stay_finite),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
