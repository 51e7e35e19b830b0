/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"
#include "worker/calibrate.h"
#include "worker/plan.h"

static void buckets_grow_by_halves_of_powers(void **state)
{
	(void)state;
	static const int pairs[][2] = { { 0, 1024 }, { 1, 1024 }, { 1024, 1024 }, { 1025, 1536 }, { 1536, 1536 },
					{ 1537, 2048 }, { 2049, 3072 }, { 3073, 4096 }, { 4097, 6144 }, { 100000, 131072 } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_int_equal(plan_bucket(pairs[i][0]), pairs[i][1]);
}

static void as_many_slots_as_fit_with_the_largest_cells(void **state)
{
	(void)state;
	const int own[] = { 100, 300, 200, 0, 50 };
	struct plan p = plan_group(own, 5, 24, 8, 4096);
	assert_int_equal(p.slots, 4); /* the cell that was left out takes none */
	assert_int_equal(p.n_ctx, 1024);
	p = plan_group(own, 5, 24, 2, 4096);
	assert_int_equal(p.slots, 2);
	p = plan_group(own, 5, 24, 8, 524);
	assert_int_equal(p.slots, 2); /* 24 + 300 + 200 */
	p = plan_group(own, 5, 24, 8, 523);
	assert_int_equal(p.slots, 1);
}

static void the_context_is_never_smaller_than_what_it_must_hold(void **state)
{
	(void)state;
	const int own[] = { 900, 900, 900 };
	for (int kv = 901; kv < 4000; kv++) {
		struct plan p = plan_group(own, 3, 1, 3, kv);
		assert_true(p.slots >= 1);
		assert_true(p.n_ctx >= 1 + 900 * p.slots);
		assert_true(p.n_ctx < kv + 256);
		assert_int_equal(p.n_ctx % 256, 0);
	}
}

static void a_group_without_cells_has_no_slots(void **state)
{
	(void)state;
	const int own[] = { 0, 0 };
	assert_int_equal(plan_group(own, 2, 10, 4, 1000).slots, 0);
	assert_int_equal(plan_group(own, 0, 10, 4, 1000).slots, 0);
}

static void the_fewest_slots_near_the_best_rate_are_chosen(void **state)
{
	(void)state;
	struct rate rates[] = { { 1, 100 }, { 2, 190 }, { 4, 300 }, { 8, 372 }, { 16, 400 }, { 32, 0 } };
	assert_int_equal(calibrate_choose(rates, 6), 8);
	rates[3].tokens_per_s = 367;
	assert_int_equal(calibrate_choose(rates, 6), 16);
	assert_int_equal(calibrate_choose(rates, 1), 1);
	assert_int_equal(calibrate_choose(rates, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_grow_by_halves_of_powers),
		cmocka_unit_test(as_many_slots_as_fit_with_the_largest_cells),
		cmocka_unit_test(the_context_is_never_smaller_than_what_it_must_hold),
		cmocka_unit_test(a_group_without_cells_has_no_slots),
		cmocka_unit_test(the_fewest_slots_near_the_best_rate_are_chosen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
