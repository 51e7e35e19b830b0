/* SPDX-License-Identifier: Apache-2.0
 *
 * load_request - what a worker is told to load a model (REQ_LOAD of worker/protocol.h).  Thread: any; opens files. */
#ifndef ASSAY_ENGINE_LOAD_REQUEST_H
#define ASSAY_ENGINE_LOAD_REQUEST_H

#include "base/json.h"

/* Whether a MSG_READY names a GPU. */
bool load_has_gpu(const json_t *ready);

/* The body (a new reference) and the descriptor that goes with it: `*fd` is -1 for a split model, whose folder the worker must
 * be allowed to read.  `*size`: bytes of the first file.  Private memory is limited to what is free, but not with a GPU, whose
 * drivers map far more than they use.  NULL where the file cannot be opened. */
MUST_USE json_t *load_request(const char *path, int n_threads, int n_gpu_layers, bool has_gpu, int *fd, int64_t *size,
			      struct err *err);

#endif
