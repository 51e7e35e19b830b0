/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_speed - how fast a judge was when it was last asked.  Thread: any. */
#ifndef ASSAY_SELECTION_JUDGE_SPEED_H
#define ASSAY_SELECTION_JUDGE_SPEED_H

#include "store/selection_store.h"

/* Seconds for one of its calls, NAN where it was never asked enough; and the calls of an exam. */
MUST_USE enum err_code judge_speed(struct db *db, struct arena *a, int64_t judge_id, double *seconds, size_t *n_calls, struct err *err);

#endif
