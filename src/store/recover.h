/* SPDX-License-Identifier: Apache-2.0
 *
 * recover - a damaged database gives way to its newest intact copy (backup.h).  Thread: main; nobody else may have the folder. */
#ifndef ASSAY_STORE_RECOVER_H
#define ASSAY_STORE_RECOVER_H

#include "store/db.h"

struct recovery {
	struct err problem; /* what is damaged; code ERR_OK: nothing is, and nothing was done */
	char *copy;         /* owned: what it went back to */
	int64_t made_ms;    /* when that was made */
	char *kept;         /* owned: the folder with the damaged files */
};

/* Reads the whole database, and where it is damaged puts the newest copy that is not in its place.  Killed at any moment, it can be
 * done again.  ERR_BUSY "err_data_in_use", ERR_NOT_FOUND where there is no database, ERR_DATA "err_store_no_copy", ERR_IO. */
MUST_USE enum err_code store_recover(const char *data_dir, struct recovery *out, struct err *err);
void recovery_free(struct recovery *r);

#endif
