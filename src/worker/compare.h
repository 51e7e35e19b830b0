/* SPDX-License-Identifier: Apache-2.0
 *
 * compare - REQ_COMPARE: does a candidate (a merged, quantized model) still say what the reference says?
 *
 * Both models are fed the same texts in the same batches; each answer token gives a row of logits of either, which are compared
 * in memory (worker/logits.h).  With a "spool" the reference goes first and is freed before the candidate is loaded
 * (worker/spool.h).  Thread: the main thread. */
#ifndef ASSAY_WORKER_COMPARE_H
#define ASSAY_WORKER_COMPARE_H

#include "worker/engine.h"

/* The reference is the engine's model, which is gone afterwards where there is a spool; the candidate comes with the request.
 * `*reply` is the body of MSG_OK (owned). */
MUST_USE enum err_code compare(struct engine *e, struct request *r, json_t **reply, struct err *err);

#endif
