/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_store - who did what from where: entries are added and read, never changed, never removed.
 *
 * An entry holds no secret: of a key where it comes from, of a command that it is one. */
#ifndef ASSAY_STORE_AUDIT_STORE_H
#define ASSAY_STORE_AUDIT_STORE_H

#include "store/db.h"

struct audit_row {
	int64_t id, at_ms;
	const char *who;     /* "owner" */
	const char *what;    /* "remove_run": the sentence for people is core_audit_WHAT */
	const char *subject; /* what it was done to: a path, an address, a number; "" where there is nothing to name */
	const char *source;  /* "unix", "127.0.0.1": where the request came from; "server" for what assay did by itself */
};

/* store; `id` and `at_ms` are chosen here. */
MUST_USE enum err_code audit_add(struct db *db, const struct audit_row *row, struct err *err);

/* Newest first, at most `limit`, older than the entry `before` (0: from the newest). */
MUST_USE enum err_code audit_list(struct db *db, struct arena *a, int64_t before, int64_t limit, struct audit_row **rows,
				  size_t *n, struct err *err);

#endif
