/* SPDX-License-Identifier: Apache-2.0
 *
 * setting_store - settings, sessions and calibration. */
#ifndef ASSAY_STORE_SETTING_STORE_H
#define ASSAY_STORE_SETTING_STORE_H

#include "store/db.h"

/* Value in the arena, NULL if not set. */
MUST_USE enum err_code setting_get(struct db *db, struct arena *a, const char *name, const char **value, struct err *err);
/* store; NULL removes. */
MUST_USE enum err_code setting_set(struct db *db, const char *name, const char *value, struct err *err);

/* A session is known by the SHA-256 of its two halves (hex).  Times in wall ms. */
struct session_row {
	int64_t id, expires_ms;
	char cookie_hash[65], key_hash[65];
};
MUST_USE enum err_code session_store_add(struct db *db, const struct session_row *s, struct err *err); /* store */
MUST_USE enum err_code session_store_list(struct db *db, struct arena *a, struct session_row **rows, size_t *n,
					  struct err *err);
MUST_USE enum err_code session_store_remove(struct db *db, int64_t id, struct err *err); /* store */

/* Best number of slots for a key (model hash, machine, build, threads, offload); 0 if never measured. */
MUST_USE enum err_code calibration_get(struct db *db, const char *key, int64_t *slots, struct err *err);
MUST_USE enum err_code calibration_set(struct db *db, const char *key, int64_t slots, const char *rates_json,
				       struct err *err); /* store */

#endif
