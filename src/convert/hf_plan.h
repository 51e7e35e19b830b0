/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_plan - which tensors the GGUF of a Hugging Face model gets, in which order, of which type, and from what.
 *
 * Every tensor of the folder is either planned, left out as llama.cpp's converter leaves it out, or refused by name; what
 * the architecture needs and the folder does not have is refused too.  Thread: any; reads no tensor data. */
#ifndef ASSAY_CONVERT_HF_PLAN_H
#define ASSAY_CONVERT_HF_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/hf_config.h"
#include "model/hf_weights.h"
#include "model/tensor_name.h"

enum hf_type {
	HF_AUTO, /* BF16 or F16, as the first matrix of the folder is; F16 where it is neither */
	HF_F32,
	HF_F16,
	HF_BF16,
	HF_Q8_0,
};

/* One tensor of the GGUF. */
struct hf_out {
	char name[TENSOR_NAME_SIZE];
	uint32_t type; /* ggml type id */
	uint32_t n_dims;
	uint64_t ne[2];		      /* ne[1] is 1 where n_dims is 1 */
	const struct hf_tensor *from; /* NULL: `values` */
	const float *values;
	uint64_t n_heads; /* the rows of each of so many heads are turned (tensor_source_row()); 0: as they are */
	bool plus_one;
};

struct hf_plan {
	struct hf_out *outs;
	size_t n;
	uint64_t n_values; /* of all tensors */
	enum hf_type type; /* never HF_AUTO */
};

/* Plans into the arena; `w` must outlive the plan.  `n_tokens` is the size of the vocabulary, 0 where it is not known.
 * ERR_DATA "err_hf_tensor_shape", "err_hf_tensor_missing", "err_hf_tensor_twice", "err_hf_words"; ERR_UNSUPPORTED
 * "err_hf_tensor_unknown", "err_hf_tensor_type". */
MUST_USE enum err_code hf_plan_make(struct arena *a, const struct hf_config *c, const struct hf_weights *w, enum hf_type type,
				    uint64_t n_tokens, struct hf_plan *out, struct err *err);

/* general.file_type of a type. */
uint32_t hf_type_file_type(enum hf_type type);

#endif
