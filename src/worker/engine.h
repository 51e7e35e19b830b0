/* SPDX-License-Identifier: Apache-2.0
 *
 * engine - the one context of a worker: made to measure for a group, cleared before each, with the column's prefix in it.
 *
 * Thread: the main thread. */
#ifndef ASSAY_WORKER_ENGINE_H
#define ASSAY_WORKER_ENGINE_H

#include "worker/draft.h"
#include "worker/load.h"
#include "worker/template.h"

/* A step is one llama_decode() of at most this many tokens and one ubatch: every token of a step meets the same kernels. */
#define ENGINE_STEP_TOKENS 512

struct chats;

struct engine {
	struct link *link;
	struct loaded *model;
	struct columns columns;
	struct chats *chats;       /* turn.h; NULL before the first turn */
	struct llama_context *ctx; /* NULL before the first group */
	int n_ctx, slots, outputs; /* what ctx was made for */
	struct llama_batch batch;  /* ENGINE_STEP_TOKENS of room */
	struct drafts drafts;
	uint32_t stream;           /* active request */
	int64_t beat_us;           /* last frame of the active request */
	double fraction;           /* its progress, for heartbeats */
};

void engine_init(struct engine *e, struct link *l, struct loaded *m);
void engine_release(struct engine *e);

/* Frees all that hangs on the model (contexts, conversations, columns, drafts), so that the model itself can be freed. */
void engine_forget(struct engine *e);

/* A context of `n_ctx` cells for `n_seq` sequences and at most `outputs` rows of logits in a step; more in a batch would end the
 * process.  Where memory is short, the one that is not asked for goes: the chats' for a group, the group's for a chat.  NULL on
 * failure. */
struct llama_context *engine_context(struct engine *e, int n_seq, int outputs, int n_ctx, struct err *err);

/* Makes the context for `slots` sequences beside the prefix, `outputs` rows of logits in a step (at least one for each slot) and
 * `n_ctx` cells, unless it is that one already. */
MUST_USE enum err_code engine_prepare(struct engine *e, int slots, int outputs, int n_ctx, struct err *err);

/* Frees the context; the next engine_prepare() makes a new one. */
void engine_drop(struct engine *e);

/* Empties the cache, sets the adapter and puts the prefix into sequence 0.  `c` (NULL: none): the column whose prefix it is, which
 * keeps what was computed for the next time.  `*us` is what computing it took. */
MUST_USE enum err_code engine_begin(struct engine *e, struct column *c, const struct tokens *prefix, struct llama_adapter_lora *lora,
				    int64_t *us, struct err *err);

/* Adds a token to the batch; returns its index. */
int engine_add(struct engine *e, llama_token token, int pos, int seq, bool logits);

/* Decodes the batch and empties it.  ERR_CANCELLED when the request was cancelled meanwhile. */
MUST_USE enum err_code engine_decode(struct engine *e, struct err *err);
/* The same in another context of this worker. */
MUST_USE enum err_code engine_decode_in(struct engine *e, struct llama_context *ctx, struct err *err);

#endif
