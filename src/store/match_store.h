/* SPDX-License-Identifier: Apache-2.0
 *
 * match_store - what is known of an adapter and a base together, by the SHA-256 of both: it outlives scans, names and folders.
 *
 * Texts belong to the arena given. */
#ifndef ASSAY_STORE_MATCH_STORE_H
#define ASSAY_STORE_MATCH_STORE_H

#include "base/arena.h"
#include "judge/match.h"
#include "store/db.h"

struct match_row {
	char adapter_sha256[65], base_sha256[65];
	struct match_result result;
	const char *source; /* of the answers: a file's, validation's or question set's name */
	int64_t checked_ms; /* 0: it was never checked */
};

/* store: instead of what was known. */
MUST_USE enum err_code match_store_put(struct db *db, const struct match_row *row, struct err *err);
/* `out->checked_ms` 0 where it was never checked. */
MUST_USE enum err_code match_store_get(struct db *db, struct arena *a, const char *adapter_sha256, const char *base_sha256,
				       struct match_row *out, struct err *err);
/* (match_judge() has `recorded_loss`.)  What the validation with the most reference answers has measured of both, with and without the adapter; `out->result.n_answers`
 * is 0 where there is none. */
MUST_USE enum err_code match_store_of_runs(struct db *db, struct arena *a, const char *adapter_sha256, const char *base_sha256,
					   double recorded_loss, struct match_row *out, struct err *err);

/* The newest validation with references in which a model of the family takes part, and the newest question set with references;
 * 0: none. */
MUST_USE enum err_code match_store_answers(struct db *db, int64_t family_id, int64_t *run_id, int64_t *set_id, struct err *err);

#endif
