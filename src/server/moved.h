/* SPDX-License-Identifier: Apache-2.0
 *
 * moved - a base model whose file was moved or renamed is known again by its SHA-256, so that its fine-tunes and its
 * validations follow it. */
#ifndef ASSAY_SERVER_MOVED_H
#define ASSAY_SERVER_MOVED_H

#include "store/model_store.h"

/* A model whose file is gone, and a file of a scan that is as long as it was. */
struct moved {
	int64_t model_id;
	const char *path;   /* of the file that was found */
	const char *sha256; /* of the model */
	bool is_same;       /* the file has that digest; set by moved_check() */
};

/* Reads which models could have moved to what `found` holds.  Rows belong to the arena.  Thread: reader. */
MUST_USE enum err_code moved_find(struct db *db, struct arena *a, const struct catalogue *found, struct moved **out, size_t *n,
				  struct err *err);
/* Reads the files; one that cannot be read is not the same.  Thread: work. */
void moved_check(struct moved *moved, size_t n, const atomic_bool *cancel);
/* Writes the new paths, before the scan is merged.  Thread: store. */
MUST_USE enum err_code moved_store(struct db *db, const struct moved *moved, size_t n, struct err *err);

#endif
