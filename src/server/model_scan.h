/* SPDX-License-Identifier: Apache-2.0
 *
 * model_scan - adds what a file or folder holds to the models, in four steps on the threads they belong to:
 *
 *   model_scan_run()          work     what is there
 *   model_scan_find_moved()   reader   is it a model whose file was moved?  What was refused earlier and is gone?
 *   model_scan_check_moved()  work     reads such files; nothing to do where scan->n_moved is 0
 *   model_scan_store()        store
 *
 * Everything belongs to the arena that each step is given. */
#ifndef ASSAY_SERVER_MODEL_SCAN_H
#define ASSAY_SERVER_MODEL_SCAN_H

#include "base/msg.h"
#include "server/moved.h"
#include "store/model_store.h"

struct model_scan {
	const char *path, *name; /* name NULL: as it is found */
	const char *data_dir;
	int64_t base_model_id;   /* of the adapters; 0: as they say themselves */
	struct catalogue found;
	struct moved *moved;
	size_t n_moved;
	const char **gone; /* what was refused once and is not there any more */
	size_t n_gone;
	struct model_row *rows;  /* what it became */
	size_t n_rows;
};

/* A name for more than one thing is ERR_INVALID "err_scan_name". */
void model_scan_run(struct arena *a, struct model_scan *scan, const atomic_bool *cancel, struct err *err);
void model_scan_find_moved(struct arena *a, struct model_scan *scan, struct db *db, struct err *err);
void model_scan_check_moved(struct model_scan *scan, const atomic_bool *cancel);
void model_scan_store(struct arena *a, struct model_scan *scan, struct db *db, struct err *err);

/* Takes out of the list what was refused and is not there any more; the list's rows keep their order.  reader */
void refusals_leave_gone(struct model_list *list);

/* The members of a ScanResult: model_ids, family_ids, refusals. */
void view_scan(struct buf *b, enum lang lang, const struct model_scan *scan);

#endif
