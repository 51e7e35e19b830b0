/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_test.h"

#include "store/question_store.h"

struct asked {
	struct run_row run;
	struct column_row *columns;
	size_t n_columns;
	struct run_question *questions;
	size_t n;
	int64_t *parts;
	size_t n_parts;
};

static struct asked asked_of(struct db *db, struct arena *a, int64_t id)
{
	struct asked all;
	int64_t total;

	assert_ok(run_store_get(db, a, id, &all.run, &all.columns, &all.n_columns, err));
	assert_ok(run_store_page(db, a, id, RUN_ALL, 0, 100, &all.questions, &all.n, &total, err));
	assert_ok(run_store_parts(db, a, id, &all.parts, &all.n_parts, err));
	return all;
}

/* Two columns and a conversation, planned and partly answered; then a question was added, and something was liked. */
static int64_t add_source(struct db *db)
{
	struct run_row run = { .name = "first", .seed = 7, .is_fast = true, .params = gen_params_default(), .question_set_id = 3 };
	struct column_row columns[2] = { column_of("base", NAN), column_of("kestrel", 4) };
	struct question questions[3] = { question_of("a", "1"), question_of("b", ""), question_of("a2", "") };
	int64_t likes, column_likes;

	questions[0].other_references = str_of("one\nuno");
	questions[0].id = str_of("k-1");
	questions[1].system = str_of("be brief");
	questions[1].tags = str_of("short");
	questions[1].record = STR("{\"level\":\"easy\"}");
	questions[2].turn = 1;
	questions[2].back = 2;
	run.params.max_tokens = 9;
	columns[1].params.max_tokens = 5;
	columns[1].own_params = true;
	assert_ok(run_store_add(db, &run, columns, 2, questions, 3, err));
	assert_ok(run_store_add_questions(db, run.id, &questions[1], 1, err));
	columns[0].slots = 12;
	columns[0].kv_tokens = 999;
	columns[0].model_hash = columns[0].build = "x";
	columns[1].problem = (struct err){ .code = ERR_IO, .key = "err_worker_died" };
	assert_ok(run_store_set_column(db, &columns[0], err));
	assert_ok(run_store_set_column(db, &columns[1], err));
	answer(db, cell_id_of(db, run.id, 0, 0), "yes");
	assert_ok(vote_store_set(db, cell_id_of(db, run.id, 0, 0), 1, true, &likes, &column_likes, err));
	assert_ok(run_store_set_state(db, run.id, RUN_STOPPED, err));
	return run.id;
}

static void the_same_is_asked_again_and_nothing_is_answered(void **state)
{
	struct db *db;
	struct arena *a = arena_new();

	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	int64_t id = add_source(db);
	struct asked from = asked_of(db, a, id), next = from;
	struct column_row columns[2] = { from.columns[0], from.columns[1] };
	columns[1].label = "renamed";
	assert_ok(run_store_repeat(db, id, &next.run, columns, 2, err));
	struct asked again = asked_of(db, a, next.run.id);

	assert_true(again.run.id != id);
	assert_string_equal(again.run.name, "first");
	assert_int_equal(again.run.state, RUN_WAITING);
	assert_int_equal(again.run.finished_ms, 0);
	assert_true(again.run.is_fast);
	assert_int_equal(again.run.seed, 7);
	assert_int_equal(again.run.params.max_tokens, 9);
	assert_int_equal(again.run.question_set_id, 3);
	assert_int_equal(again.run.n_cells, 8);
	assert_int_equal(again.run.n_done, 0);
	assert_int_equal(again.n_parts, 3);
	assert_memory_equal(again.parts, from.parts, 3 * sizeof *again.parts);
	assert_int_equal(again.n, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct question *q = &again.questions[i].q, *was = &from.questions[i].q;
		assert_true(str_eq(q->text, was->text) && str_eq(q->reference, was->reference) && str_eq(q->system, was->system));
		assert_true(str_eq(q->tags, was->tags) && str_eq(q->id, was->id));
		assert_true(str_eq(q->other_references, was->other_references));
		assert_int_equal(q->turn, was->turn);
		assert_int_equal(q->back, was->back);
		struct str record;
		assert_ok(question_record_get(db, a, q, &record, err));
		assert_true(str_eq_text(record, i % 2 ? "{\"level\":\"easy\"}" : ""));
		for (size_t c = 0; c < 2; c++) {
			assert_int_equal(again.questions[i].cells[c].state, CELL_WAITING);
			assert_int_equal(again.questions[i].cells[c].column_id, again.columns[c].id);
			assert_int_equal(again.questions[i].cells[c].n_likes, 0);
		}
	}
	assert_int_equal(again.columns[0].slots, 12);
	assert_int_equal(again.columns[0].kv_tokens, 999);
	assert_string_equal(again.columns[0].build, "");
	assert_string_equal(again.columns[1].label, "renamed");
	assert_int_equal(again.columns[1].params.max_tokens, 5);
	assert_true(again.columns[1].own_params);
	assert_int_equal(again.columns[1].problem.code, ERR_OK);
	assert_int_equal(again.columns[1].n_waiting, 4);
	assert_int_equal(again.columns[0].n_likes, 0);
	/* it stands alone */
	assert_ok(run_store_remove(db, id, err));
	assert_int_equal(asked_of(db, a, next.run.id).n, 4);
	answer(db, cell_id_of(db, next.run.id, 2, 1), "later");
	arena_free(a);
	db_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_asked_again_and_nothing_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
