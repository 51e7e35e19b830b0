/* SPDX-License-Identifier: Apache-2.0
 *
 * imatrix - REQ_IMATRIX: which inputs of which matrices matter for the given texts, as quantization wants to know it.
 *
 * While the texts are computed, the squares of every matrix's inputs are summed by column (and by expert), the same figures
 * that llama-imatrix collects, and written in its format.  Thread: the main thread. */
#ifndef ASSAY_WORKER_IMATRIX_H
#define ASSAY_WORKER_IMATRIX_H

#include "worker/template.h"

/* `*stats` is the body of MSG_OK (owned). */
MUST_USE enum err_code imatrix_collect(struct link *l, struct loaded *m, struct columns *columns, const struct request *r,
				       json_t **stats, struct err *err);

#endif
