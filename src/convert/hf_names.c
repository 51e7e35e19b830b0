/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/hf_names.h"

#include <stdio.h>
#include <string.h>

enum size {
	ONE, /* no rows: a vector */
	EMBD,
	FF,
	FF_TWICE,
	Q,
	KV,
	QKV,
	HEAD,
	VOCAB,
};

#define BIT(family) (1U << (family))
#define GEMMAS (BIT(HF_GEMMA2) | BIT(HF_GEMMA3))
#define PHI BIT(HF_PHI3)
#define TURNED (BIT(HF_LLAMA) | BIT(HF_MISTRAL) | BIT(HF_SMOLLM3)) /* rope of neighbouring values */
#define QWENS (BIT(HF_QWEN2) | BIT(HF_QWEN3))
#define ALL (BIT(HF_FAMILIES) - 1)

struct part {
	const char *module; /* in model.layers.N. */
	const char *tensor; /* in blk.N. */
	enum size rows, columns;
	unsigned families;
	unsigned bias; /* families that always have a bias here */
	enum tensor_rows order;
};

#define AS_IS TENSOR_ROWS_AS_IS
static const struct part parts[] = {
	{ "input_layernorm", "attn_norm", ONE, EMBD, ALL, 0, AS_IS },
	{ "self_attn.q_proj", "attn_q", Q, EMBD, TURNED, 0, TENSOR_ROWS_BY_HEAD },
	{ "self_attn.k_proj", "attn_k", KV, EMBD, TURNED, 0, TENSOR_ROWS_BY_KV_HEAD },
	{ "self_attn.q_proj", "attn_q", Q, EMBD, QWENS | GEMMAS, BIT(HF_QWEN2), AS_IS },
	{ "self_attn.k_proj", "attn_k", KV, EMBD, QWENS | GEMMAS, BIT(HF_QWEN2), AS_IS },
	{ "self_attn.v_proj", "attn_v", KV, EMBD, ALL & ~PHI, BIT(HF_QWEN2), AS_IS },
	{ "self_attn.qkv_proj", "attn_qkv", QKV, EMBD, PHI, 0, AS_IS },
	{ "self_attn.o_proj", "attn_output", EMBD, Q, ALL, 0, AS_IS },
	{ "self_attn.q_norm", "attn_q_norm", ONE, HEAD, BIT(HF_QWEN3) | BIT(HF_GEMMA3), 0, AS_IS },
	{ "self_attn.k_norm", "attn_k_norm", ONE, HEAD, BIT(HF_QWEN3) | BIT(HF_GEMMA3), 0, AS_IS },
	{ "post_attention_layernorm", "ffn_norm", ONE, EMBD, ALL & ~GEMMAS, 0, AS_IS },
	{ "post_attention_layernorm", "post_attention_norm", ONE, EMBD, GEMMAS, 0, AS_IS },
	{ "pre_feedforward_layernorm", "ffn_norm", ONE, EMBD, GEMMAS, 0, AS_IS },
	{ "post_feedforward_layernorm", "post_ffw_norm", ONE, EMBD, GEMMAS, 0, AS_IS },
	{ "mlp.gate_proj", "ffn_gate", FF, EMBD, ALL & ~PHI, 0, AS_IS },
	{ "mlp.up_proj", "ffn_up", FF, EMBD, ALL & ~PHI, 0, AS_IS },
	{ "mlp.gate_up_proj", "ffn_up", FF_TWICE, EMBD, PHI, 0, AS_IS },
	{ "mlp.down_proj", "ffn_down", EMBD, FF, ALL, 0, AS_IS },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const struct part outside[] = {
	{ "model.embed_tokens", "token_embd", VOCAB, EMBD, ALL, 0, AS_IS },
	{ "model.norm", "output_norm", ONE, EMBD, ALL, 0, AS_IS },
	{ "lm_head", "output", VOCAB, EMBD, ALL, 0, AS_IS },
};
#define OUTSIDE (sizeof(outside) / sizeof(outside[0]))

static uint64_t size_of(const struct hf_config *c, enum size s)
{
	uint64_t q = (uint64_t)c->n_heads * c->head_dim, kv = (uint64_t)c->n_kv_heads * c->head_dim;
	switch (s) {
	case ONE:
		return 1;
	case EMBD:
		return c->n_embd;
	case FF:
		return c->n_ff;
	case FF_TWICE:
		return 2 * (uint64_t)c->n_ff;
	case Q:
		return q;
	case KV:
		return kv;
	case QKV:
		return q + 2 * kv;
	case HEAD:
		return c->head_dim;
	case VOCAB:
		return c->n_vocab;
	}
	return 0;
}

/* --- names that are left out --- */

static bool contains(struct str s, const char *word)
{
	return memmem(s.ptr, s.len, word, strlen(word)) != NULL;
}

static bool is_skipped(const struct hf_config *c, struct str name)
{
	static const char *const starts[] = { "mlp", "vit.", "vpm.", "siglip2.", "merger.", "resampler." };
	static const char *const within[] = { "visual.", "vision.", "vision_", "audio.", "audio_", "projector.", "patch_embed" };
	static const char *const ends[] = { ".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq" };
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (str_starts(name, starts[i]))
			return true;
	for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++)
		if (contains(name, within[i]))
			return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (str_ends(name, ends[i]))
			return true;
	return c->family == HF_GEMMA2 && str_eq_text(name, "lm_head.weight");
}

void hf_names_plain(struct str name, char out[HF_NAME_SIZE])
{
	const char *inside = memmem(name.ptr, name.len, "language_model.", 15);
	size_t before = inside ? (size_t)(inside - name.ptr) : name.len;
	size_t after = inside ? before + 15 : name.len;
	snprintf(out, HF_NAME_SIZE, "%.*s%.*s", (int)before, name.ptr, (int)(name.len - after), name.ptr + after);
}

/* --- mapping --- */

static bool eat(struct str *s, const char *prefix)
{
	size_t n = strlen(prefix);
	if (!str_starts(*s, prefix))
		return false;
	*s = (struct str){ s->ptr + n, s->len - n };
	return true;
}

/* The part that is called `module`, of a layer or outside of them. */
static const struct part *find(const struct part *list, size_t n, enum hf_family family, struct str module)
{
	for (size_t i = 0; i < n; i++)
		if ((list[i].families & BIT(family)) && str_eq_text(module, list[i].module))
			return &list[i];
	return NULL;
}

static void fill(const struct hf_config *c, const struct part *p, bool bias, struct hf_mapped *out)
{
	bool norm = p->rows == ONE;
	out->n_dims = norm || bias ? 1 : 2;
	out->rows = bias ? 1 : size_of(c, p->rows);
	out->columns = size_of(c, bias ? p->rows : p->columns);
	out->order = p->order;
	out->plus_one = norm && (GEMMAS & BIT(c->family));
	out->by_vocab = p->rows == VOCAB;
}

enum hf_fate hf_names_map(const struct hf_config *c, struct str name, struct hf_mapped *out)
{
	char plain[HF_NAME_SIZE];
	*out = (struct hf_mapped){ 0 };
	if (name.len >= HF_NAME_SIZE)
		return HF_UNKNOWN;
	if (is_skipped(c, name))
		return HF_SKIP;
	hf_names_plain(name, plain);
	struct str module = str_of(plain);
	bool bias = str_ends(module, ".bias");
	if (!bias && !str_ends(module, ".weight"))
		return HF_UNKNOWN;
	const char *end = bias ? "bias" : "weight";
	module.len -= strlen(end) + 1;
	const struct part *p = find(outside, OUTSIDE, c->family, module);
	if (p && !bias) {
		fill(c, p, bias, out);
		return str_format(out->name, sizeof(out->name), "%s.weight", p->tensor) ? HF_KEEP : HF_UNKNOWN;
	}
	uint64_t layer;
	if (!eat(&module, "model.layers.") || !str_to_u64(str_split(&module, '.'), &layer) || layer >= c->n_layers)
		return HF_UNKNOWN;
	p = find(parts, PARTS, c->family, module);
	if (!p || (bias && p->rows == ONE))
		return HF_UNKNOWN;
	fill(c, p, bias, out);
	return str_format(out->name, sizeof(out->name), "blk.%u.%s.%s", (unsigned)layer, p->tensor, end) ? HF_KEEP : HF_UNKNOWN;
}

void hf_names_needed(const struct hf_config *c, hf_needed_fn each, void *user)
{
	char name[HF_NAME_SIZE];
	size_t n_outside = c->tied || c->family == HF_GEMMA2 ? OUTSIDE - 1 : OUTSIDE; /* lm_head is the last */
	for (size_t i = 0; i < n_outside; i++) {
		snprintf(name, sizeof(name), "%s.weight", outside[i].module);
		each(user, name);
	}
	for (size_t i = 0; i < (size_t)c->n_layers * PARTS; i++) {
		const struct part *p = &parts[i % PARTS];
		unsigned layer = (unsigned)(i / PARTS);
		if (!(p->families & BIT(c->family)))
			continue;
		snprintf(name, sizeof(name), "model.layers.%u.%s.weight", layer, p->module);
		each(user, name);
		if (!(p->bias & BIT(c->family)))
			continue;
		snprintf(name, sizeof(name), "model.layers.%u.%s.bias", layer, p->module);
		each(user, name);
	}
}
