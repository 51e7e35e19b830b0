/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/cell.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "worker/logits.h"
#include "worker/protocol.h"

#define PENALTY_WINDOW 64 /* tokens of the prompt that the penalties see, as in llama-server */

uint32_t cell_seed(uint64_t seed)
{
	uint32_t folded = (uint32_t)(seed ^ seed >> 32);
	return folded == LLAMA_DEFAULT_SEED ? 0 : folded;
}

void cell_open_sampler(struct cell *c, const struct loaded *m, struct shim_sampling s)
{
	if (s.temperature <= 0 && s.repeat_penalty == 1.0f)
		return;
	s.seed = c->seed;
	c->sampler = shim_sampler(m->vocab, &s);
	if (!c->sampler)
		BUG("no memory for a sampler");
	int from = c->prompt.n > PENALTY_WINDOW ? c->prompt.n - PENALTY_WINDOW : 0;
	for (int i = from; s.repeat_penalty != 1.0f && i < c->prompt.n; i++)
		shim_sampler_accept(c->sampler, c->prompt.ids[i]);
}

llama_token cell_choose(struct cell *c, const struct loaded *m, struct llama_context *ctx, int output, double *likelihood)
{
	int32_t n_suppress = 0;
	const llama_token *suppress = llama_vocab_get_suppress_tokens(m->vocab, &n_suppress);
	float *logits = shim_logits(ctx, output);
	if (!logits)
		return -1;
	for (int32_t i = 0; i < n_suppress; i++)
		logits[suppress[i]] = -__builtin_inff();
	struct logits_best best = logits_scan(logits, m->n_vocab);
	if (!best.finite)
		return -1;
	llama_token token = c->sampler ? shim_sample(c->sampler, ctx, output) : best.id;
	if (token < 0 || token >= m->n_vocab)
		return -1;
	*likelihood = (double)logits[token] - best.log_sum;
	return token;
}

const char *cell_take(struct cell *c, const struct loaded *m, const struct ending *ending, llama_token token,
		      double likelihood)
{
	if (c->first_us == 0)
		c->first_us = clock_mono_us();
	if (llama_vocab_is_eog(m->vocab, token))
		return "stop";
	if (c->generated.n == c->generated.cap) {
		c->generated.cap = c->generated.cap ? c->generated.cap * 2 : 64;
		c->generated.ids = mem_grow(c->generated.ids, (size_t)c->generated.cap * sizeof(llama_token));
	}
	c->generated.ids[c->generated.n++] = token;
	c->log_likelihood += likelihood;
	struct buf piece = BUF_INIT(64 * KIB);
	shim_piece(m->vocab, token, ending_shows(ending, token), &piece);
	bool goes_on = answer_add(&c->answer, buf_str(&piece));
	buf_release(&piece);
	if (answer_thinking(&c->answer) || (c->answer.think_end > 0 && c->n_thinking == c->generated.n - 1))
		c->n_thinking = c->generated.n;
	if (!goes_on)
		return "stop";
	return c->generated.n >= c->max_new ? "length" : NULL;
}

void cell_send_text(struct cell *c, struct link *l, uint32_t stream, struct buf *scratch, bool last)
{
	bool is_thinking;
	for (;;) {
		buf_clear(scratch);
		buf_add_u64le(scratch, c->id);
		buf_add_char(scratch, 0);
		if (!answer_stream(&c->answer, scratch, last, &is_thinking))
			return;
		scratch->ptr[sizeof(uint64_t)] = (char)is_thinking;
		link_send(l, MSG_TEXT, stream, buf_str(scratch));
	}
}

void cell_release(struct cell *c)
{
	tokens_release(&c->prompt);
	tokens_release(&c->generated);
	answer_release(&c->answer);
	shim_sampler_free(c->sampler);
}
