/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/remote_judge.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/remote_answer.h"
#include "store/secret_store.h"

#define REPLY_TOKENS 16 /* "Answer: A", or a word of politeness before it */
#define TOP_TOKENS 20	/* the most that servers tell */
#define REPLY_BYTES (1 * MIB)
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000

/* What servers of OpenAI's API take differs: the first that a server does not refuse is kept for all that follows. */
static const struct asking {
	int top;       /* likeliest tokens to tell, 0: none */
	bool is_plain; /* without the fields that only some servers know */
} ASKINGS[] = { { TOP_TOKENS, false }, { TOP_TOKENS, true }, { 5, true }, { 0, false }, { 0, true } };
#define N_ASKINGS (sizeof ASKINGS / sizeof *ASKINGS)

struct inquiry {
	struct remote_judge *judge;
	size_t index;
	char *system, *user;
	struct http_call *call;
	struct loop_timer *retry;
	int tries;
	bool is_open; /* sent, or waiting for another try */
	size_t asking;	/* the last request, or the one to come */
	struct inquiry *next;
};

struct remote_judge {
	struct remote_judge_options options;
	const struct remote_judge_events *events;
	void *user;
	struct inquiry *questions; /* in the order asked */
	int n_open;
	int64_t n_asked;  /* requests sent */
	size_t asking;	  /* that it took */
	bool has_asking;
	int busy;      /* callbacks that are running */
	bool is_freed; /* by one of them: when it returns */
	bool is_over;  /* failed: nothing follows */
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

static json_t *messages_of(const struct inquiry *q)
{
	if (!q->system[0])
		return json_pack("[{s:s, s:s}]", "role", "user", "content", q->user);
	return json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", q->system, "role", "user", "content", q->user);
}

static json_t *body_of(const struct inquiry *q)
{
	const struct remote_judge *j = q->judge;
	struct remote remote = *j->options.remote;
	bool is_openai = remote.row.kind == PROVIDER_OPENAI;
	struct asking asking = ASKINGS[is_openai ? q->asking : 0];
	struct gen_params params = gen_params_default();

	params.max_tokens = REPLY_TOKENS;
	params.thinking = false;
	remote.is_plain = asking.is_plain;
	json_t *body = provider_dialect_of(remote.row.kind)->body(&remote, j->options.model, &params, messages_of(q), 0);
	json_object_set_new(body, "stream", json_false());
	json_object_del(body, "stream_options");
	if (asking.top > 0) { /* an Ollama that tells none ignores it */
		json_object_set_new(body, "logprobs", json_true());
		json_object_set_new(body, "top_logprobs", json_integer(asking.top));
	}
	return body;
}

/* Those of the likeliest tokens of the first place (a list of {"token","logprob"}) that are a label. */
static struct reading read_tokens(const json_t *tokens)
{
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
	bool is_ollama = remote->row.kind == PROVIDER_OLLAMA;
	const json_t *choice = is_ollama ? reply : json_array_get(json_object_get(reply, "choices"), 0);
	const json_t *message = json_object_get(choice, "message"), *content = json_object_get(message, "content");
	const json_t *places = json_object_get(choice, "logprobs");

	places = is_ollama ? places : json_object_get(places, "content");
	*out = read_tokens(json_object_get(json_array_get(places, 0), "top_logprobs"));
	*in_words = !(out->a + out->b >= OPINION_MASS_MIN && out->a + out->b <= 1.001);
	if (!*in_words)
		return true;
	if (!json_is_object(message) || (content && !json_is_null(content) && !json_is_string(content)))
		return false;
	/* Without a word, as where it was still thinking, it names no answer. */
	*out = reading_of_reply(str_of(json_string_value(content)));
	return true;
}

/* --- one prompt --- */

static void advance(struct remote_judge *j);

static void inquiry_free(struct inquiry *q)
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
		struct inquiry *q = j->questions;
		j->questions = q->next;
		inquiry_free(q);
	}
	mem_free(j);
}

static void take_away(struct inquiry *q)
{
	struct inquiry **at = &q->judge->questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	q->judge->n_open--;
	inquiry_free(q);
}

static void try_again(struct inquiry *q, int64_t retry_after_ms)
{
	int64_t base = q->judge->options.quick_retries ? 5 : BACKOFF_MS, most = base << q->tries;

	most = most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS;
	int64_t wait = (int64_t)(random_u64() % (uint64_t)(most + 1));
	if (retry_after_ms > wait)
		wait = q->judge->options.quick_retries ? base : retry_after_ms;
	loop_timer_set(q->retry, wait);
}

/* The question is over with what was read. */
static void tell(struct inquiry *q, struct reading reading, bool in_words)
{
	struct remote_judge *j = q->judge;
	size_t index = q->index;

	take_away(q);
	j->events->read(j->user, index, reading, in_words);
}

static void fail(struct remote_judge *j, const struct err *cause)
{
	struct err copy = *cause;

	j->is_over = true;
	while (j->questions)
		take_away(j->questions);
	j->events->failed(j->user, &copy);
}

/* A 2xx reply: false where it is none of this kind of server, which may pass. */
static bool take_reply(struct inquiry *q, const struct http_reply *reply, struct err *err)
{
	struct remote_judge *j = q->judge;
	struct reading reading;
	bool in_words;
	json_t *json = remote_json(j->options.remote, reply, err);

	if (json && !remote_judge_read(j->options.remote, json, &reading, &in_words))
		remote_wrong(j->options.remote, "no answer", err);
	json_decref(json);
	if (err->code != ERR_OK)
		return false;
	if (!j->has_asking)
		j->asking = q->asking;
	j->has_asking = true;
	tell(q, reading, in_words);
	return true;
}

/* The server does not take this request: something in it that not every server knows, or, where it took the like before, this
 * prompt, of which then nothing is read.  True where that is dealt with. */
static bool take_refusal(struct inquiry *q)
{
	struct remote_judge *j = q->judge;

	if (j->has_asking && (q->asking == j->asking || j->options.remote->row.kind != PROVIDER_OPENAI)) {
		tell(q, (struct reading){ 0, 0 }, true);
		return true;
	}
	if (j->options.remote->row.kind != PROVIDER_OPENAI || (!j->has_asking && q->asking + 1 == N_ASKINGS))
		return false;
	q->asking = j->has_asking ? j->asking : q->asking + 1;
	loop_timer_set(q->retry, 0);
	return true;
}

static void take(struct inquiry *q, const struct http_reply *reply, const struct err *err)
{
	struct remote_judge *j = q->judge;
	struct err cause = *err;
	bool is_told = cause.code == ERR_OK, is_good = is_told && reply->status >= 200 && reply->status <= 299;
	bool may_retry = cause.code == ERR_IO;

	if (is_good && take_reply(q, reply, &cause))
		return;
	if (is_told && !is_good && (reply->status == 400 || reply->status == 413 || reply->status == 422) && take_refusal(q))
		return;
	if (is_told && !is_good)
		(void)remote_fail(j->options.remote, reply, &cause);
	if (is_told)
		may_retry = is_good || cause.code == ERR_IO || cause.code == ERR_BUSY || reply->status == 408;
	if (may_retry && ++q->tries < LIMIT_REMOTE_TRIES)
		try_again(q, reply->retry_after_ms);
	else
		fail(j, &cause);
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct inquiry *q = user;
	struct remote_judge *j = q->judge;
	int n_before = j->n_open;

	q->call = NULL;
	j->busy++;
	take(q, reply, err);
	if (!j->is_freed && j->n_open < n_before) /* it is over */
		advance(j);
	if (--j->busy == 0 && j->is_freed)
		release(j);
}

static void send(void *user)
{
	struct inquiry *q = user;
	const struct remote *remote = q->judge->options.remote;
	struct err cause;

	if (remote_may_ask(remote, q->judge->n_asked, &cause) != ERR_OK) {
		fail(q->judge, &cause); /* which may free it */
		return;
	}
	q->judge->n_asked++;
	struct buf body = BUF_INIT(LIMIT_PROMPT_BYTES);
	json_t *json = body_of(q);

	json_write(&body, json);
	json_decref(json);
	char *url = mem_printf("%s%s", remote->row.url, provider_dialect_of(remote->row.kind)->path);
	struct http_request request = { .method = "POST", .url = url, .json = buf_str(&body),
					.limits = remote_limits(remote, REPLY_TOKENS), .done = on_done, .user = q };
	remote_introduce(remote, &request);
	request.limits.body_max = REPLY_BYTES;
	q->call = http_client_start(q->judge->options.http_client, &request);
	buf_release(&body);
	mem_free(url);
}

/* Sends what the provider takes at once; tells where nothing is left. */
static void advance(struct remote_judge *j)
{
	if (j->is_over)
		return;
	if (!j->questions) {
		j->events->idle(j->user);
		return;
	}
	const struct remote *remote = j->options.remote;
	struct err cause = { 0 };
	for (struct inquiry *q = j->questions; q && j->n_open < remote->row.concurrency; q = q->next) {
		if (q->is_open)
			continue;
		if (remote_may_ask(remote, j->n_asked, &cause) != ERR_OK)
			break;
		q->is_open = true;
		q->asking = j->asking;
		j->n_open++;
		send(q);
	}
	if (cause.code != ERR_OK && j->n_open == 0)
		loop_timer_set(j->questions->retry, 0); /* where it is told: not in the middle of somebody's asking */
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
	struct inquiry **at = &j->questions;

	while (*at)
		at = &(*at)->next;
	*at = mem_alloc(sizeof **at);
	**at = (struct inquiry){ .judge = j, .index = index, .system = mem_printf("%.*s", (int)system.len, system.ptr ? system.ptr : ""),
				  .user = mem_printf("%.*s", (int)user.len, user.ptr ? user.ptr : ""),
				  .retry = loop_timer_new(j->options.loop, send, *at) };
	advance(j);
}
