/* SPDX-License-Identifier: Apache-2.0
 *
 * merge - REQ_MERGE: writes base + adapter as one model, block of rows by block of rows, on several threads.
 *
 * Nothing of llama.cpp but the conversions of single rows is used.  Thread: the main thread, which works too. */
#ifndef ASSAY_WORKER_MERGE_H
#define ASSAY_WORKER_MERGE_H

#include "worker/link.h"

/* `*stats` is the body of MSG_OK (owned). */
MUST_USE enum err_code merge(struct link *l, const struct request *r, json_t **stats, struct err *err);

#endif
