/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_test.h"

#include "engine/fit.h"

struct asked {
	int n;
	struct memory_answer answer;
	struct err err;
};

static struct bench bench;

static void on_done(void *user, const struct memory_answer *answer, const struct err *err)
{
	struct asked *a = user;

	a->n++;
	a->answer = *answer;
	a->err = *err;
	loop_stop(bench.loop);
}

static struct fit_wish wish_for(const char *file)
{
	const char *path = tiny_model_write(temp_path(&bench.temp, file), (struct tiny_model){ .name = "tiny" });

	return (struct fit_wish){ .path = path, .name = "Kestrel", .base_id = 7, .gpu = { .layers = 0 }, .tokens = { 1024, 1024 } };
}

static struct asked ask(struct fit_wish wish)
{
	struct asked a = { 0 };

	assert_non_null(fit_start(bench.engine, &wish, on_done, &a));
	assert_int_equal(a.n, 0);
	loop_timer_set(bench.timeout, 60000);
	loop_run(bench.loop);
	loop_timer_set(bench.timeout, -1);
	assert_int_equal(a.n, 1);
	return a;
}

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

static void reserve(int64_t bytes)
{
	bench.options.memory_reserve = bytes;
	bench_reopen(&bench);
}

static void a_model_that_fits_is_told_what_it_takes(void **state)
{
	(void)state;
	struct asked a = ask(wish_for("a.gguf"));
	assert_int_equal(a.err.code, ERR_OK);
	assert_true(a.answer.need > (int64_t)MIB && a.answer.kv_tokens == 1024 && !a.answer.together);
}

static void one_that_does_not_is_named_with_the_model_that_a_choice_is_made_for(void **state)
{
	(void)state;
	reserve(INT64_MAX / 2);
	struct asked a = ask(wish_for("a.gguf"));
	assert_err(&a.err, "err_memory");
	assert_arg(&a.err, "base", "7");
	assert_arg(&a.err, "name", "Kestrel");
	struct fit_wish nobody = wish_for("a.gguf");
	char text[32];
	nobody.base_id = 0;
	a = ask(nobody);
	assert_err(&a.err, "err_memory");
	assert_false(err_arg(&a.err, "base", text, sizeof text));
}

static void what_cannot_be_read_is_said_as_it_is(void **state)
{
	(void)state;
	struct fit_wish gone = { .path = "/nowhere/a.gguf", .name = "Kestrel", .tokens = { 1024, 1024 } };
	struct asked a = ask(gone);
	assert_int_equal(a.err.code, ERR_NOT_FOUND);
}

static void two_at_once_need_the_memory_of_both(void **state)
{
	(void)state;
	struct fit_wish both = wish_for("a.gguf");
	both.beside = wish_for("b.gguf").path;
	struct asked a = ask(both);
	assert_int_equal(a.err.code, ERR_OK);
	assert_true(a.answer.together && !a.answer.is_beside);
	both.beside = "/nowhere/b.gguf";
	a = ask(both);
	assert_int_equal(a.err.code, ERR_NOT_FOUND);
	assert_true(a.answer.is_beside);
}

static void nobody_is_told_of_one_that_was_called_off(void **state)
{
	(void)state;
	struct asked a = { 0 };
	struct fit_wish wish = wish_for("a.gguf");
	struct fit *fit = fit_start(bench.engine, &wish, on_done, &a);
	fit_cancel(fit);
	(void)ask(wish); /* behind it on the same thread */
	assert_int_equal(a.n, 0);
	fit_cancel(NULL);
	fit = fit_start(bench.engine, &wish, on_done, &a);
	engine_free(bench.engine);
	bench.engine = NULL;
	executor_stop(bench.work);
	queue_drain(bench.home);
	assert_int_equal(a.n, 0);
	fit_cancel(fit);
	bench.work = executor_start("work", NULL, NULL, bench.home, NULL);
	bench.options.work = bench.work;
	bench_reopen(&bench);
}

static void a_context_is_as_long_as_what_is_read(void **state)
{
	(void)state;
	struct model_row small = { .model = { .n_ctx_train = 2048 } }, large = { .model = { .n_ctx_train = 131072 } };

	assert_int_equal(fit_tokens(&small, 0).wanted, 1024);
	assert_int_equal(fit_tokens(&small, 1500).least, 1024);
	assert_int_equal(fit_tokens(&small, 1600).wanted, 1536);
	assert_int_equal(fit_tokens(&large, 3 * 1600).wanted, 3072);
	assert_int_equal(fit_tokens(&large, 3 * 30000).wanted, 32768);
	assert_int_equal(fit_tokens(&small, 3 * 30000).wanted, 3072); /* what is longer is left out */
}

static void a_question_takes_what_is_said_in_it_and_its_answers(void **state)
{
	(void)state;
	struct model_row any = { 0 }, small = { .model = { .n_ctx_train = 2048 } };
	struct gen_params params = { .max_tokens = 1000, .system = "123456" };
	struct run_extent one = { .bytes = 2994, .turns = 1 }, three = { .bytes = 2994, .turns = 3 };

	assert_int_equal(fit_answer_tokens(&any, &params, &one), 2000);
	assert_int_equal(fit_answer_tokens(&any, &params, &three), 4000);
	assert_int_equal(fit_answer_tokens(&small, &params, &three), 2048); /* there is no more in it */
	params.num_ctx = 1500;
	assert_int_equal(fit_answer_tokens(&any, &params, &three), 1500);
	assert_int_equal(fit_answer_tokens(&small, &params, &one), 1500);
	params.num_ctx = 100000;
	assert_int_equal(fit_answer_tokens(&small, &params, &three), 2048);
	assert_int_equal(fit_answer_tokens(&any, &params, &three), 4000);
	params.system = NULL;
	assert_int_equal(fit_answer_tokens(&any, &params, &one), 1998);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_model_that_fits_is_told_what_it_takes, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_does_not_is_named_with_the_model_that_a_choice_is_made_for, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_said_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(two_at_once_need_the_memory_of_both, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_is_told_of_one_that_was_called_off, setup, teardown),
		cmocka_unit_test(a_context_is_as_long_as_what_is_read),
		cmocka_unit_test(a_question_takes_what_is_said_in_it_and_its_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
