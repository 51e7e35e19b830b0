/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "model/weights.h"

static void names_go_both_ways(void **state)
{
	enum weights w = WEIGHTS_STORED;
	(void)state;
	assert_string_equal(weights_name(WEIGHTS_STORED), "stored");
	assert_true(weights_named("Q8_0", &w));
	assert_int_equal(w, WEIGHTS_Q8_0);
	assert_string_equal(weights_name(w), "q8_0");
	assert_false(weights_named("q4_0", &w) || weights_named("", &w));
	assert_int_equal(w, WEIGHTS_Q8_0);
	assert_true(weights_named("stored", &w) && w == WEIGHTS_STORED);
}

static void sixteen_bits_become_about_half(void **state)
{
	(void)state;
	assert_true(weights_can_be_q8("F16") && weights_can_be_q8("BF16") && weights_can_be_q8("F32"));
	assert_false(weights_can_be_q8("Q8_0") || weights_can_be_q8("Q4_K_M") || weights_can_be_q8(""));
	assert_int_equal(weights_q8_size("F16", 1600), 850);
	assert_int_equal(weights_q8_size("F32", 3200), 850);
	assert_int_equal(weights_q8_size("Q4_1", 1600), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(sixteen_bits_become_about_half),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
