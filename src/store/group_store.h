/* SPDX-License-Identifier: Apache-2.0
 *
 * group_store - groups of answers under a key that says all that their texts depend on, so that another run can take them over.
 *
 * In exact mode the answers of a group depend on each other: the shape of a batch decides near ties.  A group is therefore known
 * and copied whole or not at all.  A copy stands on its own: it stays when the run goes that it came from. */
#ifndef ASSAY_STORE_GROUP_STORE_H
#define ASSAY_STORE_GROUP_STORE_H

#include "store/run_store.h"

#define GROUP_KEY_SIZE 65 /* SHA-256, hex: engine/group_key.h */

/* How a column's questions were cut into groups. */
struct group_plan {
	int64_t slots, kv_tokens;
};

/* Where answers come from. */
struct group_source {
	int64_t run_id, column_id, column_position;
	int64_t first;	 /* position of its first question */
	int64_t made_ms; /* when its prompts were made; 0: before and after midnight */
};

/* Where they go to. */
struct group_copy {
	int64_t column_id, first, count;
	char key[GROUP_KEY_SIZE];
	struct group_source source;
};

/* store: the group is known from now on; no-op where one of its questions has no answer, or where the run said two different
 * things to the same question. */
MUST_USE enum err_code group_store_add(struct db *db, int64_t column_id, int64_t first, int64_t count, const char *key,
				       int64_t made_ms, struct err *err);

/* The plans of columns of these models, that of the newest column first; `out` has room for `max`. */
MUST_USE enum err_code group_store_plans(struct db *db, const char *model_hash, const char *adapter_hash, struct group_plan *out,
					 size_t max, size_t *n, struct err *err);

/* The newest group with this key by these models, in another column than `column_id`; `*found` is false where there is none. */
MUST_USE enum err_code group_store_find(struct db *db, int64_t column_id, const char *key, const char *model_hash,
					const char *adapter_hash, struct group_source *out, bool *found, struct err *err);

/* The `count` answers of a source, in order; `*whole` is false where some are gone. */
MUST_USE enum err_code group_store_texts(struct db *db, struct arena *a, const struct group_source *source, int64_t count,
					 struct turn_answer *out, bool *whole, struct err *err);

/* store: answers, with the likelihoods of references that are the same, and what is known of the column's model; `*n` is how many
 * answers were missing before.  No-op where the source is no longer whole, and where a later turn follows another answer here than
 * there, or none. */
MUST_USE enum err_code group_store_copy(struct db *db, const struct group_copy *copy, int64_t *n, struct err *err);

#endif
