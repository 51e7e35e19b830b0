/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <string.h>

#include "base/limits.h"
#include "server/panel_view.h"

#define SALTS 3000

static void every_answer_has_one_place(void **state)
{
	(void)state;
	for (size_t n = 0; n <= LIMIT_COLUMNS; n++) {
		size_t order[LIMIT_COLUMNS + 1], seen[LIMIT_COLUMNS] = { 0 };
		order[n] = 99;
		panel_order("salt", 7, n, order);
		for (size_t i = 0; i < n; i++)
			seen[order[i]]++;
		for (size_t i = 0; i < n; i++)
			assert_int_equal(seen[i], 1);
		assert_int_equal(order[n], 99);
	}
}

static void the_same_question_of_the_same_rater_has_the_same_order(void **state)
{
	(void)state;
	size_t a[4], b[4];
	int other_question = 0, other_rater = 0;
	for (int64_t q = 0; q < 100; q++) {
		panel_order("ann", q, 4, a);
		panel_order("ann", q, 4, b);
		assert_memory_equal(a, b, sizeof a);
		panel_order("ann", q + 100, 4, b);
		other_question += memcmp(a, b, sizeof a) != 0;
		panel_order("bo", q, 4, b);
		other_rater += memcmp(a, b, sizeof a) != 0;
	}
	assert_true(other_question > 85 && other_rater > 85); /* 1 of 24 is the same by chance */
}

/* Each of the six orders of three answers comes as often as the others: chi-squared with 5 degrees of freedom, p = 1e-6 at 36. */
static void no_order_is_favoured(void **state)
{
	(void)state;
	int counts[6] = { 0 };
	double chi = 0;
	for (int i = 0; i < SALTS; i++) {
		char salt[16];
		size_t order[3];
		(void)str_format(salt, sizeof salt, "%d", i);
		panel_order(salt, 0, 3, order);
		counts[order[0] * 2 + (order[1] > order[2])]++;
	}
	for (int i = 0; i < 6; i++)
		chi += (counts[i] - SALTS / 6.0) * (counts[i] - SALTS / 6.0) / (SALTS / 6.0);
	assert_true(chi < 36);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_one_place),
		cmocka_unit_test(the_same_question_of_the_same_rater_has_the_same_order),
		cmocka_unit_test(no_order_is_favoured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
