/* SPDX-License-Identifier: Apache-2.0 */
#include "model/quant_types.h"

#include "base/arena.h"
#include "model/ggml_type.h"

#define ALIGNMENT 32

/* Order of the fields: name, file type, bits, needs imatrix, main type, head, embedding, query and key, value, value where heads
 * share one, down, output, gate and up. */
static const struct quant_type types[] = {
	{ "F32", 0, 32, false, "F32", "F32", "F32", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "BF16", 32, 16, false, "BF16", "BF16", "BF16", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "F16", 1, 16, false, "F16", "F16", "F16", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "Q8_0", 7, 8.5, false, "Q8_0", "Q8_0", "Q8_0", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "Q6_K", 18, 6.56, false, "Q6_K", "Q6_K", "Q6_K", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "Q5_1", 9, 6, false, "Q5_1", "Q6_K", "Q5_1", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "Q5_K_M", 17, 5.7, false, "Q5_K", "Q6_K", "Q5_K", 0, { "Q6_K", 0.5 }, 0, { "Q6_K", 0.5 }, { 0 }, { 0 } },
	{ "Q5_K_S", 16, 5.6, false, "Q5_K", "Q6_K", "Q5_K", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "Q5_0", 8, 5.6, false, "Q5_0", "Q6_K", "Q5_0", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "Q4_1", 3, 5.1, false, "Q4_1", "Q6_K", "Q4_1", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "Q4_K_M", 15, 4.9, false, "Q4_K", "Q6_K", "Q4_K", 0, { "Q6_K", 0.5 }, 0, { "Q6_K", 0.5 }, { 0 }, { 0 } },
	{ "Q4_K_S", 14, 4.7, false, "Q4_K", "Q6_K", "Q4_K", 0, { "Q5_K", 0.125 }, 0, { "Q5_K", 0.125 }, { 0 }, { 0 } },
	{ "IQ4_NL", 25, 4.7, false, "IQ4_NL", "Q6_K", "IQ4_NL", 0, { 0 }, "Q5_K", { "Q5_K", 0.125 }, { 0 }, { 0 } },
	{ "Q4_0", 2, 4.6, false, "Q4_0", "Q6_K", "Q4_0", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "MXFP4_MOE", 38, 8.5, false, "MXFP4", "Q8_0", "Q8_0", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "IQ4_XS", 30, 4.5, false, "IQ4_XS", "Q6_K", "IQ4_XS", 0, { 0 }, "Q5_K", { "Q5_K", 0.125 }, { 0 }, { 0 } },
	{ "Q3_K_L", 13, 4.3, false, "Q3_K", "Q6_K", "Q3_K", 0, { "Q5_K", 1 }, 0, { "Q5_K", 1 }, { "Q5_K", 1 }, { 0 } },
	{ "Q3_K_M", 12, 4, false, "Q3_K", "Q6_K", "Q3_K", 0, { "Q4_K", 1 }, 0, { "Q4_K", 1 }, { "Q4_K", 1 }, { 0 } },
	{ "IQ3_M", 27, 3.8, false, "IQ3_S", "Q6_K", "IQ3_S", 0, { "Q4_K", 1 }, 0, { "Q4_K", 0.125 }, { "Q4_K", 1 }, { 0 } },
	{ "IQ3_S", 26, 3.7, false, "IQ3_S", "Q6_K", "IQ3_S", 0, { 0 }, "Q4_K", { 0 }, { 0 }, { 0 } },
	{ "Q3_K_S", 11, 3.6, false, "Q3_K", "Q6_K", "Q3_K", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "IQ3_XS", 22, 3.5, true, "IQ3_S", "Q6_K", "IQ3_S", "IQ3_XXS", { 0 }, "Q4_K", { 0 }, { 0 }, { "IQ3_XXS", 0.75 } },
	{ "IQ3_XXS", 23, 3.2, true, "IQ3_XXS", "Q5_K", "IQ3_S", "IQ2_S", { 0 }, "Q4_K", { 0 }, { "IQ3_S", 1 }, { 0 } },
	{ "Q2_K", 10, 3.1, false, "Q2_K", "Q6_K", "Q2_K", 0, { "Q3_K", 1 }, "Q4_K", { "Q3_K", 1 }, { "Q3_K", 1 }, { 0 } },
	{ "Q2_K_S", 21, 3, true, "Q2_K", "Q6_K", "Q2_K", 0, { 0 }, "Q4_K", { "Q4_K", 0.125 }, { 0 }, { 0 } },
	{ "IQ2_M", 29, 2.9, true, "IQ2_S", "Q5_K", "IQ3_S", 0, { "IQ3_S", 1 }, "Q4_K", { "IQ3_S", 0.125 }, { "IQ3_S", 1 }, { 0 } },
	{ "IQ2_S", 28, 2.7, true, "IQ2_XS", "Q5_K", "IQ3_S", 0, { "IQ3_S", 1 }, "Q4_K", { "IQ3_S", 0.125 }, { "IQ3_S", 1 }, { 0 } },
	{ "Q2_0", 41, 2.7, false, "Q2_0", "Q6_K", "Q4_K", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "IQ2_XS", 20, 2.6, true, "IQ2_XS", "Q5_K", "Q2_K", 0, { "Q2_K", 1 }, "Q4_K", { "Q2_K", 0.125 }, { 0 }, { 0 } },
	{ "TQ2_0", 37, 2.5, false, "TQ2_0", "Q6_K", "Q4_K", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "IQ2_XXS", 19, 2.4, true, "IQ2_XXS", "Q5_K", "Q2_K", 0, { "Q2_K", 1 }, "Q4_K", { "Q2_K", 0.125 }, { 0 }, { 0 } },
	{ "TQ1_0", 36, 2.2, false, "TQ1_0", "Q6_K", "Q4_K", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
	{ "IQ1_M", 31, 2.15, true, "IQ1_M", "Q5_K", "Q2_K", 0, { "Q2_K", 1 }, "Q4_K", { "Q2_K", 0.125 }, { "IQ2_XXS", 1 }, { 0 } },
	{ "IQ1_S", 24, 2, true, "IQ1_S", "Q5_K", "Q2_K", 0, { "Q2_K", 1 }, "Q4_K", { "Q2_K", 0.125 }, { "IQ2_XXS", 1 }, { 0 } },
	{ "Q1_0", 40, 1.5, false, "Q1_0", "Q6_K", "Q1_0", 0, { 0 }, 0, { 0 }, { 0 }, { 0 } },
};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

static const struct {
	const char *name, *means;
} aliases[] = { { "Q3_K", "Q3_K_M" }, { "Q4_K", "Q4_K_M" }, { "Q5_K", "Q5_K_M" }, { "MXFP4", "MXFP4_MOE" } };

const struct quant_type *quant_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (str_eq_nocase(str_of(name), aliases[i].name))
			name = aliases[i].means;
	}
	for (size_t i = 0; i < N_TYPES; i++) {
		if (str_eq_nocase(str_of(name), types[i].name))
			return &types[i];
	}
	return NULL;
}

const struct quant_type *quant_type_at(size_t index)
{
	return index < N_TYPES ? &types[index] : NULL;
}

/* --- the estimate --- */

/* The type for rows that are no multiple of a block of `type`. */
static const char *fallback(const char *type)
{
	static const struct {
		const char *type, *instead;
	} table[] = { { "Q4_K", "Q5_0" }, { "Q5_K", "Q5_1" }, { "Q6_K", "Q8_0" } };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(type, table[i].type) == 0)
			return table[i].instead;
	}
	return type[0] == 'I' ? "IQ4_NL" : "Q4_0";
}

static double bytes_as(const struct gguf_tensor *t, const char *name)
{
	const struct ggml_type_info *info = ggml_type_named(name);
	double rows = (double)t->ne[1] * (double)t->ne[2] * (double)t->ne[3];
	if (t->ne[0] % info->block_values != 0)
		info = ggml_type_named(fallback(name));
	if (t->ne[0] % info->block_values != 0)
		info = ggml_type_find(GGML_ID_F16);
	return (double)(t->ne[0] / info->block_values * info->block_bytes) * rows;
}

static double shared(const struct gguf_tensor *t, const struct quant_type *q, struct quant_share s)
{
	double plain = bytes_as(t, q->type);
	return s.type ? s.share * bytes_as(t, s.type) + (1 - s.share) * plain : plain;
}

bool quant_takes(const struct gguf_tensor *t)
{
	/* What llama.cpp leaves alone in the architectures that assay knows. */
	static const char *const left[] = { "_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d", "shortconv.conv", "altup",
					    "laurel", "per_layer_model_proj", "time_mix_w", "position_embd", "token_types" };
	if (t->n_dims < 2 || !str_ends(str_of(t->name), "weight"))
		return false;
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		if (strstr(t->name, left[i]))
			return false;
	}
	return true;
}

static double tensor_bytes(const struct gguf_tensor *t, const struct quant_type *q, bool tied, bool many_heads)
{
	if (!quant_takes(t))
		return (double)t->size;
	bool embedding = strcmp(t->name, "token_embd.weight") == 0;
	if (strcmp(t->name, "output.weight") == 0 || (embedding && tied)) {
		bool fits = t->ne[0] % ggml_type_named(q->type)->block_values == 0;
		return bytes_as(t, fits ? q->head : "Q8_0");
	}
	if (embedding)
		return bytes_as(t, q->embed);
	if (strcmp(q->type, "MXFP4") == 0)
		return bytes_as(t, t->ne[2] > 1 ? "MXFP4" : "Q8_0");
	if (strstr(t->name, "attn_v.weight"))
		return many_heads && q->v_gqa ? bytes_as(t, q->v_gqa) : shared(t, q, q->v);
	if (strstr(t->name, "attn_q.weight") || strstr(t->name, "attn_k.weight"))
		return bytes_as(t, q->q_k ? q->q_k : q->type);
	if (strstr(t->name, "ffn_down"))
		return shared(t, q, q->down);
	if (strstr(t->name, "attn_output.weight"))
		return shared(t, q, q->out);
	if (strstr(t->name, "ffn_gate") || strstr(t->name, "ffn_up"))
		return shared(t, q, q->gate_up);
	return bytes_as(t, q->type);
}

static bool has_many_heads(const struct gguf *g)
{
	struct arena *a = arena_new();
	const char *architecture = gguf_get_label(g, "general.architecture", a);
	uint64_t heads = 0, kv_heads = 0;
	bool known = gguf_get_u64_at(g, arena_printf(a, "%s.attention.head_count", architecture), 0, &heads) &&
		     gguf_get_u64_at(g, arena_printf(a, "%s.attention.head_count_kv", architecture), 0, &kv_heads);
	arena_free(a);
	return known && kv_heads > 0 && heads / kv_heads >= 4;
}

uint64_t quant_estimate(const struct gguf *g, const struct quant_type *type)
{
	bool tied = !gguf_tensor_find(g, "output.weight"), many_heads = has_many_heads(g);
	double sum = (double)gguf_data_offset(g);
	for (size_t i = 0; i < gguf_n_tensors(g); i++)
		sum += tensor_bytes(gguf_tensor_at(g, i), type, tied, many_heads) + ALIGNMENT / 2;
	return (uint64_t)sum;
}

bool quant_is_quantized(const struct gguf *g)
{
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		uint32_t type = gguf_tensor_at(g, i)->type;
		if (type != GGML_ID_F32 && type != GGML_ID_F16 && type != GGML_ID_BF16)
			return true;
	}
	return false;
}
