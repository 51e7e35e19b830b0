/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_labels - REQ_JUDGE: which of two labels the loaded model is about to write.  Thread: the main thread. */
#ifndef ASSAY_WORKER_JUDGE_LABELS_H
#define ASSAY_WORKER_JUDGE_LABELS_H

#include "worker/engine.h"

/* `*reply` is the body of MSG_OK (owned). */
MUST_USE enum err_code judge_labels(struct engine *e, struct request *r, json_t **reply, struct err *err);

#endif
