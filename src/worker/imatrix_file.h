/* SPDX-License-Identifier: Apache-2.0
 *
 * imatrix_file - an importance matrix as llama.cpp's tools keep it: a GGUF with general.type "imatrix" and, for each matrix,
 * NAME.in_sum2 (squares of its inputs, summed by column and expert) and NAME.counts (rows summed, by expert).
 * Thread: the main thread. */
#ifndef ASSAY_WORKER_IMATRIX_FILE_H
#define ASSAY_WORKER_IMATRIX_FILE_H

#include "model/gguf.h"
#include "worker/llama_shim.h"

struct imatrix {
	struct gguf *file;
	struct llama_model_imatrix_data *list; /* ends with a NULL name; what llama_model_quantize() takes */
	size_t n;
	uint32_t n_chunks;
	struct arena *arena;
};

/* Reads the file for `model`: means by column, 1 for an expert that saw nothing.  ERR_DATA "err_imatrix_file" and
 * "err_imatrix_other".  Release it in any case. */
MUST_USE enum err_code imatrix_read(const char *path, const struct gguf *model, struct imatrix *out, struct err *err);
void imatrix_release(struct imatrix *m);

#endif
