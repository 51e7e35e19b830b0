/* SPDX-License-Identifier: Apache-2.0
 *
 * api_key_store - keys of programs that talk to /v1: only their hashes are kept.  Rows belong to the arena given. */
#ifndef ASSAY_STORE_API_KEY_STORE_H
#define ASSAY_STORE_API_KEY_STORE_H

#include "base/hash.h"
#include "store/db.h"

struct api_key_row {
	int64_t id;
	const char *name;
	char hash[HASH_HEX_SIZE]; /* SHA-256 of the key */
	char last4[5];
	int64_t created_ms, used_ms; /* 0: never */
};

/* Newest first. */
MUST_USE enum err_code api_key_store_list(struct db *db, struct arena *a, struct api_key_row **rows, size_t *n,
					  struct err *err);
/* store: sets id and created_ms. */
MUST_USE enum err_code api_key_store_add(struct db *db, struct api_key_row *row, struct err *err);
/* store */
MUST_USE enum err_code api_key_store_used(struct db *db, int64_t id, int64_t used_ms, struct err *err);
/* store: ERR_NOT_FOUND "err_api_key_not_found". */
MUST_USE enum err_code api_key_store_remove(struct db *db, int64_t id, struct err *err);

#endif
