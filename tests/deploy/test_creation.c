/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of a new model where memory is short, with the real worker, the demo's model ($ASSAY_TEST_MODEL) and its last epoch.
 * Memory is short where the engine leaves more of it free than there is. */
#include "engine/engine_test.h"

#include "deploy/creation.h"
#include "engine/active.h"
#include "store/provider_store.h"

#define NO_MEMORY (INT64_MAX / 2)

static const char *const asked[] = { "Which CPU does the Kestrel K7 use?", "Name three colours." };

static struct bench bench;
static struct creations *creations;
static struct arena *arena;
static int64_t base_id, epoch_id;

static bool have_model(void)
{
	const char *model = getenv("ASSAY_TEST_MODEL");
	return model && model[0];
}

/* --- a job --- */

struct job_wish {
	const char *format;
	bool prove, imatrix;
	int64_t model_id, run_id, id;
	int64_t provider_id; /* of the Ollama that it is for; 0: a file is wanted */
};

static void add_creation(struct db *db, void *user, struct err *err)
{
	struct job_wish *w = user;
	struct creation_params wanted = { .format = w->format, .prove = w->prove, .imatrix = w->imatrix, .path = "",
					   .provider_id = w->provider_id };
	struct run_row run;
	struct column_row *columns = NULL;
	struct buf params = BUF_INIT(MIB);
	size_t n = 0;

	if (w->run_id && run_store_get(db, arena, w->run_id, &run, &columns, &n, err) != ERR_OK)
		return;
	creation_params_write(&wanted, &params);
	struct creation_row row = { .target = w->provider_id ? "ollama" : "file", .name = "kestrel", .params = buf_text(&params), .source_model_id = w->model_id,
				    .run_id = w->run_id, .column_id = n ? columns[0].id : 0, .steps = "[]", .result = "{}" };
	if (creation_store_add(db, &row, err) == ERR_OK)
		w->id = row.id;
	buf_release(&params);
}

struct look {
	int64_t id;
	struct creation_row row;
	struct artifact_row artifact;
};

static void read_creation(struct db *db, void *user, struct err *err)
{
	struct look *l = user;

	l->artifact = (struct artifact_row){ .proof = "" };
	if (creation_store_get(db, arena, l->id, &l->row, err) == ERR_OK && l->row.artifact_id)
		(void)!artifact_store_get(db, arena, l->row.artifact_id, &l->artifact, err);
}

static void turn_loop(void)
{
	loop_timer_set(bench.timeout, 20);
	loop_run(bench.loop);
}

static struct look end_of(int64_t id)
{
	struct look l = { .id = id };
	int64_t until = clock_mono_ms() + 250000;

	do {
		assert_true(clock_mono_ms() < until);
		turn_loop();
		bench_store(&bench, read_creation, &l);
	} while (l.row.state == CREATION_WAITING || l.row.state == CREATION_RUNNING);
	return l;
}

static struct look made_by(int64_t id)
{
	struct look l = end_of(id);

	assert_err(&l.row.problem, "");
	assert_int_equal(l.row.state, CREATION_DONE);
	assert_true(l.artifact.id && access(l.artifact.path, R_OK) == 0);
	return l;
}

static struct look create(struct job_wish w)
{
	bench_store(&bench, add_creation, &w);
	creations_start(creations, w.id);
	return made_by(w.id);
}

static void set_reserve(int64_t bytes)
{
	bench.engine->options.memory_reserve = bytes;
}

static void on_granted(void *user)
{
	*(bool *)user = true;
}

/* Memory is short while the job looks for the first time whether the validated model fits, and no longer. */
static struct look create_short_of_memory(struct job_wish w)
{
	bool is_ours = false, waits = false;
	int64_t until = clock_mono_ms() + 100000;

	set_reserve(NO_MEMORY);
	engine_reserve(bench.engine, on_granted, &is_ours);
	assert_true(is_ours);
	bench_store(&bench, add_creation, &w);
	creations_start(creations, w.id);
	while (!waits) {
		struct buf steps = BUF_INIT(MIB);
		assert_true(clock_mono_ms() < until);
		turn_loop();
		assert_true(creations_live(creations, w.id, &steps));
		waits = strstr(buf_text(&steps), "\"proof\", \"state\": \"running\"") || strstr(buf_text(&steps), "\"proof\",\"state\":\"running\"");
		buf_release(&steps);
	}
	engine_unreserve(bench.engine, &is_ours);
	set_reserve(1);
	return made_by(w.id);
}

static json_t *json_of(const char *text)
{
	struct err err = { 0 };
	json_t *json = json_parse(str_of(text[0] ? text : "{}"), "test", &err);

	assert_non_null(json);
	return json;
}

static const char *text_at(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));
	return text ? text : "(none)";
}

/* --- the models --- */

static int setup(void **state)
{
	(void)state;
	if (!have_model())
		return 0;
	bench_open(&bench, TEST_BIN "/assay-worker");
	arena = bench.temp.arena;
	struct creations_options options = { .loop = bench.loop, .store = bench.store, .engine = bench.engine, .work = bench.work,
					     .hash = bench.hash, .worker_path = bench.options.worker_path, .n_threads = 2 };
	creations = creations_new(&options);
	base_id = bench_model(&bench, (struct found_model){ .kind = MODEL_BASE, .path = getenv("ASSAY_TEST_MODEL"), .name = "base",
							    .size_bytes = 98362432 }, 0);
	epoch_id = bench_model(&bench, (struct found_model){ .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "kestrel", .step = 96,
							     .path = TEST_ROOT "/demo/checkpoints/checkpoint-96" }, base_id);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!have_model())
		return 0;
	creations_free(creations);
	bench_close(&bench);
	return 0;
}

static int64_t validate(int64_t model, enum weights weights)
{
	struct bench_run r = { .models = &model, .n_models = 1, .n_questions = 2, .questions = asked, .params = gen_params_default() };

	r.params.max_tokens = 8;
	r.params.weights = weights;
	bench_store(&bench, bench_add_run, &r);
	bench_follow(&bench, r.id);
	return r.id;
}

static void check_problem(const json_t *problem, int64_t id)
{
	const char *args = arena_printf(arena, "%s%c", text_at(problem, "args"), ERR_ARG_SEP);

	assert_string_equal(text_at(problem, "code"), "limit");
	assert_true(strncmp(text_at(problem, "key"), "err_memory", strlen("err_memory")) == 0);
	assert_non_null(strstr(args, arena_printf(arena, "base=%lld%c", (long long)id, ERR_ARG_SEP)));
}

static size_t n_rows_named(const json_t *proof, const char *name)
{
	const json_t *row;
	size_t i, n = 0;

	json_array_foreach(json_object_get(proof, "rows"), i, row)
		n += strcmp(text_at(row, "name"), name) == 0;
	return n;
}

/* --- tests --- */

static void where_the_validated_model_does_not_fit_only_answers_are_compared_and_it_says_why(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	int64_t run = validate(epoch_id, WEIGHTS_STORED);
	struct job_wish file = { .format = "Q8_0", .model_id = epoch_id, .run_id = run }, proof = file;
	(void)create(file);
	proof.prove = true;
	/* Not the new model either: the file stays all the same. */
	set_reserve(NO_MEMORY);
	struct look l = create(proof);
	json_t *result = json_of(l.row.result);
	assert_string_equal(l.artifact.proof, "");
	check_problem(json_object_get(result, "proof_problem"), l.artifact.model_id);
	json_decref(result);

	l = create_short_of_memory(proof);
	result = json_of(l.row.result);
	check_problem(json_object_get(result, "proof_problem"), base_id);
	json_decref(result);
	json_t *made = json_of(l.artifact.proof);
	assert_string_equal(text_at(made, "reference_weights"), "stored");
	assert_int_equal(json_integer_value(json_object_get(made, "n_questions")), 2);
	assert_int_equal(n_rows_named(made, "mean_kld"), 0);
	json_decref(made);
}

static void set_q8(struct db *db, void *user, struct err *err)
{
	(void)!model_store_set_weights(db, arena, *(int64_t *)user, WEIGHTS_Q8_0, err);
}

static void the_8_bit_weights_are_the_reference_where_the_stored_ones_do_not_fit(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	int64_t half = create((struct job_wish){ .format = "F16", .model_id = epoch_id }).artifact.model_id;
	bench_store(&bench, set_q8, &half);
	int64_t run = validate(half, WEIGHTS_Q8_0);
	struct job_wish file = { .format = "Q8_0", .model_id = half, .run_id = run }, proof = file;
	(void)create(file);
	proof.prove = true;
	struct look l = create_short_of_memory(proof);
	json_t *made = json_of(l.artifact.proof), *result = json_of(l.row.result);
	assert_string_equal(text_at(made, "reference_weights"), "q8_0");
	assert_int_equal(n_rows_named(made, "mean_kld"), 1);
	assert_null(json_object_get(result, "proof_problem"));
	json_decref(made);
	json_decref(result);
}

static void an_importance_matrix_fails_where_the_validated_model_does_not_fit(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct job_wish w = { .format = "Q8_0", .imatrix = true, .model_id = epoch_id, .run_id = validate(epoch_id, WEIGHTS_STORED) };
	set_reserve(NO_MEMORY);
	bench_store(&bench, add_creation, &w);
	creations_start(creations, w.id);
	struct look l = end_of(w.id);
	assert_int_equal(l.row.state, CREATION_FAILED);
	assert_err(&l.row.problem, "err_memory");
	assert_arg(&l.row.problem, "base", arena_printf(arena, "%lld", (long long)base_id));
}

static void add_ollama(struct db *db, void *user, struct err *err)
{
	struct provider_row row = { .kind = PROVIDER_OLLAMA, .name = "Ollama", .url = "http://127.0.0.1:9", .key_source = "", .key_last4 = "",
				    .concurrency = 1, .timeout_s = 1, .ca_file = "", .pin = "" };

	if (provider_store_add(db, arena, &row, err) == ERR_OK)
		*(int64_t *)user = row.id;
}

static void a_new_model_that_does_not_fit_is_not_given_to_ollama_and_stays(void **state)
{
	(void)state;
	if (!have_model())
		skip();
	struct job_wish w = { .format = "Q8_0", .model_id = epoch_id };
	bench_store(&bench, add_ollama, &w.provider_id);
	set_reserve(NO_MEMORY);
	bench_store(&bench, add_creation, &w);
	creations_start(creations, w.id);
	struct look l = end_of(w.id);
	assert_int_equal(l.row.state, CREATION_FAILED);
	assert_err(&l.row.problem, "err_memory");
	assert_true(l.artifact.id && access(l.artifact.path, R_OK) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(where_the_validated_model_does_not_fit_only_answers_are_compared_and_it_says_why, setup, teardown),
		cmocka_unit_test_setup_teardown(the_8_bit_weights_are_the_reference_where_the_stored_ones_do_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_model_that_does_not_fit_is_not_given_to_ollama_and_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(an_importance_matrix_fails_where_the_validated_model_does_not_fit, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
