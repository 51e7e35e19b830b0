/* SPDX-License-Identifier: Apache-2.0
 *
 * backup - copies of the database in DATA/backup: one a week, and one before each update (schema.c asks for it).
 * Thread: any but the loop; a copy reads and writes all of the file. */
#ifndef ASSAY_STORE_BACKUP_H
#define ASSAY_STORE_BACKUP_H

#include <stdatomic.h>

#include "store/db.h"

#define BACKUPS_KEPT 2 /* of those that are made every week */

/* Copies one state of `db`, whatever is written meanwhile, to `path`, which appears when it is whole and on the disk.
 * `*stop` (NULL: never) ends it: ERR_CANCELLED.  ERR_IO "err_store_backup", "err_disk_full". */
MUST_USE enum err_code backup_write(struct db *db, const char *path, const atomic_bool *stop, struct err *err);

/* True when the folder has no weekly copy, or the newest one is a week old. */
bool backup_is_due(const char *data_dir, int64_t wall_ms);

/* Makes the weekly copy, and removes those before the newest BACKUPS_KEPT.  Where the disk has no room for it and as much again,
 * ERR_IO "err_disk_full". */
MUST_USE enum err_code backup_make(const struct store *s, int64_t wall_ms, const atomic_bool *stop, struct err *err);

/* Owned: the weekly copy that is as old as `before_ms` or older, NULL: none; `*made_ms` is when it was made. */
char *backup_newest(const char *data_dir, int64_t before_ms, int64_t *made_ms);
/* The same of all copies, those before updates too. */
char *backup_newest_of_all(const char *data_dir, int64_t before_ms, int64_t *made_ms);

#endif
