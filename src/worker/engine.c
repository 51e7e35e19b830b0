/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/engine.h"

#include "base/clock.h"
#include "base/mem.h"
#include "worker/turn.h"
#include "worker/protocol.h"

#define HEARTBEAT_US 1000000

void engine_init(struct engine *e, struct link *l, struct loaded *m)
{
	*e = (struct engine){ .link = l, .model = m };
	e->batch = llama_batch_init(ENGINE_STEP_TOKENS, 0, 1);
}

void engine_drop(struct engine *e)
{
	if (e->ctx)
		llama_free(e->ctx);
	e->ctx = NULL;
	e->n_ctx = e->slots = e->outputs = 0;
}

void engine_forget(struct engine *e)
{
	engine_drop(e);
	chats_drop(e);
	columns_release(&e->columns);
	drafts_release(&e->drafts);
}

void engine_release(struct engine *e)
{
	engine_forget(e);
	llama_batch_free(e->batch);
}

/* Called by llama.cpp between graph nodes, on this thread: shows life in long steps and looks for REQ_CANCEL. */
static bool on_node(void *user)
{
	struct engine *e = user;
	int64_t now = clock_mono_us();
	if (now - e->beat_us >= HEARTBEAT_US) {
		e->beat_us = now;
		link_send_json(e->link, MSG_PROGRESS, e->stream, json_pack("{s:f}", "fraction", e->fraction));
		link_flush(e->link);
	}
	return link_cancelled(e->link);
}

static struct llama_context *make_context(struct engine *e, int n_seq, int outputs, int n_ctx, struct shim_why *why)
{
	struct llama_context_params p = llama_context_default_params();
	p.n_ctx = (uint32_t)n_ctx;
	p.n_batch = p.n_ubatch = ENGINE_STEP_TOKENS;
	p.n_seq_max = (uint32_t)n_seq;
	p.n_outputs_max = (uint32_t)(outputs > n_seq ? outputs : n_seq); /* llama.cpp insists on one for each sequence */
	p.n_threads = p.n_threads_batch = e->model->n_threads;
	p.kv_unified = true;
	p.no_perf = true;
	p.op_offload = !e->model->keep_ops;
	p.abort_callback = on_node;
	p.abort_callback_data = e;
	return shim_context(e->model->model, p, why);
}

struct llama_context *engine_context(struct engine *e, int n_seq, int outputs, int n_ctx, struct err *err)
{
	struct shim_why why;
	struct llama_context *ctx = make_context(e, n_seq, outputs, n_ctx, &why);
	if (!ctx && (e->ctx || e->chats)) {
		engine_drop(e);
		chats_drop(e);
		ctx = make_context(e, n_seq, outputs, n_ctx, &why);
	}
	if (!ctx) {
		err_set(err, ERR_LIMIT, "err_context_memory", "tokens=%d|reason=%s", n_ctx, load_reason(&why));
		return NULL;
	}
	if (!llama_get_memory(ctx)) {
		llama_free(ctx);
		err_set(err, ERR_UNSUPPORTED, "err_model_kind", "%s", "");
		return NULL;
	}
	return ctx;
}

enum err_code engine_prepare(struct engine *e, int slots, int outputs, int n_ctx, struct err *err)
{
	if (e->ctx && e->slots == slots && e->outputs == outputs && e->n_ctx == n_ctx)
		return ERR_OK;
	engine_drop(e);
	e->ctx = engine_context(e, slots + 1, outputs, n_ctx, err);
	if (!e->ctx)
		return err->code;
	e->slots = slots;
	e->outputs = outputs;
	e->n_ctx = n_ctx;
	return ERR_OK;
}

int engine_add(struct engine *e, llama_token token, int pos, int seq, bool logits)
{
	struct llama_batch *b = &e->batch;
	int i = b->n_tokens++;
	b->token[i] = token;
	b->pos[i] = pos;
	b->n_seq_id[i] = 1;
	b->seq_id[i][0] = seq;
	b->logits[i] = logits;
	return i;
}

enum err_code engine_decode(struct engine *e, struct err *err)
{
	return engine_decode_in(e, e->ctx, err);
}

enum err_code engine_decode_in(struct engine *e, struct llama_context *ctx, struct err *err)
{
	struct shim_why why;
	int rc = shim_decode(ctx, e->batch, &why);
	e->batch.n_tokens = 0;
	if (rc == 0)
		return ERR_OK;
	if (link_cancelled(e->link))
		return err_set(err, ERR_CANCELLED, "err_cancelled", "%s", "");
	const char *reason = rc == SHIM_THREW ? load_reason(&why) : rc == 1 ? "no free cell in the KV cache" : "";
	return err_set(err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", rc, reason);
}

static enum err_code compute_prefix(struct engine *e, const struct tokens *prefix, struct err *err)
{
	for (int at = 0; at < prefix->n;) {
		int end = at + ENGINE_STEP_TOKENS < prefix->n ? at + ENGINE_STEP_TOKENS : prefix->n;
		/* llama.cpp wants an output in each batch. */
		for (; at < end; at++)
			engine_add(e, prefix->ids[at], at, 0, at == end - 1);
		if (engine_decode(e, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* Leaves it to the next time where it cannot be kept. */
static void keep_prefix(struct engine *e, struct column *c)
{
	size_t size = shim_state_size(e->ctx, 0);
	uint8_t *state = size > 0 ? mem_try_alloc(size) : NULL;
	if (state && shim_state_get(e->ctx, 0, state, size))
		column_keep_state(&e->columns, c, state, size);
	else
		mem_free(state);
}

enum err_code engine_begin(struct engine *e, struct column *c, const struct tokens *prefix, struct llama_adapter_lora *lora,
			   int64_t *us, struct err *err)
{
	struct shim_why why;
	int64_t start = clock_mono_us();
	*us = 0;
	e->batch.n_tokens = 0;
	if (!shim_clear(e->ctx) || !shim_set_adapter(e->ctx, lora, &why))
		return err_set(err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", 0, "the adapter could not be set");
	if (prefix->n == 0)
		return ERR_OK;
	bool is_kept = c && c->state;
	if (is_kept && !shim_state_set(e->ctx, 0, c->state, c->state_size))
		return err_set(err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", 0, "the kept prefix could not be restored");
	if (!is_kept && compute_prefix(e, prefix, err) != ERR_OK)
		return err->code;
	if (!is_kept && c)
		keep_prefix(e, c);
	*us = clock_mono_us() - start;
	return ERR_OK;
}
