/* SPDX-License-Identifier: Apache-2.0
 *
 * family - checkpoints of one fine-tune, gathered one by one and then ordered.  Thread: work. */
#ifndef ASSAY_MODEL_FAMILY_H
#define ASSAY_MODEL_FAMILY_H

#include "model/catalogue.h"
#include "model/trainer_state.h"

/* A checkpoint with what is needed to place it. */
struct family_member {
	struct found_model model;
	const char *run;	    /* folder of the run, absolute */
	const char *stem;	    /* what its file name shares with its siblings; "" for folders */
	struct trainer_state state; /* of its own folder; epoch NAN, step -1 where there is none */
	bool loop_index;	    /* the epoch came from a name that torchtune counts from 0 */
	bool torchtune;		    /* its folder looks like torchtune's */
	bool final;		    /* stands in the run folder itself */
};

struct family_set; /* grows while a scan runs */

struct family_set *family_set_new(void);
void family_set_free(struct family_set *set); /* NULL is fine */

/* Copies the member; its strings must live as long as the scan's arena. */
void family_set_add(struct family_set *set, const struct family_member *member);

/* Groups, completes, orders and names.  `*out` belongs to the arena.  Reads trainer_state.json and
 * trainer_log.jsonl of the run folders, and hashes adapters of equal size to drop a final copy of a
 * checkpoint.  ERR_CANCELLED on request. */
MUST_USE enum err_code family_set_finish(struct family_set *set, struct arena *a,
					 const struct found_family **out, size_t *n_out,
					 const atomic_bool *cancel, struct err *err);

#endif
