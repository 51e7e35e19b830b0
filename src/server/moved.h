/* SPDX-License-Identifier: Apache-2.0
 *
 * moved - what was moved or renamed on the disk is known again, so that validations follow it and its number stays: a base
 * model by its SHA-256, a run of a trainer by the steps, sizes and losses of its checkpoints, and what was added by a link by
 * what the link leads to. */
#ifndef ASSAY_SERVER_MOVED_H
#define ASSAY_SERVER_MOVED_H

#include "store/model_store.h"

/* A row of the store, and where it may be now. */
struct moved {
	int64_t model_id;   /* 0: a family */
	int64_t family_id;
	const char *path;   /* of what was found */
	const char *sha256; /* of the model, where that has to be compared */
	bool is_same;       /* it is the same; set by moved_find(), or by moved_check() where the digest tells */
};

/* Whether both paths lead to one file. */
bool is_same_file(const char *a, const char *b);

/* Reads which models and families could have moved to what `found` holds.  Rows belong to the arena.  Thread: reader. */
MUST_USE enum err_code moved_find(struct db *db, struct arena *a, const struct catalogue *found, struct moved **out, size_t *n,
				  struct err *err);
/* Reads the files; one that cannot be read is not the same.  Thread: work. */
void moved_check(struct moved *moved, size_t n, const atomic_bool *cancel);
/* Writes the new paths, before the scan is merged.  Thread: store. */
MUST_USE enum err_code moved_store(struct db *db, const struct moved *moved, size_t n, struct err *err);

#endif
