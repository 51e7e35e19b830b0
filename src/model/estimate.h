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
 *     program = 12 MiB + 150 * vocabulary   (the tokenizer's tables, libraries, buffers)
 *     total   = (weights + KV + compute + host + program) * 1.01
 *
 * Weights count once: where a processor's backend packs them anew into private memory, the pages of the file beneath go
 * back to the system.  Measured with llama-batched-bench on SmolLM2-135M (49,152 words): compute 102.5, 98.3 and 25.6 MiB
 * for (2048 cells, ubatch 512), (8192, 512) and (2048, 128); the formula gives 99.1, 105.1 and 24.8.  The worker keeps the
 * whole cache of layers with sliding windows too (swa_full), so nothing is subtracted for them.  bench/fit compares.
 *
 * On GPUs llama.cpp places layers from the last one down; the output counts as one more layer, the first to go there (a
 * copy of the embedding where they are one).  Each GPU has its own compute buffer and 128 MiB of kernels and handles
 * (measured on an H200: 80 for a quantized model, 160 to 280 for F16), and layers are shared out by what is free.  Thread: any; opening a file blocks on the disk. */
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
	uint64_t total;	  /* with the program and 1 % for everything else */
};

#define ESTIMATE_GPUS_MAX 16

/* Where a model could be placed. */
struct memory_place {
	uint64_t free[ESTIMATE_GPUS_MAX]; /* bytes of each GPU */
	size_t n_gpus;
	int layers; /* that are to be on GPUs; -1: as many as fit */
};

/* What is where then. */
struct memory_split {
	uint32_t n_layers;  /* of the model, with the output */
	uint32_t on_gpu;    /* of them */
	uint32_t most;      /* that would fit onto the GPUs */
	uint64_t gpu;       /* bytes on all GPUs together */
	uint64_t host;      /* bytes of main memory, as memory_estimate.total */
};

/* Values saturate at UINT64_MAX / 2 instead of wrapping. */
void estimate_from_gguf(const struct gguf *g, const struct memory_use *use, struct memory_estimate *out);

/* Shares a model out between GPUs and main memory.  `layers` above what fits is left as it is: `gpu` says what it would take. */
void estimate_split(const struct gguf *g, const struct memory_use *use, const struct memory_place *place,
		    struct memory_split *out);

/* estimate_from_gguf() of a file (all parts of a split one). */
MUST_USE enum err_code estimate_memory(const char *path, const struct memory_use *use,
				       struct memory_estimate *out, struct err *err);

/* estimate_split() of a file. */
MUST_USE enum err_code estimate_place(const char *path, const struct memory_use *use, const struct memory_place *place,
				      struct memory_split *out, struct err *err);

#endif
