/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>

#include "base/json.h"
#include "model/hf_config.h"

#define LLAMA                                                                                                                     \
	"\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 64, \"intermediate_size\": 96, \"num_hidden_layers\": 2, "     \
	"\"num_attention_heads\": 4, \"vocab_size\": 48"

static struct arena *arena;
static struct hf_config config;
static struct err err;

static enum err_code parse(const char *text)
{
	hf_config_release(&config);
	err = (struct err){ 0 };
	return hf_config_parse(arena, str_of(text), "config.json", &config, &err);
}

/* A Llama with one more member. */
static enum err_code parse_with(const char *member)
{
	return parse(arena_printf(arena, "{" LLAMA ", %s}", member));
}

static void assert_refused(const char *member, enum err_code code, const char *key, const char *arg, const char *value)
{
	if (parse_with(member) != code)
		fail_msg("%s: \"%s\"", member, err.key);
	assert_err(&err, key);
	assert_arg(&err, arg, value);
	assert_arg(&err, "path", "config.json");
}

static void what_is_absent_has_the_value_of_transformers(void **state)
{
	(void)state;
	assert_ok(parse("{" LLAMA "}"));
	assert_int_equal(config.n_kv_heads, 4);
	assert_int_equal(config.head_dim, 16);
	assert_int_equal(config.n_context, 2048);
	assert_near(config.eps, 1e-6, 1e-12);
	assert_near(config.rope.base, 10000, 0);
	assert_false(config.tied);
	assert_int_equal(config.window, -1);
	assert_ok(parse("{\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"text_config\": {\"hidden_size\": 2560}}"));
	assert_string_equal(config.architecture, "gemma3");
	assert_int_equal(config.n_embd, 2560);
	assert_int_equal(config.n_heads, 8);
	assert_int_equal(config.n_kv_heads, 4);
	assert_int_equal(config.head_dim, 256);
	assert_int_equal(config.n_vocab, 262208);
	assert_int_equal(config.window, 4096);
	assert_near(config.rope.base, 1e6, 0);
	assert_near(config.rope.base_local, 1e4, 0);
	assert_true(config.tied);
}

static void a_mark_in_front_and_bare_nan_are_read(void **state)
{
	(void)state;
	assert_ok(parse("\xEF\xBB\xBF{" LLAMA ", \"initializer_range\": NaN, \"num_key_value_heads\": 2}"));
	assert_int_equal(config.n_kv_heads, 2);
	assert_string_equal(config.architecture, "llama");
}

static void numbers_that_no_model_has_are_named(void **state)
{
	static const struct {
		const char *member, *field;
	} cases[] = {
		{ "\"num_key_value_heads\": 3", "num_key_value_heads" },
		{ "\"num_key_value_heads\": 8", "num_key_value_heads" },
		{ "\"head_dim\": 15", "head_dim" },
		{ "\"head_dim\": \"16\"", "head_dim" },
		{ "\"max_position_embeddings\": 0", "max_position_embeddings" },
		{ "\"max_position_embeddings\": 1e99", "max_position_embeddings" },
		{ "\"rms_norm_eps\": -1", "rms_norm_eps" },
		{ "\"rope_theta\": 0", "rope_theta" },
		{ "\"tie_word_embeddings\": 1", "tie_word_embeddings" },
		{ "\"rope_scaling\": []", "rope_scaling" },
		{ "\"rope_scaling\": {\"type\": 1}", "rope_type" },
		{ "\"rope_scaling\": {\"type\": \"linear\"}", "factor" },
		{ "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}", "original_max_position_embeddings" },
		{ "\"rope_scaling\": {\"rope_type\": \"llama3\", \"low_freq_factor\": 4}", "high_freq_factor" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i].member, ERR_DATA, "err_hf_config_field", "field", cases[i].field);
	assert_int_equal(parse("{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 64}"), ERR_DATA);
	assert_arg(&err, "field", "intermediate_size");
	assert_int_equal(parse("[]"), ERR_DATA);
	assert_err(&err, "err_hf_config_field");
	assert_int_equal(parse("{\"hidden_size\": 64}"), ERR_DATA);
	assert_arg(&err, "field", "architectures");
	assert_int_equal(parse("{" LLAMA ",}"), ERR_DATA);
	assert_err(&err, "err_json_syntax");
}

static void other_architectures_are_named(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"architectures\": [\"MixtralForCausalLM\"]}"), ERR_UNSUPPORTED);
	assert_err(&err, "err_hf_architecture");
	assert_arg(&err, "name", "MixtralForCausalLM");
	assert_int_equal(parse("{\"architectures\": [\"llamaforcausallm\"]}"), ERR_UNSUPPORTED);
}

static void quantized_weights_are_refused(void **state)
{
	(void)state;
	assert_refused("\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4}", ERR_UNSUPPORTED, "err_hf_quantized",
		       "method", "gptq");
	assert_refused("\"quantization_config\": {\"quant_method\": \"compressed-tensors\"}", ERR_UNSUPPORTED, "err_hf_quantized",
		       "method", "compressed-tensors");
	assert_refused("\"quantization_config\": {\"quant_method\": \"fp8\"}", ERR_UNSUPPORTED, "err_hf_quantized", "method", "fp8");
	assert_refused("\"quantization\": {\"bits\": 4, \"group_size\": 64}", ERR_UNSUPPORTED, "err_hf_quantized", "method", "MLX");
	assert_refused("\"quantization_config\": {\"load_in_4bit\": true}", ERR_UNSUPPORTED, "err_hf_bitsandbytes", "path",
		       "config.json");
	assert_ok(parse_with("\"quantization_config\": null"));
}

static void what_llama_cpp_would_drop_is_refused(void **state)
{
	static const struct {
		const char *architecture, *member, *field;
	} cases[] = {
		{ "SmolLM3ForCausalLM", "\"no_rope_layers\": [1, 1, 0, 1]", "no_rope_layers" },
		{ "SmolLM3ForCausalLM", "\"no_rope_layer_interval\": 2", "no_rope_layer_interval" },
		{ "Gemma2ForCausalLM", "\"rope_theta\": 20000", "rope_theta" },
		{ "Gemma3ForCausalLM", "\"sliding_window_pattern\": 4", "sliding_window_pattern" },
		{ "Gemma3ForCausalLM", "\"layer_types\": [\"full_attention\", \"sliding_attention\"]", "layer_types" },
		{ "LlamaForCausalLM", "\"partial_rotary_factor\": 0.5", "partial_rotary_factor" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = arena_printf(arena, "{" LLAMA ", %s, \"text_config\": {\"architectures\": [\"%s\"]}}",
						cases[i].member, cases[i].architecture);
		if (parse(text) != ERR_UNSUPPORTED)
			fail_msg("%s: \"%s\"", cases[i].member, err.key);
		assert_err(&err, "err_hf_config_ignored");
		assert_arg(&err, "field", cases[i].field);
	}
	assert_ok(parse("{" LLAMA ", \"text_config\": {\"architectures\": [\"SmolLM3ForCausalLM\"]}, \"no_rope_layers\": [1, 1]}"));
}

static void scalings_that_an_architecture_lacks_are_refused(void **state)
{
	(void)state;
	assert_refused("\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]}", ERR_UNSUPPORTED,
		       "err_hf_rope", "type", "longrope");
	assert_refused("\"rope_scaling\": {\"rope_type\": \"spiral\"}", ERR_UNSUPPORTED, "err_hf_rope", "type", "spiral");
	const char *qwen = "{" LLAMA ", \"num_key_value_heads\": 2, \"rope_scaling\": {\"rope_type\": \"llama3\"}, \"text_config\": "
			   "{\"architectures\": [\"Qwen2ForCausalLM\"]}}";
	assert_int_equal(parse(qwen), ERR_UNSUPPORTED);
	assert_err(&err, "err_hf_rope");
}

static void phi3_factor_lists_fit_the_head(void **state)
{
	static const char *const phi =
		"{" LLAMA ", \"num_key_value_heads\": 2, \"text_config\": {\"architectures\": [\"Phi3ForCausalLM\"]}, "
		"\"rope_scaling\": {\"type\": \"su\", \"short_factor\": [%s], \"long_factor\": [%s]}}";
	static const char *const eight = "1, 1, 1, 1, 1, 1, 1, 2", *const two = "1, 2";
	(void)state;
	assert_ok(parse(arena_printf(arena, phi, eight, eight)));
	assert_int_equal(config.rope.n_factors, 8);
	assert_near(config.rope.long_factors[7], 2, 0);
	assert_int_equal(parse(arena_printf(arena, phi, two, two)), ERR_DATA);
	assert_int_equal(parse(arena_printf(arena, phi, two, eight)), ERR_DATA);
	assert_int_equal(parse(arena_printf(arena, phi, "", eight)), ERR_DATA);
	assert_int_equal(parse(arena_printf(arena, phi, "\"1\"", eight)), ERR_DATA);
}

static void names_of_models_are_told_from_paths(void **state)
{
	(void)state;
	assert_ok(parse_with("\"_name_or_path\": \"meta-llama/Llama-2-7b-hf\""));
	assert_string_equal(config.name, "Llama-2-7b-hf");
	assert_ok(parse_with("\"_name_or_path\": \"/home/me/models/x\""));
	assert_null(config.name);
	assert_ok(parse_with("\"_name_or_path\": \"\""));
	assert_null(config.name);
	assert_ok(parse_with("\"_name_or_path\": 7"));
	assert_null(config.name);
}

static void a_folder_without_a_configuration_says_so(void **state)
{
	(void)state;
	hf_config_release(&config);
	err = (struct err){ 0 };
	assert_int_equal(hf_config_read(arena, "/nonexistent", &config, &err), ERR_NOT_FOUND);
	assert_err(&err, "err_hf_no_config");
}

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hf_config_release(&config);
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_absent_has_the_value_of_transformers),
		cmocka_unit_test(a_mark_in_front_and_bare_nan_are_read),
		cmocka_unit_test(numbers_that_no_model_has_are_named),
		cmocka_unit_test(other_architectures_are_named),
		cmocka_unit_test(quantized_weights_are_refused),
		cmocka_unit_test(what_llama_cpp_would_drop_is_refused),
		cmocka_unit_test(scalings_that_an_architecture_lacks_are_refused),
		cmocka_unit_test(phi3_factor_lists_fit_the_head),
		cmocka_unit_test(names_of_models_are_told_from_paths),
		cmocka_unit_test(a_folder_without_a_configuration_says_so),
	};
	return cmocka_run_group_tests_name("hf_config", tests, setup, teardown);
}
