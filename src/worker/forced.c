/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/forced.h"

#include "base/clock.h"
#include "base/limits.h"
#include "worker/logits.h"
#include "worker/plan.h"

#define STEP_TOKENS 512
#define ROWS_BYTES (64 * MIB)
#define SPEED_PROMPT 64 /* tokens that stand before the first one written */
#define SPEED_TOKENS 16

struct forced_limits forced_limits_for(int n_vocab)
{
	int rows = (int)(ROWS_BYTES / sizeof(float)) / n_vocab;
	rows = rows > STEP_TOKENS ? STEP_TOKENS : rows;
	/* llama.cpp wants room for one row of each sequence. */
	return (struct forced_limits){ STEP_TOKENS, rows > 2 * FORCED_SEQUENCES ? rows : 2 * FORCED_SEQUENCES };
}

int64_t forced_total(const struct items *items)
{
	int64_t sum = 0;
	for (size_t i = 0; i < items->n; i++)
		sum += items->lengths[i].n - 1 - items->lengths[i].shared;
	return sum;
}

/* Called by llama.cpp between graph nodes, on this thread. */
static bool on_node(void *user)
{
	struct forced *f = user;
	return !job_tick(f->job, f->fraction, "");
}

enum err_code forced_open(struct forced *f, struct job *job, struct loaded *m, struct llama_adapter_lora *lora,
			  const struct items *items, struct forced_limits limits, ggml_backend_sched_eval_callback eval,
			  void *eval_user, struct err *err)
{
	struct shim_why why;
	int n_ctx = plan_bucket(items->prefix.n + items->longest + STEP_TOKENS);
	struct llama_context_params p = llama_context_default_params();
	*f = (struct forced){ .job = job, .model = m, .limits = limits };
	p.n_ctx = (uint32_t)n_ctx;
	p.n_batch = p.n_ubatch = STEP_TOKENS;
	p.n_seq_max = FORCED_SEQUENCES + 1;
	p.n_outputs_max = (uint32_t)limits.rows;
	p.n_threads = p.n_threads_batch = m->n_threads;
	p.kv_unified = true;
	p.no_perf = true;
	p.op_offload = !m->keep_ops;
	p.abort_callback = on_node;
	p.abort_callback_data = f;
	p.cb_eval = eval;
	p.cb_eval_user_data = eval_user;
	f->ctx = shim_context(m->model, p, &why);
	if (!f->ctx)
		return err_set(err, ERR_LIMIT, "err_context_memory", "tokens=%d|reason=%s", n_ctx, load_reason(&why));
	f->batch = llama_batch_init(STEP_TOKENS, 0, 1);
	if (!llama_get_memory(f->ctx))
		return err_set(err, ERR_UNSUPPORTED, "err_model_kind", "%s", "");
	if (!shim_set_adapter(f->ctx, lora, &why))
		return err_set(err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", 0, "the adapter could not be set");
	return ERR_OK;
}

void forced_close(struct forced *f)
{
	if (!f->ctx)
		return;
	llama_free(f->ctx);
	llama_batch_free(f->batch);
	*f = (struct forced){ 0 };
}

static void add(struct forced *f, llama_token token, int pos, int seq, bool logits)
{
	struct llama_batch *b = &f->batch;
	int i = b->n_tokens++;
	b->token[i] = token;
	b->pos[i] = pos;
	b->n_seq_id[i] = 1;
	b->seq_id[i][0] = seq;
	b->logits[i] = logits;
}

static enum err_code decode(struct forced *f, struct err *err)
{
	struct shim_why why;
	int rc = shim_decode(f->ctx, f->batch, &why);
	if (rc == 0)
		return ERR_OK;
	if (link_cancelled(f->job->link))
		return job_cancelled(err);
	const char *reason = rc == SHIM_THREW ? load_reason(&why) : rc == 1 ? "no free cell in the KV cache" : "";
	return err_set(err, ERR_INTERNAL, "err_decode", "code=%d|reason=%s", rc, reason);
}

enum err_code forced_prefix(struct forced *f, const struct items *items, struct err *err)
{
	int n = items->prefix.n;
	for (int at = 0; at < n;) {
		int end = at + STEP_TOKENS < n ? at + STEP_TOKENS : n;
		f->batch.n_tokens = 0;
		for (; at < end; at++)
			add(f, items->prefix.ids[at], at, 0, at == end - 1); /* llama.cpp wants an output in each batch */
		if (decode(f, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

enum err_code forced_feed(struct forced *f, const struct items *items, const struct forced_step *step, struct err *err)
{
	f->batch.n_tokens = 0;
	for (int k = 0; k < step->n; k++) {
		const struct forced_segment *s = &step->segments[k];
		const struct item *it = &items->list[s->item];
		const struct forced_length *length = &items->lengths[s->item];
		if (s->begins && length->shared > 0)
			shim_seq_copy(f->ctx, 0, s->seq, length->shared == items->prefix.n ? -1 : length->shared);
		for (int pos = s->from; pos < s->to; pos++)
			add(f, it->tokens.ids[pos], pos, s->seq, pos >= length->first);
	}
	/* A step of a long prompt alone has no row that anybody wants. */
	if (step->rows == 0)
		f->batch.logits[f->batch.n_tokens - 1] = true;
	if (decode(f, err) != ERR_OK)
		return err->code;
	for (int k = 0; k < step->n; k++) {
		if (step->segments[k].last)
			shim_seq_remove(f->ctx, step->segments[k].seq);
	}
	return ERR_OK;
}

float *forced_row(struct forced *f, int k)
{
	for (int i = 0; i < f->batch.n_tokens; i++) {
		if (f->batch.logits[i] && k-- == 0)
			return shim_logits(f->ctx, i);
	}
	return NULL;
}

enum err_code forced_speed(struct forced *f, const struct item *item, double *rate, struct err *err)
{
	int n = item->n_prompt < SPEED_PROMPT ? item->n_prompt : SPEED_PROMPT;
	int64_t start = 0;
	shim_clear(f->ctx);
	f->batch.n_tokens = 0;
	for (int pos = 0; pos < n; pos++)
		add(f, item->tokens.ids[pos], pos, 1, pos == n - 1);
	for (int i = 0; i <= SPEED_TOKENS; i++) {
		if (decode(f, err) != ERR_OK)
			return err->code;
		const float *row = forced_row(f, 0);
		struct logits_best best = { .finite = false };
		if (row)
			best = logits_scan(row, f->model->n_vocab);
		if (!best.finite)
			return err_set(err, ERR_DATA, "err_logits", "%s", "");
		/* The first one of width 1 builds the graph. */
		if (i == 1)
			start = clock_mono_us();
		f->batch.n_tokens = 0;
		add(f, best.id, n + i, 1, true);
	}
	*rate = 1e6 * (SPEED_TOKENS - 1) / (double)(clock_mono_us() - start + 1);
	shim_clear(f->ctx);
	return ERR_OK;
}
