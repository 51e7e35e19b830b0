/* SPDX-License-Identifier: Apache-2.0
 *
 * group - a REQ_GROUP as structs: settings, and the cells with their prompts.  Thread: the main thread. */
#ifndef ASSAY_WORKER_GROUP_H
#define ASSAY_WORKER_GROUP_H

#include "worker/cell.h"
#include "worker/engine.h"
#include "worker/plan.h"

struct group {
	int slots, kv_tokens, max_tokens;
	int n_ctx; /* most tokens of a prompt and its answer */
	struct shim_sampling sampling; /* seed: of the cell */
	struct column *column;
	struct ending ending;
	struct llama_adapter_lora *lora;
	struct cell *cells;
	size_t n;
	struct tokens prefix;   /* borrowed: what the cells' prompts share, the column's unless they share much more */
	bool is_prefix_of_column;
	struct plan plan;
	bool has_drafts;
	int guesses; /* of each answer in each step; 0: as many as pay off */
};

/* Reads slots, kv_tokens, max_tokens, num_ctx, drafts, guesses and how tokens are chosen. */
MUST_USE enum err_code group_settings(struct group *g, const struct loaded *m, const json_t *request, struct err *err);

/* Reads the request, renders and tokenizes the prompts and plans; cells that cannot be answered are failed on the link.
 * Release it in any case. */
MUST_USE enum err_code group_open(struct group *g, struct engine *e, const json_t *request, struct err *err);
void group_release(struct group *g);

/* Fails one cell. */
void group_fail_cell(struct group *g, struct engine *e, struct cell *c, const struct err *err);

/* Fails all cells that are not done. */
void group_fail_rest(struct group *g, struct engine *e, const struct err *err);

#endif
