/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>

#include "base/hash.h"
#include "base/json.h"
#include "model/catalogue.h"
#include "model/gguf.h"
#include "model/peft.h"
#include "support/model_files.h"

static struct temp temp;
static json_t *golden;

/* --- the same digest as tests/golden/make_lora_digests.py --- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct gguf_tensor *const *)a)->name,
		      (*(const struct gguf_tensor *const *)b)->name);
}

static void digest(const char *path, char hex[HASH_HEX_SIZE])
{
	struct err err = { 0 };
	struct gguf *g = gguf_open(path, &err);
	assert_err(&err, "");
	size_t n = gguf_n_tensors(g);
	const struct gguf_tensor **order = mem_array(n, sizeof(order[0]));
	for (size_t i = 0; i < n; i++)
		order[i] = gguf_tensor_at(g, i);
	qsort(order, n, sizeof(order[0]), by_name);
	struct hash *h = hash_new();
	for (size_t i = 0; i < n; i++) {
		char text[256];
		int len = snprintf(text, sizeof(text), "%s\n%s\n%llu,%llu\n", order[i]->name,
				   ggml_type_find(order[i]->type)->name, (unsigned long long)order[i]->ne[0],
				   (unsigned long long)order[i]->ne[1]);
		hash_add(h, text, (size_t)len);
		char *data = mem_alloc((size_t)order[i]->size);
		assert_ok(gguf_read_data(g, order[i], 0, data, (size_t)order[i]->size, &err));
		hash_add(h, data, (size_t)order[i]->size);
		mem_free(data);
	}
	uint8_t bytes[HASH_SIZE];
	hash_finish(h, bytes);
	hash_hex(bytes, hex);
	mem_free(order);
	gguf_close(g);
}

static void assert_golden(const char *name, const char *path)
{
	char hex[HASH_HEX_SIZE];
	json_t *expected = json_object_get(golden, name);
	assert_non_null(expected);
	digest(path, hex);
	if (strcmp(hex, json_string_value(json_object_get(expected, "sha256"))) != 0)
		fail_msg("%s differs from convert_lora_to_gguf.py", name);
	struct err err = { 0 };
	struct gguf *g = gguf_open(path, &err);
	double alpha = 0;
	assert_true(gguf_get_f64(g, "adapter.lora.alpha", &alpha));
	assert_true(alpha == json_number_value(json_object_get(expected, "alpha")));
	assert_int_equal(gguf_key_type(g, "adapter.lora.alpha"), GGUF_F32);
	assert_int_equal(gguf_n_tensors(g), json_integer_value(json_object_get(expected, "tensors")));
	gguf_close(g);
}

/* --- bases with the shapes that the digests were made with --- */

struct shape {
	const char *architecture;
	uint32_t layers, wide, ff, heads, kv_heads, words;
	bool untied, fused;
};

static void shape_key(struct tiny_file *f, const struct shape *s, const char *key, uint32_t value)
{
	char name[128];
	snprintf(name, sizeof(name), "%s.%s", s->architecture, key);
	gguf_writer_u32(f->w, name, value);
}

static void shape_layer(struct tiny_file *f, const struct shape *s, uint32_t layer)
{
	uint32_t d = s->wide, kv = d / s->heads * s->kv_heads;
	const struct {
		const char *name;
		uint32_t in, out;
	} parts[] = {
		{ "attn_q", s->fused ? 0 : d, d },
		{ "attn_k", s->fused ? 0 : d, kv },
		{ "attn_v", s->fused ? 0 : d, kv },
		{ "attn_qkv", s->fused ? d : 0, d + 2 * kv },
		{ "attn_output", d, d },
		{ "ffn_gate", s->fused ? 0 : d, s->ff },
		{ "ffn_up", d, s->fused ? 2 * s->ff : s->ff },
		{ "ffn_down", s->ff, d },
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char name[64];
		snprintf(name, sizeof(name), "blk.%u.%s.weight", layer, parts[i].name);
		if (parts[i].in)
			tiny_tensor(f, name, GGML_ID_F16, parts[i].in, parts[i].out);
	}
}

static const char *base_write(const char *path, const struct shape *s)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	gguf_writer_text(f.w, "general.architecture", s->architecture);
	shape_key(&f, s, "attention.head_count", s->heads);
	shape_key(&f, s, "attention.head_count_kv", s->kv_heads);
	tiny_tensor(&f, "token_embd.weight", GGML_ID_F16, s->wide, s->words);
	for (uint32_t i = 0; i < s->layers; i++)
		shape_layer(&f, s, i);
	if (s->untied)
		tiny_tensor(&f, "output.weight", GGML_ID_F16, s->wide, s->words);
	return tiny_finish(&f, path);
}

static void the_demo_epochs_equal_the_upstream_converter_byte_for_byte(void **state)
{
	(void)state;
	static const struct shape smol = { "llama", 30, 576, 1536, 9, 3, 49152, false, false };
	const char *base = base_write(temp_path(&temp, "smol.gguf"), &smol);
	static const char *const names[] = { "checkpoint-12", "checkpoint-24", "checkpoint-48",
					     "checkpoint-96" };
	for (size_t i = 0; i < 4; i++) {
		struct err err = { 0 };
		char folder[512], out[512];
		snprintf(folder, sizeof(folder), TEST_ROOT "/demo/checkpoints/%s", names[i]);
		snprintf(out, sizeof(out), "%s", temp_path(&temp, "out.gguf"));
		assert_ok(adapter_check(folder, base, &err));
		assert_ok(adapter_convert(folder, base, out, NULL, &err));
		assert_golden(names[i], out);
		assert_ok(adapter_check(out, base, &err)); /* and llama.cpp's own demands hold for it */
	}
}

/* --- made-up adapters: make() of make_lora_digests.py --- */

struct made {
	const char *name;
	struct shape shape;
	const char *dtype;
	bool whole;
};

static void add_values(struct tiny_st *st, int *index, const char *name, uint64_t rows, uint64_t columns,
		       const char *dtype)
{
	size_t n = (size_t)(rows * columns), size = strcmp(dtype, "F32") == 0 ? 4 : 2;
	uint8_t *bytes = mem_alloc(n * size);
	for (size_t k = 0; k < n; k++) {
		float value = (float)((int)((k * 7919 + (size_t)*index * 104729) % 255) - 127) / 128;
		_Float16 half = (_Float16)value;
		uint32_t bits;
		memcpy(&bits, &value, 4);
		uint16_t brain = (uint16_t)(bits >> 16);
		if (size == 4)
			memcpy(bytes + k * 4, &value, 4);
		else if (strcmp(dtype, "F16") == 0)
			memcpy(bytes + k * 2, &half, 2);
		else
			memcpy(bytes + k * 2, &brain, 2);
	}
	tiny_st_add(st, name, dtype, rows, columns, bytes, n * size);
	mem_free(bytes);
	(*index)++;
}

static void add_pair(struct tiny_st *st, int *index, const char *module, uint32_t in, uint32_t out,
		     const char *dtype)
{
	char name[256];
	snprintf(name, sizeof(name), "base_model.model.%s.lora_A.weight", module);
	add_values(st, index, name, 2, in, dtype);
	snprintf(name, sizeof(name), "base_model.model.%s.lora_B.weight", module);
	add_values(st, index, name, out, 2, dtype);
}

static void make(const struct made *m)
{
	static const struct {
		const char *module;
		uint32_t in, out;
		bool plain, fused;
	} modules[] = {
		{ "self_attn.q_proj", 64, 64, true, false }, { "self_attn.k_proj", 64, 32, true, false },
		{ "self_attn.v_proj", 64, 32, true, false }, { "self_attn.qkv_proj", 64, 128, false, true },
		{ "self_attn.o_proj", 64, 64, true, true },  { "mlp.gate_proj", 64, 128, true, false },
		{ "mlp.up_proj", 64, 128, true, false },     { "mlp.gate_up_proj", 64, 256, false, true },
		{ "mlp.down_proj", 128, 64, true, true },
	};
	struct tiny_st st = tiny_st_new();
	int index = 0;
	for (int layer = 0; layer < 2; layer++) {
		for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
			char name[128];
			snprintf(name, sizeof(name), "model.layers.%d.%s", layer, modules[i].module);
			if (m->shape.fused ? modules[i].fused : modules[i].plain)
				add_pair(&st, &index, name, modules[i].in, modules[i].out, m->dtype);
		}
	}
	if (m->whole) {
		add_pair(&st, &index, "lm_head", 64, 48, m->dtype);
		add_values(&st, &index, "base_model.model.model.embed_tokens.lora_embedding_A", 2, 48,
			   m->dtype);
		add_values(&st, &index, "base_model.model.model.embed_tokens.lora_embedding_B", 64, 2,
			   m->dtype);
	}
	tiny_st_write(&st, &temp, "made/adapter_model.safetensors");
	temp_text(&temp, "made/adapter_config.json",
		  "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4}");
}

static void every_architecture_and_type_equals_the_upstream_converter(void **state)
{
	(void)state;
	static const struct made all[] = {
		{ "llama-f32", { "llama", 2, 64, 128, 4, 2, 48, true, false }, "F32", true },
		{ "llama-bf16", { "llama", 2, 64, 128, 4, 2, 48, false, false }, "BF16", false },
		{ "mistral-f16", { "llama", 2, 64, 128, 4, 2, 48, true, false }, "F16", false },
		{ "qwen2-f16", { "qwen2", 2, 64, 128, 4, 2, 48, false, false }, "F16", false },
		{ "qwen3-f32", { "qwen3", 2, 64, 128, 4, 2, 48, false, false }, "F32", false },
		{ "gemma2-bf16", { "gemma2", 2, 64, 128, 4, 2, 48, false, false }, "BF16", false },
		{ "gemma3-f32", { "gemma3", 2, 64, 128, 4, 2, 48, false, false }, "F32", false },
		{ "phi3-f16", { "phi3", 2, 64, 128, 4, 2, 48, true, true }, "F16", false },
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct err err = { 0 };
		const char *base = base_write(temp_path(&temp, "made.gguf"), &all[i].shape);
		make(&all[i]);
		const char *out = temp_path(&temp, "made.out.gguf");
		assert_ok(adapter_convert(temp_path(&temp, "made"), base, out, NULL, &err));
		assert_golden(all[i].name, out);
		assert_ok(adapter_check(out, base, &err));
	}
}

/* Upstream's SmolLM3Model is its LlamaModel under another name, and the digest names no architecture. */
static void smollm3_is_turned_like_llama(void **state)
{
	(void)state;
	static const struct made m = { "llama-bf16", { "smollm3", 2, 64, 128, 4, 2, 48, false, false }, "BF16", false };
	struct err err = { 0 };
	const char *base = base_write(temp_path(&temp, "made.gguf"), &m.shape), *out = temp_path(&temp, "made.out.gguf");
	make(&m);
	assert_ok(adapter_convert(temp_path(&temp, "made"), base, out, NULL, &err));
	assert_golden(m.name, out);
	assert_ok(adapter_check(out, base, &err));
}

/* --- scale --- */

/* Two pairs, F16, all ones: q_proj with rank `rank_q`, v_proj with rank 2, converted against the tiny model.
 */
static struct gguf *convert_ones(int rank_q, const char *config)
{
	uint16_t ones[32 * 8];
	for (size_t i = 0; i < sizeof(ones) / 2; i++)
		ones[i] = 0x3C00;
	struct tiny_st st = tiny_st_new();
	uint64_t r = (uint64_t)rank_q;
	tiny_st_add(&st, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "F16", r, 32, ones,
		    r * 64);
	tiny_st_add(&st, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", "F16", 32, r, ones,
		    r * 64);
	tiny_st_add(&st, "base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight", "F16", 2, 32, ones,
		    128);
	tiny_st_add(&st, "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight", "F16", 16, 2, ones,
		    64);
	tiny_st_add(&st, "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight", "F16", 2, 32, ones,
		    128);
	tiny_st_add(&st, "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight", "F16", 16, 2, ones,
		    64);
	tiny_st_write(&st, &temp, "ones/adapter_model.safetensors");
	temp_text(&temp, "ones/adapter_config.json", config);
	struct err err = { 0 };
	const char *base = tiny_model_write(temp_path(&temp, "tiny.gguf"), (struct tiny_model){ 0 });
	const char *out = temp_path(&temp, "ones.gguf");
	assert_ok(adapter_convert(temp_path(&temp, "ones"), base, out, NULL, &err));
	return gguf_open(out, &err);
}

/* The scale that llama.cpp will apply to a pair of ones: alpha / rank * first value of lora_b. */
static double applied_scale(const struct gguf *g, const char *tensor)
{
	char name[128];
	struct err err = { 0 };
	snprintf(name, sizeof(name), "%s.lora_b", tensor);
	const struct gguf_tensor *b = gguf_tensor_find(g, name);
	assert_non_null(b);
	double alpha = 0;
	assert_true(gguf_get_f64(g, "adapter.lora.alpha", &alpha));
	float f = 0;
	_Float16 h = 0;
	if (b->type == GGML_ID_F32)
		assert_ok(gguf_read_data(g, b, 0, &f, 4, &err));
	else
		assert_ok(gguf_read_data(g, b, 0, &h, 2, &err));
	return alpha / (double)b->ne[0] * (b->type == GGML_ID_F32 ? (double)f : (double)h);
}

static void the_scale_that_is_applied_is_the_one_of_peft(void **state)
{
	(void)state;
	static const struct {
		int rank_q;
		const char *config;
		double q, v;
	} cases[] = {
		{ 2, "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4}", 2, 2 },
		{ 2, "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_rslora\":true}",
		  2.8284271247461903, 2.8284271247461903 },
		{ 8, "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"rank_pattern\":{\"q_proj\":8}}", 0.5,
		  2 },
		{ 8,
		  "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"use_rslora\":true,\"rank_pattern\":{"
		  "\"q_proj\":8}}",
		  1.4142135623730951, 2.8284271247461903 },
		{ 2,
		  "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"alpha_pattern\":{\"self_attn.q_proj\":"
		  "7}}",
		  3.5, 2 },
		{ 2,
		  "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"alpha_pattern\":{\"^model.layers.0."
		  "self_attn.q_proj\":0.3}}",
		  0.15, 2 },
		{ 4,
		  "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"rank_pattern\":{\"q_proj\":4},"
		  "\"alpha_pattern\":{\"layers\\\\.0\\\\..*q_proj\":12}}",
		  3, 2 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gguf *g = convert_ones(cases[i].rank_q, cases[i].config);
		assert_non_null(g);
		double q = applied_scale(g, "blk.0.attn_q.weight"),
		       v = applied_scale(g, "blk.1.attn_v.weight");
		if (fabs(q - cases[i].q) > 1e-6 * cases[i].q || fabs(v - cases[i].v) > 1e-6 * cases[i].v)
			fail_msg("case %zu: q %.9g instead of %.9g, v %.9g instead of %.9g", i, q, cases[i].q,
				 v, cases[i].v);
		gguf_close(g);
	}
}

static void patterns_match_as_in_peft(void **state)
{
	(void)state;
	static const struct {
		const char *key, *module;
		bool yes;
	} cases[] = {
		{ "q_proj", "model.layers.0.self_attn.q_proj", true },
		{ "q_proj", "q_proj", true },
		{ "q_proj", "model.layers.0.self_attn.xq_proj", false },
		{ "q_pro", "model.q_proj", false },
		{ "self_attn.q_proj", "model.layers.0.self_attn.q_proj", true },
		{ "layers.1.self_attn.q_proj", "model.layers.11.self_attn.q_proj", false },
		{ "^model.layers.0.mlp.up_proj", "model.layers.0.mlp.up_proj", true },
		{ "^layers.0.mlp.up_proj", "model.layers.0.mlp.up_proj", false },
		{ "layers.0.*proj", "model.layers.0.mlp.up_proj", true },
		{ "layers\\.0\\..*", "model.layers.0.mlp.up_proj", true },
		{ "up_proj$", "model.layers.0.mlp.up_proj", true },
		{ "q.proj", "model.q_proj", true },
		{ ".*", "a.b", true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (peft_pattern_match(cases[i].key, str_of(cases[i].module)) != cases[i].yes)
			fail_msg("%s on %s", cases[i].key, cases[i].module);
}

/* --- refusals --- */

static void what_llama_cpp_cannot_apply_is_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *config, *key;
	} cases[] = {
		{ ",\"use_dora\":true", "err_adapter_feature" },
		{ ",\"modules_to_save\":[\"lm_head\"]", "err_adapter_feature" },
		{ ",\"layer_replication\":[[0,4],[2,5]]", "err_adapter_feature" },
		{ ",\"trainable_token_indices\":[1,2]", "err_adapter_feature" },
		{ ",\"trainable_token_indices\":{\"embed_tokens\":[1]}", "err_adapter_feature" },
		{ ",\"lora_bias\":true", "err_adapter_feature" },
		{ ",\"bias\":\"all\"", "err_adapter_feature" },
		{ ",\"bias\":\"lora_only\"", "err_adapter_feature" },
		{ ",\"target_parameters\":[\"experts.gate_up_proj\"]", "err_adapter_feature" },
		{ ",\"fan_in_fan_out\":true", "err_adapter_feature" },
		{ ",\"use_qalora\":true", "err_adapter_feature" },
		{ ",\"alora_invocation_tokens\":[1]", "err_adapter_feature" },
		{ ",\"init_lora_weights\":\"pissa_niter_16\"", "err_adapter_feature" },
		{ ",\"init_lora_weights\":\"loftq\"", "err_adapter_feature" },
		{ ",\"fine_tune_type\":\"lora\"", "err_adapter_mlx" },
		{ ",\"lora_parameters\":{\"rank\":8}", "err_adapter_mlx" },
		{ ",\"rank_pattern\":{\"(a+)+$\":4}", "err_adapter_pattern" },
		{ ",\"rank_pattern\":{\"\":4}", "err_adapter_pattern" },
		{ ",\"rank_pattern\":{\".*.*.*.*.*\":4}", "err_adapter_pattern" },
		{ ",\"rank_pattern\":{\"q_proj\":0}", "err_adapter_config" },
		{ ",\"rank_pattern\":[1]", "err_adapter_config" },
		{ ",\"alpha_pattern\":{\"q_proj\":\"x\"}", "err_adapter_config" },
		{ ",\"rank_pattern\":{\"q_proj\":16}", "err_adapter_rank" },
		{ ",\"bias\":\"none\",\"modules_to_save\":null,\"layer_replication\":[],\"new_key\":{\"a\":1}"
		  ","
		  "\"init_lora_weights\":\"gaussian\",\"runtime_config\":{},\"alora_invocation_tokens\":null",
		  "" },
	};
	const char *base = tiny_model_write(temp_path(&temp, "tiny.gguf"), (struct tiny_model){ 0 });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		tiny_adapter(&temp, "adapter", cases[i].config, 0);
		enum err_code rc = adapter_check(temp_path(&temp, "adapter"), base, &err);
		if (strcmp(err.key, cases[i].key) != 0 || (rc == ERR_OK) != (cases[i].key[0] == 0))
			fail_msg("%s: %s %s", cases[i].config, err.key, err.args);
	}
}

static void configurations_that_are_no_lora_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *key;
	} cases[] = {
		{ "{\"peft_type\":\"IA3\"}", "err_adapter_type" },
		{ "{}", "err_adapter_type" },
		{ "{\"peft_type\":\"LORA\",\"r\":0}", "err_adapter_config" },
		{ "{\"peft_type\":\"LORA\",\"r\":1.5}", "err_adapter_config" },
		{ "{\"peft_type\":\"LORA\",\"r\":\"8\"}", "err_adapter_config" },
		{ "{\"peft_type\":\"LORA\",\"r\":1000000}", "err_adapter_config" },
		{ "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":0}", "err_adapter_config" },
		{ "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":NaN}", "err_adapter_config" },
		{ "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":\"16\"}", "err_adapter_config" },
	};
	struct arena *a = arena_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		struct peft_config config;
		assert_int_not_equal(
			peft_parse(a, str_of(cases[i].text), "adapter_config.json", &config, &err), ERR_OK);
		assert_err(&err, cases[i].key);
	}
	struct err err = { 0 };
	struct peft_config config;
	assert_int_not_equal(peft_parse(a, STR("[1,2"), "x", &config, &err), ERR_OK);
	assert_ok(peft_parse(a,
			     STR("\xEF\xBB\xBF{\"peft_type\":\"LORA\",\"base_model_name_or_path\":\"a/b\"}"),
			     "x", &config, &err));
	assert_string_equal(config.base_name, "a/b");
	assert_int_equal(config.rank, 8);
	arena_free(a);
}

static void an_adapter_of_another_model_is_refused_with_both_shapes(void **state)
{
	(void)state;
	struct err err = { 0 };
	tiny_adapter(&temp, "adapter", "", 0);
	const char *wide =
		tiny_model_write(temp_path(&temp, "wide.gguf"), (struct tiny_model){ .n_embd = 64 });
	assert_int_equal(adapter_check(temp_path(&temp, "adapter"), wide, &err), ERR_DATA);
	assert_err(&err, "err_adapter_shape");
	assert_arg(&err, "tensor", "blk.0.attn_q.weight");
	assert_arg(&err, "a", "32x32");
	assert_arg(&err, "b", "64x64");
	const char *gpt = tiny_model_write(temp_path(&temp, "gpt.gguf"),
					   (struct tiny_model){ .architecture = "gptneox" });
	assert_int_equal(adapter_check(temp_path(&temp, "adapter"), gpt, &err), ERR_UNSUPPORTED);
	assert_err(&err, "err_adapter_arch");
	const char *phi =
		tiny_model_write(temp_path(&temp, "phi.gguf"), (struct tiny_model){ .architecture = "phi3" });
	assert_int_equal(adapter_check(temp_path(&temp, "adapter"), phi, &err), ERR_UNSUPPORTED);
	assert_err(&err, "err_adapter_tensor");
	const char *other =
		tiny_model_write(temp_path(&temp, "m.gguf"), (struct tiny_model){ .type = "mmproj" });
	assert_int_equal(adapter_check(temp_path(&temp, "adapter"), other, &err), ERR_DATA);
	assert_err(&err, "err_base_not_model");
}

static void check_tensors(const char *first, uint64_t rows1, uint64_t columns1, const char *second,
			  uint64_t rows2, uint64_t columns2, const char *key)
{
	static const float zeros[4096];
	struct err err = { 0 };
	struct tiny_st st = tiny_st_new();
	tiny_st_add(&st, first, "F32", rows1, columns1, zeros, rows1 * columns1 * 4);
	if (second)
		tiny_st_add(&st, second, "F32", rows2, columns2, zeros, rows2 * columns2 * 4);
	tiny_st_write(&st, &temp, "odd/adapter_model.safetensors");
	temp_text(&temp, "odd/adapter_config.json", "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4}");
	assert_int_not_equal(adapter_check(temp_path(&temp, "odd"), temp_path(&temp, "tiny.gguf"), &err),
			     ERR_OK);
	if (strcmp(err.key, key) != 0)
		fail_msg("%s: expected %s, got %s (%s)", first, key, err.key, err.args);
}

static void tensors_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	tiny_model_write(temp_path(&temp, "tiny.gguf"), (struct tiny_model){ 0 });
#define M "base_model.model."
	check_tensors(M "model.layers.0.mlp.up_proj.lora_A.weight", 2, 32, NULL, 0, 0, "err_adapter_pair");
	check_tensors(M "model.layers.0.mlp.up_proj.lora_B.weight", 64, 2, NULL, 0, 0, "err_adapter_pair");
	check_tensors(M "model.layers.0.mlp.up_proj.lora_A.weight", 2, 32,
		      M "model.layers.1.mlp.up_proj.lora_B.weight", 64, 2, "err_adapter_pair");
	check_tensors(M "model.layers.0.mlp.up_proj.lora_A.weight", 2, 32,
		      M "model.layers.0.mlp.up_proj.lora_B.weight", 64, 4, "err_adapter_rank");
	check_tensors(M "model.layers.0.mlp.up_proj.lora_A.weight", 4, 32,
		      M "model.layers.0.mlp.up_proj.lora_B.weight", 64, 4, "err_adapter_rank");
	check_tensors(M "model.layers.7.mlp.up_proj.lora_A.weight", 2, 32,
		      M "model.layers.7.mlp.up_proj.lora_B.weight", 64, 2, "err_adapter_no_tensor");
	check_tensors(M "lm_head.lora_A.weight", 2, 32, M "lm_head.lora_B.weight", 48, 2, "err_adapter_tied");
	check_tensors(M "model.layers.0.mlp.up_proj.lora_magnitude_vector", 1, 32, NULL, 0, 0,
		      "err_adapter_tensor");
	check_tensors(M "model.embed_tokens.weight", 48, 32, NULL, 0, 0, "err_adapter_tensor");
	check_tensors(M "model.norm.weight", 1, 32, NULL, 0, 0, "err_adapter_tensor");
	check_tensors(M "model.layers.0.mlp.router.lora_A.weight", 2, 32,
		      M "model.layers.0.mlp.router.lora_B.weight", 64, 2, "err_adapter_tensor");
	check_tensors(M "model.layers.0.mlp.up_proj.base_layer.weight", 64, 32, NULL, 0, 0,
		      "err_adapter_empty");
#undef M
}

static void check_gguf_lora(const char *type, const char *kind, bool f32_alpha, const char *a, const char *b,
			    uint64_t out, const char *key)
{
	struct err err = { 0 };
	struct tiny_file f = { .w = gguf_writer_new() };
	gguf_writer_text(f.w, "general.architecture", "llama");
	gguf_writer_text(f.w, "general.type", type);
	gguf_writer_text(f.w, "adapter.type", kind);
	if (f32_alpha)
		gguf_writer_f32(f.w, "adapter.lora.alpha", 4);
	else
		gguf_writer_u32(f.w, "adapter.lora.alpha", 4);
	tiny_tensor(&f, a, GGML_ID_F16, 32, 2);
	tiny_tensor(&f, b, GGML_ID_F16, 2, out);
	const char *path = tiny_finish(&f, temp_path(&temp, "lora.gguf"));
	const char *base = temp_path(&temp, "tiny.gguf");
	enum err_code rc = adapter_check(path, base, &err);
	if (strcmp(err.key, key) != 0 || (rc == ERR_OK) != (*key == 0))
		fail_msg("expected \"%s\", got \"%s\" (%s)", key, err.key, err.args);
}

static void a_gguf_adapter_is_checked_before_llama_cpp_sees_it(void **state)
{
	(void)state;
	tiny_model_write(temp_path(&temp, "tiny.gguf"), (struct tiny_model){ 0 });
#define Q "blk.1.attn_q.weight"
	check_gguf_lora("adapter", "lora", true, Q ".lora_a", Q ".lora_b", 32, "");
	check_gguf_lora("model", "lora", true, Q ".lora_a", Q ".lora_b", 32, "err_adapter_not_lora");
	check_gguf_lora("adapter", "control", true, Q ".lora_a", Q ".lora_b", 32, "err_adapter_not_lora");
	check_gguf_lora("adapter", "lora", false, Q ".lora_a", Q ".lora_b", 32, "err_adapter_config");
	check_gguf_lora("adapter", "lora", true, Q ".lora_a", Q ".lora_b", 48, "err_adapter_shape");
	check_gguf_lora("adapter", "lora", true, Q ".lora_a", "blk.0.attn_q.weight.lora_b", 32,
			"err_adapter_pair");
	check_gguf_lora("adapter", "lora", true, "x.lora_a", "x.lora_b", 32, "err_adapter_no_tensor");
	check_gguf_lora("adapter", "lora", true, Q ".lora_a", "blk.0.attn_norm.weight", 32,
			"err_adapter_pair");
	check_gguf_lora("adapter", "lora", true, "blk.0.attn_norm.weight", Q ".lora_b", 32,
			"err_adapter_tensor");
#undef Q
	struct err err = { 0 };
	struct tiny_file f = { .w = gguf_writer_new() };
	gguf_writer_text(f.w, "general.architecture", "llama");
	gguf_writer_text(f.w, "general.type", "adapter");
	gguf_writer_text(f.w, "adapter.type", "lora");
	gguf_writer_f32(f.w, "adapter.lora.alpha", 4);
	tiny_tensor(&f, "blk.0.attn_q.weight.lora_a", GGML_ID_Q8_0, 32, 2);
	const char *quantized = tiny_finish(&f, temp_path(&temp, "q8.gguf"));
	assert_int_equal(adapter_check(quantized, temp_path(&temp, "tiny.gguf"), &err), ERR_UNSUPPORTED);
	assert_err(&err, "err_adapter_quantized");
	const char *qwen = tiny_model_write(temp_path(&temp, "qwen.gguf"),
					    (struct tiny_model){ .architecture = "qwen2" });
	assert_int_equal(adapter_check(temp_path(&temp, "lora.gguf"), qwen, &err), ERR_DATA);
	assert_err(&err, "err_adapter_other_arch");
}

/* Which adapter fits which base: all pairs. */
static void every_adapter_gets_its_verdict_on_every_base(void **state)
{
	(void)state;
	static const struct tiny_model bases[] = {
		{ .name = "tied" },
		{ .name = "untied", .untied = true },
		{ .name = "wide", .n_embd = 64 },
		{ .name = "qwen", .architecture = "qwen2" },
	};
	static const struct {
		const char *module, *config;
		const char *verdict[4];
	} adapters[] = {
		{ "model.layers.0.mlp.up_proj", "", { "", "", "err_adapter_shape", "" } },
		{ "lm_head",
		  "",
		  { "err_adapter_tied", "err_adapter_shape", "err_adapter_tied", "err_adapter_tied" } },
		{ "model.layers.5.mlp.up_proj",
		  "",
		  { "err_adapter_no_tensor", "err_adapter_no_tensor", "err_adapter_no_tensor",
		    "err_adapter_no_tensor" } },
		{ "model.layers.0.mlp.up_proj",
		  ",\"use_dora\":true",
		  { "err_adapter_feature", "err_adapter_feature", "err_adapter_feature",
		    "err_adapter_feature" } },
		{ "model.layers.0.self_attn.k_proj",
		  "",
		  { "err_adapter_shape", "err_adapter_shape", "err_adapter_shape", "err_adapter_shape" } },
		{ NULL,
		  "",
		  { "", "", "err_adapter_shape", "err_adapter_other_arch" } }, /* GGUF LoRA for llama */
	};
	static const float zeros[256];
	for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
		char name[256], config[256];
		struct tiny_st st = tiny_st_new();
		snprintf(name, sizeof(name), "%s.lora_A.weight", adapters[i].module);
		tiny_st_add(&st, name, "F32", 2, 32, zeros, 256);
		snprintf(name, sizeof(name), "%s.lora_B.weight", adapters[i].module);
		tiny_st_add(&st, name, "F32", 64, 2, zeros, 512);
		tiny_st_write(&st, &temp, "matrix/adapter_model.safetensors");
		snprintf(config, sizeof(config), "{\"peft_type\":\"LORA\",\"r\":2%s}", adapters[i].config);
		temp_text(&temp, "matrix/adapter_config.json", config);
		if (!adapters[i].module)
			check_gguf_lora("adapter", "lora", true, "blk.0.attn_q.weight.lora_a",
					"blk.0.attn_q.weight.lora_b", 32, "");
		for (size_t b = 0; b < 4; b++) {
			struct err err = { 0 };
			const char *base = tiny_model_write(temp_path(&temp, "matrix.gguf"), bases[b]);
			const char *adapter = temp_path(&temp, adapters[i].module ? "matrix" : "lora.gguf");
			enum err_code rc = adapter_check(adapter, base, &err);
			if (strcmp(err.key, adapters[i].verdict[b]) != 0 ||
			    (rc == ERR_OK) != (err.key[0] == 0))
				fail_msg("adapter %zu on %s: \"%s\"", i, bases[b].name, err.key);
		}
	}
}

/* One value of an adapter in one place is no number; A is 2 x 32 and B 64 x 2. */
static void check_value(const char *dtype, bool in_b, size_t at, uint32_t bits, const char *config, const char *key)
{
	uint8_t a[256] = { 0 }, b[512] = { 0 };
	size_t size = strcmp(dtype, "F32") == 0 ? 4 : 2;
	memcpy((in_b ? b : a) + at * size, &bits, size); /* little-endian, as the file is */
	struct tiny_st st = tiny_st_new();
	tiny_st_add(&st, "model.layers.0.mlp.up_proj.lora_A.weight", dtype, 2, 32, a, 64 * size);
	tiny_st_add(&st, "model.layers.0.mlp.up_proj.lora_B.weight", dtype, 64, 2, b, 128 * size);
	/* The alpha of this pair is the file's, and only the other one's B is multiplied. */
	tiny_st_add(&st, "model.layers.1.mlp.up_proj.lora_A.weight", dtype, 2, 32, a, 64 * size);
	tiny_st_add(&st, "model.layers.1.mlp.up_proj.lora_B.weight", dtype, 64, 2, b, 128 * size);
	tiny_st_write(&st, &temp, "values/adapter_model.safetensors");
	char text[512];
	snprintf(text, sizeof(text), "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4%s}", config);
	temp_text(&temp, "values/adapter_config.json", text);
	struct err err = { 0 };
	char out[512];
	snprintf(out, sizeof(out), "%s", temp_path(&temp, "values.gguf"));
	enum err_code rc = adapter_convert(temp_path(&temp, "values"), temp_path(&temp, "tiny.gguf"), out, NULL, &err);
	if (strcmp(err.key, key) != 0 || (rc == ERR_OK) != (*key == 0))
		fail_msg("%s %08x at %zu: \"%s\"", dtype, bits, at, err.key);
	if (rc != ERR_OK) {
		assert_true(strstr(err.args, in_b ? "up_proj.lora_B" : "up_proj.lora_A") != NULL);
		assert_false(fs_exists(out));
	} else {
		unlink(out);
	}
}

static void values_that_are_no_numbers_are_refused_by_tensor(void **state)
{
	(void)state;
	const char *key = "err_values";
	tiny_model_write(temp_path(&temp, "tiny.gguf"), (struct tiny_model){ 0 });
	check_value("F32", false, 0, 0x7FC00000, "", key);  /* NaN */
	check_value("F32", true, 127, 0xFF800000, "", key); /* -infinite */
	check_value("F32", true, 127, 0x7F7FFFFF, "", "");  /* the largest number there is */
	check_value("F16", false, 63, 0x7E00, "", key);
	check_value("F16", true, 1, 0x7C00, "", key);
	check_value("F16", true, 1, 0xFBFF, "", "");
	check_value("BF16", false, 63, 0x7FC0, "", key);
	check_value("BF16", true, 0, 0xFF80, "", key);
	check_value("BF16", true, 0, 0x7F7F, "", "");
	/* A number that the factor of its pair makes infinite. */
	check_value("F32", true, 5, 0x7F7FFFFF, ",\"alpha_pattern\":{\"layers.1.mlp.up_proj\":64}", key);
}

static void a_gguf_adapter_with_values_that_are_no_numbers_is_refused_by_tensor(void **state)
{
	(void)state;
	static const uint16_t nan = 0x7E00;
	tiny_model_write(temp_path(&temp, "tiny.gguf"), (struct tiny_model){ 0 });
	check_gguf_lora("adapter", "lora", true, "blk.1.attn_q.weight.lora_a", "blk.1.attn_q.weight.lora_b", 32, "");
	char path[512], out[512];
	snprintf(path, sizeof(path), "%s", temp_path(&temp, "lora.gguf"));
	snprintf(out, sizeof(out), "%s", temp_path(&temp, "copy.gguf"));
	const char *base = temp_path(&temp, "tiny.gguf");
	struct err err = { 0 };
	assert_ok(adapter_convert(path, base, out, NULL, &err));
	unlink(out);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &nan, sizeof(nan), lseek(fd, 0, SEEK_END) - (off_t)sizeof(nan)), sizeof(nan)); /* the last of lora_b */
	close(fd);
	assert_int_equal(adapter_convert(path, base, out, NULL, &err), ERR_DATA);
	assert_err(&err, "err_values");
	assert_non_null(strstr(err.args, "blk.1.attn_q.weight.lora_b"));
	assert_false(fs_exists(out));
}

static bool is_part(void *user, const char *name, bool is_dir)
{
	(void)is_dir;
	*(bool *)user |= str_ends(str_of(name), ".part");
	return true;
}

static void a_stopped_conversion_leaves_nothing_behind(void **state)
{
	(void)state;
	atomic_bool cancel = true;
	struct err err = { 0 };
	tiny_adapter(&temp, "adapter", "", 0);
	const char *base = tiny_model_write(temp_path(&temp, "tiny.gguf"), (struct tiny_model){ 0 });
	const char *out = temp_path(&temp, "stopped.gguf");
	assert_int_equal(adapter_convert(temp_path(&temp, "adapter"), base, out, &cancel, &err),
			 ERR_CANCELLED);
	assert_false(fs_exists(out));
	bool found = false;
	assert_ok(fs_list(temp.dir, 1000, is_part, &found, &err));
	assert_false(found);
	assert_int_not_equal(adapter_convert(temp_path(&temp, "adapter"), base,
					     temp_path(&temp, "no/such/dir/x"), NULL, &err),
			     ERR_OK);
}

static int setup(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(1 * MIB);
	temp_open(&temp);
	if (fs_read(TEST_ROOT "/tests/golden/lora_digests.json", &text, NULL) != ERR_OK)
		return -1;
	golden = json_parse(buf_str(&text), "lora_digests.json", NULL);
	buf_release(&text);
	return golden ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(golden);
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_demo_epochs_equal_the_upstream_converter_byte_for_byte),
		cmocka_unit_test(every_architecture_and_type_equals_the_upstream_converter),
		cmocka_unit_test(smollm3_is_turned_like_llama),
		cmocka_unit_test(the_scale_that_is_applied_is_the_one_of_peft),
		cmocka_unit_test(patterns_match_as_in_peft),
		cmocka_unit_test(what_llama_cpp_cannot_apply_is_refused_by_name),
		cmocka_unit_test(configurations_that_are_no_lora_are_refused),
		cmocka_unit_test(an_adapter_of_another_model_is_refused_with_both_shapes),
		cmocka_unit_test(tensors_that_do_not_fit_are_refused),
		cmocka_unit_test(a_gguf_adapter_is_checked_before_llama_cpp_sees_it),
		cmocka_unit_test(every_adapter_gets_its_verdict_on_every_base),
		cmocka_unit_test(values_that_are_no_numbers_are_refused_by_tensor),
		cmocka_unit_test(a_gguf_adapter_with_values_that_are_no_numbers_is_refused_by_tensor),
		cmocka_unit_test(a_stopped_conversion_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
