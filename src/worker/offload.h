/* SPDX-License-Identifier: Apache-2.0
 *
 * offload - on which devices a model is loaded, and how many of its layers.  Thread: the main thread. */
#ifndef ASSAY_WORKER_OFFLOAD_H
#define ASSAY_WORKER_OFFLOAD_H

#include "base/err.h"
#include "base/json.h"
#include "worker/link.h"
#include "worker/llama_shim.h"

#define OFFLOAD_DEVICES_MAX 16
#define OFFLOAD_CELLS 4096 /* KV cells that there must be room for beside the layers */

struct offload {
	ggml_backend_dev_t devices[OFFLOAD_DEVICES_MAX + 1]; /* ends with NULL; empty: processor only */
	int layers;					     /* on them; -1: all */
};

/* What "n_gpu_layers" and "device" of REQ_LOAD mean for this model and the memory that is free now: with -1 ("automatic") as
 * many layers as fit.  ERR_INVALID "err_device_unknown" for a device that is not there. */
MUST_USE enum err_code offload_choose(struct request *r, struct offload *out, struct err *err);

/* Told once for each model that is loaded, before anything is computed on it: true where its contexts must not lend GPUs what
 * lies in main memory.  llama.cpp v0.5.0 does that for steps of 32 tokens and more; together with captured CUDA graphs the same
 * group gave other answers when repeated, and some runs ended in a CUDA error (measured on an H200 with 12 of 31 layers; with
 * either of the two switched off neither happened).  Lending is faster, so the graphs go, unless a model before this one in
 * the same process has been computed with them. */
bool offload_keeps_ops(bool is_partial);

/* Hides GPUs from the backends, which then look for none: before shim_start(). */
void offload_hide_gpus(void);

#endif
