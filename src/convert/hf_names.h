/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_names - the tensors of a whole Hugging Face model: what each is called in GGUF, its shape by config.json, and what
 * happens to its values on the way.
 *
 * Pure tables; names and rules of conversion/{llama,qwen,gemma,phi}.py and gguf-py/gguf/tensor_mapping.py of llama.cpp
 * v0.5.0.  Thread: any. */
#ifndef ASSAY_CONVERT_HF_NAMES_H
#define ASSAY_CONVERT_HF_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/hf_config.h"
#include "model/tensor_name.h"

#define HF_NAME_SIZE 256

enum hf_fate {
	HF_KEEP,    /* becomes a tensor of the GGUF */
	HF_SKIP,    /* left out by the converter too: vision towers, computed frequencies, Gemma 2's lm_head */
	HF_UNKNOWN, /* this architecture has no such tensor */
};

struct hf_mapped {
	char name[TENSOR_NAME_SIZE]; /* "blk.3.attn_q.weight" */
	uint32_t n_dims;	     /* 1 or 2 */
	uint64_t rows, columns;	     /* as config.json says; rows is 1 where n_dims is 1 */
	enum tensor_rows order;
	bool plus_one;	/* Gemma's norms count from 1 in GGUF */
	bool by_vocab;	/* rows are tokens */
};

/* What becomes of the tensor `name` of a safetensors file. */
enum hf_fate hf_names_map(const struct hf_config *c, struct str name, struct hf_mapped *out);

/* Calls `each` with the Hugging Face name (as hf_names_plain() gives it) of every tensor that such a model has. */
typedef void (*hf_needed_fn)(void *user, const char *name);
void hf_names_needed(const struct hf_config *c, hf_needed_fn each, void *user);

/* `name` without what models that also see put around the text model ("language_model."). */
void hf_names_plain(struct str name, char out[HF_NAME_SIZE]);

#endif
