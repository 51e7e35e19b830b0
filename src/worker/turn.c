/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/turn.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "worker/chat_prompt.h"
#include "worker/group.h"
#include "worker/protocol.h"

#define CONVERSATIONS 4
#define GROWTH_TOKENS 1024 /* room for the turns after this one, where the pool allows it */
#define CELL_PAD 256       /* llama.cpp rounds n_ctx up to this */
#define SHARE_MIN 16       /* tokens that are worth copying from another conversation */

/* One sequence of the chats' context; its number is the index. */
struct conversation {
	int64_t chat;    /* 0: of a client that sends everything each time */
	int64_t adapter;
	struct tokens cached; /* what is in the KV cache, in order */
	int64_t used;
};

struct chats {
	struct llama_context *ctx; /* NULL: none */
	int n_ctx;
	struct conversation all[CONVERSATIONS];
	int64_t clock;
};

struct turn {
	struct engine *e;
	struct chats *chats;
	struct group g; /* settings, column and adapter; no cells */
	int64_t adapter;
	struct chat_prompt prompt;
	struct cell cell;
	struct conversation *c;
	int seq, n_reused;
};

static void forget(struct chats *chats, int seq)
{
	struct conversation *c = &chats->all[seq];
	if (chats->ctx && c->cached.n > 0)
		shim_seq_remove(chats->ctx, seq);
	tokens_release(&c->cached);
	*c = (struct conversation){ 0 };
}

void chats_drop(struct engine *e)
{
	struct chats *chats = e->chats;
	if (!chats)
		return;
	for (int i = 0; i < CONVERSATIONS; i++)
		tokens_release(&chats->all[i].cached);
	if (chats->ctx)
		llama_free(chats->ctx);
	mem_free(chats);
	e->chats = NULL;
}

/* --- which sequence --- */

static int common(const struct tokens *a, const struct tokens *b)
{
	int n = 0;
	while (n < a->n && n < b->n && a->ids[n] == b->ids[n])
		n++;
	return n;
}

/* At least one token of the prompt is computed, because its logits are needed. */
static int reusable(const struct turn *t, const struct conversation *c)
{
	if (c->adapter != t->adapter)
		return 0;
	int n = common(&c->cached, &t->cell.prompt);
	return n < t->cell.prompt.n ? n : t->cell.prompt.n - 1;
}

static int oldest(const struct chats *chats, int except)
{
	int found = -1;
	for (int i = 0; i < CONVERSATIONS; i++) {
		if (i != except && (found < 0 || chats->all[i].used < chats->all[found].used))
			found = i;
	}
	return found;
}

/* The conversation's own sequence; of a client without one, what it continues. */
static int choose(const struct turn *t, int64_t chat)
{
	const struct chats *chats = t->chats;
	int best = -1;
	for (int i = 0; i < CONVERSATIONS; i++) {
		const struct conversation *c = &chats->all[i];
		if (c->chat != chat || c->adapter != t->adapter || c->cached.n == 0)
			continue;
		if (chat != 0)
			return i;
		int n = reusable(t, c);
		if (n > c->cached.n / 2 && (best < 0 || n > reusable(t, &chats->all[best])))
			best = i;
	}
	return best >= 0 ? best : oldest(chats, -1);
}

/* --- room --- */

static enum err_code make_context(struct turn *t, int n_ctx, struct err *err)
{
	struct engine *e = t->e;
	chats_drop(e);
	struct llama_context *ctx = engine_context(e, CONVERSATIONS, CONVERSATIONS, n_ctx, err);
	if (!ctx)
		return err->code;
	t->chats = e->chats = mem_alloc(sizeof(*e->chats));
	t->chats->ctx = ctx;
	t->chats->n_ctx = n_ctx;
	return ERR_OK;
}

/* A larger context, with this conversation's state in it; the others are computed again when they go on. */
static enum err_code grow(struct turn *t, int needed, struct err *err)
{
	struct chats *chats = t->chats;
	int most = (t->g.kv_tokens + CELL_PAD - 1) / CELL_PAD * CELL_PAD, bucket = plan_bucket(needed + GROWTH_TOKENS);
	struct conversation kept = { 0 };
	size_t size = chats->ctx && t->c->cached.n > 0 ? shim_state_size(chats->ctx, t->seq) : 0;
	uint8_t *state = size > 0 ? mem_try_alloc(size) : NULL;
	if (state && shim_state_get(chats->ctx, t->seq, state, size)) {
		kept = *t->c;
		*t->c = (struct conversation){ 0 };
	}
	int64_t clock = chats->clock;
	if (make_context(t, bucket < most ? bucket : most, err) == ERR_OK) {
		t->chats->clock = clock;
		t->c = &t->chats->all[t->seq];
		if (kept.cached.n > 0 && shim_state_set(t->chats->ctx, t->seq, state, size)) {
			*t->c = kept;
			kept = (struct conversation){ 0 };
		} else {
			shim_seq_remove(t->chats->ctx, t->seq);
		}
	}
	tokens_release(&kept.cached);
	mem_free(state);
	return err->code;
}

/* Conversations that were not used for longest make room for `needed` cells of this one. */
static void make_room(struct turn *t, int needed)
{
	for (;;) {
		int used = needed, victim = -1;
		for (int i = 0; i < CONVERSATIONS; i++) {
			const struct conversation *c = &t->chats->all[i];
			if (i == t->seq || c->cached.n == 0)
				continue;
			used += c->cached.n;
			if (victim < 0 || c->used < t->chats->all[victim].used)
				victim = i;
		}
		if (used <= t->chats->n_ctx || victim < 0)
			return;
		forget(t->chats, victim);
	}
}

/* --- what is kept --- */

/* A new conversation that begins like another one (the same system prompt) takes that beginning over. */
static void share_beginning(struct turn *t)
{
	int from = -1, n = SHARE_MIN - 1;
	for (int i = 0; i < CONVERSATIONS; i++) {
		int shared = i == t->seq ? 0 : reusable(t, &t->chats->all[i]);
		if (shared > n) {
			from = i;
			n = shared;
		}
	}
	if (from < 0 || n <= reusable(t, t->c) || load_is_recurrent(t->e->model))
		return;
	forget(t->chats, t->seq);
	if (!shim_seq_copy(t->chats->ctx, from, t->seq, n))
		return;
	t->c->cached.ids = mem_copy(t->chats->all[from].cached.ids, (size_t)n * sizeof(llama_token));
	t->c->cached.n = t->c->cached.cap = n;
	t->c->adapter = t->adapter;
}

/* Cuts the sequence to what the prompt has in common with it. */
static void keep_common(struct turn *t)
{
	int n = reusable(t, t->c);
	if (n < t->c->cached.n) {
		if (n > 0 && shim_seq_cut(t->chats->ctx, t->seq, n))
			t->c->cached.n = n;
		else
			forget(t->chats, t->seq);
	}
	t->n_reused = t->c->cached.n;
}

static enum err_code enter(struct turn *t, int64_t chat, struct err *err)
{
	struct shim_why why;
	int needed = t->cell.prompt.n + t->cell.max_new;
	t->seq = choose(t, chat);
	t->c = &t->chats->all[t->seq];
	if (t->c->chat != chat || t->c->adapter != t->adapter)
		forget(t->chats, t->seq);
	if (needed > t->chats->n_ctx && grow(t, needed, err) != ERR_OK)
		return err->code;
	share_beginning(t);
	keep_common(t);
	make_room(t, needed);
	t->c->chat = chat;
	t->c->adapter = t->adapter;
	t->c->used = ++t->chats->clock;
	if (!shim_set_adapter(t->chats->ctx, t->g.lora, &why))
		return err_set(err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", 0, "the adapter could not be set");
	return ERR_OK;
}

/* --- computing --- */

/* Decodes what was added to the batch: then it is in the cache. */
static enum err_code decode(struct turn *t, struct err *err)
{
	struct llama_batch *b = &t->e->batch;
	struct tokens *cached = &t->c->cached;
	int n = b->n_tokens;
	if (cached->n + n > cached->cap) {
		cached->cap = 2 * (cached->n + n);
		cached->ids = mem_grow(cached->ids, (size_t)cached->cap * sizeof(llama_token));
	}
	memcpy(cached->ids + cached->n, b->token, (size_t)n * sizeof(llama_token));
	if (engine_decode_in(t->e, t->chats->ctx, err) == ERR_OK) {
		cached->n += n;
		return ERR_OK;
	}
	if (!shim_seq_cut(t->chats->ctx, t->seq, cached->n))
		forget(t->chats, t->seq);
	return err->code;
}

/* Returns the batch index of the last token in `*output`. */
static enum err_code read_prompt(struct turn *t, int *output, struct err *err)
{
	const struct tokens *p = &t->cell.prompt;
	struct engine *e = t->e;
	for (int at = t->n_reused; at < p->n;) {
		int end = at + ENGINE_STEP_TOKENS < p->n ? at + ENGINE_STEP_TOKENS : p->n;
		/* llama.cpp wants an output in each batch. */
		for (; at < end; at++)
			*output = engine_add(e, p->ids[at], at, t->seq, at == end - 1);
		if (decode(t, err) != ERR_OK)
			return err->code;
		e->fraction = (double)at / (double)p->n;
		e->beat_us = clock_mono_us();
		link_send_json(e->link, MSG_PROGRESS, e->stream, json_pack("{s:f}", "fraction", e->fraction));
		link_flush(e->link);
	}
	return link_cancelled(e->link) ? err_set(err, ERR_CANCELLED, "err_cancelled", "%s", "") : ERR_OK;
}

/* How it ended, NULL on failure. */
static const char *write_answer(struct turn *t, int output, struct err *err)
{
	struct engine *e = t->e;
	struct cell *c = &t->cell;
	struct buf text = BUF_INIT(LIMIT_ANSWER_BYTES + TEXT_HEAD_SIZE);
	const char *finish = NULL;
	for (;;) {
		double likelihood;
		llama_token token = cell_choose(c, e->model, t->chats->ctx, output, &likelihood);
		if (token < 0) {
			err_set(err, ERR_DATA, "err_logits", "%s", "");
			break;
		}
		finish = cell_take(c, e->model, &t->g.ending, token, likelihood);
		cell_send_text(c, e->link, e->stream, &text, finish != NULL);
		link_flush(e->link);
		e->beat_us = clock_mono_us();
		if (finish)
			break;
		if (link_cancelled(e->link)) {
			err_set(err, ERR_CANCELLED, "err_cancelled", "%s", "");
			break;
		}
		output = engine_add(e, token, c->prompt.n + c->generated.n - 1, t->seq, true);
		if (decode(t, err) != ERR_OK)
			break;
	}
	if (err->code == ERR_CANCELLED)
		cell_send_text(c, e->link, e->stream, &text, true);
	buf_release(&text);
	return finish;
}

static json_t *reply_of(const struct turn *t, const char *finish, int64_t now)
{
	const struct cell *c = &t->cell;
	struct buf thinking = BUF_INIT(LIMIT_ANSWER_BYTES), text = BUF_INIT(LIMIT_ANSWER_BYTES);
	answer_split(&c->answer, &thinking, &text);
	int64_t first = c->first_us > 0 ? c->first_us : now;
	json_t *tokens = json_array();
	for (int i = 0; i < c->generated.n; i++)
		json_array_append_new(tokens, json_integer(c->generated.ids[i]));
	json_t *reply = json_pack("{s:o, s:o, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:o, s:o}", "text", json_text(buf_str(&text)),
				  "thinking", json_text(buf_str(&thinking)), "finish", finish, "n_prompt", c->prompt.n, "n_reused",
				  t->n_reused, "n_generated", c->generated.n, "n_thinking", c->n_thinking, "n_left_out",
				  t->prompt.n_left_out, "n_used", c->prompt.n + c->generated.n, "n_max", t->prompt.n_max,
				  "prompt_us", (json_int_t)(first - c->start_us), "total_us", (json_int_t)(now - c->start_us),
				  "tokens", tokens, "mean_ll",
				  c->generated.n > 0 ? json_real(c->log_likelihood / c->generated.n) : json_null());
	buf_release(&thinking);
	buf_release(&text);
	return reply;
}

/* --- one turn --- */

static enum err_code open_turn(struct turn *t, const json_t *request, struct err *err)
{
	struct engine *e = t->e;
	t->adapter = json_get_int(request, "adapter", 0, INT32_MAX, 0, err);
	int n_left_out = (int)json_get_int(request, "n_left_out", 0, INT32_MAX, 0, err);
	if (err->code != ERR_OK || group_settings(&t->g, e->model, request, err) != ERR_OK ||
	    load_find_adapter(e->model, t->adapter, &t->g.lora, err) != ERR_OK ||
	    column_get(&e->columns, e->model, e->stream, request, &t->g.column, err) != ERR_OK ||
	    ending_open(&t->g.ending, t->g.column, e->model, request, err) != ERR_OK)
		return err->code;
	t->prompt.n_max = t->g.n_ctx > 0 && t->g.n_ctx < t->g.kv_tokens ? t->g.n_ctx : t->g.kv_tokens;
	t->prompt.max_tokens = t->g.max_tokens;
	if (chat_prompt(&t->prompt, t->g.column, e->model, e->stream, json_object_get(request, "messages"), n_left_out,
			&t->cell.prompt, err) != ERR_OK)
		return err->code;
	int room = t->prompt.n_max - t->cell.prompt.n;
	t->cell.max_new = t->g.max_tokens < room ? t->g.max_tokens : room;
	t->cell.seed = cell_seed((uint64_t)json_integer_value(json_object_get(request, "seed")));
	answer_init(&t->cell.answer, &t->g.ending.rules);
	return ERR_OK;
}

static const char *run_turn(struct turn *t, int64_t chat, struct err *err)
{
	int output = 0;
	t->e->batch.n_tokens = 0;
	if (enter(t, chat, err) != ERR_OK || read_prompt(t, &output, err) != ERR_OK)
		return NULL;
	cell_open_sampler(&t->cell, t->e->model, t->g.sampling);
	return write_answer(t, output, err);
}

enum err_code chat_turn(struct engine *e, const json_t *request, json_t **reply, struct err *err)
{
	struct turn t = { .e = e, .cell.start_us = clock_mono_us() };
	int64_t chat = json_get_int(request, "chat", 0, INT64_MAX, 0, err);
	e->beat_us = t.cell.start_us;
	e->fraction = 0;
	if (!e->model->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	if (!e->chats)
		e->chats = mem_alloc(sizeof(*e->chats));
	t.chats = e->chats;
	t.cell.id = (uint64_t)chat;
	if (err->code == ERR_OK && open_turn(&t, request, err) == ERR_OK) {
		const char *finish = run_turn(&t, chat, err);
		if (finish || err->code == ERR_CANCELLED) {
			*err = (struct err){ 0 };
			*reply = reply_of(&t, finish ? finish : "cancelled", clock_mono_us());
		}
	}
	ending_release(&t.g.ending);
	cell_release(&t.cell);
	return err->code;
}
