/* SPDX-License-Identifier: Apache-2.0
 *
 * A judge at a provider: each prompt is read once, whatever the server does, or the judge ends with a reason. */
#include "engine/engine_test.h"
#include "support/stub.h"

#include "engine/remote_judge.h"

#define N 40

static struct bench bench;
static struct stub openai;
static struct http_client *client;
static struct remote remote;

static struct {
	int n[N], n_words, n_idle, n_failed;
	struct reading readings[N];
	struct err err;
	bool frees;
	struct remote_judge *judge;
} heard;

static void on_read(void *user, size_t index, struct reading reading, bool in_words)
{
	(void)user;
	assert_true(index < N);
	heard.n[index]++;
	heard.n_words += in_words;
	heard.readings[index] = reading;
}

static void on_idle(void *user)
{
	(void)user;
	heard.n_idle++;
	loop_stop(bench.loop);
}

static void on_failed(void *user, const struct err *cause)
{
	(void)user;
	heard.n_failed++;
	heard.err = *cause;
	remote_judge_free(heard.judge);
	heard.judge = NULL;
	loop_stop(bench.loop);
}

static const struct remote_judge_events events = { on_read, on_idle, on_failed };

static void ask(const char *model, size_t n)
{
	struct remote_judge_options options = { .loop = bench.loop, .http_client = client, .remote = &remote, .model = model,
						.quick_retries = true };

	memset(&heard, 0, sizeof heard);
	heard.judge = remote_judge_new(&options, &events, NULL);
	for (size_t i = 0; i < n; i++)
		remote_judge_ask(heard.judge, i, STR("You compare answers."), i == 5 ? STR("Long: which is better, A or B?") : STR("Which is better, A or B?"));
	bench.timed_out = false;
	loop_timer_set(bench.timeout, 20000);
	loop_run(bench.loop);
	loop_timer_set(bench.timeout, -1);
	assert_false(bench.timed_out);
	remote_judge_free(heard.judge);
	heard.judge = NULL;
}

static void reset(json_t *wanted)
{
	json_decref(stub_ask(&openai, bench.loop, "/stub/reset", wanted));
}

static int open_bench(void **state)
{
	static char url[80];

	(void)state;
	stub_start(&openai, "openai_stub.py");
	bench_open(&bench, NULL);
	client = http_client_new(bench.loop);
	snprintf(url, sizeof url, "%s/v1", openai.url);
	remote = (struct remote){ .row = { .id = 1, .kind = PROVIDER_OPENAI, .url = url, .concurrency = 4, .timeout_s = 5 } };
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	http_client_free(client);
	bench_close(&bench);
	stub_end(&openai);
	return 0;
}

static void probabilities_of_the_labels_are_read(void **state)
{
	(void)state;
	reset(json_object());
	ask("small", N);
	assert_int_equal(heard.n_failed, 0);
	assert_int_equal(heard.n_words, 0);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(heard.n[i], 1);
		assert_true(fabs(heard.readings[i].a - 0.7) < 1e-9 && fabs(heard.readings[i].b - 0.2) < 1e-9);
	}
	json_t *seen = stub_ask(&openai, bench.loop, "/stub/state", NULL);
	json_int_t most = json_integer_value(json_object_get(seen, "most"));
	assert_true(most >= 1 && most <= 4); /* how many meet depends on the machine */
	json_decref(seen);
}

static void a_server_that_tells_none_is_read_in_words(void **state)
{
	(void)state;
	reset(json_pack("{s:[s]}", "refuses", "logprobs"));
	ask("small", 6);
	assert_int_equal(heard.n_words, 6);
	for (size_t i = 0; i < 6; i++)
		assert_true(heard.n[i] == 1 && heard.readings[i].a > 0.99 && heard.readings[i].b < 0.01);
}

static void a_judge_is_asked_no_more_often_than_it_may(void **state)
{
	(void)state;
	remote.row.max_requests = 7;
	reset(json_object());
	ask("small", N);
	assert_int_equal(heard.n_failed, 1);
	assert_string_equal(heard.err.key, "err_provider_requests");
	size_t n_read = 0;
	for (size_t i = 0; i < N; i++)
		n_read += (size_t)heard.n[i];
	assert_int_equal(n_read, 7); /* what was under way is taken */
	json_t *seen = stub_ask(&openai, bench.loop, "/stub/state", NULL);
	assert_int_equal(json_integer_value(json_object_get(seen, "requests")), 7);
	json_decref(seen);
	remote.row.max_requests = 0;
}

/* What only some servers know does not cost the probabilities of those that know less. */
static void what_a_server_does_not_know_is_left_away_alone(void **state)
{
	(void)state;
	reset(json_pack("{s:[s]}", "refuses", "chat_template_kwargs"));
	ask("small", 12);
	assert_int_equal(heard.n_failed, 0);
	assert_int_equal(heard.n_words, 0);
	for (size_t i = 0; i < 12; i++)
		assert_true(heard.n[i] == 1 && fabs(heard.readings[i].a - 0.7) < 1e-9);
	json_t *seen = stub_ask(&openai, bench.loop, "/stub/state", NULL);
	const json_t *body = json_array_get(json_object_get(seen, "bodies"), 4);
	assert_int_equal(json_integer_value(json_object_get(seen, "requests")), 12 + 4); /* the first ones */
	assert_int_equal(json_integer_value(json_object_get(body, "top_logprobs")), 20);
	assert_true(json_is_false(json_object_get(body, "stream")) && json_real_value(json_object_get(body, "temperature")) <= 0);
	json_decref(seen);
}

static void a_prompt_that_is_refused_costs_the_others_nothing(void **state)
{
	(void)state;
	reset(json_pack("{s:s}", "refuses_text", "Long:"));
	ask("small", N);
	assert_int_equal(heard.n_failed, 0);
	assert_int_equal(heard.n_words, 1);
	for (size_t i = 0; i < N; i++)
		assert_true(heard.n[i] == 1 && fabs(heard.readings[i].a - (i == 5 ? 0 : 0.7)) < 1e-9);
	assert_true(heard.readings[5].b <= 0);
	reset(json_pack("{s:s}", "refuses_text", "better")); /* everything */
	ask("small", N);
	assert_int_equal(heard.n_failed, 1);
	assert_true(heard.err.code == ERR_DATA && strstr(heard.err.args, "maximum context length"));
}

static void what_passes_by_itself_is_asked_again(void **state)
{
	(void)state;
	reset(json_pack("{s:[s, s, s, s, s, s, s, s]}", "faults", "429", "500", "reset", "429_later", "503", "half_json",
			"array", "empty"));
	ask("small", 8);
	assert_int_equal(heard.n_failed, 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(heard.n[i], 1);
}

static void what_stays_wrong_ends_the_judge(void **state)
{
	(void)state;
	reset(json_object());
	ask("no such model", 8);
	assert_int_equal(heard.n_failed, 1);
	assert_true(heard.err.code == ERR_NOT_FOUND && msg_text(LANG_EN, heard.err.key));
	reset(json_pack("{s:s}", "always", "500"));
	ask("small", 8);
	assert_int_equal(heard.n_failed, 1);
	reset(json_object());
}

static bool read_reply(enum provider_kind kind, const char *text, struct reading *r, bool *in_words)
{
	struct remote at = { .row = { .kind = kind, .name = "test", .url = "http://127.0.0.1" } };
	struct err err = { 0 };
	json_t *json = json_parse(str_of(text), "reply", &err);
	bool good = remote_judge_read(&at, json, r, in_words);

	assert_non_null(json);
	json_decref(json);
	return good;
}

static void ollama_tells_probabilities_too(void **state)
{
	(void)state;
	struct reading r;
	bool in_words;

	assert_true(read_reply(PROVIDER_OLLAMA, "{\"message\": {\"content\": \"B\"}, \"logprobs\": [{\"token\": \"B\", \"logprob\": -0.5,"
			       "\"top_logprobs\": [{\"token\": \"B\", \"logprob\": -0.5}, {\"token\": \"A\", \"logprob\": -1.5}]}]}",
			       &r, &in_words));
	assert_true(!in_words && fabs(r.a - exp(-1.5)) < 1e-9 && fabs(r.b - exp(-0.5)) < 1e-9);
	assert_true(read_reply(PROVIDER_OLLAMA, "{\"message\": {\"content\": \"B\"}}", &r, &in_words));
	assert_true(in_words && r.a < 0.01 && r.b > 0.99);
}

/* It was cut while it was thinking. */
static void a_reply_without_a_word_names_no_answer(void **state)
{
	(void)state;
	struct reading r;
	bool in_words;

	assert_true(read_reply(PROVIDER_OPENAI, "{\"choices\": [{\"message\": {\"content\": null}, \"finish_reason\": \"length\"}]}", &r, &in_words));
	assert_true(in_words && r.a <= 0 && r.b <= 0);
	assert_false(read_reply(PROVIDER_OPENAI, "{\"choices\": []}", &r, &in_words));
	assert_false(read_reply(PROVIDER_OPENAI, "{\"choices\": [{\"message\": {\"content\": 7}}]}", &r, &in_words));
}

static void replies_are_not_trusted(void **state)
{
	static const char *const replies[] = {
		"{}", "{\"choices\": []}", "{\"choices\": [{\"message\": {\"content\": 7}}]}",
		"{\"choices\": [{\"message\": {\"content\": \"\"}, \"logprobs\": {\"content\": [{\"top_logprobs\": [{\"token\": \"A\", \"logprob\": 900}]}]}}]}",
		"{\"choices\": [{\"message\": {\"content\": \"x\"}, \"logprobs\": {\"content\": [{\"top_logprobs\": [{\"token\": 5, \"logprob\": \"a\"}, 3]}]}}]}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		struct err err = { 0 };
		struct reading r;
		bool in_words;
		json_t *json = json_parse(str_of(replies[i]), "reply", &err);
		if (remote_judge_read(&remote, json, &r, &in_words))
			assert_true(in_words && r.a <= 0 && r.b <= 0);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probabilities_of_the_labels_are_read),
		cmocka_unit_test(a_server_that_tells_none_is_read_in_words),
		cmocka_unit_test(a_judge_is_asked_no_more_often_than_it_may),
		cmocka_unit_test(what_a_server_does_not_know_is_left_away_alone),
		cmocka_unit_test(a_prompt_that_is_refused_costs_the_others_nothing),
		cmocka_unit_test(ollama_tells_probabilities_too),
		cmocka_unit_test(a_reply_without_a_word_names_no_answer),
		cmocka_unit_test(what_passes_by_itself_is_asked_again),
		cmocka_unit_test(what_stays_wrong_ends_the_judge),
		cmocka_unit_test(replies_are_not_trusted),
	};
	return cmocka_run_group_tests(tests, open_bench, close_bench);
}
