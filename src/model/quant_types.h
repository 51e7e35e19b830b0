/* SPDX-License-Identifier: Apache-2.0
 *
 * quant_types - the quantization formats of llama.cpp v0.5.0 as data, and how large a model becomes in each.
 *
 * A format is a mix: most matrices get its main type, the output layer and some of the more sensitive matrices a larger one,
 * rows that are no multiple of a block another (src/llama-quant.cpp, llama_tensor_get_type).  The estimate knows the rules
 * as shares of the layers, which is within 2 % of the file; REQ_QUANTIZE with "dry_run" gives the exact size.
 * Thread: any; constant. */
#ifndef ASSAY_MODEL_QUANT_TYPES_H
#define ASSAY_MODEL_QUANT_TYPES_H

#include "model/gguf.h"

/* A larger type in some of the layers. */
struct quant_share {
	const char *type; /* NULL: the main type everywhere */
	double share;	  /* of the layers */
};

struct quant_type {
	const char *name;    /* "Q4_K_M" */
	uint32_t file_type;  /* LLAMA_FTYPE_* */
	double bits;	     /* for a weight, of Llama-3-8B as a whole */
	bool needs_imatrix;
	const char *type;    /* of most matrices: a name of ggml_type.h */
	const char *head;    /* of the output layer, or of the embedding where both are one */
	const char *embed;   /* of an embedding of its own */
	const char *q_k;     /* of the query and key matrices */
	struct quant_share v; /* value matrices; v_gqa: where at least 4 heads share one */
	const char *v_gqa;
	struct quant_share down, out, gate_up;
};

/* By name in any case; "Q4_K" and the like are Q4_K_M as in llama-quantize.  NULL if there is none. */
const struct quant_type *quant_type_find(const char *name);

/* From the largest to the smallest; NULL behind the last. */
const struct quant_type *quant_type_at(size_t index);

/* Whether quantizing changes it: a matrix, and none of those that stay as they are. */
bool quant_takes(const struct gguf_tensor *t);

/* Whether any tensor is neither F32 nor F16 nor BF16. */
bool quant_is_quantized(const struct gguf *g);

/* Bytes of the file that `g` becomes. */
uint64_t quant_estimate(const struct gguf *g, const struct quant_type *type);

#endif
