/* SPDX-License-Identifier: Apache-2.0
 *
 * forced - one model that is fed given texts (teacher forcing): a context of its own with the rows of logits of one step.
 * Thread: the main thread. */
#ifndef ASSAY_WORKER_FORCED_H
#define ASSAY_WORKER_FORCED_H

#include "worker/items.h"

struct forced {
	struct job *job;
	struct loaded *model;
	struct llama_context *ctx;
	struct llama_batch batch;
	struct forced_limits limits;
	double fraction;    /* for progress inside a step */
};

/* Tokens that all steps feed together. */
int64_t forced_total(const struct items *items);

/* What a step may hold of a model with `n_vocab` words: the rows of logits stay below 64 MiB. */
struct forced_limits forced_limits_for(int n_vocab);

/* Makes the context for the items, under `lora` (NULL: none); `eval` (may be NULL) sees every node of the graph. */
MUST_USE enum err_code forced_open(struct forced *f, struct job *job, struct loaded *m, struct llama_adapter_lora *lora,
				   const struct items *items, struct forced_limits limits, ggml_backend_sched_eval_callback eval,
				   void *eval_user, struct err *err);
void forced_close(struct forced *f);

/* Computes the common prefix, once before the first step. */
MUST_USE enum err_code forced_prefix(struct forced *f, const struct items *items, struct err *err);

/* Feeds one step.  Row k of its rows, counted over the segments in order, is forced_row(f, k) until the next step. */
MUST_USE enum err_code forced_feed(struct forced *f, const struct items *items, const struct forced_step *step,
				   struct err *err);
float *forced_row(struct forced *f, int k);

/* Tokens per second that it writes alone, one after another, behind the prompt of an item; ends with an empty cache. */
MUST_USE enum err_code forced_speed(struct forced *f, const struct item *item, double *rate, struct err *err);

#endif
