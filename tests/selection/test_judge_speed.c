/* SPDX-License-Identifier: Apache-2.0
 *
 * What a judge took for a call, going by automatic validations before. */
#include "judge/exam.h"
#include "selection/judge_speed.h"
#include "store/store_test.h"

#define JUDGE 3
#define OTHER 4

static struct db *db;
static int64_t run_id;

static int setup(void **state)
{
	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	run_id = add_run_of(db, 1, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	db_close(db);
	return 0;
}

static void add(int64_t judge_id, const char *steps, const char *result)
{
	struct selection_row row = { .name = "", .run_id = run_id, .judge_model_id = judge_id, .params = "{}", .steps = steps, .result = result };

	assert_ok(selection_store_add(db, &row, err));
	assert_ok(selection_store_set(db, &row, err));
}

static double speed_of(int64_t judge_id, size_t *n_exam_calls)
{
	struct arena *a = arena_new();
	double seconds;

	assert_ok(judge_speed(db, a, judge_id, &seconds, n_exam_calls, err));
	arena_free(a);
	return seconds;
}

static void all_its_calls_count(void **state)
{
	size_t n_exam_calls;

	(void)state;
	assert_true(isnan(speed_of(JUDGE, &n_exam_calls)));
	assert_int_equal(n_exam_calls, 2 * (PROBES_MAX + EXAM_REPEATS));
	add(JUDGE,
	    "[{\"name\":\"answers\",\"seconds\":50.0,\"calls\":0},{\"name\":\"exam\",\"seconds\":4.0,\"calls\":60},"
	    "{\"name\":\"judge\",\"seconds\":6.0,\"calls\":140}]",
	    "{\"judge\":{\"exam\":{\"asked\":20,\"kinds\":[{\"asked\":20},{\"asked\":4}]}}}");
	assert_true(fabs(speed_of(JUDGE, &n_exam_calls) - 0.05) < 1e-12);
	assert_int_equal(n_exam_calls, 2 * (24 + EXAM_REPEATS));
	assert_true(isnan(speed_of(OTHER, &n_exam_calls)));
}

/* Where nearly all was known from before, what little was asked does not tell how fast it is. */
static void one_that_was_hardly_asked_is_passed_over(void **state)
{
	size_t n_exam_calls;

	(void)state;
	add(JUDGE, "[{\"name\":\"exam\",\"seconds\":3.0,\"calls\":12}]", "{\"judge\":{\"exam\":{\"asked\":40,\"kinds\":[{\"asked\":40}]}}}");
	add(JUDGE, "[{\"name\":\"exam\",\"seconds\":3.0}]", "{\"judge\":{\"exam\":{\"asked\":40,\"kinds\":[{\"asked\":40}]}}}"); /* of a version that did not count */
	assert_true(fabs(speed_of(JUDGE, &n_exam_calls) - 0.05) < 1e-12);
	assert_int_equal(n_exam_calls, 2 * (24 + EXAM_REPEATS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_its_calls_count),
		cmocka_unit_test(one_that_was_hardly_asked_is_passed_over),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
