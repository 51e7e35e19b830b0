/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_test.h"

static int64_t add_run(struct db *db, int64_t max_tokens, int64_t slots, int64_t total_us)
{
	struct run_row run = { .name = "a run", .seed = 7, .params = gen_params_default() };
	struct column_row column = column_of("model", NAN);
	struct question questions[] = { question_of("one", "1"), question_of("two", "") };

	column.model_id = 5;
	column.params.max_tokens = max_tokens;
	assert_ok(run_store_add(db, &run, &column, 1, questions, 2, err));
	column.slots = slots;
	assert_ok(run_store_set_column(db, &column, err));
	for (int64_t i = 0; i < 2 && total_us; i++) {
		struct cell_row cell = answer_of(cell_id_of(db, run.id, i, 0), "x", "x");
		bool equal;
		cell.total_us = total_us;
		assert_ok(run_store_answer(db, &cell, &equal, err));
	}
	return run.id;
}

static double speed_of(struct db *db, int64_t model_id, int64_t max_tokens)
{
	double seconds;

	assert_ok(run_store_speed(db, model_id, max_tokens, &seconds, err));
	return seconds;
}

static void questions_with_references_are_counted(void **state)
{
	struct db *db;
	int64_t n = 7;

	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	int64_t id = add_run(db, 64, 4, 0);
	assert_ok(run_store_count_references(db, id, &n, err));
	assert_int_equal(n, 1);
	assert_ok(run_store_count_references(db, id + 1, &n, err));
	assert_int_equal(n, 0);
	db_close(db);
}

static void the_first_question_says_how_long_reading_takes(void **state)
{
	struct db *db;
	int64_t us = 7;
	bool equal;

	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	int64_t id = add_run_of(db, 2, 3);
	assert_ok(run_store_first_prompt(db, id, &us, err));
	assert_int_equal(us, 0);
	for (int64_t i = 0; i < 4; i++) { /* the last one answers the second question, read in no time beside others */
		struct cell_row cell = answer_of(cell_id_of(db, id, i / 3, (size_t)i % 3), "x", "x");
		cell.prompt_us = (int64_t[]){ 0, 900, 800, 1 }[i];
		assert_ok(run_store_answer(db, &cell, &equal, err));
	}
	assert_ok(run_store_first_prompt(db, id, &us, err));
	assert_int_equal(us, 800);
	db_close(db);
}

static void a_models_speed_is_that_of_its_last_answers_of_this_length(void **state)
{
	struct db *db;

	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	assert_true(isnan(speed_of(db, 5, 64)));
	add_run(db, 64, 4, 0); /* no answer, no speed */
	assert_true(isnan(speed_of(db, 5, 64)));
	add_run(db, 64, 4, 8000000);
	add_run(db, 256, 4, 40000000);
	assert_true(speed_of(db, 5, 64) == 2);
	assert_true(speed_of(db, 5, 256) == 10);
	assert_true(speed_of(db, 5, 32) == 10); /* the last one, where none is of this length */
	add_run(db, 64, 0, 3000000);		/* a provider's model has no slots */
	assert_true(speed_of(db, 5, 64) == 3);
	assert_true(isnan(speed_of(db, 6, 64)));
	db_close(db);
}

static void a_column_thinks_where_any_of_its_answers_does(void **state)
{
	struct db *db;
	bool thinks[3] = { true, true, true }, equal;

	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	int64_t other = add_run_of(db, 2, 3), id = add_run_of(db, 3, 3);
	for (int64_t i = 0; i < 9; i++) { /* only the last answer of the last column, which says nothing else */
		struct cell_row cell = answer_of(cell_id_of(db, id, i / 3, (size_t)i % 3), i == 8 ? "" : "x", "x");
		cell.thinking = i == 8 ? "hm" : "";
		assert_ok(run_store_answer(db, &cell, &equal, err));
	}
	assert_ok(run_store_thinking(db, id, 3, thinks, err));
	assert_true(!thinks[0] && !thinks[1] && thinks[2]);
	assert_ok(run_store_thinking(db, other, 3, thinks, err));
	assert_true(!thinks[0] && !thinks[1] && !thinks[2]);
	for (int64_t i = 0; i < 3; i++) {
		struct cell_row cell = answer_of(cell_id_of(db, other, 0, (size_t)i), "x", "x");
		cell.thinking = "hm";
		assert_ok(run_store_answer(db, &cell, &equal, err));
	}
	assert_ok(run_store_thinking(db, other, 3, thinks, err));
	assert_true(thinks[0] && thinks[1] && thinks[2]);
	db_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_with_references_are_counted),
		cmocka_unit_test(the_first_question_says_how_long_reading_takes),
		cmocka_unit_test(a_column_thinks_where_any_of_its_answers_does),
		cmocka_unit_test(a_models_speed_is_that_of_its_last_answers_of_this_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
