/* SPDX-License-Identifier: Apache-2.0
 *
 * estimate - how much memory a model will take, from its header alone, before anything is loaded.
 *
 *     weights = bytes of all tensors (+ the adapters, which are held beside them)
 *     KV      = cells * bytes of F16 K and V of all layers; cells are rounded up to 256 as llama.cpp does
 *     compute = max(outputs * vocabulary * 4 + ubatch * width * 4, ubatch * (6 * width + 3 * feed-forward) *
 * 4)
 *               + ubatch * cells * 2   (attention mask, F16, flash attention on)
 *     host    = outputs * vocabulary * 4   (logits copied out)
 *     total   = (weights + KV + compute + host) * 1.05
 *
 * Measured with llama-batched-bench on SmolLM2-135M (49,152 words): compute 102.5, 98.3 and 25.6 MiB for
 * (2048 cells, ubatch 512), (8192, 512) and (2048, 128); the formula gives 99.1, 105.1 and 24.8.  Sliding
 * windows are not subtracted (upper bound). Thread: any; opening a file blocks on the disk. */
#ifndef ASSAY_MODEL_ESTIMATE_H
#define ASSAY_MODEL_ESTIMATE_H

#include "base/err.h"
#include "model/gguf.h"

/* What the model is to be used for. */
struct memory_use {
	uint64_t cells;		/* KV cells: tokens of all sequences together */
	uint32_t ubatch;	/* tokens in one compute step (llama.cpp's n_ubatch) */
	uint32_t outputs;	/* rows of logits in one step (n_outputs_max) */
	uint64_t adapter_bytes; /* files of all adapters that are loaded at once */
};

/* Bytes. */
struct memory_estimate {
	uint64_t weights;
	uint64_t kv;
	uint64_t compute; /* with the logits on the host */
	uint64_t total;	  /* with 5 % for everything else */
};

/* Values saturate at UINT64_MAX / 2 instead of wrapping. */
void estimate_from_gguf(const struct gguf *g, const struct memory_use *use, struct memory_estimate *out);

/* estimate_from_gguf() of a file (all parts of a split one). */
MUST_USE enum err_code estimate_memory(const char *path, const struct memory_use *use,
				       struct memory_estimate *out, struct err *err);

#endif
