/* SPDX-License-Identifier: Apache-2.0
 *
 * load_request - what a worker is told to load a model (REQ_LOAD of worker/protocol.h).  Thread: any; opens files. */
#ifndef ASSAY_ENGINE_LOAD_REQUEST_H
#define ASSAY_ENGINE_LOAD_REQUEST_H

#include "engine/devices.h"

/* The body (a new reference) and the descriptor that goes with it: `*fd` is -1 for a split model, whose folder the worker must
 * be allowed to read.  The file is held as one in use (cache_room.h) as long as the worker has it.  `*size`: bytes of the first
 * file.  Private memory is limited to what is free, but not with a GPU, whose drivers map far more than they use.
 * `check_values`: the worker reads all weights before it loads them and refuses what is no number; the host has that done beside the
 * loading, once for each file (values_look.h).  NULL where the file cannot be opened. */
MUST_USE json_t *load_request(const char *path, int n_threads, const struct gpu_use *gpu, bool has_gpu, bool check_values, int *fd,
			      int64_t *size, struct err *err);

#endif
