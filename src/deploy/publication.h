/* SPDX-License-Identifier: Apache-2.0
 *
 * publication - files on the way to their place.  A file gets its name before its row is on the disk, and the program may be
 * killed in between: a note in DATA/publishing says from before the one until after the other what was to appear where, so that
 * the next start can tell our file from a stranger's.  Calls block: thread work. */
#ifndef ASSAY_DEPLOY_PUBLICATION_H
#define ASSAY_DEPLOY_PUBLICATION_H

#include <stdatomic.h>

#include "store/artifact_store.h"

/* Notes that `row` is being published by the job `id`; sha256 "": a copy that gets no row. */
MUST_USE enum err_code publication_note(const char *data_dir, int64_t id, const struct artifact_row *row, struct err *err);
/* The row is on the disk, or the file will never be there. */
void publication_forget(const char *data_dir, int64_t id);

/* One that an earlier server did not finish. */
struct publication {
	int64_t id;
	struct artifact_row row;
	struct found_model found;
	bool is_whole;           /* the file is there, and its hash is the noted one */
	struct publication *next;
};

/* Reads all notes, removes copies that were not finished, and tells which files are there.  Texts belong to the arena; NULL: none.
 * A note that cannot be read is logged and stays. */
struct publication *publication_read(const char *data_dir, struct arena *a, const atomic_bool *cancel);
/* store: gives a whole file its row unless it has one; a file that cannot have one any more (its model is gone) is removed. */
void publication_adopt(struct db *db, struct arena *a, struct publication *p);
/* '{"imatrix": ..., "build": ..., "stamp": ...}' with the stamp of the file as it is now. */
const char *publication_settings(struct arena *a, const char *path, bool imatrix, const char *build);

#endif
