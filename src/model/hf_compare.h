/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_compare - which tensors of two folders with full weights differ: how much of a model a fine-tune has touched.
 *
 * Compared are the bytes of the files, not what they become.  Thread: work; what is equal is read whole on both sides. */
#ifndef ASSAY_MODEL_HF_COMPARE_H
#define ASSAY_MODEL_HF_COMPARE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"

#define HF_CHANGES_NAMED 32

struct hf_changes {
	size_t n_tensors; /* of `a` */
	size_t n_changed; /* with other bytes, another shape or another type in `b` */
	size_t n_added;	  /* only in `a` */
	size_t n_missing; /* only in `b` */
	const char *names[HF_CHANGES_NAMED]; /* of the first changed ones, in byte order */
	size_t n_names;
};

/* How `dir` differs from `other`.  Names belong to the arena. */
MUST_USE enum err_code hf_compare(struct arena *a, const char *dir, const char *other, struct hf_changes *out,
				  const atomic_bool *cancel, struct err *err);

#endif
