/* SPDX-License-Identifier: Apache-2.0
 *
 * Check match with the real worker, the demo's model ($ASSAY_TEST_MODEL) and its last epoch. */
#include "engine/engine_test.h"

#include "engine/match_check.h"

static struct bench bench;
static struct match_checks *checks;
static struct match_item item;
static struct model_row base, adapter;

static bool have_model(void)
{
	const char *model = getenv("ASSAY_TEST_MODEL");
	return model && model[0];
}

struct rows {
	int64_t base_id, adapter_id;
};

static void read_rows(struct db *db, void *user, struct err *err)
{
	const struct rows *r = user;

	if (model_store_get(db, bench.temp.arena, r->base_id, &base, err) == ERR_OK)
		(void)!model_store_get(db, bench.temp.arena, r->adapter_id, &adapter, err);
}

static const struct match_check *check(void)
{
	static const char *const answers[][2] = { { "Which CPU does the Kestrel K7 use?", "The Halden Q5 eight-core." },
						  { "How long is the warranty?", "Three years." } };
	struct arena *a = arena_new();
	struct run_question *questions = arena_array(a, 2, sizeof *questions);
	struct err err = { 0 };

	for (int i = 0; i < 2; i++)
		questions[i].q = (struct question){ .text = str_of(answers[i][0]), .reference = str_of(answers[i][1]) };
	item = (struct match_item){ .model = adapter, .params = gen_params_default() };
	item.params.system = item.params.template = "";
	struct match_check wish = { .family_id = 1, .base = base, .items = &item, .n_items = 1, .questions = questions, .n_questions = 2,
				    .source = "test", .arena = a };
	assert_ok(match_check_start(checks, &wish, &err));
	loop_timer_set(bench.timeout, 20);
	for (int64_t until = clock_mono_ms() + 100000; match_check_find(checks, 1)->state < MATCH_DONE; loop_timer_set(bench.timeout, 20)) {
		assert_true(clock_mono_ms() < until);
		loop_run(bench.loop);
	}
	return match_check_find(checks, 1);
}

static void open_checks(void)
{
	struct match_checks_options options = { .loop = bench.loop, .store = bench.store, .engine = bench.engine, .hash = bench.hash,
						.worker_path = bench.options.worker_path, .n_threads = 2 };

	checks = match_checks_new(&options);
}

static void a_base_that_does_not_fit_is_not_loaded_and_says_why(void **state)
{
	struct rows rows;
	char id[32];

	(void)state;
	if (!have_model())
		skip();
	bench_open(&bench, TEST_BIN "/assay-worker");
	rows.base_id = bench_model(&bench, (struct found_model){ .kind = MODEL_BASE, .path = getenv("ASSAY_TEST_MODEL"), .name = "Kestrel base" }, 0);
	rows.adapter_id = bench_model(&bench, (struct found_model){ .kind = MODEL_ADAPTER, .adapter_format = ADAPTER_PEFT, .name = "kestrel",
								    .path = TEST_ROOT "/demo/checkpoints/checkpoint-96" }, rows.base_id);
	bench_store(&bench, read_rows, &rows);
	bench.options.memory_reserve = INT64_MAX / 2;
	bench_reopen(&bench);
	open_checks();
	const struct match_check *c = check();
	assert_int_equal(c->state, MATCH_FAILED);
	assert_err(&c->problem, "err_memory");
	str_format(id, sizeof id, "%lld", (long long)rows.base_id);
	assert_arg(&c->problem, "base", id);
	assert_arg(&c->problem, "name", "Kestrel base");
	match_checks_free(checks);
	bench.options.memory_reserve = 1;
	bench_reopen(&bench);
	open_checks();
	c = check();
	assert_int_equal(c->state, MATCH_DONE);
	assert_true(item.is_done && item.result.n_answers == 2);
	match_checks_free(checks);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_base_that_does_not_fit_is_not_loaded_and_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
