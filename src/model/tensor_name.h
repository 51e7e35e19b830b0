/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_name - how a module of a Hugging Face model is called in GGUF, and how its rows are ordered there.
 *
 * Pure tables for the architectures whose LoRA assay converts itself: Llama (also Mistral, SmolLM,
 * TinyLlama), Qwen2, Qwen2.5, Qwen3, Gemma 1 to 3 and Phi-3.  Source: gguf-py/gguf/tensor_mapping.py and
 * conversion/llama.py of llama.cpp v0.5.0. */
#ifndef ASSAY_MODEL_TENSOR_NAME_H
#define ASSAY_MODEL_TENSOR_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define TENSOR_NAME_SIZE 64

/* llama.cpp's rope for the "llama" architecture turns neighbouring values; Hugging Face turns the two halves
 * of a head.  The converter therefore reorders the rows of q and k within each head. */
enum tensor_rows {
	TENSOR_ROWS_AS_IS,
	TENSOR_ROWS_BY_HEAD,	/* q: attention.head_count heads */
	TENSOR_ROWS_BY_KV_HEAD, /* k: attention.head_count_kv heads */
};

struct tensor_arch; /* an architecture's table */

/* For general.architecture; NULL if its LoRA cannot be converted here. */
const struct tensor_arch *tensor_arch_find(const char *architecture);

/* Maps "model.layers.3.self_attn.q_proj" (with or without "language_model.") to "blk.3.attn_q.weight".
 * `*layer` is 3, or -1 for what is not in a layer.  False for a module that the architecture does not have.
 */
bool tensor_name_map(const struct tensor_arch *arch, struct str module, char out[TENSOR_NAME_SIZE],
		     int64_t *layer, enum tensor_rows *rows);

/* Which row of the Hugging Face tensor becomes row `row` of a tensor of `n_rows` rows in `n_heads` heads.
 * n_rows must be a multiple of 2 * n_heads. */
uint64_t tensor_source_row(uint64_t row, uint64_t n_rows, uint64_t n_heads);

#endif
