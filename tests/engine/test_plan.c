/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/plan.h"

#include "support/check.h"

static struct plan plan_of(const int64_t *starts, size_t n_starts, int64_t n_questions, int64_t slots, bool is_fast)
{
	return (struct plan){ starts, n_starts, n_questions, slots, is_fast };
}

static void check_covers(const struct plan *p)
{
	int64_t at = 0;

	while (at < p->n_questions) {
		struct plan_group g = plan_group_at(p, at);
		assert_int_equal(g.first, at);
		assert_true(g.count > 0);
		at += g.count;
	}
	assert_int_equal(at, p->n_questions);
	assert_int_equal(plan_group_at(p, at).count, 0);
}

static void the_first_question_stands_alone_and_then_come_four_times_the_slots(void **state)
{
	int64_t starts[] = { 0 };
	struct plan p = plan_of(starts, 1, 100, 8, false);

	(void)state;
	assert_int_equal(plan_group_at(&p, 0).count, 1);
	assert_int_equal(plan_group_at(&p, 1).count, 32);
	assert_int_equal(plan_group_at(&p, 33).count, 32);
	assert_int_equal(plan_group_at(&p, 97).count, 3);
}

static void every_question_is_in_exactly_one_group(void **state)
{
	(void)state;
	for (int64_t n = 0; n < 90; n++) {
		for (int64_t slots = 1; slots <= 12; slots += 3) {
			int64_t starts[] = { 0, n / 3, n / 2 };
			for (size_t parts = 1; parts <= 3; parts++) {
				struct plan exact = plan_of(starts, parts, n, slots, false);
				struct plan fast = plan_of(starts, parts, n, slots, true);
				check_covers(&exact);
				check_covers(&fast);
			}
		}
	}
}

static void questions_added_later_leave_earlier_groups_as_they_were(void **state)
{
	int64_t starts[] = { 0, 10, 17 };
	struct plan before = plan_of(starts, 1, 10, 2, false), after = plan_of(starts, 3, 30, 2, false);

	(void)state;
	for (int64_t at = 0; at < 10;) {
		struct plan_group a = plan_group_at(&before, at), b = plan_group_at(&after, at);
		assert_int_equal(a.count, b.count);
		at += a.count;
	}
	assert_int_equal(plan_group_at(&after, 10).count, 7);
	assert_int_equal(plan_group_at(&after, 17).count, 8);
}

static void fast_mode_takes_large_chunks(void **state)
{
	int64_t starts[] = { 0 };
	struct plan p = plan_of(starts, 1, 5000, 8, true);

	(void)state;
	assert_int_equal(plan_group_at(&p, 0).count, 32);
	assert_int_equal(plan_group_at(&p, 32).count, PLAN_FAST_CELLS);
	assert_int_equal(plan_group_at(&p, 32 + 4 * PLAN_FAST_CELLS).count, 5000 - 32 - 4 * PLAN_FAST_CELLS);
}

static void a_column_without_slots_still_has_groups(void **state)
{
	int64_t starts[] = { 0 };
	struct plan p = plan_of(starts, 1, 9, 0, false);

	(void)state;
	assert_int_equal(plan_group_at(&p, 1).count, PLAN_GROUP_SLOTS);
	assert_int_equal(plan_group_at(&p, 9).count, 0);
	assert_int_equal(plan_group_at(&p, 500).count, 0);
}

static void long_questions_make_a_group_smaller_but_never_empty(void **state)
{
	(void)state;
	assert_true(plan_fits(0, 100LL * PLAN_GROUP_BYTES));
	assert_true(plan_fits(1, PLAN_GROUP_BYTES));
	assert_false(plan_fits(1, PLAN_GROUP_BYTES + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_question_stands_alone_and_then_come_four_times_the_slots),
		cmocka_unit_test(every_question_is_in_exactly_one_group),
		cmocka_unit_test(questions_added_later_leave_earlier_groups_as_they_were),
		cmocka_unit_test(fast_mode_takes_large_chunks),
		cmocka_unit_test(a_column_without_slots_still_has_groups),
		cmocka_unit_test(long_questions_make_a_group_smaller_but_never_empty),
	};
	return cmocka_run_group_tests_name("engine/plan", tests, NULL, NULL);
}
