/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_config - config.json of a Hugging Face model: which architecture, and every number that its GGUF needs.
 *
 * What is absent has the value that transformers 4.57 gives it, because that is what the trained model used and what
 * llama.cpp's converter writes.  Numbers that no such model can have are refused by name, and so are settings that
 * llama.cpp would silently ignore.  Thread: any; hf_config_read() blocks on the disk. */
#ifndef ASSAY_MODEL_HF_CONFIG_H
#define ASSAY_MODEL_HF_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/hf_rope.h"

enum hf_family {
	HF_LLAMA,
	HF_MISTRAL,
	HF_QWEN2,
	HF_QWEN3,
	HF_GEMMA2,
	HF_GEMMA3,
	HF_PHI3,
	HF_SMOLLM3,
	HF_FAMILIES,
};

struct hf_config {
	enum hf_family family;
	const char *architecture; /* in GGUF: "llama" */
	uint32_t n_layers, n_embd, n_ff, n_heads, n_kv_heads, n_vocab, n_context;
	uint32_t head_dim;
	bool tells_head_dim; /* attention.key_length is written */
	bool tied;	     /* the embedding is the output layer too */
	bool bidirectional;  /* is_causal: false */
	double eps;
	double attn_softcap, final_softcap; /* 0: none */
	int64_t window;			    /* sliding window, -1: not written */
	struct hf_rope rope;
	const char *name; /* _name_or_path without its owner where that is a model's name, else NULL */
	json_t *root;	  /* the whole file; freed by hf_config_release() */
};

/* Reads the text of a config.json; `what` names it.  ERR_DATA "err_hf_config_field" (field), ERR_UNSUPPORTED
 * "err_hf_architecture" (name), "err_hf_quantized", "err_hf_bitsandbytes", "err_hf_rope", "err_hf_config_ignored".
 * The result belongs to the arena, but for `root`: hf_config_release() in every case. */
MUST_USE enum err_code hf_config_parse(struct arena *a, struct str text, const char *what, struct hf_config *out,
				       struct err *err);
/* hf_config_parse() of DIR/config.json; ERR_NOT_FOUND "err_hf_no_config" where there is none. */
MUST_USE enum err_code hf_config_read(struct arena *a, const char *dir, struct hf_config *out, struct err *err);
/* Frees the JSON.  A zeroed one is fine. */
/* Whether the folder's config.json is JSON at all; the sentence says where it ends to be. */
MUST_USE enum err_code hf_config_check(const char *dir, struct err *err);
void hf_config_release(struct hf_config *c);

/* Values of a head that turn (rope.dimension_count). */
uint32_t hf_config_rope_dims(const struct hf_config *c);

#endif
