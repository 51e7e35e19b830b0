/* SPDX-License-Identifier: Apache-2.0
 *
 * cell - one answer in the making, token by token: choosing, keeping, streaming, its end.  Thread: the main thread. */
#ifndef ASSAY_WORKER_CELL_H
#define ASSAY_WORKER_CELL_H

#include "worker/ending.h"

struct cell {
	uint64_t id;
	int64_t question; /* what drafts go by; 0: none */
	uint32_t seed;
	struct tokens prompt;
	int shared;       /* tokens that the column's prefix covers */
	int max_new;      /* tokens it may generate; 0: failed or left out */
	bool done;        /* answered or failed */
	struct answer answer;
	struct tokens generated;
	double log_likelihood;
	int n_thinking;
	int64_t start_us, first_us; /* entered a slot; first token */
	struct llama_sampler *sampler; /* NULL: argmax */
};

/* A seed of 64 bits as llama.cpp takes it; never the one value that it reads as "random". */
uint32_t cell_seed(uint64_t seed);

/* Makes the sampler where `s` (its seed is ignored) wants one, with the end of the prompt in its penalties. */
void cell_open_sampler(struct cell *c, const struct loaded *m, struct shim_sampling s);

/* The next token from the logits of `output` in the last batch, and its natural-log likelihood; -1 where they are no
 * numbers. */
llama_token cell_choose(struct cell *c, const struct loaded *m, struct llama_context *ctx, int output, double *likelihood);

/* Keeps the token.  NULL while the answer goes on, else how it ended: "stop" or "length". */
const char *cell_take(struct cell *c, const struct loaded *m, const struct ending *ending, llama_token token,
		      double likelihood);

/* Sends what is new and certain as MSG_TEXT; `scratch` is emptied. */
void cell_send_text(struct cell *c, struct link *l, uint32_t stream, struct buf *scratch, bool last);

void cell_release(struct cell *c);

#endif
