/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "cli/growing.h"

static void each_part_is_shown_once(void **state)
{
	struct growing g = { 0 };
	bool anew;
	(void)state;
	assert_string_equal(growing_next(&g, "", &anew), "");
	assert_string_equal(growing_next(&g, "The K7", &anew), "The K7");
	assert_string_equal(growing_next(&g, "The K7", &anew), "");
	assert_string_equal(growing_next(&g, "The K7 runs", &anew), " runs");
	assert_false(anew);
	growing_release(&g);
}

/* Between the last word and the commit the cell reads as empty for a moment. */
static void a_text_that_is_gone_for_a_moment_is_not_a_new_one(void **state)
{
	struct growing g = { 0 };
	bool anew;
	(void)state;
	growing_next(&g, "The K7 runs from", &anew);
	assert_string_equal(growing_next(&g, "", &anew), "");
	assert_false(anew);
	assert_string_equal(growing_next(&g, "The K7", &anew), "");
	assert_false(anew);
	assert_string_equal(growing_next(&g, "The K7 runs from the", &anew), " the");
	assert_false(anew);
	growing_release(&g);
}

static void an_answer_that_begins_again_is_told_apart(void **state)
{
	struct growing g = { 0 };
	bool anew;
	(void)state;
	growing_next(&g, "The K7", &anew);
	assert_string_equal(growing_next(&g, "It", &anew), "It");
	assert_true(anew);
	assert_string_equal(growing_next(&g, "It is", &anew), " is");
	assert_false(anew);
	growing_release(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_is_shown_once),
		cmocka_unit_test(a_text_that_is_gone_for_a_moment_is_not_a_new_one),
		cmocka_unit_test(an_answer_that_begins_again_is_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
