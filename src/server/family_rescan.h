/* SPDX-License-Identifier: Apache-2.0
 *
 * family_rescan - looks again where the fine-tuned models that are known lie, for epochs that were trained since, in three steps on
 * the threads they belong to.  Everything belongs to the arena that each step is given. */
#ifndef ASSAY_SERVER_FAMILY_RESCAN_H
#define ASSAY_SERVER_FAMILY_RESCAN_H

#include "store/model_store.h"

struct family_rescan {
	const char **paths;            /* of the families in the list */
	const struct found_family **found; /* what is there now; NULL: nothing */
	size_t n;
};

/* Which they are.  reader */
void family_rescan_list(struct family_rescan *r, struct arena *a, struct db *db, struct err *err);
/* Reads their folders; one that is gone or cannot be read is passed over.  work */
void family_rescan_run(struct family_rescan *r, struct arena *a, const atomic_bool *cancel);
/* Adds what is new, with the base of its family, and counts it; what the user removed stays removed.  store */
MUST_USE enum err_code family_rescan_store(const struct family_rescan *r, struct arena *a, struct db *db, size_t *n_added,
					   struct err *err);

#endif
