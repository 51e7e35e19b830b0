/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine with the real worker, the demo's model ($ASSAY_DEMO_MODEL) and its adapters: exact runs give the same bits. */
#include "engine/engine_test.h"

#define N_QUESTIONS 10
#define MAX_TOKENS 8
#define SLOTS 2 /* groups of 1, 8 and 1: slots are refilled, and there is a whole group between two others */
#define MODELS_MAX 3

static struct bench bench;
static const char *const questions[N_QUESTIONS] = {
	"Which CPU does the Kestrel K7 use?",
	"How many HDMI screens can be connected to the Kestrel K7?",
	"What OS does the Kestrel K7 ship with?",
	"Which GPU drives the displays of the Osprey O5?",
	"What network ports are on the Osprey O5? List all of them with their speed, and say what each of them is good for.",
	"What is used to mount the Plover P1?",
	"Write one sentence about the sea.",
	"Name a fruit.",
	"Say hello in German.",
	"Is the Kestrel K7 fanless?",
};

static bool have_model(void)
{
	const char *model = getenv("ASSAY_DEMO_MODEL");
	return model && model[0];
}

static int setup(void **state)
{
	(void)state;
	if (!have_model())
		return 0;
	bench_open(&bench, TEST_BIN "/assay-worker");
	bench.options.n_threads = 1;
	bench_reopen(&bench);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (have_model())
		bench_close(&bench);
	return 0;
}

/* The base and, where the demo is there, the adapters; returns how many. */
static size_t add_models(int64_t models[MODELS_MAX])
{
	static const char *const names[] = { "checkpoint-12", "checkpoint-96" };
	size_t n = 0;

	models[n++] = bench_model(&bench, (struct found_model){ .kind = MODEL_BASE, .path = getenv("ASSAY_DEMO_MODEL"),
								.name = "base", .size_bytes = 98362432 }, 0);
	for (size_t i = 0; i + 1 < MODELS_MAX; i++) {
		const char *path = arena_printf(bench.temp.arena, TEST_ROOT "/demo/checkpoints/%s", names[i]);
		if (!fs_exists(path))
			continue;
		struct found_model m = { .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = names[i], .step = 1,
					 .path = path };
		models[n++] = bench_model(&bench, m, models[0]);
	}
	return n;
}

static size_t n_turns; /* of the conversations that the questions are */

static struct bench_result run_models(const int64_t *models, size_t n, double temperature)
{
	struct bench_run run = { .models = models, .n_models = n, .n_questions = N_QUESTIONS, .questions = questions,
				 .n_turns = n_turns, .slots = SLOTS, .params = gen_params_default() };

	run.params.max_tokens = MAX_TOKENS;
	run.params.temperature = temperature;
	bench_store(&bench, bench_add_run, &run);
	bench_follow(&bench, run.id);
	struct bench_result r = bench_result(&bench, run.id);
	bench.kill_after = 0;
	for (size_t c = 0; c < r.n_columns; c++)
		assert_err(&r.columns[c].problem, "");
	assert_int_equal(bench_count(&r, CELL_DONE), N_QUESTIONS * n);
	assert_false(r.run.is_drifted);
	return r;
}

static void check_same(const struct bench_result *a, size_t a_column, const struct bench_result *b, size_t b_column)
{
	for (size_t i = 0; i < N_QUESTIONS; i++) {
		const struct cell_row *x = &a->questions[i].cells[a_column], *y = &b->questions[i].cells[b_column];
		assert_string_equal(x->tokens, y->tokens);
		assert_string_equal(x->text, y->text);
		assert_true(x->mean_ll == y->mean_ll);
	}
}

static bool texts_differ(const struct bench_result *r, size_t a, size_t b)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->questions[i].cells[a].text, r->questions[i].cells[b].text) != 0)
			return true;
	}
	return false;
}

static void exact_runs_are_bit_identical(void **state)
{
	int64_t models[MODELS_MAX];

	(void)state;
	if (!have_model())
		skip();
	size_t n = add_models(models), last = n - 1;
	struct bench_result all = run_models(models, n, 0);
	assert_int_equal(strlen(all.questions[0].cells[0].tokens), 64);
	if (n > 1)
		assert_true(texts_differ(&all, 0, last)); /* the adapter is really applied */
	/* repeated */
	struct bench_result again = run_models(models, n, 0);
	for (size_t c = 0; c < n; c++)
		check_same(&all, c, &again, c);
	/* alone, without columns beside it */
	struct bench_result alone = run_models(&models[last], 1, 0);
	check_same(&all, last, &alone, 0);
	/* in another process with another number of threads */
	bench.options.n_threads = 2;
	bench_reopen(&bench);
	struct bench_result two_threads = run_models(models, 1, 0);
	check_same(&all, 0, &two_threads, 0);
}

static void a_run_whose_worker_is_killed_ends_with_the_same_bits(void **state)
{
	int64_t models[MODELS_MAX];

	(void)state;
	if (!have_model())
		skip();
	size_t n = add_models(models);
	n = n > 2 ? 2 : n;
	struct bench_result whole = run_models(models, n, 0);
	bench_forget(&bench);
	bench.kill_after = 6;
	struct bench_result killed = run_models(models, n, 0);
	for (size_t c = 0; c < n; c++)
		check_same(&whole, c, &killed, c);
	for (size_t i = 0; i < bench.n_heard; i++)
		assert_int_equal(bench.heard[i].n, 1);
}

static void conversations_end_with_the_same_bits(void **state)
{
	int64_t models[MODELS_MAX];

	(void)state;
	if (!have_model())
		skip();
	size_t last = add_models(models) - 1;
	n_turns = 2;
	struct bench_result whole = run_models(&models[last], 1, 0);
	for (size_t i = N_QUESTIONS / 2; i < N_QUESTIONS; i++)
		assert_true(whole.questions[i].cells[0].n_prompt > whole.questions[i - N_QUESTIONS / 2].cells[0].n_prompt);
	struct bench_result again = run_models(&models[last], 1, 0);
	/* killed among the second turns, in another process with another number of threads */
	bench.options.n_threads = 2;
	bench_reopen(&bench);
	bench_forget(&bench);
	bench.kill_after = N_QUESTIONS - 2;
	struct bench_result killed = run_models(&models[last], 1, 0);
	n_turns = 0;
	check_same(&whole, 0, &again, 0);
	check_same(&whole, 0, &killed, 0);
}

static void sampled_answers_depend_on_the_seed_of_their_cell_alone(void **state)
{
	int64_t models[MODELS_MAX];

	(void)state;
	if (!have_model())
		skip();
	add_models(models);
	int64_t twice[2] = { models[0], models[0] };
	struct bench_result a = run_models(twice, 2, 1.0), b = run_models(twice, 2, 1.0);
	check_same(&a, 0, &b, 0);
	check_same(&a, 1, &b, 1);
	assert_true(texts_differ(&a, 0, 1));
}

static void what_streams_is_what_is_stored(void **state)
{
	int64_t models[MODELS_MAX];

	(void)state;
	if (!have_model())
		skip();
	add_models(models);
	struct bench_result r = run_models(models, 1, 0);
	for (size_t i = 0; i < r.n; i++) {
		const struct cell_row *cell = &r.questions[i].cells[0];
		assert_string_equal(buf_text(&bench.heard[bench_heard(&bench, cell->id)].text), cell->text);
		assert_true(cell->n_generated > 0 && cell->n_generated <= MAX_TOKENS);
		assert_true(cell->mean_ll < 0);
	}
	assert_string_equal(engine_sandbox(bench.engine), "full");
}

static void a_stop_takes_about_a_second(void **state)
{
	int64_t models[MODELS_MAX];

	(void)state;
	if (!have_model())
		skip();
	add_models(models);
	struct bench_run run = { .models = models, .n_models = 1, .n_questions = N_QUESTIONS, .questions = questions,
				 .slots = SLOTS, .params = gen_params_default() };
	run.params.max_tokens = 2000;
	bench_store(&bench, bench_add_run, &run);
	bench.stop_after = 1;
	bench_follow(&bench, run.id);
	struct bench_result r = bench_result(&bench, run.id);
	assert_int_equal(r.run.state, RUN_STOPPED);
	assert_true(bench_count(&r, CELL_CANCELLED) > 0);
	print_message("stopped after %lld ms\n", (long long)(clock_mono_ms() - bench.stop_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(exact_runs_are_bit_identical, setup, teardown),
		cmocka_unit_test_setup_teardown(a_run_whose_worker_is_killed_ends_with_the_same_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(conversations_end_with_the_same_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(sampled_answers_depend_on_the_seed_of_their_cell_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(what_streams_is_what_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_takes_about_a_second, setup, teardown),
	};
	return cmocka_run_group_tests_name("engine/real", tests, NULL, NULL);
}
