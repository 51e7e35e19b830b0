/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/correlation.h"

static void orders_agree_with_their_definitions_in_numpy(void **state)
{
	const double x[] = { 1, 2, 3, 4, 5, 6 }, y[] = { 2, 1, 4, 3, 6, 5 }, ties[] = { 1, 1, 2, 2, 2, 3 };

	(void)state;
	assert_golden("rho", spearman(x, y, 6), 0.82857142857142863, 1e-12);
	assert_golden("tau", kendall(x, y, 6), 0.6, 1e-12);
	assert_golden("rho with ties", spearman(x, ties, 6), 0.92582009977255146, 1e-12);
	assert_golden("tau with ties", kendall(x, ties, 6), 0.85634883857767519, 1e-12);
	assert_golden("rho of ties", spearman(y, ties, 6), 0.80237741980287800, 1e-12);
	assert_golden("tau of ties", kendall(y, ties, 6), 0.70064904974537070, 1e-12);
}

static void the_same_order_is_1_and_the_other_way_round_minus_1(void **state)
{
	const double x[] = { 0.1, 0.5, 0.7, 2 }, up[] = { -3, 0, 8, 9 }, down[] = { 5, 4, 3, -9 }, same[] = { 1, 1, 1, 1 };

	(void)state;
	assert_golden("up", spearman(x, up, 4), 1, 1e-12);
	assert_golden("up", kendall(x, up, 4), 1, 1e-12);
	assert_golden("down", spearman(x, down, 4), -1, 1e-12);
	assert_golden("down", kendall(x, down, 4), -1, 1e-12);
	assert_true(isnan(spearman(x, same, 4)) && isnan(kendall(same, x, 4)));
	assert_true(isnan(spearman(x, up, 1)) && isnan(kendall(x, up, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_agree_with_their_definitions_in_numpy),
		cmocka_unit_test(the_same_order_is_1_and_the_other_way_round_minus_1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
