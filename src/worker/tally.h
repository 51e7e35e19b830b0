/* SPDX-License-Identifier: Apache-2.0
 *
 * tally - sums of token distances by item, and what a comparison of two models says in the end.
 *
 * Standard errors treat the items as clusters: for a ratio m = sum S_i / sum n_i over k items,
 * se = sqrt(k / (k - 1) * sum (S_i - m n_i)^2) / sum n_i.  Percentiles interpolate linearly between order statistics, as
 * llama-perplexity does.  Pure; thread: one owner. */
#ifndef ASSAY_WORKER_TALLY_H
#define ASSAY_WORKER_TALLY_H

#include "base/json.h"
#include "worker/logits.h"

struct tally_item {
	int n, same_top;
	double kld, kld_max;	/* sum, largest */
	double nll_ref, nll_cand; /* sums */
	double dp2;		/* sum of squared differences of the token's probability */
	bool failed;		/* a row was not finite: counts nowhere */
};

struct tally {
	struct tally_item *items;
	size_t n_items;
	double *kld; /* of each token, in order */
	size_t n, item_start;
};

/* Room for `n_items` items with `n_tokens` answer tokens together. */
void tally_init(struct tally *t, size_t n_items, size_t n_tokens);
void tally_release(struct tally *t);

/* Adds the next token of `item`; all tokens of an item come one after another. */
void tally_add(struct tally *t, size_t item, const struct logits_distance *d);

/* {"n_tokens","mean_kld","max_kld","same_top": rate,"nll_ref","nll_cand"} of an item (owned). */
json_t *tally_item_json(const struct tally *t, size_t item);
/* Adds the totals of protocol.h to `stats`; sorts the distances. */
void tally_total(struct tally *t, json_t *stats);

#endif
