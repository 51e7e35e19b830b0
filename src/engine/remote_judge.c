/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/remote_judge.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/secret_store.h"

#define REPLY_TOKENS 16 /* "Answer: A", or a word of politeness before it */
#define TOP_TOKENS 20	/* the most that servers of this API tell */
#define REPLY_BYTES (1 * MIB)
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000

struct question {
	struct remote_judge *judge;
	size_t index;
	char *system, *user;
	struct http_call *call;
	struct loop_timer *retry;
	int tries;
	bool is_open; /* sent, or waiting for another try */
	bool was_plain; /* the last request */
	struct question *next;
};

struct remote_judge {
	struct remote_judge_options options;
	const struct remote_judge_events *events;
	void *user;
	struct question *questions; /* in the order asked */
	int n_open;
	bool is_plain; /* it refused fields that only some servers know */
	int busy;      /* callbacks that are running */
	bool is_freed; /* by one of them: when it returns */
};

const struct remote *remote_judge_provider(struct db *db, const char *data_dir, struct arena *a, int64_t provider_id, struct err *err)
{
	struct remote *remote = arena_alloc(a, sizeof *remote);

	if (provider_store_get(db, a, provider_id, &remote->row, err) != ERR_OK ||
	    secret_store_get(data_dir, a, &remote->row, &remote->key, err) != ERR_OK)
		return NULL;
	return remote;
}

/* --- what is sent, what comes back --- */

static json_t *messages_of(const struct question *q)
{
	if (!q->system[0])
		return json_pack("[{s:s, s:s}]", "role", "user", "content", q->user);
	return json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", q->system, "role", "user", "content", q->user);
}

static json_t *body_of(const struct question *q)
{
	const struct remote_judge *j = q->judge;

	if (j->options.remote->row.kind == PROVIDER_OLLAMA)
		return json_pack("{s:s, s:o, s:b, s:b, s:{s:i, s:i, s:i}}", "model", j->options.model, "messages", messages_of(q), "stream", 0,
				 "think", 0, "options", "num_predict", REPLY_TOKENS, "temperature", 0, "seed", 0);
	json_t *body = json_pack("{s:s, s:o, s:b, s:i, s:i}", "model", j->options.model, "messages", messages_of(q), "stream", 0, "max_tokens",
				 REPLY_TOKENS, "temperature", 0);
	if (j->is_plain)
		return body;
	json_object_set_new(body, "logprobs", json_true());
	json_object_set_new(body, "top_logprobs", json_integer(TOP_TOKENS));
	json_object_set_new(body, "chat_template_kwargs", json_pack("{s:b}", "enable_thinking", 0));
	return body;
}

/* The likeliest tokens of the first place that are a label. */
static struct reading read_tokens(const json_t *choice)
{
	const json_t *place = json_array_get(json_object_get(json_object_get(choice, "logprobs"), "content"), 0);
	const json_t *tokens = json_object_get(place, "top_logprobs");
	struct reading r = { 0, 0 };

	for (size_t i = 0; i < json_array_size(tokens) && i < TOP_TOKENS; i++) {
		const json_t *one = json_array_get(tokens, i);
		const char *text = json_string_value(json_object_get(one, "token"));
		double p = exp(json_number_value(json_object_get(one, "logprob")));
		struct str word = str_trim(str_of(text));
		if (!json_is_number(json_object_get(one, "logprob")) || !(p >= 0 && p <= 1))
			continue;
		r.a += str_eq_text(word, "A") ? p : 0;
		r.b += str_eq_text(word, "B") ? p : 0;
	}
	return r;
}

bool remote_judge_read(const struct remote *remote, const json_t *reply, struct reading *out, bool *in_words)
{
	const json_t *choice = json_array_get(json_object_get(reply, "choices"), 0);
	const json_t *message = json_object_get(remote->row.kind == PROVIDER_OLLAMA ? reply : choice, "message");
	const char *text = json_string_value(json_object_get(message, "content"));

	*out = read_tokens(choice);
	*in_words = !(out->a + out->b >= OPINION_MASS_MIN && out->a + out->b <= 1.001);
	if (!*in_words)
		return true;
	if (!text)
		return false;
	*out = reading_of_reply(str_of(text));
	return true;
}

/* --- one prompt --- */

static void advance(struct remote_judge *j);

static void question_free(struct question *q)
{
	http_call_cancel(q->call);
	loop_timer_free(q->retry);
	mem_free(q->system);
	mem_free(q->user);
	mem_free(q);
}

static void release(struct remote_judge *j)
{
	while (j->questions) {
		struct question *q = j->questions;
		j->questions = q->next;
		question_free(q);
	}
	mem_free(j);
}

static void take_away(struct question *q)
{
	struct question **at = &q->judge->questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	q->judge->n_open--;
	question_free(q);
}

static void try_again(struct question *q, int64_t retry_after_ms)
{
	int64_t base = q->judge->options.quick_retries ? 5 : BACKOFF_MS, most = base << q->tries;

	most = most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS;
	int64_t wait = (int64_t)(random_u64() % (uint64_t)(most + 1));
	if (retry_after_ms > wait)
		wait = q->judge->options.quick_retries ? base : retry_after_ms;
	loop_timer_set(q->retry, wait);
}

static void take_reply(struct question *q, const struct http_reply *reply, struct err *err)
{
	struct remote_judge *j = q->judge;
	struct reading reading;
	bool in_words;
	json_t *json = remote_json(j->options.remote, reply, err);

	if (json && !remote_judge_read(j->options.remote, json, &reading, &in_words))
		remote_wrong(j->options.remote, "no answer", err);
	json_decref(json);
	if (err->code != ERR_OK)
		return;
	size_t index = q->index;
	take_away(q);
	j->events->read(j->user, index, reading, in_words);
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct question *q = user;
	struct remote_judge *j = q->judge;
	struct err cause = *err;
	bool is_refused = cause.code == ERR_OK && (reply->status == 400 || reply->status == 422);

	q->call = NULL;
	j->busy++;
	if (is_refused && !q->was_plain && j->options.remote->row.kind == PROVIDER_OPENAI) {
		j->is_plain = true; /* it may know only the fields that every server knows */
		try_again(q, 0);
	} else {
		if (cause.code == ERR_OK)
			take_reply(q, reply, &cause);
		if ((cause.code == ERR_IO || cause.code == ERR_BUSY) && ++q->tries < LIMIT_REMOTE_TRIES)
			try_again(q, reply->retry_after_ms);
		else if (cause.code != ERR_OK)
			j->events->failed(j->user, &cause);
		else if (!j->is_freed)
			advance(j);
	}
	if (--j->busy == 0 && j->is_freed)
		release(j);
}

static void send(void *user)
{
	struct question *q = user;
	const struct remote *remote = q->judge->options.remote;
	struct buf body = BUF_INIT(LIMIT_PROMPT_BYTES);
	json_t *json = body_of(q);

	json_write(&body, json);
	json_decref(json);
	q->was_plain = q->judge->is_plain;
	char *url = mem_printf("%s%s", remote->row.url, remote->row.kind == PROVIDER_OLLAMA ? "/api/chat" : "/chat/completions");
	struct http_request request = { .method = "POST", .url = url, .bearer = remote->key, .json = buf_str(&body),
					.limits = http_limits_default(), .done = on_done, .user = q };
	request.limits.first_byte_ms = remote->row.timeout_s * 1000;
	request.limits.body_max = REPLY_BYTES;
	q->call = http_client_start(q->judge->options.http_client, &request);
	buf_release(&body);
	mem_free(url);
}

/* Sends what the provider takes at once; tells where nothing is left. */
static void advance(struct remote_judge *j)
{
	if (!j->questions) {
		j->events->idle(j->user);
		return;
	}
	for (struct question *q = j->questions; q && j->n_open < j->options.remote->row.concurrency; q = q->next) {
		if (q->is_open)
			continue;
		q->is_open = true;
		j->n_open++;
		send(q);
	}
}

/* --- life --- */

struct remote_judge *remote_judge_new(const struct remote_judge_options *options, const struct remote_judge_events *events, void *user)
{
	struct remote_judge *j = mem_alloc(sizeof *j);

	*j = (struct remote_judge){ .options = *options, .events = events, .user = user };
	return j;
}

void remote_judge_free(struct remote_judge *j)
{
	if (!j)
		return;
	j->is_freed = true;
	if (j->busy == 0)
		release(j);
}

void remote_judge_ask(struct remote_judge *j, size_t index, struct str system, struct str user)
{
	struct question **at = &j->questions;

	while (*at)
		at = &(*at)->next;
	*at = mem_alloc(sizeof **at);
	**at = (struct question){ .judge = j, .index = index, .system = mem_printf("%.*s", (int)system.len, system.ptr ? system.ptr : ""),
				  .user = mem_printf("%.*s", (int)user.len, user.ptr ? user.ptr : ""),
				  .retry = loop_timer_new(j->options.loop, send, *at) };
	advance(j);
}
