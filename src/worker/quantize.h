/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize - REQ_QUANTIZE: llama.cpp's own quantization on a second thread, while the main thread tells how far it is.
 *
 * The input passes our reader first and the output must pass it afterwards.  Thread: the main thread. */
#ifndef ASSAY_WORKER_QUANTIZE_H
#define ASSAY_WORKER_QUANTIZE_H

#include "worker/link.h"

/* `*stats` is the body of MSG_OK (owned).  Does not return when the request is cancelled: llama.cpp cannot stop, so the
 * process says so and ends. */
MUST_USE enum err_code quantize(struct link *l, const struct request *r, json_t **stats, struct err *err);

#endif
