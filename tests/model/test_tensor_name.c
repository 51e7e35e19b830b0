/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "model/tensor_name.h"

static void modules_map_to_gguf_names(void **state)
{
	(void)state;
	static const struct {
		const char *arch, *module, *name;
		int64_t layer;
		enum tensor_rows rows;
	} cases[] = {
		{ "llama", "model.layers.0.self_attn.q_proj", "blk.0.attn_q.weight", 0, TENSOR_ROWS_BY_HEAD },
		{ "llama", "model.layers.31.self_attn.k_proj", "blk.31.attn_k.weight", 31,
		  TENSOR_ROWS_BY_KV_HEAD },
		{ "llama", "model.layers.3.self_attn.v_proj", "blk.3.attn_v.weight", 3, TENSOR_ROWS_AS_IS },
		{ "llama", "model.layers.3.self_attn.o_proj", "blk.3.attn_output.weight", 3,
		  TENSOR_ROWS_AS_IS },
		{ "llama", "model.layers.3.mlp.gate_proj", "blk.3.ffn_gate.weight", 3, TENSOR_ROWS_AS_IS },
		{ "llama", "model.layers.3.mlp.up_proj", "blk.3.ffn_up.weight", 3, TENSOR_ROWS_AS_IS },
		{ "llama", "model.layers.3.mlp.down_proj", "blk.3.ffn_down.weight", 3, TENSOR_ROWS_AS_IS },
		{ "llama", "lm_head", "output.weight", -1, TENSOR_ROWS_AS_IS },
		{ "llama", "model.embed_tokens", "token_embd.weight", -1, TENSOR_ROWS_AS_IS },
		{ "smollm3", "model.layers.2.self_attn.q_proj", "blk.2.attn_q.weight", 2, TENSOR_ROWS_BY_HEAD },
		{ "smollm3", "model.layers.2.self_attn.k_proj", "blk.2.attn_k.weight", 2, TENSOR_ROWS_BY_KV_HEAD },
		{ "smollm3", "model.layers.2.mlp.down_proj", "blk.2.ffn_down.weight", 2, TENSOR_ROWS_AS_IS },
		{ "qwen2", "model.layers.1.self_attn.q_proj", "blk.1.attn_q.weight", 1, TENSOR_ROWS_AS_IS },
		{ "qwen3", "model.layers.1.self_attn.k_proj", "blk.1.attn_k.weight", 1, TENSOR_ROWS_AS_IS },
		{ "gemma2", "model.layers.1.mlp.down_proj", "blk.1.ffn_down.weight", 1, TENSOR_ROWS_AS_IS },
		{ "gemma3", "language_model.model.layers.1.self_attn.o_proj", "blk.1.attn_output.weight", 1,
		  TENSOR_ROWS_AS_IS },
		{ "gemma3", "model.language_model.layers.1.self_attn.q_proj", "blk.1.attn_q.weight", 1,
		  TENSOR_ROWS_AS_IS },
		{ "phi3", "model.layers.1.self_attn.qkv_proj", "blk.1.attn_qkv.weight", 1,
		  TENSOR_ROWS_AS_IS },
		{ "phi3", "model.layers.1.mlp.gate_up_proj", "blk.1.ffn_up.weight", 1, TENSOR_ROWS_AS_IS },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[TENSOR_NAME_SIZE];
		int64_t layer;
		enum tensor_rows rows;
		const struct tensor_arch *arch = tensor_arch_find(cases[i].arch);
		assert_non_null(arch);
		assert_true(tensor_name_map(arch, str_of(cases[i].module), name, &layer, &rows));
		assert_string_equal(name, cases[i].name);
		assert_int_equal(layer, cases[i].layer);
		assert_int_equal(rows, cases[i].rows);
	}
}

static void unknown_modules_and_architectures_are_refused(void **state)
{
	(void)state;
	static const char *const modules[] = {
		"",
		"model",
		"model.",
		"model.layers",
		"model.layers.",
		"model.layers.0",
		"model.layers.0.",
		"model.layers.x.mlp.up_proj",
		"model.layers.-1.mlp.up_proj",
		"model.layers.99999.mlp.up_proj",
		"model.layers.0.mlp.up_proj.x",
		"model.norm",
		"model.layers.0.self_attn.qkv_proj",
		"visual.blocks.0.attn",
		"lm_head.x",
	};
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		char name[TENSOR_NAME_SIZE];
		int64_t layer;
		enum tensor_rows rows;
		if (tensor_name_map(tensor_arch_find("llama"), str_of(modules[i]), name, &layer, &rows))
			fail_msg("%s became %s", modules[i], name);
	}
	assert_null(tensor_arch_find("gpt2"));
	assert_null(tensor_arch_find(""));
}

/* Against reshape(heads, 2, half).swapaxes(1, 2) written out for 2 heads of 8 rows. */
static void rows_interleave_the_halves_of_a_head(void **state)
{
	(void)state;
	static const uint64_t expected[] = { 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15 };
	for (uint64_t i = 0; i < 16; i++)
		assert_int_equal(tensor_source_row(i, 16, 2), expected[i]);
	bool seen[192] = { false };
	for (uint64_t i = 0; i < 192; i++) {
		uint64_t from = tensor_source_row(i, 192, 3);
		assert_true(from < 192 && !seen[from]);
		seen[from] = true;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_map_to_gguf_names),
		cmocka_unit_test(unknown_modules_and_architectures_are_refused),
		cmocka_unit_test(rows_interleave_the_halves_of_a_head),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
