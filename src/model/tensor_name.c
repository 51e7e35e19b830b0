/* SPDX-License-Identifier: Apache-2.0 */
#include "model/tensor_name.h"

#include <stdio.h>
#include <string.h>

#define PARTS 8

struct part {
	const char *module; /* within model.layers.N. */
	const char *tensor; /* within blk.N. */
	enum tensor_rows rows;
};

struct tensor_arch {
	const char *name;
	struct part parts[PARTS];
};

#define ATTENTION                                                                                            \
	{ "self_attn.q_proj", "attn_q", TENSOR_ROWS_AS_IS },                                                 \
		{ "self_attn.k_proj", "attn_k", TENSOR_ROWS_AS_IS },                                         \
	{                                                                                                    \
		"self_attn.v_proj", "attn_v", TENSOR_ROWS_AS_IS                                              \
	}
/* Of families whose rope turns neighbouring values (conversion/llama.py, undo_permute). */
#define TURNED_ATTENTION                                                                                     \
	{ "self_attn.q_proj", "attn_q", TENSOR_ROWS_BY_HEAD },                                               \
		{ "self_attn.k_proj", "attn_k", TENSOR_ROWS_BY_KV_HEAD },                                    \
	{                                                                                                    \
		"self_attn.v_proj", "attn_v", TENSOR_ROWS_AS_IS                                              \
	}
#define FEED_FORWARD                                                                                         \
	{ "mlp.gate_proj", "ffn_gate", TENSOR_ROWS_AS_IS }, { "mlp.up_proj", "ffn_up", TENSOR_ROWS_AS_IS },  \
	{                                                                                                    \
		"mlp.down_proj", "ffn_down", TENSOR_ROWS_AS_IS                                               \
	}
#define OUTPUT { "self_attn.o_proj", "attn_output", TENSOR_ROWS_AS_IS }

static const struct tensor_arch archs[] = {
	{ "llama", { TURNED_ATTENTION, OUTPUT, FEED_FORWARD } },
	{ "smollm3", { TURNED_ATTENTION, OUTPUT, FEED_FORWARD } },
	{ "qwen2", { ATTENTION, OUTPUT, FEED_FORWARD } },
	{ "qwen3", { ATTENTION, OUTPUT, FEED_FORWARD } },
	{ "gemma", { ATTENTION, OUTPUT, FEED_FORWARD } },
	{ "gemma2", { ATTENTION, OUTPUT, FEED_FORWARD } },
	{ "gemma3", { ATTENTION, OUTPUT, FEED_FORWARD } },
	{ "phi3",
	  { { "self_attn.qkv_proj", "attn_qkv", TENSOR_ROWS_AS_IS },
	    OUTPUT,
	    { "mlp.gate_up_proj", "ffn_up", TENSOR_ROWS_AS_IS },
	    { "mlp.down_proj", "ffn_down", TENSOR_ROWS_AS_IS } } },
};

const struct tensor_arch *tensor_arch_find(const char *architecture)
{
	for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
		if (strcmp(archs[i].name, architecture) == 0)
			return &archs[i];
	return NULL;
}

static bool eat(struct str *s, const char *prefix)
{
	if (!str_starts(*s, prefix))
		return false;
	size_t n = strlen(prefix);
	*s = (struct str){ s->ptr + n, s->len - n };
	return true;
}

/* "3.self_attn.q_proj" into 3 and the rest. */
static bool eat_layer(struct str *s, int64_t *layer)
{
	struct str number = str_split(s, '.');
	uint64_t n;
	if (number.len == 0 || number.len > 4 || !str_to_u64(number, &n))
		return false;
	*layer = (int64_t)n;
	return s->len > 0;
}

bool tensor_name_map(const struct tensor_arch *arch, struct str module, char out[TENSOR_NAME_SIZE],
		     int64_t *layer, enum tensor_rows *rows)
{
	*layer = -1;
	*rows = TENSOR_ROWS_AS_IS;
	/* Models that also see put the text model at language_model.model. or model.language_model. */
	eat(&module, "language_model.");
	if (str_eq_text(module, "lm_head"))
		return str_format(out, TENSOR_NAME_SIZE, "output.weight");
	if (!eat(&module, "model."))
		return false;
	eat(&module, "language_model.");
	if (str_eq_text(module, "embed_tokens"))
		return str_format(out, TENSOR_NAME_SIZE, "token_embd.weight");
	if (!eat(&module, "layers.") || !eat_layer(&module, layer))
		return false;
	for (size_t i = 0; i < PARTS && arch->parts[i].module; i++) {
		if (!str_eq_text(module, arch->parts[i].module))
			continue;
		*rows = arch->parts[i].rows;
		return str_format(out, TENSOR_NAME_SIZE, "blk.%d.%s.weight", (int)*layer,
				  arch->parts[i].tensor);
	}
	return false;
}

/* Row h*d + 2*t + half is taken from row h*d + half*(d/2) + t, with d rows a head: conversion/llama.py,
 * permute(). */
uint64_t tensor_source_row(uint64_t row, uint64_t n_rows, uint64_t n_heads)
{
	uint64_t in_head = n_rows / n_heads;
	uint64_t head = row / in_head, at = row % in_head;
	return head * in_head + at % 2 * (in_head / 2) + at / 2;
}
