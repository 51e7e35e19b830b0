/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine over a store and a worker without a model, which answers from question and seed and breaks on request. */
#include "engine/engine_test.h"
#include "store/sql.h"

static struct bench bench;

static int setup(void **state)
{
	(void)state;
	bench_open(&bench, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench_close(&bench);
	return 0;
}

static void script(const char *text)
{
	temp_text(&bench.temp, "script", text);
}

/* How often the record has this beginning of a line. */
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

/* Every cell is answered with its own question and was announced once; nothing else. */
static void check_complete(const struct bench_result *r)
{
	assert_int_equal(r->run.state, RUN_DONE);
	assert_int_equal(bench_count(r, CELL_DONE), r->n * r->n_columns);
	for (size_t i = 0; i < r->n; i++) {
		for (size_t c = 0; c < r->n_columns; c++) {
			const struct cell_row *cell = &r->questions[i].cells[c];
			char *begin = mem_printf("%.*s|", (int)r->questions[i].q.text.len, r->questions[i].q.text.ptr);
			assert_true(str_starts(str_of(cell->text), begin));
			mem_free(begin);
			int heard = bench_heard(&bench, cell->id);
			assert_int_equal(bench.heard[heard].n, 1);
			assert_string_equal(buf_text(&bench.heard[heard].text), cell->text);
			assert_string_equal(buf_text(&bench.heard[heard].thinking), "thought about it");
		}
	}
}

static struct bench_result run_one(size_t n_questions)
{
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, n_questions);

	bench_follow(&bench, run);
	return bench_result(&bench, run);
}

static void a_run_is_answered_stored_and_announced(void **state)
{
	(void)state;
	struct bench_result r = run_one(50);
	check_complete(&r);
	assert_false(r.run.is_drifted);
	assert_int_equal(r.columns[0].slots, 2);
	assert_true(r.columns[0].kv_tokens >= 1024);
	assert_string_equal(r.columns[0].build, "fake-1");
	assert_string_equal(r.columns[0].template_hash, "abc");
	assert_int_equal(recorded("answer"), 50);
	assert_int_equal(recorded("start"), 1);
}

/* Columns on one base model, as a fine-tune has them. */
static size_t add_columns(int64_t *models)
{
	static const char *const names[] = { "one", "two" };

	models[0] = bench_tiny(&bench, "a.gguf");
	for (int i = 0; i < 2; i++) {
		tiny_adapter(&bench.temp, names[i], "", (uint32_t)i + 1);
		struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = names[i], .step = 1,
					 .path = temp_path(&bench.temp, names[i]) };
		models[i + 1] = bench_model(&bench, m, models[0]);
	}
	return 3;
}

static void columns_with_adapters_share_one_worker(void **state)
{
	(void)state;
	int64_t models[3];
	add_columns(models);
	int64_t run = bench_run(&bench, models, 3, 20);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	check_complete(&r);
	assert_int_equal(recorded("start"), 1);
	assert_string_not_equal(r.questions[3].cells[0].text, r.questions[3].cells[1].text); /* each cell has its seed */
}

/* A run that is stopped, or whose time is up, is worth as much as it has questions that every column answered. */
static void columns_get_on_side_by_side(void **state)
{
	(void)state;
	int64_t models[3], at[64] = { 0 };
	int64_t run = bench_run(&bench, models, add_columns(models), 60);
	bench_follow(&bench, run);
	struct buf text = BUF_INIT(64 * MIB);
	struct err err = { 0 };
	assert_ok(fs_read(temp_path(&bench.temp, "record"), &text, &err));
	for (struct str rest = buf_str(&text); rest.len > 0;) {
		struct str line = str_split(&rest, '\n');
		int64_t cell;
		if (!str_starts(line, "answer "))
			continue;
		assert_true(str_to_i64((struct str){ line.ptr + 7, line.len - 7 }, &cell));
		at[cell % 64]++;
		for (int c = 0; c < 3; c++)
			assert_true(at[cell % 64] - at[c] <= 16); /* two groups of 4 * 2 slots: one more may be under way */
	}
	assert_int_equal(at[0] + at[1] + at[2], 180);
	buf_release(&text);
}

/* The hash comes after the answers. */
static struct bench_result result_with_hash(int64_t run)
{
	int64_t until = clock_mono_ms() + 20000;
	struct bench_result r = bench_result(&bench, run);
	while ((!r.columns[0].model_hash[0] || (r.n_columns > 1 && !r.columns[1].adapter_hash[0])) &&
	       clock_mono_ms() < until) {
		usleep(1000);
		queue_drain(bench.home);
		r = bench_result(&bench, run);
	}
	return r;
}

static void a_model_file_that_was_written_anew_is_loaded_and_hashed_anew(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t first = bench_run(&bench, &model, 1, 1);
	bench_follow(&bench, first);
	char before[65];
	(void)str_format(before, sizeof before, "%s", result_with_hash(first).columns[0].model_hash);

	/* Other weights of the same size, at the same place. */
	FILE *file = fopen(temp_path(&bench.temp, "a.gguf"), "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, -1, SEEK_END), 0);
	fputc('x', file);
	fclose(file);
	int64_t second = bench_run(&bench, &model, 1, 1);
	bench_follow(&bench, second);
	assert_string_not_equal(result_with_hash(second).columns[0].model_hash, before);
	assert_int_equal(recorded("start"), 2);
	int64_t third = bench_run(&bench, &model, 1, 1); /* nothing has changed: the worker stays */
	bench_follow(&bench, third);
	assert_int_equal(recorded("start"), 2);
}

static atomic_bool hash_thread_is_busy;

static void keep_busy(struct task *task, void *context)
{
	(void)task;
	(void)context;
	while (atomic_load(&hash_thread_is_busy))
		usleep(1000);
}

static void every_column_learns_its_hashes_also_when_the_run_is_over(void **state)
{
	struct task busy = { .run = keep_busy };

	(void)state;
	int64_t models[2];
	models[0] = bench_tiny(&bench, "a.gguf");
	tiny_adapter(&bench.temp, "one", "", 1);
	struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "one", .step = 1,
				 .path = temp_path(&bench.temp, "one") };
	models[1] = bench_model(&bench, m, models[0]);
	atomic_store(&hash_thread_is_busy, true);
	executor_post(bench.hash, &busy);
	int64_t run = bench_run(&bench, models, 2, 1);
	bench_follow(&bench, run);
	assert_string_equal(bench_result(&bench, run).columns[0].model_hash, "");
	atomic_store(&hash_thread_is_busy, false);
	struct bench_result r = result_with_hash(run);
	assert_int_equal(strlen(r.columns[0].model_hash), 64);
	assert_string_equal(r.columns[1].model_hash, r.columns[0].model_hash);
	assert_int_equal(strlen(r.columns[1].adapter_hash), 64);
}

static void two_bases_are_asked_one_after_the_other(void **state)
{
	(void)state;
	int64_t models[2] = { bench_tiny(&bench, "a.gguf"), bench_tiny(&bench, "b.gguf") };
	int64_t run = bench_run(&bench, models, 2, 30);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	check_complete(&r);
	assert_int_equal(recorded("start"), 2);
}

static void a_worker_stays_for_the_next_run(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	for (int i = 0; i < 3; i++) {
		int64_t run = bench_run(&bench, &model, 1, 5);
		bench_follow(&bench, run);
		struct bench_result r = bench_result(&bench, run);
		check_complete(&r);
		bench_forget(&bench);
	}
	assert_int_equal(recorded("start"), 1);
}

static void a_stopped_run_goes_on_where_it_was(void **state)
{
	(void)state;
	script("0 cell40 await\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 60);
	bench.stop_after = 20;
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	size_t done = bench_count(&r, CELL_DONE);
	assert_int_equal(r.run.state, RUN_STOPPED);
	assert_true(done >= 20 && done < 60);
	assert_int_equal(bench_count(&r, CELL_CANCELLED), 60 - done);
	bench.stop_after = 0;
	bench_store(&bench, bench_reset, &run);
	bench_follow(&bench, run);
	r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(bench_count(&r, CELL_DONE), 60);
	assert_int_equal(bench.n_cells, 60);
	assert_false(r.run.is_drifted);
}

static void stop_and_go_on(struct bench *b)
{
	engine_stop(b->engine, b->watched);
	bench_store(b, bench_reset, &b->watched);
	engine_start(b->engine, b->watched);
}

static void a_run_that_is_told_to_go_on_while_it_stops_goes_on(void **state)
{
	(void)state;
	script("* answer slow 2\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 60);
	bench.act_after = 20;
	bench.act = stop_and_go_on;
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(bench_count(&r, CELL_DONE), 60);
	assert_int_equal(bench.n_cells, 60);
	assert_false(r.run.is_drifted);
}

static void a_worker_that_does_not_hear_a_stop_is_ended(void **state)
{
	(void)state;
	script("* cell20 hang\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 60);
	bench.stop_after = 20;
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_STOPPED);
	assert_int_equal(bench_count(&r, CELL_DONE), 20);
	assert_int_equal(bench_count(&r, CELL_CANCELLED), 40);
}

static void a_run_in_the_line_can_be_stopped_before_it_starts(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t first = bench_run(&bench, &model, 1, 10), second = bench_run(&bench, &model, 1, 10);
	engine_start(bench.engine, first);
	engine_start(bench.engine, second);
	assert_true(engine_is_active(bench.engine, second));
	engine_stop(bench.engine, second);
	assert_false(engine_is_active(bench.engine, second));
	bench_follow(&bench, first);
	struct bench_result r = bench_result(&bench, second);
	assert_int_equal(r.run.state, RUN_STOPPED);
	assert_int_equal(bench_count(&r, CELL_CANCELLED), 10);
}

static void runs_wait_in_line(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t first = bench_run(&bench, &model, 1, 10), second = bench_run(&bench, &model, 1, 10);
	engine_start(bench.engine, first);
	bench_follow(&bench, second);
	struct bench_result a = bench_result(&bench, first), b = bench_result(&bench, second);
	check_complete(&a);
	check_complete(&b);
}

static void questions_are_added_while_it_runs(void **state)
{
	(void)state;
	script("* answer slow 2\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 30);
	engine_start(bench.engine, run);
	struct bench_run more = { .id = run, .n_questions = 11 };
	bench_store(&bench, bench_more_questions, &more);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.n, 41);
	check_complete(&r);
	bench_store(&bench, bench_more_questions, &more);
	bench_follow(&bench, run);
	r = bench_result(&bench, run);
	assert_int_equal(r.n, 52);
	check_complete(&r);
	assert_false(r.run.is_drifted);
	assert_int_equal(recorded("answer"), 52); /* nothing was asked twice */
}

static void a_restarted_engine_goes_on(void **state)
{
	(void)state;
	script("* answer slow 2\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 40);
	bench.watched = run;
	engine_start(bench.engine, run);
	loop_timer_set(bench.timeout, 60);
	loop_run(bench.loop);
	bench_reopen(&bench);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_INTERRUPTED);
	bench_follow(&bench, run);
	r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(bench_count(&r, CELL_DONE), 40);
	assert_false(r.run.is_drifted);
}

static void store_sql(struct db *db, void *user, struct err *err)
{
	(void)!db_exec(db, user, err);
}

/* As on a full disk: the run is over, and its row cannot be changed. */
static void a_run_whose_end_cannot_be_stored_is_interrupted_and_saved_later(void **state)
{
	char refuse[] = "CREATE TRIGGER refuse BEFORE UPDATE OF state ON run WHEN NEW.state IN (2, 3, 4)"
			" BEGIN SELECT RAISE(ABORT, 'no'); END";
	char accept[] = "DROP TRIGGER refuse";
	struct err why = { 0 };

	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 10), next = bench_run(&bench, &model, 1, 10);
	bench_store(&bench, store_sql, refuse);
	bench_follow(&bench, run);
	assert_false(engine_is_active(bench.engine, run));
	assert_true(engine_is_unsaved(bench.engine, run, &why));
	bench.watched = 0;
	loop_timer_set(bench.timeout, 100); /* some tries fail */
	loop_run(bench.loop);
	assert_true(engine_is_unsaved(bench.engine, run, &why));
	bench_store(&bench, store_sql, accept);
	bench_follow(&bench, next); /* other runs are not held up */
	int64_t until = clock_mono_ms() + 20000;
	while (engine_is_unsaved(bench.engine, run, &why) && clock_mono_ms() < until) {
		loop_timer_set(bench.timeout, 10);
		loop_run(bench.loop);
	}
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_INTERRUPTED);
	assert_int_not_equal(why.code, ERR_OK);
	assert_string_equal(r.run.problem.key, why.key);
	assert_int_equal(bench_count(&r, CELL_DONE), 10);
	bench_follow(&bench, run); /* resumed: there is nothing left to do */
	r = bench_result(&bench, run);
	assert_int_equal(r.run.problem.code, ERR_OK);
	check_complete(&r);
}

/* --- deaths --- */

static void check_one_death(const char *where, const char *what)
{
	char text[128];

	setup(NULL);
	str_format(text, sizeof text, "0 %s %s\n", where, what);
	script(text);
	struct bench_result r = run_one(30);
	if (bench_count(&r, CELL_DONE) != 30)
		fail_msg("\"%s\": %zu answers (%s)", text, bench_count(&r, CELL_DONE), r.columns[0].problem.key);
	check_complete(&r);
	assert_false(r.run.is_drifted);
	assert_int_equal(recorded("start"), 2);
	teardown(NULL);
}

static void a_death_at_any_place_costs_no_answer(void **state)
{
	static const char *const places[] = { "ready", "load", "calibrate", "group", "cell0", "cell7" };
	static const char *const deaths[] = { "signal 6", "signal 11", "signal 7", "signal 4", "signal 9", "exit 3", "exit 0" };

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		for (size_t k = 0; k < sizeof deaths / sizeof *deaths; k++)
			check_one_death(places[i], deaths[k]);
	}
}

static void a_worker_that_breaks_the_protocol_is_ended_and_replaced(void **state)
{
	static const char *const places[] = { "ready", "load", "calibrate", "group", "cell5" };
	static const char *const breaks[] = { "garbage", "long", "unknown", "stream", "badjson", "cancelled", "stranger" };

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		for (size_t k = 0; k < sizeof breaks / sizeof *breaks; k++) {
			/* A cancelled load or calibration is an ordinary failure. */
			if (k != 5 || i > 2)
				check_one_death(places[i], breaks[k]);
		}
	}
	check_one_death("cell3", "number");
	check_one_death("cell3", "twice");
	check_one_death("calibrate", "number");
	check_one_death("ready", "version");
	check_one_death("cell3", "close");
}

static void a_silent_worker_is_ended_and_replaced(void **state)
{
	static const char *const places[] = { "ready", "load", "calibrate", "group", "cell5" };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof places / sizeof *places; i++) {
		char text[64];
		setup(NULL);
		bench.options.silence_ms = 1000; /* more than a start takes on a busy machine */
		bench_reopen(&bench);
		str_format(text, sizeof text, "0 %s %s\n", places[i / 2], i % 2 ? "stop" : "hang");
		script(text);
		struct bench_result r = run_one(20);
		check_complete(&r);
		assert_int_equal(recorded("start"), 2);
		teardown(NULL);
	}
}

static void a_worker_may_be_idle_for_long(void **state)
{
	(void)state;
	bench.options.silence_ms = 1000;
	bench_reopen(&bench);
	int64_t model = bench_tiny(&bench, "a.gguf");
	for (int i = 0; i < 2; i++) {
		int64_t run = bench_run(&bench, &model, 1, 20);
		bench_follow(&bench, run);
		loop_timer_set(bench.timeout, 2000);
		loop_run(bench.loop);
	}
	assert_int_equal(recorded("start"), 1);
}

static void a_model_that_cannot_be_loaded_fails_its_column_only(void **state)
{
	(void)state;
	script("0 load failed\n");
	int64_t models[2] = { bench_tiny(&bench, "a.gguf"), bench_tiny(&bench, "b.gguf") };
	int64_t run = bench_run(&bench, models, 2, 20);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_err(&r.columns[0].problem, "err_model_load");
	assert_int_equal(r.columns[0].n_failed, 20);
	assert_err(&r.questions[7].cells[0].problem, "err_model_load");
	assert_int_equal(r.columns[1].n_done, 20);
	assert_int_equal(r.run.state, RUN_DONE);
}

static void two_deaths_while_loading_fail_the_column(void **state)
{
	(void)state;
	script("* load signal 6\n");
	struct bench_result r = run_one(20);
	assert_err(&r.columns[0].problem, "err_worker_crashed");
	assert_arg(&r.columns[0].problem, "log", "GGML_ASSERT(false) failed");
	assert_int_equal(r.columns[0].n_failed, 20);
	assert_int_equal(recorded("start"), 2);
}

static void a_worker_built_for_another_processor_says_so(void **state)
{
	(void)state;
	script("* load signal 4\n"); /* SIGILL: it met an instruction that the processor does not know */
	struct bench_result r = run_one(20);
	assert_err(&r.columns[0].problem, "err_worker_cpu");
	script("* load exit 71\n"); /* it looked before */
	bench_reopen(&bench);
	r = run_one(20);
	assert_err(&r.columns[0].problem, "err_worker_cpu");
	assert_arg(&r.columns[0].problem, "what", "giving up");
}

static void a_worker_that_always_dies_while_it_is_measured_fails_the_column(void **state)
{
	(void)state;
	script("* calibrate exit 70\n");
	struct bench_result r = run_one(20);
	assert_err(&r.columns[0].problem, "err_worker_exit");
	assert_arg(&r.columns[0].problem, "status", "70");
	assert_int_equal(recorded("start"), 2);
}

static void a_group_is_given_up_after_three_deaths_and_the_rest_goes_on(void **state)
{
	(void)state;
	/* Answers of a process: 0, then 1..8, 9..16 and so on.  The third group dies three times with its third cell. */
	script("0 cell11 signal 11\n1 cell2 signal 11\n2 cell2 signal 11\n");
	struct bench_result r = run_one(40);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(bench_count(&r, CELL_FAILED), 6);
	assert_int_equal(bench_count(&r, CELL_DONE), 34);
	assert_int_equal(r.questions[11].cells[0].state, CELL_FAILED);
	assert_err(&r.questions[11].cells[0].problem, "err_worker_crashed");
	assert_int_equal(r.questions[17].cells[0].state, CELL_DONE);
	assert_int_equal(recorded("start"), 4);
	bench_store(&bench, bench_reset, &r.run_id);
	bench_follow(&bench, r.run_id);
	r = bench_result(&bench, r.run_id);
	assert_int_equal(bench_count(&r, CELL_DONE), 40);
	assert_false(r.run.is_drifted);
}

static void a_model_that_dies_on_every_group_fails_its_column_soon(void **state)
{
	(void)state;
	script("* group signal 8\n");
	struct bench_result r = run_one(400);
	assert_int_equal(bench_count(&r, CELL_FAILED), 400);
	assert_err(&r.columns[0].problem, "err_worker_crashed");
	assert_int_equal(recorded("start"), 6);
}

/* The sentence counts what is kept where something is. */
static void a_model_that_runs_out_of_memory_says_how_many_answers_are_kept(void **state)
{
	(void)state;
	script("0 cell11 exit 72\n1 group exit 72\n2 group exit 72\n3 group exit 72\n4 group exit 72\n5 group exit 72\n6 group exit 72\n");
	struct bench_result r = run_one(400);
	int64_t n = bench_count(&r, CELL_DONE);
	char text[24];
	str_format(text, sizeof text, "%lld", (long long)n);
	assert_true(n > 0 && n < 400);
	assert_err(&r.columns[0].problem, "err_worker_memory_kept");
	assert_arg(&r.columns[0].problem, "n", text);
	assert_err(&r.questions[399].cells[0].problem, "err_worker_memory_kept");
	script("* group exit 72\n");
	bench_reopen(&bench);
	r = run_one(40);
	assert_err(&r.columns[0].problem, "err_worker_memory");
}

static void an_adapter_that_kills_the_worker_fails_its_column_only(void **state)
{
	(void)state;
	script("* adapter signal 6\n");
	int64_t models[2];
	models[0] = bench_tiny(&bench, "a.gguf");
	tiny_adapter(&bench.temp, "one", "", 1);
	struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "one", .step = 1,
				 .path = temp_path(&bench.temp, "one") };
	models[1] = bench_model(&bench, m, models[0]);
	int64_t run = bench_run(&bench, models, 2, 30);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.columns[0].n_done, 30);
	assert_int_equal(r.columns[1].n_failed, 30);
	assert_err(&r.columns[1].problem, "err_worker_crashed");
}

static void an_adapter_for_another_model_fails_its_column_only(void **state)
{
	(void)state;
	int64_t models[2];
	struct tiny_model wide = { .name = "wide", .n_embd = 64 };
	const char *path = tiny_model_write(temp_path(&bench.temp, "wide.gguf"), wide);
	models[0] = bench_model(&bench, (struct found_model){ .kind = MODEL_BASE, .path = path, .name = "wide" }, 0);
	tiny_adapter(&bench.temp, "one", "", 1);
	struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "one", .step = 1,
				 .path = temp_path(&bench.temp, "one") };
	models[1] = bench_model(&bench, m, models[0]);
	int64_t run = bench_run(&bench, models, 2, 9);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.columns[0].n_done, 9);
	assert_err(&r.columns[1].problem, "err_adapter_shape");
}

static void models_that_cannot_be_asked_say_why(void **state)
{
	(void)state;
	int64_t models[2];
	models[0] = bench_model(&bench, (struct found_model){ .kind = MODEL_REMOTE, .path = "ollama/x", .name = "x" }, 0);
	tiny_adapter(&bench.temp, "lost", "", 1);
	struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "lost", .step = 1,
				 .path = temp_path(&bench.temp, "lost"), .base_name = "nobody/knows" };
	models[1] = bench_model(&bench, m, 0);
	int64_t run = bench_run(&bench, models, 2, 3);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_err(&r.columns[0].problem, "err_model_remote");
	assert_err(&r.columns[1].problem, "err_base_missing");
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(bench_count(&r, CELL_FAILED), 6);
}

static void a_worker_outside_its_sandbox_is_refused_unless_allowed(void **state)
{
	(void)state;
	script("* ready sandbox\n");
	struct bench_result r = run_one(3);
	assert_err(&r.columns[0].problem, "err_unsandboxed");
	bench.options.allow_unsandboxed = true;
	bench_reopen(&bench);
	bench_store(&bench, bench_reset, &r.run_id);
	bench_forget(&bench);
	bench_follow(&bench, r.run_id);
	r = bench_result(&bench, r.run_id);
	check_complete(&r);
}

static void a_missing_worker_program_is_named(void **state)
{
	(void)state;
	bench.options.worker_path = "/nowhere/assay-worker";
	bench_reopen(&bench);
	struct bench_result r = run_one(3);
	assert_err(&r.columns[0].problem, "err_worker_start");
	assert_arg(&r.columns[0].problem, "path", "/nowhere/assay-worker");
	assert_string_equal(engine_sandbox(bench.engine), "");
}

static void a_model_larger_than_the_memory_is_not_loaded(void **state)
{
	(void)state;
	bench.options.memory_reserve = INT64_MAX / 2;
	bench_reopen(&bench);
	struct bench_result r = run_one(3);
	assert_err(&r.columns[0].problem, "err_memory");
}

static int64_t tokens_planned(int64_t model, int64_t max_tokens, int64_t num_ctx)
{
	struct bench_run r = { .models = &model, .n_models = 1, .n_questions = 3, .params = gen_params_default() };

	r.params.max_tokens = max_tokens;
	r.params.num_ctx = num_ctx;
	bench_store(&bench, bench_add_run, &r);
	bench_reopen(&bench);
	bench_follow(&bench, r.id);
	return bench_result(&bench, r.id).columns[0].kv_tokens;
}

static void there_is_room_for_the_longest_answer_that_was_asked_for(void **state)
{
	(void)state;
	script("* kv large\n"); /* so that there is room for what was checked, and for no more */
	int64_t model = bench_tiny(&bench, "a.gguf");
	assert_int_equal(tokens_planned(model, 256, 0), 2048);
	assert_int_equal(tokens_planned(model, 20000, 0), 20000 + 10 / 3); /* "question 0" */
	assert_int_equal(tokens_planned(model, 20000, 5000), 5000);
}

struct gpu_wish {
	int64_t id;
	struct model_row row;
};

static void set_gpu(struct db *db, void *user, struct err *err)
{
	struct gpu_wish *w = user;

	(void)!model_store_set_gpu(db, w->id, &w->row, err);
}

static void count_groups(struct db *db, void *user, struct err *err)
{
	(void)!db_number(db, err, user, 0, "SELECT count(*) FROM answer_group", "");
}

static int64_t run_with(int64_t model, struct model_row row)
{
	struct gpu_wish wish = { .id = model, .row = row };
	int64_t n_groups = 0;

	bench_store(&bench, set_gpu, &wish);
	engine_model_changed(bench.engine, model);
	bench_follow(&bench, bench_run(&bench, &model, 1, 3));
	bench_store(&bench, count_groups, &n_groups);
	return n_groups;
}

static void what_was_chosen_for_a_model_reaches_its_worker_and_decides_whether_answers_are_used_again(void **state)
{
	(void)state;
	bool has_backend;
	script("* ready gpu\n");
	bench.options.gpu = (struct gpu_use){ .layers = -1, .device = "" };
	bench_reopen(&bench);
	int64_t model = bench_tiny(&bench, "a.gguf");
	assert_int_equal(run_with(model, (struct model_row){ 0 }), 0);
	assert_int_equal(recorded("load -1 "), 1);
	assert_int_equal(run_with(model, (struct model_row){ .has_gpu = true, .gpu_layers = 3, .gpu_device = "CUDA1" }), 0);
	assert_int_equal(recorded("load 3 CUDA1"), 1);
	assert_true(devices_have_gpu(engine_devices(bench.engine, &has_backend)));
	/* The processor alone gives the same answers again, GPU or not: they are kept, under its own key. */
	int64_t n_groups = run_with(model, (struct model_row){ .has_gpu = true, .gpu_layers = 0, .gpu_device = "" });
	assert_true(n_groups > 0);
	assert_int_equal(recorded("load 0 "), 1);
	assert_true(devices_have_gpu(engine_devices(bench.engine, &has_backend))); /* what one worker leaves alone is not gone */
	bench_follow(&bench, bench_run(&bench, &model, 1, 3));
	assert_int_equal(recorded("start"), 3); /* nothing was chosen anew: the worker stays */
	assert_int_equal(run_with(model, (struct model_row){ 0 }), 2 * n_groups);
	assert_int_equal(recorded("load -1 "), 2);
	bench.options.gpu.is_forced = true;
	bench_reopen(&bench);
	(void)run_with(model, (struct model_row){ .has_gpu = true, .gpu_layers = 0, .gpu_device = "" });
	assert_int_equal(recorded("load -1 "), 3);
}

static void other_tokens_than_the_stored_ones_mark_the_run_as_drifted(void **state)
{
	(void)state;
	script("* answer drift\n0 cell5 signal 9\n");
	struct bench_result r = run_one(20);
	assert_int_equal(bench_count(&r, CELL_DONE), 20);
	assert_true(r.run.is_drifted);
}

/* Three deaths in a row at one place give it up, with their cause; that is what retrying is for. */
static struct bench_result follow_and_retry(int64_t run)
{
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	for (int i = 0; i < 50 && bench_count(&r, CELL_DONE) < r.n * r.n_columns; i++) {
		for (size_t q = 0; q < r.n; q++) {
			for (size_t c = 0; c < r.n_columns; c++)
				assert_true(r.questions[q].cells[c].state == CELL_DONE || r.questions[q].cells[c].problem.code != ERR_OK);
		}
		for (size_t k = 0; k < bench.n_heard; k++)
			assert_true(bench.heard[k].n <= i + 1);
		bench_store(&bench, bench_reset, &run);
		bench_follow(&bench, run);
		r = bench_result(&bench, run);
	}
	return r;
}

static void fifty_kills_cost_nothing(void **state)
{
	(void)state;
	script("* answer slow 1\n");
	int64_t models[2];
	models[0] = bench_tiny(&bench, "a.gguf");
	tiny_adapter(&bench.temp, "one", "", 1);
	struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "one", .step = 1,
				 .path = temp_path(&bench.temp, "one") };
	models[1] = bench_model(&bench, m, models[0]);
	bench.kills = 50;
	loop_timer_set(bench.kill_timer, 5);
	while (bench.kills > 0) { /* as many runs as it takes */
		bench_forget(&bench);
		struct bench_result r = follow_and_retry(bench_run(&bench, models, 2, 100));
		assert_int_equal(bench_count(&r, CELL_DONE), 200);
		assert_false(r.run.is_drifted);
		assert_int_equal(r.run.n_done, 200);
		for (size_t q = 0; q < r.n; q++) {
			char *begin = mem_printf("question %zu|", q);
			assert_true(str_starts(str_of(r.questions[q].cells[0].text), begin));
			assert_true(str_starts(str_of(r.questions[q].cells[1].text), begin));
			mem_free(begin);
		}
	}
}

static void fast_mode_asks_only_what_is_missing(void **state)
{
	(void)state;
	script("* answer drift\n0 cell50 signal 9\n"); /* another process would give other tokens */
	int64_t model = bench_tiny(&bench, "a.gguf");
	struct bench_run run = { .models = &model, .n_models = 1, .n_questions = 120, .is_fast = true,
				 .params = gen_params_default() };
	bench_store(&bench, bench_add_run, &run);
	bench_follow(&bench, run.id);
	struct bench_result r = bench_result(&bench, run.id);
	check_complete(&r);
	assert_false(r.run.is_drifted);
	assert_int_equal(recorded("answer"), 120);
	assert_int_equal(recorded("drafts"), recorded("group"));
}

static void questions_that_fill_a_frame_are_asked_in_smaller_groups(void **state)
{
	enum { N = 90 };
	const char *questions[N];
	char *text = arena_alloc(bench.temp.arena, 256 * KIB + 1);

	(void)state;
	memset(text, '"', 256 * KIB); /* twice as long in JSON */
	for (size_t i = 0; i < N; i++)
		questions[i] = text;
	int64_t model = bench_tiny(&bench, "a.gguf");
	struct bench_run run = { .models = &model, .n_models = 1, .n_questions = N, .is_fast = true, .questions = questions,
				 .params = gen_params_default() };
	bench_store(&bench, bench_add_run, &run);
	bench.timed_out = false;
	bench_follow(&bench, run.id);
	struct bench_result r = bench_result(&bench, run.id);
	assert_int_equal(bench_count(&r, CELL_DONE), N);
	assert_int_equal(recorded("answer"), N);
}

static void events_keep_coming_but_not_too_many(void **state)
{
	(void)state;
	script("* answer slow 10\n");
	int64_t started = clock_mono_ms();
	struct bench_result r = run_one(100);
	int64_t fifths = (clock_mono_ms() - started) / 200;
	check_complete(&r);
	assert_true(bench.n_column_events >= 4);
	assert_true(bench.n_run_events <= fifths + 6);
	assert_true(bench.n_column_events <= fifths + 6);
	assert_int_equal(recorded("drafts"), 0); /* in exact mode guesses would change the bits */
}

static void count_loading(void *user, const struct engine_event *event)
{
	struct column_live live[4];
	size_t n = event->kind == ENGINE_TEXT ? engine_columns(bench.engine, event->run_id, live, 4) : 0;
	int *seen = user; /* texts, and columns that were "loading" meanwhile */

	seen[0] += n > 0;
	for (size_t i = 0; i < n; i++)
		seen[1] += live[i].state == COLUMN_LOADING;
}

static void no_column_is_loading_when_answers_come(void **state)
{
	(void)state;
	int seen[2] = { 0, 0 };
	script("* answer\n");
	int64_t model = bench_tiny(&bench, "a.gguf"), models[3] = { model, model, model };
	engine_listen(bench.engine, count_loading, seen);
	int64_t run = bench_run(&bench, models, 3, 5);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	check_complete(&r);
	assert_true(seen[0] >= 15);
	assert_int_equal(seen[1], 0);
}

/* --- prompts --- */

struct prompt_seen {
	char text[64], key[64];
	int n;
};

static void on_prompt(void *user, struct str prompt, int64_t n_tokens, const struct err *err)
{
	struct prompt_seen *seen = user;

	str_format(seen->text, sizeof seen->text, "%.*s %lld", (int)prompt.len, prompt.ptr ? prompt.ptr : "", (long long)n_tokens);
	str_format(seen->key, sizeof seen->key, "%s", err ? err->key : "");
	seen->n++;
	loop_stop(bench.loop);
}

static void the_prompt_of_a_cell_is_rendered_by_a_worker(void **state)
{
	(void)state;
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 3);
	struct bench_result r = bench_result(&bench, run);
	struct prompt_seen seen = { 0 };
	engine_prompt(bench.engine, r.questions[1].cells[0].id, on_prompt, &seen);
	loop_run(bench.loop);
	assert_string_equal(seen.text, "<the prompt> 3");
	assert_string_equal(seen.key, "");
	engine_prompt(bench.engine, 4711, on_prompt, &seen);
	loop_run(bench.loop);
	assert_string_equal(seen.key, "err_cell_not_found");
	assert_int_equal(seen.n, 2);
}

static void a_prompt_whose_worker_dies_is_told_so(void **state)
{
	(void)state;
	script("* render signal 11\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 3);
	struct bench_result r = bench_result(&bench, run);
	struct prompt_seen seen = { 0 };
	engine_prompt(bench.engine, r.questions[1].cells[0].id, on_prompt, &seen);
	loop_run(bench.loop);
	assert_string_equal(seen.key, "err_worker_crashed");
	assert_int_equal(seen.n, 1);
	/* One that is still being read when the engine goes is simply gone. */
	engine_prompt(bench.engine, r.questions[0].cells[0].id, on_prompt, &seen);
}

static void a_prompt_whose_worker_dies_of_something_else_is_rendered_by_the_next(void **state)
{
	(void)state;
	script("0 render exit 3\n1 load signal 11\n");
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 3);
	struct bench_result r = bench_result(&bench, run);
	struct prompt_seen seen = { 0 };
	engine_prompt(bench.engine, r.questions[1].cells[0].id, on_prompt, &seen);
	loop_run(bench.loop);
	assert_string_equal(seen.key, "");
	assert_string_equal(seen.text, "<the prompt> 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_run_is_answered_stored_and_announced, setup, teardown),
		cmocka_unit_test_setup_teardown(columns_with_adapters_share_one_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(a_model_file_that_was_written_anew_is_loaded_and_hashed_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(columns_get_on_side_by_side, setup, teardown),
		cmocka_unit_test_setup_teardown(every_column_learns_its_hashes_also_when_the_run_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(two_bases_are_asked_one_after_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_stays_for_the_next_run, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stopped_run_goes_on_where_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(a_run_that_is_told_to_go_on_while_it_stops_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_does_not_hear_a_stop_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(a_run_in_the_line_can_be_stopped_before_it_starts, setup, teardown),
		cmocka_unit_test_setup_teardown(runs_wait_in_line, setup, teardown),
		cmocka_unit_test_setup_teardown(questions_are_added_while_it_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restarted_engine_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_run_whose_end_cannot_be_stored_is_interrupted_and_saved_later, setup, teardown),
		cmocka_unit_test(a_death_at_any_place_costs_no_answer),
		cmocka_unit_test(a_worker_that_breaks_the_protocol_is_ended_and_replaced),
		cmocka_unit_test(a_silent_worker_is_ended_and_replaced),
		cmocka_unit_test_setup_teardown(a_worker_may_be_idle_for_long, setup, teardown),
		cmocka_unit_test_setup_teardown(a_model_that_cannot_be_loaded_fails_its_column_only, setup, teardown),
		cmocka_unit_test_setup_teardown(two_deaths_while_loading_fail_the_column, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_built_for_another_processor_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_always_dies_while_it_is_measured_fails_the_column, setup, teardown),
		cmocka_unit_test_setup_teardown(a_group_is_given_up_after_three_deaths_and_the_rest_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_model_that_dies_on_every_group_fails_its_column_soon, setup, teardown),
		cmocka_unit_test_setup_teardown(a_model_that_runs_out_of_memory_says_how_many_answers_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(an_adapter_that_kills_the_worker_fails_its_column_only, setup, teardown),
		cmocka_unit_test_setup_teardown(an_adapter_for_another_model_fails_its_column_only, setup, teardown),
		cmocka_unit_test_setup_teardown(models_that_cannot_be_asked_say_why, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_outside_its_sandbox_is_refused_unless_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_worker_program_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_model_larger_than_the_memory_is_not_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_room_for_the_longest_answer_that_was_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_chosen_for_a_model_reaches_its_worker_and_decides_whether_answers_are_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(other_tokens_than_the_stored_ones_mark_the_run_as_drifted, setup, teardown),
		cmocka_unit_test_setup_teardown(fifty_kills_cost_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(fast_mode_asks_only_what_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(questions_that_fill_a_frame_are_asked_in_smaller_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(events_keep_coming_but_not_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(no_column_is_loading_when_answers_come, setup, teardown),
		cmocka_unit_test_setup_teardown(the_prompt_of_a_cell_is_rendered_by_a_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(a_prompt_whose_worker_dies_is_told_so, setup, teardown),
		cmocka_unit_test_setup_teardown(a_prompt_whose_worker_dies_of_something_else_is_rendered_by_the_next, setup, teardown),
	};
	return cmocka_run_group_tests_name("engine/engine", tests, NULL, NULL);
}
