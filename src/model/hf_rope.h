/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_rope - rope_scaling and rope_theta of a config.json, or rope_parameters of newer ones: how positions turn.
 *
 * A way of turning that llama.cpp does not have for the architecture is refused: it would be dropped without a word.
 * Thread: any. */
#ifndef ASSAY_MODEL_HF_ROPE_H
#define ASSAY_MODEL_HF_ROPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum hf_rope_type {
	HF_ROPE_PLAIN,
	HF_ROPE_LINEAR,
	HF_ROPE_YARN,
	HF_ROPE_LLAMA3,
	HF_ROPE_LONG, /* Phi-3's two lists of factors */
};
#define HF_ROPE_BIT(type) (1U << (type))

struct hf_rope {
	enum hf_rope_type type;
	double base, base_local; /* base_local 0: no layers with a base of their own */
	double factor;
	double low_freq_factor, high_freq_factor;	      /* of HF_ROPE_LLAMA3 */
	double ext_factor, attn_factor, beta_fast, beta_slow; /* of HF_ROPE_YARN; below 0: absent */
	double partial;					      /* share of a head that turns */
	uint32_t original_context;			      /* 0: absent */
	const float *long_factors, *short_factors;
	uint32_t n_factors; /* of each list */
};

/* What the architecture allows, and its values for what is absent. */
struct hf_rope_wish {
	double base, base_local;
	unsigned types;	 /* HF_ROPE_BIT()s */
	bool fixed_base; /* llama.cpp has the base built in */
	bool partial;	 /* partial_rotary_factor may be another than 1 */
	int64_t original_context;
};

/* Reads the members of config.json (text_config already merged in); `what` names it.  ERR_DATA "err_hf_config_field",
 * ERR_UNSUPPORTED "err_hf_rope" (type), "err_hf_config_ignored" (field).  Lists belong to the arena. */
MUST_USE enum err_code hf_rope_read(struct arena *a, const json_t *values, const char *what, const struct hf_rope_wish *wish,
				    struct hf_rope *out, struct err *err);

/* Writes the dims / 2 factors of rope_freqs.weight of HF_ROPE_LLAMA3, in the single precision of torch. */
void hf_rope_llama3(const struct hf_rope *rope, uint32_t dims, float *out);

/* attention factor of HF_ROPE_LONG for a context of `n_context`. */
double hf_rope_attn_factor(const struct hf_rope *rope, uint32_t n_context);

#endif
