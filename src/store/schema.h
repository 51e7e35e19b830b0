/* SPDX-License-Identifier: Apache-2.0
 *
 * schema - private to the store: the tables, how an older file is brought up to date, and the check at start.
 *
 * A schema version is the number of steps that were applied (PRAGMA user_version).  Steps are only ever appended. */
#ifndef ASSAY_STORE_SCHEMA_H
#define ASSAY_STORE_SCHEMA_H

#include "store/sql.h"

extern const char *const schema_steps[];
extern const size_t schema_n_steps;

/* Applies what is missing, each step in a transaction of its own.  A file that has content is first copied (online backup)
 * into `backup_dir` (NULL: no copy).  ERR_DATA "err_schema_newer" for a file of a later assay. */
MUST_USE enum err_code schema_migrate(struct db *db, const char *const *steps, size_t n_steps, const char *backup_dir,
				      struct err *err);

/* quick_check, bounded: all of a file up to 64 MiB, of larger ones the small tables.  ERR_DATA "err_store_corrupt". */
MUST_USE enum err_code schema_check(struct db *db, struct err *err);
/* The same of all of a file, however large. */
MUST_USE enum err_code schema_check_all(struct db *db, struct err *err);

#endif
