/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "base/limits.h"
#include "store/gen_params.h"

static void read_run(struct db *db, struct arena *a, int64_t id, struct run_row *run, struct column_row **columns)
{
	size_t n;
	assert_ok(run_store_get(db, a, id, run, columns, &n, err));
	assert_int_equal(n, run->n_columns);
}

static size_t page_size(struct db *db, int64_t id, enum run_filter filter, int64_t *total)
{
	struct arena *a = arena_new();
	struct run_question *rq;
	size_t n;
	assert_ok(run_store_page(db, a, id, filter, 0, 100, &rq, &n, total, err));
	arena_free(a);
	return n;
}

static void a_new_run_reads_back_as_it_was_given(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct run_row run = { .name = "第 1 次驗證", .seed = -9, .is_blind = true, .params = gen_params_default() };
	struct column_row columns[2] = { column_of("base", NAN), column_of("kestrel", 4) };
	struct question questions[2] = { question_of("為什麼？\n\"why\"", ""), question_of("b", "B") };

	run.params.system = "Answer briefly.";
	columns[1].params.temperature = 0.7;
	columns[1].params.template = "{{ messages }}";
	columns[1].own_params = true;
	err_set(&columns[0].problem, ERR_DATA, "err_adapter_shape", "tensor=%s|a=%d", "blk.0", 3);
	assert_ok(run_store_add(db, &run, columns, 2, questions, 2, err));
	assert_true(run.id > 0 && columns[0].id > 0 && columns[1].id > columns[0].id);
	struct run_extent extent;
	assert_ok(run_store_extent(db, run.id, &extent, err));
	assert_int_equal(extent.bytes, 18); /* of UTF-8 */
	assert_int_equal(extent.turns, 1);

	struct run_row back;
	struct column_row *cols;
	read_run(db, a, run.id, &back, &cols);
	assert_string_equal(back.name, run.name);
	assert_int_equal(back.seed, -9);
	assert_true(back.is_blind && !back.is_fast && !back.is_drifted);
	assert_string_equal(back.params.system, "Answer briefly.");
	assert_int_equal(back.n_cells, 4);
	assert_int_equal(back.n_done, 0);
	assert_true(back.created_ms > 0 && back.finished_ms == 0);
	assert_true(isnan(cols[0].epoch));
	assert_true(cols[1].epoch == 4 && cols[1].params.temperature == 0.7 && cols[1].own_params);
	assert_string_equal(cols[1].params.template, "{{ messages }}");
	assert_int_equal(cols[0].problem.code, ERR_DATA);
	assert_string_equal(cols[0].problem.key, "err_adapter_shape");
	char value[16];
	assert_true(err_arg(&cols[0].problem, "tensor", value, sizeof value));
	assert_string_equal(value, "blk.0");
	assert_int_equal(cols[1].n_waiting, 2);
	arena_free(a);
}

static void runs_over_the_limits_are_refused(void **state)
{
	struct db *db = *state;
	struct run_row run = { .name = "", .params = gen_params_default() };
	struct column_row columns[17];
	struct question q = question_of("q", "");

	for (size_t i = 0; i < 17; i++)
		columns[i] = column_of("m", NAN);
	assert_err(run_store_add(db, &run, columns, 0, &q, 1, err), ERR_INVALID, "err_run_no_columns");
	assert_err(run_store_add(db, &run, columns, 17, &q, 1, err), ERR_LIMIT, "err_columns_limit");
	assert_err(run_store_add(db, &run, columns, 1, &q, LIMIT_QUESTIONS + 1, err), ERR_LIMIT, "err_questions_limit");
	int64_t id = add_run_of(db, 1, 1);
	assert_err(run_store_add_questions(db, id, &q, LIMIT_QUESTIONS, err), ERR_LIMIT, "err_questions_limit");
}

static void what_does_not_exist_is_named(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct run_row run;
	struct column_row *columns;
	struct run_question *rq;
	struct cell_row cell = answer_of(99, "a", "a");
	struct question q = question_of("q", "");
	size_t n;
	int64_t total, likes;
	bool equal;

	assert_err(run_store_get(db, a, 5, &run, &columns, &n, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_page(db, a, 5, RUN_ALL, 0, 1, &rq, &n, &total, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_each(db, 5, NULL, NULL, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_add_questions(db, 5, &q, 1, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_set_state(db, 5, RUN_DONE, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_rename(db, 5, "x", err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_set_blind(db, 5, true, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_remove(db, 5, err), ERR_NOT_FOUND, "err_run_not_found");
	assert_err(run_store_column_cells(db, a, 5, 0, 1, &rq, &n, err), ERR_NOT_FOUND, "err_column_not_found");
	assert_err(cell_store_get(db, a, 99, &cell, err), ERR_NOT_FOUND, "err_cell_not_found");
	assert_err(run_store_answer(db, &cell, &equal, err), ERR_NOT_FOUND, "err_cell_not_found");
	assert_err(run_store_cell_failed(db, 99, &(struct err){ 0 }, err), ERR_NOT_FOUND, "err_cell_not_found");
	assert_err(vote_store_set(db, 99, 1, true, &likes, &total, err), ERR_NOT_FOUND, "err_cell_not_found");
	arena_free(a);
}

static void an_answer_is_stored_once_and_never_replaced(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 2, 2), cell_id = cell_id_of(db, id, 1, 1);
	struct cell_row cell = answer_of(cell_id, "讚", "t1"), back;
	struct run_row run;
	struct column_row *columns;
	bool equal = false;

	cell.thinking = "hm";
	cell.n_thinking = 3;
	cell.finish = FINISH_LENGTH;
	assert_ok(run_store_answer(db, &cell, &equal, err));
	assert_true(equal);
	assert_ok(run_store_answer(db, &cell, &equal, err));
	assert_true(equal);
	assert_ok(cell_store_get(db, a, cell_id, &back, err));
	assert_int_equal(back.state, CELL_DONE);
	assert_int_equal(back.run_id, id);
	assert_int_equal(back.question_position, 1);
	assert_int_equal(back.finish, FINISH_LENGTH);
	assert_int_equal(back.n_prompt, 5);
	assert_int_equal(back.n_generated, 10);
	assert_int_equal(back.n_thinking, 3);
	assert_int_equal(back.total_us, 1000);
	assert_true(back.mean_ll == -0.5);
	assert_string_equal(back.text, "讚");
	assert_string_equal(back.thinking, "hm");
	assert_string_equal(back.tokens, "t1");

	struct cell_row other = answer_of(cell_id, "else", "t2");
	assert_ok(run_store_answer(db, &other, &equal, err));
	assert_false(equal);
	assert_ok(cell_store_get(db, a, cell_id, &back, err));
	assert_string_equal(back.text, "讚");
	read_run(db, a, id, &run, &columns);
	assert_true(run.is_drifted);
	assert_int_equal(run.n_done, 1);
	assert_int_equal(columns[1].n_done, 1);
	assert_int_equal(columns[1].n_waiting, 1);
	assert_int_equal(columns[1].sum_generated, 10);
	assert_int_equal(columns[1].sum_us, 1000);
	arena_free(a);
}

static void answers_without_tokens_are_compared_by_text(void **state)
{
	struct db *db = *state;
	int64_t cell_id = cell_id_of(db, add_run_of(db, 1, 1), 0, 0);
	struct cell_row cell = answer_of(cell_id, "same", "");
	bool equal;

	assert_ok(run_store_answer(db, &cell, &equal, err));
	assert_ok(run_store_answer(db, &cell, &equal, err));
	assert_true(equal);
	cell.text = "other";
	assert_ok(run_store_answer(db, &cell, &equal, err));
	assert_false(equal);
}

static void filters_find_differing_unrated_and_failed_questions(void **state)
{
	struct db *db = *state;
	int64_t id = add_run_of(db, 4, 2), total, likes, column_likes;
	struct err problem;

	answer(db, cell_id_of(db, id, 0, 0), "same");
	answer(db, cell_id_of(db, id, 0, 1), "same");
	answer(db, cell_id_of(db, id, 1, 0), "one");
	answer(db, cell_id_of(db, id, 1, 1), "other");
	err_set(&problem, ERR_IO, "err_worker_died", NULL);
	assert_ok(run_store_cell_failed(db, cell_id_of(db, id, 2, 0), &problem, err));
	assert_ok(vote_store_set(db, cell_id_of(db, id, 1, 1), 1, true, &likes, &column_likes, err));

	assert_int_equal(page_size(db, id, RUN_ALL, &total), 4);
	assert_int_equal(total, 4);
	assert_int_equal(page_size(db, id, RUN_DIFFER, &total), 1);
	assert_int_equal(total, 1);
	assert_int_equal(page_size(db, id, RUN_UNRATED, &total), 3);
	assert_int_equal(total, 3);
	assert_int_equal(page_size(db, id, RUN_FAILED, &total), 1);
	assert_int_equal(total, 1);
}

static void pages_give_questions_and_cells_in_order(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct run_question *rq;
	int64_t id = add_run_of(db, 10, 3), total;
	size_t n;

	add_run_of(db, 3, 1); /* another run between */
	answer(db, cell_id_of(db, id, 5, 2), "x");
	assert_ok(run_store_page(db, a, id, RUN_ALL, 4, 3, &rq, &n, &total, err));
	assert_int_equal(n, 3);
	assert_int_equal(total, 10);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rq[i].position, 4 + i);
		for (size_t c = 0; c < 3; c++) {
			assert_int_equal(rq[i].cells[c].question_id, rq[i].id);
			assert_int_equal(rq[i].cells[c].run_id, id);
			assert_int_equal(rq[i].cells[c].state, i == 1 && c == 2 ? CELL_DONE : CELL_WAITING);
		}
	}
	assert_string_equal(rq[1].q.text.ptr, "question 5");
	assert_string_equal(rq[1].q.reference.ptr, "reference");
	assert_ok(run_store_page(db, a, id, RUN_UNRATED, 8, 5, &rq, &n, &total, err));
	assert_int_equal(n, 2);
	assert_int_equal(rq[0].position, 8);
	assert_ok(run_store_page(db, a, id, RUN_ALL, 10, 5, &rq, &n, &total, err));
	assert_int_equal(n, 0);
	arena_free(a);
}

static void a_column_gives_its_own_cells(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 5, 3);
	struct run_row run;
	struct column_row *columns;
	struct run_question *rq;
	size_t n;

	answer(db, cell_id_of(db, id, 3, 1), "mine");
	read_run(db, a, id, &run, &columns);
	assert_ok(run_store_column_cells(db, a, columns[1].id, 2, 2, &rq, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(rq[0].position, 2);
	assert_int_equal(rq[0].cells[0].column_id, columns[1].id);
	assert_string_equal(rq[1].cells[0].text, "mine");
	arena_free(a);
}

static void questions_are_appended_and_the_run_waits_again(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 2, 2), total;
	struct question more[2] = { question_of("third", ""), question_of("fourth", "") };
	struct run_row run;
	struct column_row *columns;

	assert_ok(run_store_set_state(db, id, RUN_DONE, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(run.state, RUN_DONE);
	assert_true(run.finished_ms > 0);
	assert_ok(run_store_add_questions(db, id, more, 2, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(run.state, RUN_WAITING);
	assert_int_equal(run.finished_ms, 0);
	assert_int_equal(run.n_questions, 4);
	assert_int_equal(columns[1].n_waiting, 4);
	assert_int_equal(page_size(db, id, RUN_ALL, &total), 4);
	answer(db, cell_id_of(db, id, 3, 1), "late");
	arena_free(a);
}

/* Each column lacks another question. */
static void a_question_is_complete_where_every_column_answered_it(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 4, 2);
	struct run_row run;
	struct column_row *columns;
	struct err problem;

	err_set(&problem, ERR_IO, "err_worker_died", "reason=%s", "signal 9");
	for (int i = 0; i < 4; i++) {
		if (i != 1)
			answer(db, cell_id_of(db, id, i, 0), "a");
		if (i != 2)
			answer(db, cell_id_of(db, id, i, 1), "b");
	}
	assert_ok(run_store_cell_failed(db, cell_id_of(db, id, 1, 0), &problem, err));
	assert_ok(run_store_cell_failed(db, cell_id_of(db, id, 2, 1), &problem, err));
	assert_ok(run_store_set_state(db, id, RUN_RUNNING, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(run.n_complete, -1);
	assert_ok(run_store_set_state(db, id, RUN_DONE, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(columns[0].n_done, 3);
	assert_int_equal(columns[1].n_done, 3);
	assert_int_equal(run.n_complete, 2);
	arena_free(a);
}

static void cancelled_and_failed_cells_can_be_asked_again(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 3, 2), total;
	struct run_row run;
	struct column_row *columns;
	struct cell_row cell;
	struct err problem;

	answer(db, cell_id_of(db, id, 0, 0), "done");
	err_set(&problem, ERR_IO, "err_worker_died", "reason=%s", "signal 9");
	assert_ok(run_store_cell_failed(db, cell_id_of(db, id, 0, 1), &problem, err));
	assert_ok(run_store_cell_failed(db, cell_id_of(db, id, 0, 0), &problem, err)); /* done stays done */
	assert_ok(run_store_cancel_waiting(db, id, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(columns[0].n_done, 1);
	assert_int_equal(columns[0].n_cancelled, 2);
	assert_int_equal(columns[1].n_failed, 1);
	assert_int_equal(columns[1].n_cancelled, 2);
	assert_int_equal(columns[0].n_waiting + columns[1].n_waiting, 0);
	assert_int_equal(run.n_failed, 1);
	assert_int_equal(run.n_complete, -1); /* it waits, as far as its row knows */
	assert_int_equal(page_size(db, id, RUN_FAILED, &total), 3);
	assert_ok(cell_store_get(db, a, cell_id_of(db, id, 0, 1), &cell, err));
	assert_int_equal(cell.state, CELL_FAILED);
	assert_string_equal(cell.problem.key, "err_worker_died");

	assert_ok(run_store_reset(db, id, true, false, 0, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(columns[1].n_waiting, 2);
	assert_int_equal(columns[1].n_failed, 1);
	assert_int_equal(page_size(db, id, RUN_FAILED, &total), 1);

	assert_ok(run_store_reset(db, id, false, true, columns[0].id, err)); /* the other column keeps its failure */
	assert_int_equal(page_size(db, id, RUN_FAILED, &total), 1);
	assert_ok(run_store_reset(db, id, false, true, columns[1].id, err));
	assert_int_equal(page_size(db, id, RUN_FAILED, &total), 0);
	assert_ok(cell_store_get(db, a, cell_id_of(db, id, 0, 1), &cell, err));
	assert_int_equal(cell.state, CELL_WAITING);
	assert_int_equal(cell.problem.code, ERR_OK);
	arena_free(a);
}

static void an_answer_that_comes_after_the_stop_counts_once(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 1, 1), total;
	struct run_row run;
	struct column_row *columns;

	assert_ok(run_store_cancel_waiting(db, id, err));
	answer(db, cell_id_of(db, id, 0, 0), "late");
	read_run(db, a, id, &run, &columns);
	assert_int_equal(columns[0].n_done, 1);
	assert_int_equal(columns[0].n_cancelled, 0);
	assert_int_equal(columns[0].n_waiting, 0);
	assert_int_equal(page_size(db, id, RUN_FAILED, &total), 0);
	arena_free(a);
}

static void the_plan_of_a_column_is_set_once(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 1, 1);
	struct run_row run;
	struct column_row *columns;

	read_run(db, a, id, &run, &columns);
	struct column_row c = columns[0];
	c.slots = 8;
	c.kv_tokens = 4096;
	c.model_hash = "aa";
	c.build = "b1";
	assert_ok(run_store_set_column(db, &c, err));
	c.slots = 16;
	c.kv_tokens = 1;
	c.device = "CPU";
	assert_ok(run_store_set_column(db, &c, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(columns[0].slots, 8);
	assert_int_equal(columns[0].kv_tokens, 4096);
	assert_string_equal(columns[0].model_hash, "aa");
	assert_string_equal(columns[0].device, "CPU");
	c.id = 77;
	assert_err(run_store_set_column(db, &c, err), ERR_NOT_FOUND, "err_column_not_found");
	arena_free(a);
}

static void runs_of_a_dead_server_become_interrupted(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t waiting = add_run_of(db, 1, 1), running = add_run_of(db, 1, 1), done = add_run_of(db, 1, 1);
	struct run_row *runs;
	size_t n;

	assert_ok(run_store_set_state(db, running, RUN_RUNNING, err));
	assert_ok(run_store_set_state(db, done, RUN_DONE, err));
	assert_ok(run_store_recover(db, err));
	assert_ok(run_store_list(db, a, &(struct run_search){ "", -1, 0, 10 }, &runs, &n, err));
	assert_int_equal(n, 3);
	assert_int_equal(runs[0].id, done);
	assert_int_equal(runs[0].state, RUN_DONE);
	assert_int_equal(runs[1].state, RUN_INTERRUPTED);
	assert_int_equal(runs[2].id, waiting);
	assert_int_equal(runs[2].state, RUN_INTERRUPTED);
	arena_free(a);
}

static void the_list_pages_backwards_and_searches_literally(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct run_row *runs;
	int64_t ids[5];
	size_t n;

	for (int i = 0; i < 5; i++)
		ids[i] = add_run_of(db, 1, 1);
	assert_ok(run_store_rename(db, ids[1], "100% 準確_x", err));
	assert_ok(run_store_list(db, a, &(struct run_search){ "", -1, ids[3], 2 }, &runs, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(runs[0].id, ids[2]);
	assert_int_equal(runs[1].id, ids[1]);
	assert_ok(run_store_list(db, a, &(struct run_search){ "0%", -1, 0, 10 }, &runs, &n, err));
	assert_int_equal(n, 1);
	assert_ok(run_store_list(db, a, &(struct run_search){ "準確_X", -1, 0, 10 }, &runs, &n, err));
	assert_int_equal(n, 1);
	assert_ok(run_store_list(db, a, &(struct run_search){ "a_run", -1, 0, 10 }, &runs, &n, err));
	assert_int_equal(n, 0);
	assert_ok(run_store_set_state(db, ids[1], RUN_DONE, err));
	assert_ok(run_store_set_state(db, ids[2], RUN_DONE, err));
	assert_ok(run_store_list(db, a, &(struct run_search){ "", RUN_DONE, 0, 10 }, &runs, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(runs[0].id, ids[2]);
	assert_ok(run_store_list(db, a, &(struct run_search){ "0%", RUN_WAITING, 0, 10 }, &runs, &n, err));
	assert_int_equal(n, 0);
	arena_free(a);
}

static void a_removed_run_takes_its_rows_and_votes_along(void **state)
{
	struct db *db = *state;
	int64_t id = add_run_of(db, 3, 2), other = add_run_of(db, 2, 2), n, likes, column_likes;

	answer(db, cell_id_of(db, id, 0, 0), "x");
	answer(db, cell_id_of(db, other, 0, 0), "x");
	assert_ok(vote_store_set(db, cell_id_of(db, id, 0, 0), 1, true, &likes, &column_likes, err));
	assert_ok(vote_store_set(db, cell_id_of(db, other, 0, 0), 1, true, &likes, &column_likes, err));
	assert_ok(run_store_remove(db, id, err));
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM cell", ""));
	assert_int_equal(n, 4);
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM vote", ""));
	assert_int_equal(n, 1);
	assert_ok(db_number(db, err, &n, -1, "SELECT count(*) FROM question", ""));
	assert_int_equal(n, 2);
	assert_true(add_run_of(db, 1, 1) > other); /* numbers are never used again */
}

static void thumbs_are_counted_and_taken_back(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	int64_t id = add_run_of(db, 2, 2), likes, column_likes;
	int64_t cell0 = cell_id_of(db, id, 0, 0), cell1 = cell_id_of(db, id, 0, 1);
	struct run_row run;
	struct column_row *columns;
	struct cell_row cell;

	assert_err(vote_store_set(db, cell0, 1, true, &likes, &column_likes, err), ERR_CONFLICT, "err_vote_no_answer");
	answer(db, cell0, "a");
	assert_err(vote_store_set(db, cell0, 42, true, &likes, &column_likes, err), ERR_CONFLICT, "err_store_conflict");
	assert_ok(vote_store_set(db, cell0, 1, true, &likes, &column_likes, err));
	assert_ok(vote_store_set(db, cell0, 1, true, &likes, &column_likes, err)); /* twice is once */
	assert_int_equal(likes, 1);
	assert_int_equal(column_likes, 1);
	answer(db, cell1, "b"); /* an answer to a question that is rated already */
	assert_ok(db_run(db, err, "INSERT INTO rater(id, name, created_ms) VALUES (2, 'two', 0)", ""));
	assert_ok(vote_store_set(db, cell0, 2, true, &likes, &column_likes, err));
	assert_int_equal(likes, 2);
	assert_ok(cell_store_get(db, a, cell0, &cell, err));
	assert_int_equal(cell.n_likes, 2);
	assert_true(cell.is_liked);
	read_run(db, a, id, &run, &columns);
	assert_int_equal(columns[0].n_likes, 2);
	assert_int_equal(columns[0].n_rated, 2); /* by two people */
	assert_int_equal(columns[1].n_likes, 0);
	assert_int_equal(columns[1].n_rated, 2);

	assert_ok(vote_store_set(db, cell0, 1, false, &likes, &column_likes, err));
	assert_ok(vote_store_set(db, cell0, 1, false, &likes, &column_likes, err));
	assert_int_equal(likes, 1);
	assert_ok(cell_store_get(db, a, cell0, &cell, err));
	assert_false(cell.is_liked);
	assert_ok(vote_store_set(db, cell0, 2, false, &likes, &column_likes, err));
	read_run(db, a, id, &run, &columns);
	assert_int_equal(columns[0].n_likes, 0);
	assert_int_equal(columns[0].n_rated, 0);
	assert_int_equal(columns[1].n_rated, 0);
	arena_free(a);
}

struct seen {
	int64_t n, stop_at;
	int64_t positions[10];
};

static bool see(void *user, const struct run_question *q, size_t n_columns)
{
	struct seen *seen = user;
	assert_int_equal(n_columns, 2);
	assert_string_equal(q->cells[1].text, q->position == 1 ? "deep" : "");
	seen->positions[seen->n++] = q->position;
	return seen->n != seen->stop_at;
}

static void a_run_is_streamed_in_order_until_stopped(void **state)
{
	struct db *db = *state;
	int64_t id = add_run_of(db, 4, 2);
	struct seen all = { .stop_at = 0 }, some = { .stop_at = 2 };

	answer(db, cell_id_of(db, id, 1, 1), "deep");
	assert_ok(run_store_each(db, id, see, &all, err));
	assert_int_equal(all.n, 4);
	assert_int_equal(all.positions[3], 3);
	assert_ok(run_store_each(db, id, see, &some, err));
	assert_int_equal(some.n, 2);
}

static void weights_are_stored_and_changed_only_without_answers(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct run_row run = { .name = "r", .params = gen_params_default() };
	struct column_row columns[2] = { column_of("base", NAN), column_of("kestrel", 4) }, *cols;
	struct question question = question_of("a", "");

	columns[1].params.weights = WEIGHTS_Q8_0;
	assert_ok(run_store_add(db, &run, columns, 2, &question, 1, err));
	read_run(db, a, run.id, &run, &cols);
	assert_int_equal(cols[0].params.weights, WEIGHTS_STORED);
	assert_int_equal(cols[1].params.weights, WEIGHTS_Q8_0);
	json_t *json = gen_params_json(&cols[0].params); /* texts, and what is hashed of them, are what they were before there was a choice */
	assert_null(json_object_get(json, "weights"));
	json_decref(json);
	cols[0].slots = 8;
	cols[0].kv_tokens = 4096;
	cols[0].model_hash = "abc";
	assert_ok(run_store_set_column(db, &cols[0], err));
	assert_ok(run_store_set_weights(db, &cols[0], WEIGHTS_Q8_0, err));
	read_run(db, a, run.id, &run, &cols);
	assert_int_equal(cols[0].params.weights, WEIGHTS_Q8_0);
	assert_true(cols[0].slots == 0 && cols[0].kv_tokens == 0 && !cols[0].model_hash[0]);
	cols[0].n_done = 1;
	assert_ok(run_store_set_weights(db, &cols[0], WEIGHTS_Q8_0, err)); /* nothing changes */
	assert_err(run_store_set_weights(db, &cols[0], WEIGHTS_STORED, err), ERR_CONFLICT, "err_weights_answered");
	arena_free(a);
}

static void names_of_states_are_stable(void **state)
{
	(void)state;
	assert_string_equal(run_state_name(RUN_WAITING), "waiting");
	assert_string_equal(run_state_name(RUN_INTERRUPTED), "interrupted");
	assert_string_equal(run_state_name((enum run_state)99), "");
	assert_string_equal(cell_state_name(CELL_CANCELLED), "cancelled");
	assert_string_equal(cell_state_name((enum cell_state)99), "");
	assert_string_equal(finish_name(FINISH_NONE), "");
	assert_string_equal(finish_name(FINISH_LENGTH), "length");
}

static void turns_know_what_was_said_before_them(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct run_row run = { .name = "r", .params = gen_params_default() };
	struct column_row columns[2] = { column_of("base", NAN), column_of("kestrel", 4) };
	struct question questions[5] = { question_of("a", ""), question_of("b", ""), question_of("a2", ""), question_of("b2", ""), question_of("b3", "") };
	struct run_question *rq;
	int64_t total, *parts;
	size_t n;
	bool equal, has_turns = false;

	for (size_t i = 2; i < 5; i++) {
		questions[i].turn = i < 4 ? 1 : 2;
		questions[i].back = i < 4 ? 2 : 1;
	}
	assert_ok(run_store_add(db, &run, columns, 2, questions, 5, err));
	assert_ok(run_store_has_turns(db, run.id, &has_turns, err));
	assert_true(has_turns);
	struct run_extent extent;
	assert_ok(run_store_extent(db, run.id, &extent, err));
	assert_int_equal(extent.bytes, 5); /* "b", "b2", "b3" */
	assert_int_equal(extent.turns, 3);
	assert_ok(run_store_parts(db, a, run.id, &parts, &n, err));
	assert_int_equal(n, 3);
	assert_int_equal(parts[1], 2);
	assert_int_equal(parts[2], 4);
	for (int64_t position = 1; position < 4; position += 2) {
		struct cell_row answer = { .id = cell_id_of(db, run.id, position, 1), .text = position == 1 ? "one" : "two", .tokens = "x", .mean_ll = NAN };
		assert_ok(run_store_answer(db, &answer, &equal, err));
	}
	assert_ok(run_store_page(db, a, run.id, RUN_ALL, 4, 1, &rq, &n, &total, err));
	assert_int_equal(rq[0].q.turn, 2);
	assert_int_equal(rq[0].earlier[0].position, 1);
	assert_int_equal(rq[0].earlier[1].position, 3);
	assert_string_equal(rq[0].earlier[0].answers[1].text, "one");
	assert_string_equal(rq[0].earlier[1].answers[1].text, "two");
	assert_int_equal(rq[0].earlier[0].answers[0].state, CELL_WAITING);
	assert_ok(run_store_column_cells(db, a, columns[1].id, 4, 1, &rq, &n, err));
	assert_string_equal(rq[0].earlier[1].answers[0].text, "two");
	/* added questions begin anew */
	assert_ok(run_store_add_questions(db, run.id, questions, 5, err));
	assert_ok(run_store_page(db, a, run.id, RUN_ALL, 9, 1, &rq, &n, &total, err));
	assert_int_equal(rq[0].earlier[0].position, 6);
	/* a file that was damaged is told, not followed */
	assert_ok(db_exec(db, "UPDATE question SET back = 100 WHERE position = 9", err));
	assert_err(run_store_page(db, a, run.id, RUN_ALL, 9, 1, &rq, &n, &total, err), ERR_DATA, "err_store_corrupt");
	assert_ok(run_store_extent(db, run.id, &extent, err));
	assert_ok(db_exec(db, "UPDATE question SET turn = 1000000 WHERE position = 9", err));
	assert_err(run_store_page(db, a, run.id, RUN_ALL, 9, 1, &rq, &n, &total, err), ERR_DATA, "err_store_corrupt");
	arena_free(a);
}

/* The texts of a page in reading order, as "a,a2". */
static const char *read_texts(struct db *db, struct arena *a, int64_t run_id, enum run_filter filter, int64_t offset, int64_t limit,
			      int64_t *total)
{
	struct buf texts = BUF_INIT(1024);
	struct run_question *rq;
	size_t n;

	assert_ok(run_store_read_page(db, a, run_id, filter, offset, limit, &rq, &n, total, err));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rq[i].cells[0].question_position, rq[i].position);
		buf_printf(&texts, "%s%.*s", i ? "," : "", (int)rq[i].q.text.len, rq[i].q.text.ptr);
	}
	const char *copy = arena_strdup(a, buf_text(&texts));
	buf_release(&texts);
	return copy;
}

static bool add_text(void *user, const struct run_question *q, size_t n_columns)
{
	(void)n_columns;
	buf_printf(user, "%.*s,", (int)q->q.text.len, q->q.text.ptr);
	return true;
}

static void conversations_are_read_one_after_another(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct buf texts = BUF_INIT(1024);
	struct run_row run = { .name = "r", .params = gen_params_default() }, plain = run;
	struct column_row column = column_of("base", NAN);
	struct question questions[6] = { question_of("a", ""), question_of("b", ""), question_of("c", ""), question_of("c2", ""),
					 question_of("a2", ""), question_of("a3", "") };
	int64_t total, likes, column_likes;
	const int64_t turns[] = { 0, 0, 0, 1, 1, 2 }, back[] = { 0, 0, 0, 1, 4, 1 };
	bool has_turns;

	for (size_t i = 0; i < 6; i++) {
		questions[i].turn = turns[i];
		questions[i].back = back[i];
	}
	assert_ok(run_store_add(db, &run, &column, 1, questions, 6, err));
	assert_string_equal(read_texts(db, a, run.id, RUN_ALL, 0, 100, &total), "a,a2,a3,b,c,c2");
	assert_int_equal(total, 6);
	assert_string_equal(read_texts(db, a, run.id, RUN_ALL, 1, 2, &total), "a2,a3");
	assert_string_equal(read_texts(db, a, run.id, RUN_ALL, 5, 2, &total), "c2");
	assert_string_equal(read_texts(db, a, run.id, RUN_ALL, 6, 2, &total), "");
	assert_string_equal(read_texts(db, a, run.id, RUN_ALL, INT64_MAX, 2, &total), "");
	assert_int_equal(total, 6);
	/* filters leave single turns out, and pages are cut from what stays */
	for (int64_t i = 0; i < 6; i++)
		answer(db, cell_id_of(db, run.id, i, 0), "x");
	assert_ok(vote_store_set(db, cell_id_of(db, run.id, 4, 0), 1, true, &likes, &column_likes, err));
	assert_string_equal(read_texts(db, a, run.id, RUN_UNRATED, 0, 100, &total), "a,a3,b,c,c2");
	assert_int_equal(total, 5);
	assert_string_equal(read_texts(db, a, run.id, RUN_UNRATED, 1, 2, &total), "a3,b");
	assert_string_equal(read_texts(db, a, run.id, RUN_FAILED, 0, 100, &total), "");
	assert_string_equal(read_texts(db, a, run.id, RUN_DIFFER, 0, 100, &total), "");
	assert_int_equal(total, 0);
	assert_ok(db_exec(db, "UPDATE question SET differs = position = 3, n_failed = position IN (0, 5)", err));
	assert_string_equal(read_texts(db, a, run.id, RUN_DIFFER, 0, 100, &total), "c2");
	assert_string_equal(read_texts(db, a, run.id, RUN_FAILED, 0, 100, &total), "a,a3");
	/* what is added is behind them; exports have the same order */
	assert_ok(run_store_add_questions(db, run.id, questions, 4, err));
	assert_string_equal(read_texts(db, a, run.id, RUN_ALL, 4, 100, &total), "c,c2,a,b,c,c2");
	assert_ok(run_store_each(db, run.id, add_text, &texts, err));
	assert_string_equal(buf_text(&texts), "a,a2,a3,b,c,c2,a,b,c,c2,");
	/* a run without conversations is as its positions are, and a run that is gone is told */
	assert_ok(run_store_add(db, &plain, &column, 1, questions, 3, err));
	assert_ok(run_store_has_turns(db, plain.id, &has_turns, err));
	assert_false(has_turns);
	assert_string_equal(read_texts(db, a, plain.id, RUN_ALL, 1, 2, &total), "b,c");
	struct run_question *rq;
	size_t n;
	assert_err(run_store_read_page(db, a, 999, RUN_ALL, 0, 1, &rq, &n, &total, err), ERR_NOT_FOUND, "err_run_not_found");
	buf_release(&texts);
	arena_free(a);
}

static void a_late_cell_stays_late(void **state)
{
	struct db *db = *state;
	struct arena *a = arena_new();
	struct run_row run = { .name = "r", .params = gen_params_default() };
	struct column_row column = column_of("base", NAN);
	struct question question = question_of("a", "");
	struct cell_row cell;
	struct err problem;

	assert_ok(run_store_add(db, &run, &column, 1, &question, 1, err));
	err_set(&problem, ERR_CONFLICT, "err_turn_unanswered", "turn=1|question=1");
	assert_ok(run_store_cell_late(db, cell_id_of(db, run.id, 0, 0), &problem, err));
	assert_ok(run_store_reset(db, run.id, false, true, 0, err));
	assert_ok(cell_store_get(db, a, cell_id_of(db, run.id, 0, 0), &cell, err));
	assert_int_equal(cell.state, CELL_WAITING);
	assert_true(cell.is_late);
	arena_free(a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory_db, close_memory_db)
	const struct CMUnitTest tests[] = {
		TEST(a_new_run_reads_back_as_it_was_given),
		TEST(runs_over_the_limits_are_refused),
		TEST(what_does_not_exist_is_named),
		TEST(an_answer_is_stored_once_and_never_replaced),
		TEST(answers_without_tokens_are_compared_by_text),
		TEST(filters_find_differing_unrated_and_failed_questions),
		TEST(pages_give_questions_and_cells_in_order),
		TEST(a_column_gives_its_own_cells),
		TEST(questions_are_appended_and_the_run_waits_again),
		TEST(a_question_is_complete_where_every_column_answered_it),
		TEST(cancelled_and_failed_cells_can_be_asked_again),
		TEST(an_answer_that_comes_after_the_stop_counts_once),
		TEST(the_plan_of_a_column_is_set_once),
		TEST(runs_of_a_dead_server_become_interrupted),
		TEST(the_list_pages_backwards_and_searches_literally),
		TEST(a_removed_run_takes_its_rows_and_votes_along),
		TEST(thumbs_are_counted_and_taken_back),
		TEST(a_run_is_streamed_in_order_until_stopped),
		TEST(turns_know_what_was_said_before_them),
		TEST(conversations_are_read_one_after_another),
		TEST(a_late_cell_stays_late),
		TEST(weights_are_stored_and_changed_only_without_answers),
		TEST(names_of_states_are_stable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
