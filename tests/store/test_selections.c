/* SPDX-License-Identifier: Apache-2.0
 *
 * Automatic validations and what judges read: stored, listed, kept apart, gone with their run. */
#include "store/selection_store.h"
#include "store/store_test.h"

static struct db *db;
static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	assert_ok(db_open_plain(":memory:", &db, err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	db_close(db);
	arena_free(arena);
	return 0;
}

static struct selection_row add(int64_t run_id, const char *name)
{
	struct selection_row row = { .name = name, .run_id = run_id, .judge_model_id = 3, .params = "{\"budget_s\":60}" };

	assert_ok(selection_store_add(db, &row, err));
	assert_true(row.id > 0 && row.created_ms > 0);
	return row;
}

static struct selection_row get(int64_t id)
{
	struct selection_row row;

	assert_ok(selection_store_get(db, arena, id, &row, err));
	return row;
}

static void a_row_keeps_what_was_asked_for_and_what_came_out(void **state)
{
	(void)state;
	int64_t run_id = add_run_of(db, 3, 2);
	struct selection_row row = add(run_id, "first");
	row.state = SELECTION_FAILED;
	row.steps = "[1]";
	row.result = "{\"n_answered\":3}";
	row.elapsed_ms = 1234;
	err_set(&row.problem, ERR_IO, "err_disk_full", "path=/x");
	assert_ok(selection_store_set(db, &row, err));
	struct selection_row kept = get(row.id);
	assert_string_equal(kept.name, "first");
	assert_string_equal(kept.steps, "[1]");
	assert_string_equal(kept.result, "{\"n_answered\":3}");
	assert_string_equal(kept.params, "{\"budget_s\":60}");
	assert_int_equal(kept.elapsed_ms, 1234);
	assert_string_equal(kept.problem.key, "err_disk_full");
	assert_true(kept.finished_ms > 0);
	row.state = SELECTION_RUNNING;
	assert_ok(selection_store_set(db, &row, err));
	assert_int_equal(get(row.id).finished_ms, 0);
	assert_err(selection_store_get(db, arena, 999, &kept, err), ERR_NOT_FOUND, "err_selection_not_found");
}

static void the_list_goes_backwards_and_by_run(void **state)
{
	struct selection_row *rows;
	size_t n;

	(void)state;
	int64_t first = add_run_of(db, 1, 2), second = add_run_of(db, 1, 2);
	add(first, "a");
	struct selection_row b = add(second, "b");
	add(second, "c");
	assert_ok(selection_store_list(db, arena, 0, 0, 10, &rows, &n, err));
	assert_int_equal(n, 3);
	assert_string_equal(rows[0].name, "c");
	assert_ok(selection_store_list(db, arena, second, 0, 10, &rows, &n, err));
	assert_int_equal(n, 2);
	assert_ok(selection_store_list(db, arena, 0, b.id, 10, &rows, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].name, "a");
}

static void what_a_dead_server_left_is_interrupted_and_only_what_is_over_can_be_deleted(void **state)
{
	(void)state;
	struct selection_row row = add(add_run_of(db, 1, 2), "a");
	assert_err(selection_store_remove(db, row.id, err), ERR_CONFLICT, "err_selection_running");
	assert_ok(selection_store_recover(db, err));
	assert_int_equal(get(row.id).state, SELECTION_INTERRUPTED);
	assert_ok(selection_store_remove(db, row.id, err));
	assert_err(selection_store_remove(db, row.id, err), ERR_NOT_FOUND, "err_selection_not_found");
}

static void findings_are_shown_by_kind_and_replaced_as_a_whole(void **state)
{
	struct selection_finding *found;
	size_t n;
	int64_t total;

	(void)state;
	int64_t run_id = add_run_of(db, 4, 2);
	struct selection_row row = add(run_id, "a");
	struct selection_question questions[4];
	struct selection_cell cells[2] = { { cell_id_of(db, run_id, 0, 0), 0.25, false, 2, true }, { cell_id_of(db, run_id, 0, 1), NAN, false, 0, false } };
	static const enum outcome outcomes[] = { OUTCOME_LOSS, OUTCOME_WIN, OUTCOME_TIE, OUTCOME_WIN };
	static const enum layer layers[] = { LAYER_GUARDS, LAYER_JUDGE, LAYER_NONE, LAYER_REFERENCE };
	for (int i = 0; i < 4; i++)
		questions[i] = (struct selection_question){ cell_id_of(db, run_id, i, 0) / 64, i, layers[i], outcomes[i], i == 0 };
	assert_ok(selection_store_set_findings(db, row.id, cells, 2, questions, 4, err));
	assert_ok(selection_store_findings(db, arena, &row, SHOW_GAINS, 0, 10, &found, &n, &total, err));
	assert_true(n == 2 && total == 2);
	assert_int_equal(found[0].question.position, 3); /* references are stronger than a judge */
	assert_ok(selection_store_findings(db, arena, &row, SHOW_LOSSES, 0, 10, &found, &n, &total, err));
	assert_int_equal(n, 1);
	assert_true(found[0].cells[0].score == 0.25 && found[0].cells[0].repeats && found[0].cells[0].guards == 2);
	assert_true(isnan(found[0].cells[1].score));
	assert_string_equal(arena_strndup(arena, found[0].row.q.text.ptr, found[0].row.q.text.len), "question 0");
	assert_ok(selection_store_findings(db, arena, &row, SHOW_DECIDED, 1, 1, &found, &n, &total, err));
	assert_true(n == 1 && total == 3);
	assert_ok(selection_store_findings(db, arena, &row, SHOW_UNUSABLE, 0, 10, &found, &n, &total, err));
	assert_int_equal(total, 1);
	assert_ok(selection_store_set_findings(db, row.id, NULL, 0, questions, 1, err));
	assert_ok(selection_store_findings(db, arena, &row, SHOW_ALL, 0, 10, &found, &n, &total, err));
	assert_int_equal(total, 1);
}

static void readings_are_found_by_their_key_and_never_change(void **state)
{
	struct verdict_row rows[2] = { { .key = "one", .a = 0.75, .b = 0.125 }, { .key = "two", .a = 1, .b = 0, .in_words = true } };
	struct verdict_row asked[3] = { { .key = "two" }, { .key = "three" }, { .key = "one" } };
	bool known[3];

	(void)state;
	assert_ok(verdict_store_add(db, rows, 2, err));
	rows[0].a = 0.5;
	assert_ok(verdict_store_add(db, rows, 1, err));
	assert_ok(verdict_store_find(db, asked, 3, known, err));
	assert_true(known[0] && !known[1] && known[2]);
	assert_true(asked[2].a == 0.75 && asked[2].b == 0.125 && !asked[2].in_words && asked[0].in_words);
}

static void all_that_is_known_of_a_run_goes_with_it(void **state)
{
	struct selection_row *rows;
	struct likelihood_row *likelihoods;
	size_t n;

	(void)state;
	int64_t run_id = add_run_of(db, 2, 2), other = add_run_of(db, 1, 2);
	struct likelihood_row row[2] = { { cell_id_of(db, run_id, 1, 1), 7, -3.5 }, { cell_id_of(db, other, 0, 0), 2, -1 } };
	assert_ok(likelihood_store_add(db, row, 2, err));
	assert_ok(likelihood_store_list(db, arena, run_id, &likelihoods, &n, err));
	assert_true(n == 1 && likelihoods[0].n_tokens == 7 && likelihoods[0].log_likelihood == -3.5);
	add(run_id, "a");
	assert_ok(run_store_remove(db, run_id, err));
	assert_ok(selection_store_list(db, arena, 0, 0, 10, &rows, &n, err));
	assert_int_equal(n, 0);
	assert_ok(likelihood_store_list(db, arena, run_id, &likelihoods, &n, err));
	assert_int_equal(n, 0);
	assert_ok(likelihood_store_list(db, arena, other, &likelihoods, &n, err));
	assert_int_equal(n, 1);
}

static void cells_of_columns_that_are_out_wait_for_nothing(void **state)
{
	struct question more = question_of("later", "");
	struct run_row run;
	struct column_row *columns;
	size_t n;

	(void)state;
	int64_t run_id = add_run_of(db, 1, 3);
	assert_ok(run_store_add_questions_for(db, run_id, &more, 1, (bool[]){ false, true, false }, err));
	assert_ok(run_store_get(db, arena, run_id, &run, &columns, &n, err));
	assert_true(columns[0].n_waiting == 2 && columns[1].n_waiting == 1 && columns[1].n_cancelled == 1 && columns[2].n_waiting == 2);
	assert_int_equal(run.n_questions, 2);
}

static void further_accepted_answers_are_kept(void **state)
{
	struct run_question *rows;
	size_t n;
	int64_t total;
	struct run_row run = { .name = "a run", .params = gen_params_default() };
	struct column_row column = column_of("model", NAN);
	struct question question = question_of("Which?", "Paris");

	(void)state;
	question.other_references = STR("Lutetia\nCity of Light");
	assert_ok(run_store_add(db, &run, &column, 1, &question, 1, err));
	assert_ok(run_store_page(db, arena, run.id, RUN_ALL, 0, 10, &rows, &n, &total, err));
	assert_true(str_eq_text(rows[0].q.other_references, "Lutetia\nCity of Light"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_row_keeps_what_was_asked_for_and_what_came_out, setup, teardown),
		cmocka_unit_test_setup_teardown(the_list_goes_backwards_and_by_run, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_dead_server_left_is_interrupted_and_only_what_is_over_can_be_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(findings_are_shown_by_kind_and_replaced_as_a_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(readings_are_found_by_their_key_and_never_change, setup, teardown),
		cmocka_unit_test_setup_teardown(all_that_is_known_of_a_run_goes_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(cells_of_columns_that_are_out_wait_for_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(further_accepted_answers_are_kept, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
