/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize_log - what llama_model_quantize() says while it runs, its only sign of progress (llama.cpp v0.5.0):
 *
 *     "[  12/ 272] blk.1.ffn_up.weight - [  576,  1536,     1,     1], type =    f16, "
 *     "size =     1.69 MiB ->     0.53 MiB (q5_0)\n"                                       of a dry run
 *     "warning: blk.1... - ncols 576 not divisible by 256 (required for type q4_K) " "-> falling back to q5_0\n"
 *
 * Pure; thread: any, one at a time. */
#ifndef ASSAY_WORKER_QUANTIZE_LOG_H
#define ASSAY_WORKER_QUANTIZE_LOG_H

#include "model/gguf.h"
#include "model/ggml_type.h"

struct quantize_log {
	const struct gguf *input; /* borrowed */
	char tensor[GGUF_MAX_NAME + 1]; /* at hand, "" before the first */
	uint64_t done;			/* bytes of the input before it */
	uint64_t planned;		/* bytes of the output up to and with the last line of a dry run */
	uint32_t counts[GGML_ID_MAX + 1]; /* tensors by type, of a dry run */
	int n_fallback;
	bool needs_imatrix;
	bool lost; /* a line names a tensor that the input does not have */
	const struct gguf_tensor *current;
};

/* One piece of text of the log. */
void quantize_log_add(struct quantize_log *q, const char *text);

#endif
