/* SPDX-License-Identifier: Apache-2.0
 *
 * peft - adapter_config.json of a PEFT LoRA, and what of it llama.cpp cannot apply.
 *
 * Unknown keys are fine (PEFT adds some with each release); a key that changes what the adapter does and has
 * no counterpart in a llama.cpp LoRA is refused by name, because ignoring it would give other answers without
 * any error. Thread: any. */
#ifndef ASSAY_MODEL_PEFT_H
#define ASSAY_MODEL_PEFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define PEFT_MAX_RANK 65536

/* One entry of rank_pattern or alpha_pattern: a module name, or a simple pattern of one. */
struct peft_pattern {
	const char *key;
	double value;
};

struct peft_config {
	const char *base_name; /* base_model_name_or_path as a label, "" if there is none */
	int64_t rank;	       /* r */
	double alpha;	       /* lora_alpha */
	bool rslora;	       /* scale is alpha / sqrt(r) instead of alpha / r */
	struct peft_pattern *ranks;
	size_t n_ranks;
	struct peft_pattern *alphas;
	size_t n_alphas;
};

/* Reads the text of an adapter_config.json; `what` names it.  ERR_DATA for broken JSON or numbers,
 * ERR_UNSUPPORTED "err_adapter_feature" (feature named), "err_adapter_mlx", "err_adapter_type".  The result
 * belongs to the arena; base_name is there also where the rest is refused. */
MUST_USE enum err_code peft_parse(struct arena *a, struct str text, const char *what, struct peft_config *out,
				  struct err *err);

/* peft_parse() of DIR/adapter_config.json. */
MUST_USE enum err_code peft_read(struct arena *a, const char *dir, struct peft_config *out, struct err *err);

/* Rank and alpha of a module ("model.layers.0.self_attn.q_proj"), after the patterns. */
int64_t peft_rank(const struct peft_config *c, struct str module);
double peft_alpha(const struct peft_config *c, struct str module);

/* Does a key of a pattern match the module's name or its last parts?  PEFT: re.match("(.*\.)?(KEY)$",
 * module).  Keys may have
 * "^", "$", ".", ".*" and escaped points (see peft.c). */
bool peft_pattern_match(const char *key, struct str module);

#endif
