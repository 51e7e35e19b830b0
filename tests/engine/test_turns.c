/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversations of several turns: every turn is asked after the model's own answer to the turn before it, whatever happens to the
 * worker or the server in between. */
#include "base/fs.h"
#include "base/limits.h"
#include "engine_test.h"

static struct bench bench;

static int set_up(void **state)
{
	(void)state;
	bench_open(&bench, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bench_close(&bench);
	return 0;
}

static void script(const char *text)
{
	temp_text(&bench.temp, "script", text);
}

static size_t recorded(const char *begin)
{
	struct buf text = BUF_INIT(64 * MIB);
	size_t n = 0;
	struct err err = { 0 };

	assert_ok(fs_read(temp_path(&bench.temp, "record"), &text, &err));
	for (struct str rest = buf_str(&text); rest.len > 0;)
		n += str_starts(str_split(&rest, '\n'), begin);
	buf_release(&text);
	return n;
}

static int64_t add_run(const int64_t *models, size_t n_models, size_t n_conversations, size_t n_turns, bool is_fast,
		       const char *const *questions)
{
	struct bench_run r = { .models = models, .n_models = n_models, .n_questions = n_conversations * n_turns, .n_turns = n_turns,
			       .is_fast = is_fast, .questions = questions, .params = gen_params_default() };

	bench_store(&bench, bench_add_run, &r);
	return r.id;
}

static struct bench_result follow(int64_t run)
{
	bench_follow(&bench, run);
	return bench_result(&bench, run);
}

/* What the fake worker was told begins its answer: all turns before with the column's own answers. */
static void check_cell(const struct bench_result *r, size_t i, size_t c)
{
	const struct run_question *q = &r->questions[i];
	struct buf words = BUF_INIT(LIMIT_ANSWER_BYTES);

	assert_int_equal(q->cells[c].state, CELL_DONE);
	for (int64_t t = 0; t < q->q.turn; t++) {
		const struct run_question *before = &r->questions[q->earlier[t].position];
		assert_string_equal(q->earlier[t].answers[c].text, before->cells[c].text);
		buf_add_str(&words, before->q.text);
		buf_add_text(&words, " > ");
		buf_add_text(&words, before->cells[c].text);
		buf_add_text(&words, " > ");
	}
	buf_add_str(&words, q->q.text);
	buf_add_char(&words, '|');
	assert_true(str_starts(str_of(q->cells[c].text), buf_text(&words)));
	buf_release(&words);
}

static void check_all(const struct bench_result *r)
{
	assert_int_equal(r->run.state, RUN_DONE);
	assert_false(r->run.is_drifted);
	for (size_t i = 0; i < r->n; i++)
		for (size_t c = 0; c < r->n_columns; c++)
			check_cell(r, i, c);
}

static size_t add_columns(int64_t *models)
{
	models[0] = bench_tiny(&bench, "a.gguf");
	tiny_adapter(&bench.temp, "one", "", 1);
	struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "one", .step = 1,
				 .path = temp_path(&bench.temp, "one") };
	models[1] = bench_model(&bench, m, models[0]);
	models[2] = bench_tiny(&bench, "b.gguf");
	return 3;
}

static void every_turn_follows_the_models_own_answer(void **state)
{
	(void)state;
	int64_t models[3];
	size_t n = add_columns(models);
	struct bench_result r = follow(add_run(models, n, 20, 3, false, NULL));
	check_all(&r);
	assert_int_equal(r.n, 60);
	assert_int_equal(recorded("answer"), 60 * n); /* nobody was asked twice */
}

static void fast_mode_knows_turns_too(void **state)
{
	(void)state;
	int64_t models[3];
	size_t n = add_columns(models);
	struct bench_result r = follow(add_run(models, n, 20, 3, true, NULL));
	check_all(&r);
	assert_int_equal(recorded("answer"), 60 * n);
}

static void kills_cost_nothing(void **state)
{
	(void)state;
	script("* answer slow 1\n");
	int64_t models[3];
	size_t n = add_columns(models);
	bench.kills = 20;
	loop_timer_set(bench.kill_timer, 5);
	while (bench.kills > 0) { /* as many runs as it takes */
		bench_forget(&bench);
		int64_t run = add_run(models, n, 20, 2, false, NULL);
		struct bench_result r = follow(run);
		for (int i = 0; i < 50 && bench_count(&r, CELL_DONE) < r.n * r.n_columns; i++) {
			bench_store(&bench, bench_reset, &run);
			r = follow(run);
		}
		check_all(&r);
	}
}

static void a_stopped_conversation_goes_on_where_it_was(void **state)
{
	(void)state;
	script("0 cell24 await\n"); /* in the second turns */
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = add_run(&model, 1, 18, 2, false, NULL);
	bench.stop_after = 21;
	struct bench_result r = follow(run);
	size_t done = bench_count(&r, CELL_DONE);
	assert_int_equal(r.run.state, RUN_STOPPED);
	assert_true(done >= 21 && done < 36);
	assert_int_equal(bench_count(&r, CELL_CANCELLED), 36 - done);
	bench.stop_after = 0;
	bench_store(&bench, bench_reset, &run);
	r = follow(run);
	check_all(&r);
}

static void a_restarted_engine_goes_on(void **state)
{
	(void)state;
	script("* answer slow 2\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = add_run(&model, 1, 20, 2, false, NULL);
	bench.watched = run;
	engine_start(bench.engine, run);
	loop_timer_set(bench.timeout, 60);
	loop_run(bench.loop);
	bench_reopen(&bench);
	struct bench_result r = follow(run);
	check_all(&r);
}

/* Six conversations, of which the third has a first turn that its model may not answer. */
static const char *const moody[] = { "a", "b", "moody", "d", "e", "f", "a2", "b2", "c2", "d2", "e2", "f2", "a3", "b3", "c3", "d3", "e3", "f3" };
static const char *const refused[] = { "a", "b", "refuse", "d", "e", "f", "a2", "b2", "c2", "d2", "e2", "f2" };

static void check_unanswered(const struct bench_result *r, size_t i, const char *turn)
{
	const struct cell_row *cell = &r->questions[i].cells[0];
	char value[32];

	assert_int_equal(cell->state, CELL_FAILED);
	assert_string_equal(cell->problem.key, "err_turn_unanswered");
	assert_true(err_arg(&cell->problem, "turn", value, sizeof value));
	assert_string_equal(value, turn);
	assert_true(err_arg(&cell->problem, "question", value, sizeof value));
	assert_string_equal(value, "3");
}

static void what_follows_a_failed_turn_fails_and_is_asked_alone_later(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = add_run(&model, 1, 6, 3, false, moody);
	struct bench_result r = follow(run);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_string_equal(r.questions[2].cells[0].problem.key, "err_cell_too_long");
	check_unanswered(&r, 8, "1");
	check_unanswered(&r, 14, "1");
	assert_int_equal(bench_count(&r, CELL_DONE), 15);
	assert_int_equal(r.columns[0].n_failed, 3);
	assert_int_equal(recorded("group 5"), 3); /* the others stay together */
	assert_int_equal(recorded("group 1"), 1); /* the very first question */
	size_t answers = recorded("answer");
	bench_reopen(&bench); /* another process answers it */
	bench_store(&bench, bench_reset, &run);
	r = follow(run);
	check_all(&r);
	assert_int_equal(recorded("group 1"), 3);
	assert_int_equal(recorded("group 5"), 4); /* of first turns that one is asked with all of its group */
	assert_int_equal(recorded("answer") - answers, 7);
	assert_true(r.questions[8].cells[0].is_late && r.questions[14].cells[0].is_late && !r.questions[7].cells[0].is_late);
}

static void a_turn_that_is_never_answered_fails_what_follows_again(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	for (int fast = 0; fast < 2; fast++) {
		int64_t run = add_run(&model, 1, 6, 2, fast, refused);
		struct bench_result r = follow(run);
		check_unanswered(&r, 8, "1");
		bench_store(&bench, bench_reset, &run);
		r = follow(run);
		check_unanswered(&r, 8, "1");
		assert_int_equal(bench_count(&r, CELL_DONE), 10);
		assert_int_equal(bench_count(&r, CELL_FAILED), 2);
		assert_false(r.run.is_drifted);
	}
}

static void a_conversation_that_outgrows_a_request_fails(void **state)
{
	static const size_t turn_bytes = 250 * KIB;
	enum { N = 8 };
	const char *questions[N];
	char *text = arena_alloc(bench.temp.arena, turn_bytes + 1);

	(void)state;
	memset(text, 'x', turn_bytes);
	for (size_t i = 0; i < N; i++)
		questions[i] = text;
	int64_t model = bench_tiny(&bench, "a.gguf");
	struct bench_result r = follow(add_run(&model, 1, 1, N, false, questions));
	assert_int_equal(r.questions[0].cells[0].state, CELL_DONE);
	assert_int_equal(r.questions[N - 1].cells[0].state, CELL_FAILED);
	assert_string_equal(r.questions[N - 1].cells[0].problem.key, "err_turn_unanswered");
	assert_true(bench_count(&r, CELL_DONE) < N - 1);
	assert_string_equal(r.questions[bench_count(&r, CELL_DONE)].cells[0].problem.key, "err_turns_too_long");
}

static void late_turns_of_long_answers_are_asked_in_requests_that_fit(void **state)
{
	static const size_t turn_bytes = 150 * KIB;
	enum { N = 10 };
	const char *questions[2 * N];
	char *text = arena_alloc(bench.temp.arena, turn_bytes + 1);

	(void)state;
	memset(text, 1, turn_bytes); /* in JSON six times as long */
	memcpy(text, "moody", strlen("moody"));
	for (size_t i = 0; i < N; i++) {
		questions[i] = text;
		questions[N + i] = "and then";
	}
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = add_run(&model, 1, N, 2, true, questions);
	struct bench_result r = follow(run);
	assert_int_equal(bench_count(&r, CELL_FAILED), 2 * N);
	bench_reopen(&bench); /* another process answers */
	bench_store(&bench, bench_reset, &run);
	r = follow(run);
	check_all(&r);
	for (size_t i = 0; i < N; i++)
		assert_true(r.questions[N + i].cells[0].is_late);
}

static void on_prompt(void *user, struct str prompt, int64_t n_tokens, const struct err *err)
{
	(void)prompt;
	(void)n_tokens;
	*(struct err *)user = *err;
	loop_stop(bench.loop);
}

static void the_prompt_of_a_turn_needs_the_answer_before_it(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	struct bench_result r = follow(add_run(&model, 1, 6, 2, false, refused));
	struct err err = { 0 };

	engine_prompt(bench.engine, r.questions[8].cells[0].id, on_prompt, &err);
	loop_run(bench.loop);
	assert_string_equal(err.key, "err_turn_unanswered");
	engine_prompt(bench.engine, r.questions[7].cells[0].id, on_prompt, &err);
	loop_run(bench.loop);
	assert_int_equal(err.code, ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_turn_follows_the_models_own_answer),
		TEST(fast_mode_knows_turns_too),
		TEST(kills_cost_nothing),
		TEST(a_stopped_conversation_goes_on_where_it_was),
		TEST(a_restarted_engine_goes_on),
		TEST(what_follows_a_failed_turn_fails_and_is_asked_alone_later),
		TEST(a_turn_that_is_never_answered_fails_what_follows_again),
		TEST(a_conversation_that_outgrows_a_request_fails),
		TEST(late_turns_of_long_answers_are_asked_in_requests_that_fit),
		TEST(the_prompt_of_a_turn_needs_the_answer_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
