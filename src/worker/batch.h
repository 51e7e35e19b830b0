/* SPDX-License-Identifier: Apache-2.0
 *
 * batch - answers one group of cells of one column (REQ_GROUP).
 *
 * The order of everything - which cell sits in which slot, which tokens share a step, where they lie in the KV cache -
 * follows from the request alone, so that the same request gives the same bits: repeated, resumed, between other columns,
 * with another number of threads.  But for "drafts" of fast mode, whose steps carry as many guesses as paid off before (draft.h,
 * pace.h).  Thread: the main thread. */
#ifndef ASSAY_WORKER_BATCH_H
#define ASSAY_WORKER_BATCH_H

#include "worker/engine.h"

/* Sends MSG_TEXT, MSG_ANSWER and MSG_CELL_FAILED for the cells; `*stats` is the body of MSG_OK (owned).  On failure cells
 * that have no answer yet were failed with the same error. */
MUST_USE enum err_code batch_group(struct engine *e, const json_t *request, json_t **stats, struct err *err);

#endif
