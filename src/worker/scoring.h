/* SPDX-License-Identifier: Apache-2.0
 *
 * scoring - what the loaded model thinks of given texts, without writing any: REQ_LIKELIHOOD, and what REQ_JUDGE stands on.
 *
 * Prompts are fed with what follows them (teacher forcing, forced.h), and log-probabilities are read: of each token of what
 * follows, or of two labels where the last one stands.  Thread: the main thread. */
#ifndef ASSAY_WORKER_SCORING_H
#define ASSAY_WORKER_SCORING_H

#include "worker/engine.h"
#include "worker/forced.h"

struct label_pair {
	llama_token a, b;
};

struct scored_item {
	double log_a, log_b; /* sums of natural logarithms over its rows; NAN once one cannot be told; log_b: of labels alone */
	int n;		     /* rows */
};

struct scoring {
	struct job job;
	struct engine *engine;
	struct llama_adapter_lora *lora;
	struct items items;
	struct forced forced;
	struct scored_row *rows; /* of a step */
	int n_rows, n_vocab;
	struct scored_item *scored;	 /* of each item */
	const struct label_pair *labels; /* of each item, borrowed; NULL: likelihoods */
	int64_t fed, total;		 /* tokens */
	double begin, share;		 /* of the request's progress */
	void (*send)(struct scoring *s, size_t item); /* tells what came of it */
};

/* Reads "adapter" and what items_open() reads.  Close it in any case. */
MUST_USE enum err_code scoring_open(struct scoring *s, const json_t *body, struct err *err);
/* Feeds all items; each is sent, or failed, as soon as it is known. */
MUST_USE enum err_code scoring_run(struct scoring *s, struct err *err);
/* May be opened again then. */
void scoring_close(struct scoring *s);

/* The body of MSG_OK. */
json_t *scoring_stats(const struct scoring *s, size_t n_items, int64_t n_tokens);

/* REQ_LIKELIHOOD.  `*reply` is the body of MSG_OK (owned). */
MUST_USE enum err_code score_likelihoods(struct engine *e, struct request *r, json_t **reply, struct err *err);

#endif
