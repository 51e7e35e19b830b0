/* SPDX-License-Identifier: Apache-2.0
 *
 * merge_plan - what a base model becomes when an adapter is merged into it: which tensors change, in which type each is
 * written, and the metadata.  No weights are read here; worker/merge.c computes
 *
 *     W' = W + scale * B * A        scale = alpha / rank, or 1 where alpha is 0 (as src/llama-adapter.h of llama.cpp has it)
 *
 * rsLoRA and patterns are in alpha and B already (model/lora.h).  Types: F32 stays F32, unless the whole model is F32 and
 * the tensor is one of the matrices; integers stay; everything else becomes the type asked for.  Thread: one owner. */
#ifndef ASSAY_MODEL_MERGE_PLAN_H
#define ASSAY_MODEL_MERGE_PLAN_H

#include "model/gguf_write.h"

struct merge_options {
	const char *base;	     /* any part of a split model */
	const char *adapter;	     /* a LoRA GGUF, "" for none */
	uint32_t type;		     /* GGML_ID_F16 or GGML_ID_BF16 */
	const char *name;	     /* general.name, "": as it was */
	const char *template;	     /* becomes tokenizer.chat_template, "": as it was */
	const char *template_suffix; /* a comment for tokenizer.chat_template where there is one: template_comment.h */
};

struct merge_tensor {
	const struct gguf_tensor *base;
	const struct gguf_tensor *a, *b; /* of the adapter; NULL: only converted or copied */
	uint32_t type;			 /* to be written */
	uint64_t size;			 /* bytes to be written */
	/* Row o of the change is scale * sum over r of left[o][r] * right[r][:]. */
	bool embedding; /* left is a, right is b transposed; else left is b and right is a */
	uint64_t rank;
	float scale;
};

struct merge_plan {
	struct arena *arena;
	struct gguf *base, *adapter; /* adapter: NULL for none */
	struct merge_tensor *tensors; /* in the order of the base */
	size_t n;
	size_t n_changed;
	uint64_t n_params;
	uint32_t base_type;	    /* the type that most values of the base have */
	bool base_quantized;	    /* some of its tensors are */
	struct gguf_writer *writer; /* all keys and tensors declared */
};

/* Opens and checks both files (refusals of gguf_open_model() and adapter_check(); ERR_UNSUPPORTED "err_merge_tensor").  On
 * success release with merge_plan_close(). */
MUST_USE enum err_code merge_plan_open(const struct merge_options *options, struct merge_plan *out, struct err *err);
void merge_plan_close(struct merge_plan *plan);

#endif
