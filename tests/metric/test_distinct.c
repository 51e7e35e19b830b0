/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"
#include "metric/distinct.h"

static void check_case(const struct golden_case *c, void *context)
{
	(void)context;
	assert_golden(c->id, distinct(c->answer, 1), golden_expected(c, "distinct1"), 1e-9);
	assert_golden(c->id, distinct(c->answer, 2), golden_expected(c, "distinct2"), 1e-9);
}

static void distinct_n_agrees_with_the_golden_cases(void **state)
{
	(void)state;
	golden_each(check_case, NULL);
}

static void the_tail_counts_its_own_pairs_only(void **state)
{
	struct text_space *space = text_space_new();
	struct text *t = text_new(space, STR("a b c d x y x y x"));

	(void)state;
	assert_golden("4", distinct_2_of_tail(t, TEXT_MIXED, 4), 2.0 / 3, 1e-12);
	assert_golden("9", distinct_2_of_tail(t, TEXT_MIXED, 9), 6.0 / 8, 1e-12);
	assert_true(distinct_2_of_tail(t, TEXT_MIXED, 10) == 1);
	text_space_free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distinct_n_agrees_with_the_golden_cases),
		cmocka_unit_test(the_tail_counts_its_own_pairs_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
