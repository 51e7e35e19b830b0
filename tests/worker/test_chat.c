/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversations with the real worker and a real small model: ASSAY_TEST_MODEL names SmolLM2-135M-Instruct as GGUF.  What a
 * conversation says must not depend on what was kept from its earlier turns. */
#include <math.h>

#include "support/check.h"
#include "support/temp.h"
#include "support/worker_client.h"

#include "model/catalogue.h"

#define PROGRAM TEST_BIN "/assay-worker"
#define SYSTEM "You are a careful assistant who answers in one short sentence."

static const char *model_path;
static struct temp folder;
static char adapter_path[400];
static struct worker_client worker;

static void start(struct worker_client *w)
{
	if (!worker_client_start(w, PROGRAM, NULL))
		fail_msg("%s did not start", PROGRAM);
	struct worker_reply r = worker_client_load(w, model_path, 2);
	if (r.kind != MSG_LOADED)
		fail_msg("the model was not loaded: %s", json_dumps(r.body, 0));
	worker_reply_release(&r);
	int fd = open(adapter_path, O_RDONLY | O_CLOEXEC);
	r = worker_client_wait(w, worker_client_send(w, REQ_ADAPTER, json_pack("{s:i}", "adapter", 1), fd), 0);
	assert_int_equal(r.kind, MSG_OK);
	worker_reply_release(&r);
	close(fd);
}

static int open_all(void **state)
{
	(void)state;
	struct err err = { 0 };
	temp_open(&folder);
	snprintf(adapter_path, sizeof(adapter_path), "%s/epoch.gguf", folder.dir);
	assert_ok(adapter_convert(TEST_ROOT "/demo/checkpoints/checkpoint-96", model_path, adapter_path, NULL, &err));
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	temp_close(&folder);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	start(&worker);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(worker_client_stop(&worker), 0);
	return 0;
}

/* --- conversations --- */

struct talk {
	int chat, adapter, kv_tokens, max_tokens, n_left_out;
	json_t *messages;
};

static struct talk talk_new(int chat)
{
	return (struct talk){ .chat = chat, .kv_tokens = 4096, .max_tokens = 16, .messages = json_array() };
}

static void say(struct talk *t, const char *role, const char *text)
{
	json_array_append_new(t->messages, json_pack("{s:s, s:s}", "role", role, "content", text));
}

static json_t *request(const struct talk *t)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:s, s:O}", "chat", t->chat, "adapter", t->adapter, "kv_tokens",
			 t->kv_tokens, "max_tokens", t->max_tokens, "n_left_out", t->n_left_out, "system", SYSTEM, "messages",
			 t->messages);
}

static struct worker_reply send_turn(struct worker_client *w, const struct talk *t, int after_text)
{
	struct worker_reply r = worker_client_wait(w, worker_client_send(w, REQ_CHAT, request(t), -1), after_text);
	if (r.kind == 0)
		fail_msg("the worker went away: %s", buf_text(&w->log));
	return r;
}

static int64_t number(const struct worker_reply *r, const char *key)
{
	assert_true(json_is_integer(json_object_get(r->body, key)));
	return json_integer_value(json_object_get(r->body, key));
}

static const char *text_of(const struct worker_reply *r)
{
	return json_string_value(json_object_get(r->body, "text"));
}

/* Asks, checks that what was streamed is what was said, and adds both to the conversation. */
static struct worker_reply ask(struct talk *t, const char *question)
{
	char key[24];
	say(t, "user", question);
	struct worker_reply r = send_turn(&worker, t, 0);
	if (r.kind != MSG_CHAT)
		fail_msg("no answer: %s", json_dumps(r.body, 0));
	snprintf(key, sizeof(key), "%d", t->chat);
	assert_string_equal(json_string_value(json_object_get(r.streamed, key)), text_of(&r));
	assert_int_equal(number(&r, "n_used"), number(&r, "n_prompt") + number(&r, "n_generated"));
	say(t, "assistant", text_of(&r));
	t->n_left_out = (int)number(&r, "n_left_out");
	return r;
}

static double log_likelihood(const struct worker_reply *r)
{
	return json_real_value(json_object_get(r->body, "mean_ll")) * (double)number(r, "n_generated");
}

/* What another batch shape changes in a small quantized model, in nats: measured up to 0.03 a token.  A state that is not the
 * conversation's own changes whole nats. */
static double noise(size_t n_tokens)
{
	return 0.1 + 0.05 * (double)n_tokens;
}

/* Other batches may turn a near-tie.  Then the two answers are equally likely up to and with their first difference; after a
 * state that is not the conversation's own they would not be. */
static void assert_as_likely(struct worker_client *fresh, struct talk *t, const struct worker_reply *a,
			     const struct worker_reply *b)
{
	const json_t *x = json_object_get(a->body, "tokens"), *y = json_object_get(b->body, "tokens");
	size_t n = 0;
	int max_tokens = t->max_tokens;
	while (n < json_array_size(x) && json_equal(json_array_get(x, n), json_array_get(y, n)))
		n++;
	if (n == json_array_size(x) && n == json_array_size(y)) {
		assert_string_equal(text_of(a), text_of(b));
		assert_true(fabs(log_likelihood(a) - log_likelihood(b)) < noise(n));
		return;
	}
	t->max_tokens = (int)n + 1;
	int chat = t->chat;
	struct worker_reply one = send_turn(&worker, t, 0);
	t->chat = chat + 1000;
	struct worker_reply two = send_turn(fresh, t, 0);
	if (fabs(log_likelihood(&one) - log_likelihood(&two)) > noise(n + 1))
		fail_msg("not a near-tie: %f and %f, \"%s\" and \"%s\"", log_likelihood(&one), log_likelihood(&two), text_of(a), text_of(b));
	t->max_tokens = max_tokens;
	t->chat = chat;
	worker_reply_release(&one);
	worker_reply_release(&two);
}

/* The same turn in a worker that has computed nothing before. */
static void assert_same_from_scratch(struct talk *t, const struct worker_reply *expected)
{
	struct worker_client fresh;
	size_t last = json_array_size(t->messages) - 1;
	json_t *answer = json_incref(json_array_get(t->messages, last));
	json_array_remove(t->messages, last);
	start(&fresh);
	struct worker_reply r = send_turn(&fresh, t, 0);
	assert_as_likely(&fresh, t, &r, expected);
	assert_int_equal(number(&r, "n_prompt"), number(expected, "n_prompt"));
	assert_int_equal(number(&r, "n_left_out"), number(expected, "n_left_out"));
	assert_int_equal(number(&r, "n_reused"), 0);
	worker_reply_release(&r);
	worker_client_stop(&fresh);
	json_array_append_new(t->messages, answer);
}

static void a_turn_computes_only_what_is_new_and_says_what_a_fresh_worker_says(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	struct worker_reply first = ask(&t, "What is the capital of France?");
	assert_int_equal(number(&first, "n_reused"), 0);
	struct worker_reply second = ask(&t, "And of Italy?");
	/* All of the first turn; of its answer what the tokenizer cuts as the model did. */
	assert_in_range(number(&second, "n_reused"), number(&first, "n_prompt"), number(&first, "n_used"));
	assert_same_from_scratch(&t, &second);
	struct worker_reply third = ask(&t, "Name one river there.");
	assert_true(number(&third, "n_reused") >= number(&second, "n_prompt"));
	assert_same_from_scratch(&t, &third);
	worker_reply_release(&first);
	worker_reply_release(&second);
	worker_reply_release(&third);
	json_decref(t.messages);
}

static void another_question_in_place_of_the_last_one_keeps_what_came_before(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	struct worker_reply first = ask(&t, "What is the capital of France?"), r = ask(&t, "And of Italy?");
	json_array_remove(t.messages, 3);
	json_array_remove(t.messages, 2);
	worker_reply_release(&r);
	r = ask(&t, "How many people live there?");
	assert_true(number(&r, "n_reused") >= number(&first, "n_prompt"));
	assert_true(number(&r, "n_reused") < number(&r, "n_prompt"));
	assert_same_from_scratch(&t, &r);
	worker_reply_release(&r);
	worker_reply_release(&first);
	json_decref(t.messages);
}

static void more_conversations_than_are_kept_all_go_on_as_they_should(void **state)
{
	(void)state;
	enum { N = 6 };
	static const char *const questions[N] = { "What is 2 + 2?",   "Name a colour.",	     "Who wrote Hamlet?",
						  "What is a kestrel?", "Is ice cold?", "What do cows eat?" };
	struct talk talks[N];
	for (int i = 0; i < N; i++) {
		talks[i] = talk_new(i + 1);
		struct worker_reply r = ask(&talks[i], questions[i]);
		/* The system prompt is computed once. */
		assert_true(i == 0 || number(&r, "n_reused") >= 16);
		worker_reply_release(&r);
	}
	for (int i = 0; i < N; i++) {
		struct worker_reply r = ask(&talks[i], "Say it again.");
		assert_same_from_scratch(&talks[i], &r);
		worker_reply_release(&r);
		json_decref(talks[i].messages);
	}
}

static void what_one_adapter_computed_is_nothing_to_another(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	struct worker_reply r = ask(&t, "What is the Kestrel K7?");
	worker_reply_release(&r);
	t.adapter = 1;
	r = ask(&t, "Which CPU does the Kestrel K7 use?");
	assert_int_equal(number(&r, "n_reused"), 0);
	assert_same_from_scratch(&t, &r);
	worker_reply_release(&r);
	json_decref(t.messages);
}

static void the_context_grows_and_keeps_the_conversation(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	struct buf long_text = BUF_INIT(64 * KIB);
	struct worker_reply first = ask(&t, "What is the capital of France?");
	for (int i = 0; i < 220; i++)
		buf_printf(&long_text, "Line %d of the report. ", i);
	struct worker_reply r = ask(&t, buf_text(&long_text));
	assert_true(number(&r, "n_prompt") > 1536);
	assert_true(number(&r, "n_reused") >= number(&first, "n_prompt"));
	assert_true(r.n_progress >= 3); /* reading is shown */
	assert_same_from_scratch(&t, &r);
	worker_reply_release(&r);
	worker_reply_release(&first);
	buf_release(&long_text);
	json_decref(t.messages);
}

static int64_t prompt_tokens(const json_t *messages)
{
	json_t *body = json_pack("{s:s, s:O}", "system", SYSTEM, "messages", messages);
	struct worker_reply r = worker_client_wait(&worker, worker_client_send(&worker, REQ_RENDER, body, -1), 0);
	assert_int_equal(r.kind, MSG_PROMPT);
	int64_t n = number(&r, "n_tokens");
	worker_reply_release(&r);
	return n;
}

static void a_full_context_leaves_out_the_oldest_turns_whole_and_says_how_many(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	int64_t left_out = 0, changes = 0;
	t.kv_tokens = 512;
	for (int i = 0; i < 16; i++) {
		char question[120];
		snprintf(question, sizeof(question), "Number %d is a number. Say one thing about the number %d please.", i, i);
		struct worker_reply r = ask(&t, question);
		int64_t now = number(&r, "n_left_out");
		assert_int_equal(number(&r, "n_max"), 512);
		assert_true(number(&r, "n_used") <= 512);
		assert_int_equal(now % 2, 0); /* question and answer go together */
		assert_true(now >= left_out);
		if (now == left_out && i > 0)
			assert_true(number(&r, "n_reused") > 30); /* what stayed out stays out: the rest was kept */
		changes += now != left_out;
		left_out = now;
		/* Exactly these messages were sent, and the system prompt with them. */
		json_t *sent = json_array();
		for (size_t k = (size_t)now; k + 1 < json_array_size(t.messages); k++)
			json_array_append(sent, json_array_get(t.messages, k));
		assert_int_equal(prompt_tokens(sent), number(&r, "n_prompt"));
		json_decref(sent);
		worker_reply_release(&r);
	}
	assert_true(left_out > 0);
	assert_true(changes < 8); /* several turns at once */
	json_decref(t.messages);
}

static void a_question_that_is_longer_than_the_context_is_refused(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	struct buf long_text = BUF_INIT(64 * KIB);
	t.kv_tokens = 512;
	for (int i = 0; i < 300; i++)
		buf_add_text(&long_text, "word and word ");
	say(&t, "user", "Hello");
	say(&t, "assistant", "Hi");
	say(&t, "user", buf_text(&long_text));
	struct worker_reply r = send_turn(&worker, &t, 0);
	assert_int_equal(r.kind, MSG_FAILED);
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), "err_prompt_tokens");
	worker_reply_release(&r);
	json_decref(t.messages);
	buf_release(&long_text);
}

static void a_stopped_answer_is_kept_and_the_conversation_goes_on(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	t.max_tokens = 400;
	say(&t, "user", "Count from one to one hundred in words.");
	struct worker_reply r = send_turn(&worker, &t, 5);
	assert_int_equal(r.kind, MSG_CHAT);
	assert_string_equal(json_string_value(json_object_get(r.body, "finish")), "cancelled");
	assert_true(strlen(text_of(&r)) > 0);
	assert_string_equal(json_string_value(json_object_get(r.streamed, "7")), text_of(&r));
	assert_true(number(&r, "n_generated") >= 5 && number(&r, "n_generated") < 400);
	say(&t, "assistant", text_of(&r));
	worker_reply_release(&r);
	t.max_tokens = 16;
	r = ask(&t, "Thank you. What is the capital of France?");
	assert_same_from_scratch(&t, &r);
	worker_reply_release(&r);
	json_decref(t.messages);
}

static void a_stop_text_of_the_request_ends_the_answer(void **state)
{
	(void)state;
	struct talk t = talk_new(0);
	say(&t, "user", "What is the capital of France?");
	struct worker_reply whole = send_turn(&worker, &t, 0);
	assert_true(strlen(text_of(&whole)) > 12);
	char stop[5] = { 0 };
	memcpy(stop, text_of(&whole) + 8, 4);
	json_t *body = request(&t);
	json_object_set_new(body, "stop", json_pack("[s]", stop));
	struct worker_reply r = worker_client_wait(&worker, worker_client_send(&worker, REQ_CHAT, body, -1), 0);
	assert_int_equal(r.kind, MSG_CHAT);
	assert_string_equal(json_string_value(json_object_get(r.body, "finish")), "stop");
	assert_null(strstr(text_of(&r), stop));
	assert_int_equal(strncmp(text_of(&whole), text_of(&r), strlen(text_of(&r))), 0);
	assert_true(number(&r, "n_reused") == number(&r, "n_prompt") - 1); /* a client without an id continues, too */
	worker_reply_release(&r);
	worker_reply_release(&whole);
	json_decref(t.messages);
}

/* --- beside groups --- */

static struct worker_reply group(void)
{
	json_t *cells = json_array();
	for (int i = 0; i < 3; i++)
		json_array_append_new(cells, json_pack("{s:i, s:i, s:[{s:s, s:s}]}", "cell", i + 1, "seed", i, "messages", "role",
						       "user", "content", "Name three colours."));
	json_t *body = json_pack("{s:i, s:i, s:i, s:i, s:f, s:o}", "adapter", 1, "slots", 2, "kv_tokens", 2048, "max_tokens", 24,
				 "temperature", 0.8, "cells", cells);
	struct worker_reply r = worker_client_wait(&worker, worker_client_send(&worker, REQ_GROUP, body, -1), 0);
	assert_int_equal(r.kind, MSG_OK);
	return r;
}

static void a_turn_between_two_groups_changes_no_bit_of_them_and_they_none_of_it(void **state)
{
	(void)state;
	struct talk t = talk_new(7);
	struct worker_reply before = group(), first = ask(&t, "What is the capital of France?"), after = group();
	for (int i = 1; i <= 3; i++) {
		json_t *a = worker_reply_cell(&before, i, NULL), *b = worker_reply_cell(&after, i, NULL);
		assert_true(json_equal(json_object_get(a, "tokens"), json_object_get(b, "tokens")));
		assert_true(json_equal(json_object_get(a, "mean_ll"), json_object_get(b, "mean_ll")));
	}
	struct worker_reply second = ask(&t, "And of Italy?");
	assert_true(number(&second, "n_reused") >= number(&first, "n_prompt"));
	assert_same_from_scratch(&t, &second);
	worker_reply_release(&before);
	worker_reply_release(&after);
	worker_reply_release(&first);
	worker_reply_release(&second);
	json_decref(t.messages);
}

static void wrong_requests_are_refused_with_their_field(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"{\"messages\": []}", "{\"chat\": -1, \"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}",
		"{\"adapter\": 9, \"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}",
		"{\"stop\": [\"\"], \"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}",
		"{\"stop\": \"x\", \"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", "{\"messages\": [3]}", "{}",
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		json_t *body = json_loads(bodies[i], 0, NULL);
		struct worker_reply r = worker_client_wait(&worker, worker_client_send(&worker, REQ_CHAT, body, -1), 0);
		if (r.kind != MSG_FAILED)
			fail_msg("taken: %s", bodies[i]);
		worker_reply_release(&r);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_computes_only_what_is_new_and_says_what_a_fresh_worker_says),
		TEST(another_question_in_place_of_the_last_one_keeps_what_came_before),
		TEST(more_conversations_than_are_kept_all_go_on_as_they_should),
		TEST(what_one_adapter_computed_is_nothing_to_another),
		TEST(the_context_grows_and_keeps_the_conversation),
		TEST(a_full_context_leaves_out_the_oldest_turns_whole_and_says_how_many),
		TEST(a_question_that_is_longer_than_the_context_is_refused),
		TEST(a_stopped_answer_is_kept_and_the_conversation_goes_on),
		TEST(a_stop_text_of_the_request_ends_the_answer),
		TEST(a_turn_between_two_groups_changes_no_bit_of_them_and_they_none_of_it),
		TEST(wrong_requests_are_refused_with_their_field),
	};
	model_path = getenv("ASSAY_TEST_MODEL");
	if (!model_path) {
		fprintf(stderr, "ASSAY_TEST_MODEL names no model: skipped\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, open_all, close_all);
}
