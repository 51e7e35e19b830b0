/* SPDX-License-Identifier: Apache-2.0
 *
 * imatrix_sums - sums of squared inputs of matrices, filled from the nodes of a compute graph and written as a file
 * (format: imatrix_file.h).  Thread: the main thread. */
#ifndef ASSAY_WORKER_IMATRIX_SUMS_H
#define ASSAY_WORKER_IMATRIX_SUMS_H

#include "base/err.h"
#include "worker/llama_shim.h"

struct imatrix_entry {
	const struct ggml_tensor *matrix; /* borrowed from the model; what it is found by */
	char name[GGML_MAX_NAME];
	int64_t width, n_experts; /* 1 expert: a plain matrix */
	double *sums;		  /* [n_experts][width] */
	double *counts;		  /* [n_experts]: rows that were summed */
};

struct imatrix_sums {
	struct imatrix_entry *entries;
	size_t n, next; /* next: where the entry of the next node probably is */
	char *copy;	/* of inputs that lie on a device */
	size_t copy_bytes;
	int64_t bad; /* inputs that were not finite */
};

/* A ggml_backend_sched_eval_callback; `user` is a struct imatrix_sums. */
bool imatrix_on_node(struct ggml_tensor *t, bool ask, void *user);

/* Writes the file.  `dataset` names the texts. */
MUST_USE enum err_code imatrix_write(const struct imatrix_sums *s, const char *path, const char *dataset, int64_t n_tokens,
				     struct err *err);

void imatrix_sums_release(struct imatrix_sums *s);

#endif
