/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group_store.h"
#include "store/selection_store.h"
#include "store/store_test.h"

#define N 4

static struct db *db;
static int64_t first_run, second_run;

static int64_t column_id(int64_t run_id, size_t column)
{
	struct arena *a = arena_new();
	struct run_row run;
	struct column_row *columns;
	size_t n;

	assert_ok(run_store_get(db, a, run_id, &run, &columns, &n, err));
	int64_t id = columns[column].id;
	arena_free(a);
	return id;
}

static struct column_row column_now(int64_t run_id, size_t column)
{
	static struct arena *a;
	struct run_row run;
	struct column_row *columns;
	size_t n;

	arena_free(a);
	a = arena_new();
	assert_ok(run_store_get(db, a, run_id, &run, &columns, &n, err));
	return columns[column];
}

static struct cell_row cell_now(struct arena *a, int64_t run_id, int64_t position, size_t column)
{
	struct cell_row cell;

	assert_ok(cell_store_get(db, a, cell_id_of(db, run_id, position, column), &cell, err));
	return cell;
}

/* Two runs of the same questions by two models: the first one's second column has answered all but the last. */
static int setup(void **state)
{
	struct column_row known = { .slots = 8, .kv_tokens = 4096, .model_hash = "m", .adapter_hash = "a", .template_hash = "t",
				    .build = "b", .device = "d" };

	(void)state;
	assert_ok(db_open_plain(":memory:", &db, err));
	first_run = add_run_of(db, N, 2);
	second_run = add_run_of(db, N, 1);
	known.id = column_id(first_run, 1);
	assert_ok(run_store_set_column(db, &known, err));
	for (int64_t i = 0; i < N - 1; i++) {
		answer(db, cell_id_of(db, first_run, i, 1), i ? "more" : "one");
		assert_ok(likelihood_store_add(db, &(struct likelihood_row){ cell_id_of(db, first_run, i, 1), 3, -2 }, 1, err));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	db_close(db);
	return 0;
}

static bool find(const char *key, const char *model, const char *adapter, struct group_source *out)
{
	bool found;

	assert_ok(group_store_find(db, column_id(second_run, 0), key, model, adapter, out, &found, err));
	return found;
}

static struct group_copy copy_of(const char *key, int64_t first, int64_t count)
{
	struct group_copy copy = { .column_id = column_id(second_run, 0), .first = first, .count = count };

	assert_true(find(key, "m", "a", &copy.source));
	str_format(copy.key, sizeof copy.key, "%s", key);
	return copy;
}

static void a_whole_group_is_found_by_its_key_and_its_models(void **state)
{
	struct group_source s;
	struct group_plan plans[2];
	size_t n;

	(void)state;
	assert_ok(group_store_add(db, column_id(first_run, 1), 1, 2, "key", 77, err));
	assert_true(find("key", "m", "a", &s));
	assert_int_equal(s.run_id, first_run);
	assert_int_equal(s.column_id, column_id(first_run, 1));
	assert_true(s.column_position == 1 && s.first == 1 && s.made_ms == 77);
	assert_false(find("other", "m", "a", &s));
	assert_false(find("key", "other", "a", &s));
	assert_false(find("key", "m", "other", &s));
	assert_ok(group_store_plans(db, "m", "a", plans, 2, &n, err));
	assert_true(n == 1 && plans[0].slots == 8 && plans[0].kv_tokens == 4096);
	assert_ok(group_store_plans(db, "m", "", plans, 2, &n, err));
	assert_int_equal(n, 0);
}

static void a_group_with_a_hole_or_of_a_drifted_run_is_none(void **state)
{
	struct group_source s;
	struct cell_row other = answer_of(cell_id_of(db, first_run, 0, 1), "another", "another");
	struct err problem;
	bool equal;

	(void)state;
	assert_ok(group_store_add(db, column_id(first_run, 1), 1, 3, "key", 77, err));
	assert_false(find("key", "m", "a", &s));
	err_set(&problem, ERR_IO, "err_cancelled", NULL);
	assert_ok(run_store_cell_failed(db, cell_id_of(db, first_run, 3, 1), &problem, err));
	assert_ok(group_store_add(db, column_id(first_run, 1), 1, 3, "key", 77, err));
	assert_false(find("key", "m", "a", &s));
	assert_ok(group_store_add(db, column_id(first_run, 1), 0, 1, "key", 77, err));
	assert_true(find("key", "m", "a", &s));
	assert_ok(run_store_answer(db, &other, &equal, err));
	assert_false(equal);
	assert_false(find("key", "m", "a", &s));
	assert_ok(group_store_add(db, column_id(first_run, 1), 1, 2, "late", 77, err));
	assert_int_equal(s.first, 0);
	assert_false(find("late", "m", "a", &s));
}

static void a_copy_is_whole_and_says_where_it_comes_from(void **state)
{
	struct arena *a = arena_new();
	struct likelihood_row *likelihoods;
	int64_t n;
	size_t n_likelihoods;

	(void)state;
	assert_ok(group_store_add(db, column_id(first_run, 1), 1, 2, "key", 77, err));
	struct group_copy copy = copy_of("key", 1, 2);
	assert_ok(group_store_copy(db, &copy, &n, err));
	assert_int_equal(n, 2);
	struct cell_row from = cell_now(a, first_run, 2, 1), to = cell_now(a, second_run, 2, 0);
	assert_int_equal(to.state, CELL_DONE);
	assert_string_equal(to.text, "more");
	assert_string_equal(to.tokens, from.tokens);
	assert_true(to.n_generated == 10 && to.total_us == 1000 && to.mean_ll == -0.5 && to.finish == FINISH_STOP);
	assert_true(to.reused_run_id == first_run && to.reused_cell_id == from.id && from.reused_cell_id == 0);
	assert_int_equal(cell_now(a, second_run, 0, 0).state, CELL_WAITING);
	struct column_row c = column_now(second_run, 0);
	assert_true(c.n_done == 2 && c.n_waiting == N - 2 && c.n_reused == 2 && c.sum_us == 0 && c.sum_generated == 0);
	assert_true(c.slots == 8 && c.kv_tokens == 4096);
	assert_string_equal(c.model_hash, "m");
	assert_string_equal(c.build, "b");
	assert_ok(likelihood_store_list(db, a, second_run, &likelihoods, &n_likelihoods, err));
	assert_int_equal(n_likelihoods, 2);
	/* Again: there is nothing to do. */
	assert_ok(group_store_copy(db, &copy, &n, err));
	assert_int_equal(n, 0);
	assert_int_equal(column_now(second_run, 0).n_reused, 2);
	arena_free(a);
}

static void a_copy_stays_when_its_source_goes_and_is_a_source_itself(void **state)
{
	struct arena *a = arena_new();
	struct group_source s;
	int64_t n, origin = cell_id_of(db, first_run, 1, 1);

	(void)state;
	assert_ok(group_store_add(db, column_id(first_run, 1), 1, 2, "key", 77, err));
	struct group_copy copy = copy_of("key", 1, 2);
	assert_ok(group_store_copy(db, &copy, &n, err));
	assert_ok(run_store_remove(db, first_run, err));
	assert_string_equal(cell_now(a, second_run, 1, 0).text, "more");
	int64_t third = add_run_of(db, N, 1);
	copy.column_id = column_id(third, 0);
	assert_ok(group_store_copy(db, &copy, &n, err)); /* of what is gone */
	assert_int_equal(n, 0);
	assert_int_equal(column_now(third, 0).n_done, 0);
	bool found;
	assert_ok(group_store_find(db, copy.column_id, "key", "m", "a", &s, &found, err));
	assert_true(found && s.run_id == second_run && s.made_ms == 77);
	copy.source = s;
	assert_ok(group_store_copy(db, &copy, &n, err));
	assert_int_equal(n, 2);
	struct cell_row last = cell_now(a, third, 1, 0);
	assert_true(last.reused_run_id == first_run && last.reused_cell_id == origin);
	arena_free(a);
}

/* A run of two conversations with two turns each, of which the first turns and, in the second one, the later turn are answered. */
static int64_t add_conversations(const char *first, const char *second, const char *later)
{
	struct run_row run = { .name = "r", .params = gen_params_default() };
	struct column_row column = column_of("base", NAN), known = { .slots = 8, .kv_tokens = 4096, .model_hash = "m", .adapter_hash = "a", .build = "b" };
	struct question questions[4] = { question_of("one", ""), question_of("two", ""), question_of("one more", ""), question_of("two more", "") };

	questions[2].turn = questions[3].turn = 1;
	questions[2].back = questions[3].back = 2;
	assert_ok(run_store_add(db, &run, &column, 1, questions, 4, err));
	known.id = column_id(run.id, 0);
	assert_ok(run_store_set_column(db, &known, err));
	const char *const texts[] = { first, second, later, later };
	for (int64_t i = 0; i < 4; i++)
		if (texts[i])
			answer(db, cell_id_of(db, run.id, i, 0), texts[i]);
	return run.id;
}

static void a_later_turn_is_copied_only_behind_the_same_answers(void **state)
{
	struct arena *a = arena_new();
	struct turn_answer texts[2];
	struct group_source s;
	bool found, whole;
	int64_t n;

	(void)state;
	int64_t source = add_conversations("yes", "no", "said");
	assert_ok(group_store_add(db, column_id(source, 0), 2, 2, "turns", 77, err));
	const char *const others[][3] = { { "yes", "no", "1" }, { "yes", "yes", "" }, { "yes", NULL, "" } };
	for (size_t i = 0; i < 3; i++) {
		int64_t run_id = add_conversations(others[i][0], others[i][1], NULL);
		struct group_copy copy = { .column_id = column_id(run_id, 0), .first = 2, .count = 2, .key = "turns" };
		assert_ok(group_store_find(db, copy.column_id, "turns", "m", "a", &copy.source, &found, err));
		assert_true(found && copy.source.run_id == source);
		assert_ok(group_store_copy(db, &copy, &n, err));
		assert_int_equal(n, others[i][2][0] ? 2 : 0);
		assert_int_equal(cell_now(a, run_id, 3, 0).state, others[i][2][0] ? CELL_DONE : CELL_WAITING);
		if (n > 0)
			assert_ok(run_store_remove(db, run_id, err));
	}
	s = (struct group_source){ .run_id = source, .first = 1 };
	assert_ok(group_store_texts(db, a, &s, 2, texts, &whole, err));
	assert_true(whole && texts[0].state == CELL_DONE && texts[1].state == CELL_DONE);
	assert_string_equal(texts[0].text, "no");
	assert_string_equal(texts[1].text, "said");
	s.first = 3;
	assert_ok(group_store_texts(db, a, &s, 2, texts, &whole, err));
	assert_false(whole);
	arena_free(a);
}

static void speed_is_that_of_answers_that_were_computed(void **state)
{
	double seconds;
	int64_t n;

	(void)state;
	assert_ok(group_store_add(db, column_id(first_run, 1), 1, 2, "key", 77, err));
	struct group_copy copy = copy_of("key", 1, 2);
	assert_ok(group_store_copy(db, &copy, &n, err));
	assert_ok(run_store_speed(db, 1, 256, &seconds, err)); /* the newest column has computed none */
	assert_true(seconds == 1e-3 / 8);
	struct cell_row slow = answer_of(cell_id_of(db, second_run, 0, 0), "slow", "slow");
	bool equal;
	slow.total_us = 8000000;
	assert_ok(run_store_answer(db, &slow, &equal, err));
	assert_ok(run_store_speed(db, 1, 256, &seconds, err));
	assert_true(seconds == 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_whole_group_is_found_by_its_key_and_its_models),
		T(a_group_with_a_hole_or_of_a_drifted_run_is_none),
		T(a_copy_is_whole_and_says_where_it_comes_from),
		T(a_copy_stays_when_its_source_goes_and_is_a_source_itself),
		T(a_later_turn_is_copied_only_behind_the_same_answers),
		T(speed_is_that_of_answers_that_were_computed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
