/* SPDX-License-Identifier: Apache-2.0
 *
 * lora - a PEFT LoRA matched against a GGUF base: which tensor becomes which, and with which scale.
 *
 * PEFT adds  scale * B * A  to a weight, scale = alpha / r or, with rsLoRA, alpha / sqrt(r), and alpha and r
 * may differ from module to module.  llama.cpp knows one alpha a file and applies  alpha / rank of the
 * tensor.  So each pair wants the file to say  alpha_i = scale_i * r_i; the value that most pairs want is
 * written, and the lora_b of the others is multiplied by alpha_i / alpha (as F32, so that no precision is
 * lost).  Without patterns nothing is multiplied and the data is that of convert_lora_to_gguf.py byte for
 * byte. Thread: one owner. */
#ifndef ASSAY_MODEL_LORA_H
#define ASSAY_MODEL_LORA_H

#include "model/gguf.h"
#include "model/peft.h"
#include "model/safetensors.h"
#include "model/tensor_name.h"

struct lora_pair {
	struct str module;	     /* "model.layers.0.self_attn.q_proj" */
	const struct st_tensor *a;   /* [r, in] */
	const struct st_tensor *b;   /* [out, r] */
	char name[TENSOR_NAME_SIZE]; /* of the base tensor */
	bool embedding;		     /* lora_embedding_A/B: A is stored transposed for llama.cpp */
	uint64_t rank;
	uint64_t n_heads; /* rows of B are reordered within heads; 0: left alone */
	double factor;	  /* B is multiplied by this; 1 nearly always */
};

struct lora_plan {
	struct arena *arena;
	struct gguf *base;
	struct safetensors *weights;
	struct peft_config config;
	const char *architecture;
	struct lora_pair *pairs; /* ordered by module */
	size_t n_pairs;
	float alpha;   /* for the whole file */
	uint32_t type; /* F16 where all input is F16, else F32 (ggml type id) */
};

/* Opens both sides and matches them.  Refusals are the adapter's: ERR_DATA "err_adapter_shape",
 * "err_adapter_no_tensor", "err_adapter_rank", "err_adapter_pair", "err_adapter_empty"; ERR_UNSUPPORTED
 * "err_adapter_arch", "err_adapter_tensor", "err_adapter_tied" and those of peft_parse().  On success release
 * with lora_plan_close(). */
MUST_USE enum err_code lora_plan_open(const char *peft_dir, const char *base_path, struct lora_plan *out,
				      struct err *err);
void lora_plan_close(struct lora_plan *plan);

/* Type of a pair's lora_b in the output: the plan's, but F32 where values are multiplied. */
uint32_t lora_b_type(const struct lora_plan *plan, const struct lora_pair *pair);

/* The values of lora_a or lora_b as they stand in the output: right type, row order and scale.  `*out` (size
 * bytes) is the caller's.  ERR_DATA "err_values" where one is no number. */
MUST_USE enum err_code lora_values(const struct lora_plan *plan, const struct lora_pair *pair, bool is_b,
				   void **out, size_t *size, struct err *err);

/* Opens a GGUF as a base for adapters: not an adapter or projector itself, with an architecture.  NULL on
 * failure. */
MUST_USE struct gguf *lora_base_open(const char *path, const char **architecture, struct arena *a,
				     struct err *err);

/* "576x4" for messages, dims in GGUF order (row length first). */
const char *lora_shape(struct arena *a, uint64_t rows, uint64_t columns);

#endif
