/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns that a provider answers: every question ends answered, whole, or failed with its reason, whatever the server does. */
#include "engine/chat.h"
#include "engine/engine_test.h"
#include "engine/remote.h"
#include "support/stub.h"

#include "store/provider_store.h"

static struct bench bench;
static struct stub openai, ollama;

/* --- rows --- */

struct provider_task {
	enum provider_kind kind;
	const char *url, *model, *key_source;
	int64_t concurrency, max_requests, provider_id, model_id;
};

static void add_provider(struct db *db, void *user, struct err *err)
{
	struct provider_task *t = user;
	struct arena *a = arena_new();
	struct provider_row row = { .kind = t->kind, .name = "stub", .url = t->url, .key_source = t->key_source ? t->key_source : "", .ca_file = "", .pin = "",
				    .key_last4 = "", .concurrency = t->concurrency, .max_requests = t->max_requests, .timeout_s = 5 };
	struct remote_model model = { .name = t->model, .architecture = "", .file_type = "" };
	if (t->provider_id || provider_store_add(db, a, &row, err) == ERR_OK) {
		t->provider_id = t->provider_id ? t->provider_id : row.id;
		(void)!provider_store_use(db, t->provider_id, &model, &t->model_id, err);
	}
	arena_free(a);
}

static struct provider_task provider = { 0 };

/* A model of the OpenAI stub. */
static int64_t remote_model(const char *name)
{
	char url[80];
	snprintf(url, sizeof url, "%s/v1", openai.url);
	provider.kind = PROVIDER_OPENAI;
	provider.url = url;
	provider.model = name;
	provider.concurrency = provider.concurrency ? provider.concurrency : 4;
	bench_store(&bench, add_provider, &provider);
	return provider.model_id;
}

static void reset(json_t *wanted)
{
	json_decref(stub_ask(&openai, bench.loop, "/stub/reset", wanted));
}

static int64_t stub_number(const char *name)
{
	json_t *state = stub_ask(&openai, bench.loop, "/stub/state", NULL);
	int64_t n = json_integer_value(json_object_get(state, name));
	json_decref(state);
	return n;
}

static int open_bench(void **state)
{
	(void)state;
	provider = (struct provider_task){ 0 };
	bench_open(&bench, NULL);
	bench.options.http_client = http_client_new(bench.loop);
	bench_reopen(&bench);
	reset(json_object());
	return 0;
}

static int close_bench(void **state)
{
	(void)state;
	struct http_client *client = bench.options.http_client;
	/* The client goes after the engine and before the loop. */
	engine_free(bench.engine);
	bench.engine = NULL;
	http_client_free(client);
	bench_close(&bench);
	return 0;
}

/* --- checks --- */

static void check_answer(const struct bench_result *r, size_t question, size_t column)
{
	const struct cell_row *cell = &r->questions[question].cells[column];
	char *expected = mem_printf("The answer to 「%.*s」 is 四十二, as always.", (int)r->questions[question].q.text.len,
				    r->questions[question].q.text.ptr);
	if (cell->state == CELL_DONE)
		assert_string_equal(cell->text, expected);
	else
		assert_int_equal(cell->state, CELL_FAILED);
	if (cell->state == CELL_FAILED && !msg_text(LANG_EN, cell->problem.key))
		fail_msg("question %zu failed without a sentence: %s", question, cell->problem.key);
	mem_free(expected);
}

static struct bench_result run_remote(size_t n)
{
	int64_t model = remote_model("small");
	int64_t run = bench_run(&bench, &model, 1, n);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_DONE);
	assert_int_equal(r.n, n);
	for (size_t i = 0; i < n; i++)
		check_answer(&r, i, 0);
	return r;
}

/* One question whose first request meets this fault. */
static struct bench_result run_fault(const char *fault, int times)
{
	json_t *faults = json_array();
	for (int i = 0; i < times; i++)
		json_array_append_new(faults, json_string(fault));
	reset(json_pack("{s:o}", "faults", faults));
	return run_remote(1);
}

static void answers_come_with_their_text_and_counts(void **state)
{
	(void)state;
	struct bench_result r = run_remote(40);
	const struct cell_row *cell = &r.questions[0].cells[0];
	assert_int_equal(r.columns[0].n_done, 40);
	assert_int_equal(cell->n_prompt, 9);
	assert_int_equal(cell->n_generated, 12);
	assert_int_equal(cell->finish, FINISH_STOP);
	assert_int_equal(strlen(cell->tokens), 64); /* what a replay compares */
	assert_string_not_equal(cell->tokens, r.questions[1].cells[0].tokens);
	assert_true(cell->total_us > 0 && cell->total_us >= cell->prompt_us);
	assert_string_equal(r.columns[0].build, "openai");
	assert_int_equal(bench.n_cells, 40);
	for (size_t i = 0; i < bench.n_heard; i++)
		assert_int_equal(bench.heard[i].n, 1);
	assert_string_equal(buf_text(&bench.heard[bench_heard(&bench, cell->id)].text), cell->text);
}

static void a_provider_gets_no_more_at_once_than_it_is_said_to_take(void **state)
{
	(void)state;
	provider.concurrency = 3;
	reset(json_pack("{s:i}", "delay_ms", 20));
	int64_t models[2] = { remote_model("small"), remote_model("small-lora") };
	int64_t run = bench_run(&bench, models, 2, 20);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_DONE), 40);
	assert_int_equal(stub_number("most"), 3);
	assert_int_equal(stub_number("requests"), 40);
}

static void a_validation_sends_no_more_requests_than_it_may_until_it_is_continued(void **state)
{
	(void)state;
	provider.max_requests = 5;
	int64_t models[2] = { remote_model("small"), remote_model("small-lora") };
	int64_t run = bench_run(&bench, models, 2, 4);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_DONE), 5); /* of both columns together: what was under way is kept */
	assert_int_equal(stub_number("requests"), 5);
	assert_true(r.columns[0].n_done == 4 || r.columns[1].n_done < 4);
	assert_err(&r.columns[r.columns[0].n_done == 4].problem, "err_provider_requests");
	bench_store(&bench, bench_reset, &run);
	bench_follow(&bench, run);
	r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_DONE), 8);
	assert_int_equal(stub_number("requests"), 8);
}

static void requests_that_fail_count_too(void **state)
{
	(void)state;
	provider.max_requests = 3;
	reset(json_pack("{s:[s,s,s,s,s,s]}", "faults", "503", "503", "503", "503", "503", "503"));
	int64_t model = remote_model("small");
	int64_t run = bench_run(&bench, &model, 1, 1);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(stub_number("requests"), 3);
	assert_err(&r.questions[0].cells[0].problem, "err_provider_requests");
}

static void local_and_remote_columns_go_on_side_by_side(void **state)
{
	(void)state;
	int64_t models[2] = { bench_tiny(&bench, "base"), remote_model("small") };
	int64_t run = bench_run(&bench, models, 2, 15);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_DONE), 30);
	assert_string_equal(r.columns[1].build, "openai");
	/* Without the remote one, the local one answers the same. */
	int64_t alone = bench_run(&bench, models, 1, 15);
	bench_follow(&bench, alone);
	struct bench_result s = bench_result(&bench, alone);
	for (size_t i = 0; i < 15; i++)
		assert_string_equal(r.questions[i].cells[0].text, s.questions[i].cells[0].text);
}

static void what_passes_by_itself_is_asked_again(void **state)
{
	static const char *const passing[] = { "429", "500", "502", "503", "reset", "silent_reset", "cut", "no_finish", "malformed",
					       "error_event", "error_json", "abort", "array", "empty", "usage_only", "half_json",
					       "long_line", "429_later" };
	(void)state;
	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
		struct bench_result r = run_fault(passing[i], 1);
		if (r.columns[0].n_done != 1 || stub_number("requests") != 2)
			fail_msg("%s: %lld requests, %s", passing[i], (long long)stub_number("requests"),
				 r.questions[0].cells[0].problem.key);
	}
}

static void odd_streams_are_read_as_they_are_meant(void **state)
{
	static const char *const odd[] = { "crlf", "cr", "no_space", "no_blank", "not_streamed", "comments", "split", "no_done" };
	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct bench_result r = run_fault(odd[i], 1);
		if (r.columns[0].n_done != 1 || stub_number("requests") != 1)
			fail_msg("%s: %lld requests, %s", odd[i], (long long)stub_number("requests"),
				 r.questions[0].cells[0].problem.key);
	}
}

/* Whether the server tells it apart or leaves its tags in the text; streamed and stored the same. */
static void what_a_provider_thinks_is_no_text(void **state)
{
	static const char *const kinds[] = { "reasoning", "think_tags" };
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench_result r = run_fault(kinds[i], 1);
		const struct cell_row *cell = &r.questions[0].cells[0];
		int heard = bench_heard(&bench, cell->id);
		assert_int_equal(cell->state, CELL_DONE);
		assert_string_equal(cell->thinking, "Let me see.");
		assert_string_equal(buf_text(&bench.heard[heard].thinking), cell->thinking);
		assert_string_equal(buf_text(&bench.heard[heard].text), cell->text);
	}
}

static void what_stays_wrong_fails_with_its_reason(void **state)
{
	static const struct {
		const char *fault, *key;
		int64_t requests;
	} cases[] = {
		{ "400", "err_provider_status", 2 }, /* once more without what only some servers know */
		{ "401", "err_provider_key_needed", 1 }, { "403", "err_provider_key_needed", 1 },
		{ "404", "err_provider_status", 1 },  { "redirect", "err_http_redirect", 1 },
		{ "filter", "err_remote_refused", 1 }, { "endless", "err_remote_too_long", 1 },
		{ "no_finish", "err_remote_incomplete", 6 }, { "429", "err_provider_busy", 6 },
		{ "malformed", "err_provider_reply", 6 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bench_result r = run_fault(cases[i].fault, 20);
		if (strcmp(r.questions[0].cells[0].problem.key, cases[i].key) != 0 || stub_number("requests") != cases[i].requests)
			fail_msg("%s: %lld requests, %s", cases[i].fault, (long long)stub_number("requests"),
				 r.questions[0].cells[0].problem.key);
	}
}

static void a_server_that_is_gone_ends_its_column_and_not_the_run(void **state)
{
	(void)state;
	reset(json_pack("{s:s}", "always", "reset"));
	int64_t models[2] = { bench_tiny(&bench, "base"), remote_model("small") };
	int64_t run = bench_run(&bench, models, 2, 200);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.columns[0].n_done, 200);
	assert_int_equal(r.columns[1].n_failed, 200);
	assert_true(r.columns[1].problem.code != ERR_OK);
	assert_true(stub_number("requests") < 200); /* it was not asked each question six times */
}

static void fields_that_a_server_refuses_are_left_out(void **state)
{
	(void)state;
	reset(json_pack("{s:[s]}", "refuses", "chat_template_kwargs"));
	struct bench_result r = run_remote(5);
	assert_int_equal(r.columns[0].n_done, 5);
}

static void in_the_worst_of_worlds_nothing_is_cut_in_silence(void **state)
{
	(void)state;
	for (int seed = 1; seed <= 3; seed++) {
		reset(json_pack("{s:i}", "chaos", seed));
		size_t n = getenv("ASSAY_FULL") ? 1700 : 300;
		struct bench_result r = run_remote(n);
		assert_int_equal(r.columns[0].n_done + r.columns[0].n_failed, (int64_t)n);
		assert_true((size_t)r.columns[0].n_done > n * 5 / 6);
	}
}

/* Conversations of two turns. */
static struct bench_result run_conversations(size_t n)
{
	int64_t model = remote_model("small");
	struct bench_run run = { .models = &model, .n_models = 1, .n_questions = 2 * n, .n_turns = 2, .params = gen_params_default() };
	bench_store(&bench, bench_add_run, &run);
	bench_follow(&bench, run.id);
	struct bench_result r = bench_result(&bench, run.id);
	assert_int_equal(r.run.state, RUN_DONE);
	return r;
}

static const char *message_part(const json_t *messages, size_t i, const char *name)
{
	return json_string_value(json_object_get(json_array_get(messages, i), name));
}

static void a_conversation_is_sent_whole(void **state)
{
	(void)state;
	struct bench_result r = run_conversations(40);
	assert_int_equal(bench_count(&r, CELL_DONE), 80);
	assert_int_equal(stub_number("requests"), 80);
	json_t *told = stub_ask(&openai, bench.loop, "/stub/state", NULL), *body;
	size_t i;
	json_array_foreach(json_object_get(told, "bodies"), i, body) {
		const json_t *messages = json_object_get(body, "messages");
		assert_int_equal(json_array_size(messages), 3);
		char *expected = mem_printf("The answer to 「%s」 is 四十二, as always.", message_part(messages, 0, "content"));
		assert_string_equal(message_part(messages, 0, "role"), "user");
		assert_string_equal(message_part(messages, 1, "role"), "assistant");
		assert_string_equal(message_part(messages, 1, "content"), expected);
		assert_true(str_starts(str_of(message_part(messages, 2, "content")), "question "));
		mem_free(expected);
	}
	assert_int_equal(i, 5);
	json_decref(told);
}

static void what_follows_a_turn_without_answer_fails(void **state)
{
	(void)state;
	reset(json_pack("{s:s}", "refuses_text", "question 1"));
	struct bench_result r = run_conversations(3);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(r.questions[i].cells[0].state, i % 3 == 1 ? CELL_FAILED : CELL_DONE);
	assert_string_equal(r.questions[4].cells[0].problem.key, "err_turn_unanswered");
	reset(json_object());
	bench_store(&bench, bench_reset, &r.run_id);
	bench_follow(&bench, r.run_id);
	r = bench_result(&bench, r.run_id);
	assert_int_equal(bench_count(&r, CELL_DONE), 6);
}

static void stopping_breaks_off_what_is_under_way(void **state)
{
	(void)state;
	reset(json_pack("{s:i}", "delay_ms", 30));
	int64_t model = remote_model("small");
	int64_t run = bench_run(&bench, &model, 1, 60);
	bench.stop_after = 5;
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_STOPPED);
	assert_true(r.columns[0].n_done >= 5 && r.columns[0].n_done < 40);
	assert_int_equal(r.columns[0].n_done + r.columns[0].n_cancelled, 60);
	bench_forget(&bench);
	bench_store(&bench, bench_reset, &run);
	bench_follow(&bench, run);
	r = bench_result(&bench, run);
	assert_int_equal(r.columns[0].n_done, 60);
}

static void a_key_that_cannot_be_had_fails_its_column(void **state)
{
	(void)state;
	provider.key_source = "env:ASSAY_TEST_NO_SUCH_KEY";
	struct bench_result r = run_remote(3);
	assert_err(&r.columns[0].problem, "err_key_env");
	setenv("ASSAY_TEST_NO_SUCH_KEY", "sk-planted-123456789", 1);
	reset(json_pack("{s:s}", "key", "sk-planted-123456789"));
	bench_store(&bench, bench_reset, &r.run_id);
	bench_follow(&bench, r.run_id);
	r = bench_result(&bench, r.run_id);
	assert_int_equal(r.columns[0].n_done, 3);
	unsetenv("ASSAY_TEST_NO_SUCH_KEY");
}

static void the_end_of_the_program_leaves_the_run_to_be_resumed(void **state)
{
	(void)state;
	reset(json_pack("{s:i}", "delay_ms", 200));
	int64_t model = remote_model("small");
	int64_t run = bench_run(&bench, &model, 1, 10);
	engine_start(bench.engine, run);
	loop_timer_set(bench.timeout, 150);
	loop_run(bench.loop);
	http_client_close(bench.options.http_client);
	engine_free(bench.engine);
	queue_drain(bench.home);
	http_client_free(bench.options.http_client);
	bench.options.http_client = http_client_new(bench.loop);
	bench.engine = engine_new(&bench.options);
	engine_listen(bench.engine, bench_on_event, &bench);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(r.run.state, RUN_INTERRUPTED);
	bench_follow(&bench, run);
	r = bench_result(&bench, run);
	assert_int_equal(r.columns[0].n_done, 10);
}

/* --- Ollama --- */

static int64_t ollama_model(json_t *set)
{
	json_t *model = json_pack("{s:{s:s, s:i, s:n, s:s, s:{}, s:s}}", "tiny:latest", "blob", "b", "size", 9, "template", "system",
				  "", "parameters", "digest", "d");
	json_object_set_new(set, "models", model);
	json_decref(stub_ask(&ollama, bench.loop, "/stub/reset", json_object()));
	json_decref(stub_ask(&ollama, bench.loop, "/stub/set", set));
	provider = (struct provider_task){ .kind = PROVIDER_OLLAMA, .url = ollama.url, .model = "tiny:latest", .concurrency = 2,
					   .provider_id = provider.kind == PROVIDER_OLLAMA ? provider.provider_id : 0 };
	bench_store(&bench, add_provider, &provider);
	return provider.model_id;
}

static struct bench_result run_ollama(const char *fault, const char *what, int times)
{
	/* Killed, it is back at once: with quick retries all tries could fall into the time that it is gone. */
	json_t *faults = json_pack("[{s:s, s:s, s:i, s:i, s:i}]", "at", fault, "do", what, "times", times, "line", 1, "ms", 0);
	int64_t model = ollama_model(json_pack("{s:o}", "faults", faults));
	int64_t run = bench_run(&bench, &model, 1, 1);
	bench_follow(&bench, run);
	return bench_result(&bench, run);
}

static void an_ollama_answers_line_by_line(void **state)
{
	(void)state;
	struct bench_result r = run_ollama("nothing", "", 1);
	const struct cell_row *cell = &r.questions[0].cells[0];
	assert_string_equal(cell->text, "Halden Q5 eight-core");
	assert_int_equal(cell->n_generated, 7);
	assert_string_equal(r.columns[0].build, "ollama");
	r = run_ollama("chat", "kill", 2);
	assert_string_equal(r.questions[0].cells[0].text, "Halden Q5 eight-core");
	r = run_ollama("chat_line", "error", 1);
	assert_string_equal(r.questions[0].cells[0].text, "Halden Q5 eight-core");
	r = run_ollama("chat_line", "error", 99);
	assert_err(&r.questions[0].cells[0].problem, "err_remote_refused");
	r = run_ollama("chat_line", "silent", 99);
	assert_int_equal(r.questions[0].cells[0].state, CELL_FAILED);
}

static void hold(json_int_t bytes, const char *fault)
{
	json_t *faults = fault ? json_pack("[{s:s, s:s, s:i}]", "at", "ps", "do", fault, "times", 99) : json_array();

	(void)ollama_model(json_pack("{s:o, s:[s]}", "faults", faults, "loaded", "tiny:latest"));
	json_decref(stub_ask(&ollama, bench.loop, "/stub/set",
			     json_pack("{s:{s:{s:s, s:I, s:I, s:I, s:s}}}", "models", "tiny:latest", "blob", "b", "size", (json_int_t)9,
				       "memory", bytes, "vram", bytes / 4, "digest", "d")));
}

static struct err refused(void)
{
	int64_t model = bench_tiny(&bench, "a.gguf");
	int64_t run = bench_run(&bench, &model, 1, 2);

	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_FAILED), 2);
	char base[32], expected[32];
	str_format(expected, sizeof expected, "%lld", (long long)model);
	assert_true(err_arg(&r.columns[0].problem, "base", base, sizeof base));
	assert_string_equal(base, expected);
	return r.columns[0].problem;
}

static void a_refusal_for_lack_of_memory_says_what_ollama_holds(void **state)
{
	(void)state;
	bench.options.memory_reserve = INT64_MAX / 2;
	bench_reopen(&bench);
	hold(4000000000, NULL);
	struct err problem = refused();
	assert_err(&problem, "err_memory_held");
	assert_arg(&problem, "held", "3.0");
	hold(9, NULL);
	problem = refused();
	assert_err(&problem, "err_memory");
	hold(4000000000, "kill"); /* one that cannot be asked changes nothing */
	problem = refused();
	assert_err(&problem, "err_memory");
}

static void a_run_that_is_stopped_while_ollama_is_asked_ends(void **state)
{
	(void)state;
	bench.options.memory_reserve = INT64_MAX / 2;
	bench_reopen(&bench);
	hold(4000000000, "delay");
	int64_t model = bench_tiny(&bench, "a.gguf"), run = bench_run(&bench, &model, 1, 2);
	engine_start(bench.engine, run);
	engine_free(bench.engine);
	bench.engine = engine_new(&bench.options);
	engine_listen(bench.engine, bench_on_event, &bench);
	bench_follow(&bench, run);
	struct bench_result r = bench_result(&bench, run);
	assert_int_equal(bench_count(&r, CELL_FAILED), 2);
}

static int open_stubs(void **state)
{
	(void)state;
	stub_start(&openai, "openai_stub.py");
	stub_start(&ollama, "ollama_stub.py");
	return 0;
}

static int close_stubs(void **state)
{
	(void)state;
	stub_end(&openai);
	stub_end(&ollama);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

/* --- conversations --- */

struct heard {
	struct chat_turn *turn;
	struct buf text, thinking;
	char *answer;
	struct chat_answer figures;
	struct err err;
	bool stops;
};

static void hear_phase(void *user, enum chat_phase phase, double progress)
{
	(void)user, (void)progress;
	assert_true(phase == CHAT_READING || phase == CHAT_ANSWERING); /* it waits for nobody on this machine */
}

static void hear_text(void *user, struct str text, bool is_thinking)
{
	struct heard *h = user;

	buf_add_str(is_thinking ? &h->thinking : &h->text, text);
	if (h->stops)
		chat_turn_stop(h->turn);
}

static void hear_done(void *user, const struct chat_answer *answer, const struct err *err)
{
	struct heard *h = user;

	if (answer) {
		h->figures = *answer;
		h->answer = mem_strdup(answer->text);
	} else {
		h->err = *err;
	}
	loop_stop(bench.loop);
}

static const struct chat_events hearing = { hear_phase, hear_text, hear_done };

static void talk(struct heard *h, bool stops)
{
	struct chat_request r = { .chat_id = 1, .model_id = remote_model("small"), .params = gen_params_default(),
				  .messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "why") };
	r.params.system = "Be short.";
	*h = (struct heard){ .text = BUF_INIT(MIB), .thinking = BUF_INIT(MIB), .stops = stops };
	h->turn = engine_chat(bench.engine, &r, &hearing, h);
	json_decref(r.messages);
	loop_timer_set(bench.timeout, 30000);
	loop_run(bench.loop);
	loop_timer_set(bench.timeout, -1);
	assert_true(h->answer || h->err.code != ERR_OK);
}

static void heard_release(struct heard *h)
{
	buf_release(&h->text);
	buf_release(&h->thinking);
	mem_free(h->answer);
}

static void a_conversation_is_answered_by_a_provider_too(void **state)
{
	struct heard h;

	(void)state;
	talk(&h, false);
	assert_string_equal(h.answer, "The answer to 「why」 is 四十二, as always.");
	assert_string_equal(buf_text(&h.text), h.answer);
	assert_int_equal(h.figures.finish, FINISH_STOP);
	assert_false(h.figures.is_stopped);
	heard_release(&h);
}

static void a_conversation_with_a_provider_is_stopped_with_what_there_is(void **state)
{
	struct heard h;

	(void)state;
	talk(&h, true);
	assert_true(h.figures.is_stopped);
	assert_true(h.text.len > 0 && str_starts(STR("The answer to 「why」 is 四十二, as always."), buf_text(&h.text)));
	assert_int_equal(strncmp(h.answer, buf_text(&h.text), h.text.len), 0);
	heard_release(&h);
}

static void what_a_provider_thinks_in_a_conversation_is_told_apart(void **state)
{
	struct heard h;

	(void)state;
	(void)remote_model("small");
	reset(json_pack("{s:[s]}", "faults", "think_tags"));
	talk(&h, false);
	assert_string_equal(h.answer, "The answer to 「why」 is 四十二, as always.");
	assert_string_equal(buf_text(&h.text), h.answer);
	assert_string_equal(buf_text(&h.thinking), "Let me see.");
	heard_release(&h);
}

static void a_conversation_whose_provider_fails_says_why(void **state)
{
	struct heard h;

	(void)state;
	(void)remote_model("small");
	reset(json_pack("{s:[s]}", "faults", "500"));
	talk(&h, false);
	assert_true(h.err.code != ERR_OK && msg_text(LANG_EN, h.err.key));
	heard_release(&h);
	talk(&h, false); /* the next question is answered */
	assert_non_null(h.answer);
	heard_release(&h);
}

static void a_server_that_drips_comes_to_an_end(void **state)
{
	(void)state;
	const struct remote remote = { .row = { .timeout_s = 30 } };
	struct http_limits few = remote_limits(&remote, 16), many = remote_limits(&remote, 256);
	assert_int_equal(few.first_byte_ms, 30000);
	assert_true(few.total_ms > few.first_byte_ms && few.total_ms <= 40000 + 16 * 10000);
	assert_true(many.total_ms - few.total_ms >= 240 * 1000); /* one token a second is no drip */
	assert_true(many.body_max > few.body_max && few.body_max >= LIMIT_ANSWER_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_come_with_their_text_and_counts),
		TEST(a_provider_gets_no_more_at_once_than_it_is_said_to_take),
		TEST(a_validation_sends_no_more_requests_than_it_may_until_it_is_continued),
		TEST(requests_that_fail_count_too),
		TEST(local_and_remote_columns_go_on_side_by_side),
		TEST(what_passes_by_itself_is_asked_again),
		TEST(odd_streams_are_read_as_they_are_meant),
		TEST(what_a_provider_thinks_is_no_text),
		TEST(what_stays_wrong_fails_with_its_reason),
		TEST(a_server_that_is_gone_ends_its_column_and_not_the_run),
		TEST(fields_that_a_server_refuses_are_left_out),
		TEST(a_server_that_drips_comes_to_an_end),
		TEST(in_the_worst_of_worlds_nothing_is_cut_in_silence),
		TEST(a_conversation_is_sent_whole),
		TEST(what_follows_a_turn_without_answer_fails),
		TEST(stopping_breaks_off_what_is_under_way),
		TEST(a_key_that_cannot_be_had_fails_its_column),
		TEST(the_end_of_the_program_leaves_the_run_to_be_resumed),
		TEST(an_ollama_answers_line_by_line),
		TEST(a_refusal_for_lack_of_memory_says_what_ollama_holds),
		TEST(a_run_that_is_stopped_while_ollama_is_asked_ends),
		TEST(a_conversation_is_answered_by_a_provider_too),
		TEST(a_conversation_with_a_provider_is_stopped_with_what_there_is),
		TEST(what_a_provider_thinks_in_a_conversation_is_told_apart),
		TEST(a_conversation_whose_provider_fails_says_why),
	};
	return cmocka_run_group_tests_name("remote", tests, open_stubs, close_stubs);
}
