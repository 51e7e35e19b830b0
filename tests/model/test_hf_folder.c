/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders with full weights: what they hold, which belong together, and when two are the same. */
#include "support/check.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/catalogue.h"
#include "model/hf_compare.h"
#include "model/hf_folder.h"
#include "support/model_files.h"

static struct temp temp;
static struct arena *arena;

static const char llama[] = "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 64, \"num_attention_heads\": 4,"
			    " \"num_key_value_heads\": 2, \"intermediate_size\": 96, \"vocab_size\": 100, \"num_hidden_layers\": 3, \"max_position_embeddings\": 2048,"
			    " \"_name_or_path\": \"org/Base-1B\", \"torch_dtype\": \"bfloat16\"}";

static void write_weights(const char *path, int seed)
{
	struct tiny_st st = tiny_st_new();
	uint16_t values[32];
	for (int i = 0; i < 32; i++)
		values[i] = (uint16_t)(seed * 100 + i);
	tiny_st_add(&st, "model.embed_tokens.weight", "BF16", 8, 4, values, sizeof values);
	tiny_st_add(&st, "model.norm.weight", "F32", 1, 4, values, 16);
	tiny_st_write(&st, &temp, path);
}

/* A folder with these weights; `config` NULL: a llama. */
static const char *folder(const char *name, const char *config, int seed)
{
	char path[256];
	snprintf(path, sizeof path, "%s/config.json", name);
	temp_text(&temp, path, config ? config : llama);
	snprintf(path, sizeof path, "%s/model.safetensors", name);
	write_weights(path, seed);
	return arena_strdup(arena, temp_path(&temp, name));
}

static struct catalogue scan(const char *name)
{
	struct catalogue c;
	struct err err = { 0 };
	assert_ok(catalogue_scan(arena, *name ? temp_path(&temp, name) : temp.dir, &c, NULL, &err));
	return c;
}

static void a_folder_tells_what_it_holds(void **state)
{
	(void)state;
	struct found_model m;
	struct err err = { 0 };
	const char *dir = folder("Base-1B", NULL, 1);
	assert_ok(hf_folder_read(arena, dir, &m, &err));
	assert_string_equal(m.name, "Base-1B");
	assert_string_equal(m.architecture, "llama");
	assert_string_equal(m.file_type, "BF16");
	assert_string_equal(m.base_name, "org/Base-1B");
	assert_int_equal(m.n_params, 36);
	assert_int_equal(m.size_bytes, 80);
	assert_int_equal(m.n_layer, 3);
	assert_int_equal(m.n_ctx_train, 2048);
	assert_int_equal(m.kv_bytes_per_token, 3 * 2 * 16 * 4);
	assert_false(m.has_template);
	temp_text(&temp, "Base-1B/tokenizer_config.json", "{\"chat_template\": \"x\"}");
	assert_ok(hf_folder_read(arena, dir, &m, &err));
	assert_true(m.has_template);
	assert_true(hf_folder_is(dir));
	assert_false(hf_folder_is(temp.dir));
}

static void a_text_part_has_its_own_numbers(void **state)
{
	(void)state;
	struct found_model m;
	struct err err = { 0 };
	const char *dir = folder("gemma", "{\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"text_config\": {\"num_hidden_layers\": 5,"
					  " \"head_dim\": 8, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"hidden_size\": 16,"
					  " \"max_position_embeddings\": 99}}", 1);
	assert_ok(hf_folder_read(arena, dir, &m, &err));
	assert_string_equal(m.architecture, "gemma3");
	assert_int_equal(m.n_layer, 5);
	assert_int_equal(m.kv_bytes_per_token, 5 * 1 * 8 * 4);
}

static void numbers_that_are_absurd_are_refused(void **state)
{
	(void)state;
	struct found_model m;
	struct err err = { 0 };
	const char *dir = folder("huge", "{\"architectures\": [\"LlamaForCausalLM\"], \"num_hidden_layers\": 9223372036854775807}", 1);
	assert_int_equal(hf_folder_read(arena, dir, &m, &err), ERR_DATA);
	assert_err(&err, "err_hf_config_field");
}

static void shards_count_together(void **state)
{
	(void)state;
	struct found_model m;
	struct err err = { 0 };
	struct tiny_st one = tiny_st_new(), two = tiny_st_new();
	uint16_t values[32] = { 0 };
	temp_text(&temp, "s/config.json", llama);
	tiny_st_add(&one, "a", "BF16", 8, 4, values, sizeof values);
	tiny_st_add(&two, "b", "BF16", 2, 4, values, 16);
	tiny_st_write(&one, &temp, "s/model-00001-of-00002.safetensors");
	tiny_st_write(&two, &temp, "s/model-00002-of-00002.safetensors");
	temp_text(&temp, "s/model.safetensors.index.json",
		  "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\", \"b\": \"model-00002-of-00002.safetensors\"}}");
	assert_ok(hf_folder_read(arena, temp_path(&temp, "s"), &m, &err));
	assert_int_equal(m.n_params, 40);
	assert_int_equal(m.size_bytes, 80);
	unlink(temp_path(&temp, "s/model-00001-of-00002.safetensors"));
	assert_int_equal(hf_folder_read(arena, temp_path(&temp, "s"), &m, &err), ERR_DATA);
	assert_err(&err, "err_hf_shard_missing");
}

static void a_run_with_checkpoints_is_a_family(void **state)
{
	(void)state;
	folder("acme/checkpoint-20", NULL, 1);
	folder("acme/checkpoint-40", NULL, 2);
	folder("acme", NULL, 2); /* the last one, saved again */
	temp_text(&temp, "acme/checkpoint-20/trainer_state.json", "{\"epoch\": 1.0, \"global_step\": 20, \"num_train_epochs\": 3}");
	temp_text(&temp, "acme/checkpoint-40/trainer_state.json", "{\"epoch\": 2.0, \"global_step\": 40, \"num_train_epochs\": 3}");
	struct catalogue c = scan("acme");
	assert_int_equal(c.n_models, 0);
	assert_int_equal(c.n_refusals, 0);
	assert_int_equal(c.n_families, 1);
	const struct found_family *f = &c.families[0];
	assert_string_equal(f->name, "acme");
	assert_string_equal(f->base_name, "org/Base-1B");
	assert_int_equal(f->n_checkpoints, 2);
	assert_int_equal(f->num_train_epochs, 3);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(f->checkpoints[i].kind, MODEL_FULL);
		assert_int_equal(f->checkpoints[i].adapter_format, ADAPTER_NONE);
		assert_true(f->checkpoints[i].epoch == (double)(i + 1));
	}
	folder("acme", NULL, 3); /* another than all checkpoints */
	c = scan("acme");
	assert_int_equal(c.families[0].n_checkpoints, 3);
	assert_true(isnan(c.families[0].checkpoints[2].epoch));
}

/* As torchtune leaves an epoch: merged weights and the adapter that went into them. */
static void epoch_with_both(const char *name, const char *adapter)
{
	static const char nameless[] = "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 64, \"num_attention_heads\": 4,"
				       " \"intermediate_size\": 96, \"vocab_size\": 100, \"num_hidden_layers\": 3,"
				       " \"max_position_embeddings\": 2048}";
	tiny_adapter(&temp, name, adapter, 1);
	folder(name, nameless, 1);
}

static const struct found_family *only_family(const char *name)
{
	struct catalogue c = scan(name);
	assert_int_equal(c.n_models, 0);
	assert_int_equal(c.n_refusals, 0);
	assert_int_equal(c.n_families, 1);
	return &c.families[0];
}

static void what_torchtune_merged_goes_before_its_adapter(void **state)
{
	(void)state;
	epoch_with_both("tune/epoch_0", "");
	epoch_with_both("tune/epoch_1", "");
	temp_text(&temp, "tune/recipe_state/recipe_state.pt", "PK");
	const struct found_family *f = only_family("tune");
	assert_int_equal(f->n_checkpoints, 2);
	assert_int_equal(f->checkpoints[1].kind, MODEL_FULL);
	assert_string_equal(f->checkpoints[1].architecture, "llama");
	assert_string_equal(f->checkpoints[1].base_name, "acme/Tiny-Test"); /* as the adapter says */
	assert_true(f->checkpoints[1].epoch == 2);

	epoch_with_both("old/epoch_0", "");
	temp_text(&temp, "old/epoch_0/recipe_state.pt", "PK");
	assert_int_equal(only_family("old")->checkpoints[0].kind, MODEL_FULL);
	/* What was merged cannot be read: the adapter can. */
	temp_text(&temp, "old/epoch_0/config.json", "{\"architectures\": [\"MambaForCausalLM\"]}");
	assert_int_equal(only_family("old")->checkpoints[0].kind, MODEL_ADAPTER);
}

static void weights_beside_an_adapter_stand_in_for_it(void **state)
{
	(void)state;
	epoch_with_both("run/checkpoint-5", ""); /* the weights may be the base's own */
	assert_int_equal(only_family("run")->checkpoints[0].kind, MODEL_ADAPTER);
	temp_text(&temp, "run/checkpoint-5/adapter_config.json", "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4}");
	assert_int_equal(only_family("run")->checkpoints[0].kind, MODEL_FULL); /* of no base that is known */

	epoch_with_both("dora/checkpoint-5", ",\"use_dora\":true");
	const struct found_family *f = only_family("dora");
	assert_int_equal(f->checkpoints[0].kind, MODEL_FULL);
	assert_string_equal(f->checkpoints[0].base_name, "acme/Tiny-Test");

	epoch_with_both("cut/checkpoint-5", "");
	temp_text(&temp, "cut/checkpoint-5/adapter_model.safetensors", "<html>");
	assert_int_equal(only_family("cut")->checkpoints[0].kind, MODEL_FULL);
	temp_text(&temp, "cut/checkpoint-5/model.safetensors", "<html>");
	struct catalogue c = scan("cut");
	assert_int_equal(c.n_families, 0);
	assert_int_equal(c.n_refusals, 1);
	assert_err(&c.refusals[0].err, "err_file_html");
}

static void a_folder_alone_is_a_base(void **state)
{
	(void)state;
	folder("models/Base-1B", NULL, 1);
	folder("cache/models--org--Other-7B/snapshots/0123abcd", NULL, 2);
	struct catalogue c = scan("");
	assert_int_equal(c.n_models, 2);
	assert_int_equal(c.n_families, 0);
	assert_string_equal(c.models[0].name, "Base-1B");
	assert_string_equal(c.models[1].name, "org/Other-7B");
	assert_int_equal(c.models[0].kind, MODEL_BASE);
	/* What was meant by one of its files is the folder. */
	c = scan("models/Base-1B/model.safetensors");
	assert_int_equal(c.n_models, 1);
}

static void a_key_knows_content_and_not_place(void **state)
{
	(void)state;
	uint8_t a[HASH_SIZE], b[HASH_SIZE];
	struct err err = { 0 };
	const char *dir = folder("one", NULL, 1);
	assert_ok(hf_folder_key(dir, a, &err));
	const char *moved = arena_strdup(arena, temp_path(&temp, "two"));
	assert_int_equal(rename(dir, moved), 0);
	assert_ok(hf_folder_key(moved, b, &err));
	assert_memory_equal(a, b, HASH_SIZE);
	temp_text(&temp, "two/tokenizer_config.json", "{\"chat_template\": \"another\"}");
	assert_ok(hf_folder_key(moved, b, &err));
	assert_memory_not_equal(a, b, HASH_SIZE);
	unlink(temp_path(&temp, "two/tokenizer_config.json"));
	assert_ok(hf_folder_key(moved, b, &err));
	assert_memory_equal(a, b, HASH_SIZE);
	write_weights("two/model.safetensors", 7);
	assert_ok(hf_folder_key(moved, b, &err));
	assert_memory_not_equal(a, b, HASH_SIZE);
}

static void weights_are_compared_by_samples(void **state)
{
	(void)state;
	const char *a = folder("a", NULL, 1), *b = folder("b", NULL, 1), *c = folder("c", NULL, 2);
	assert_true(hf_folder_same_weights(a, b));
	assert_false(hf_folder_same_weights(a, c));
	assert_false(hf_folder_same_weights(a, temp_path(&temp, "nowhere")));
}

static void what_changed_is_told_tensor_by_tensor(void **state)
{
	(void)state;
	struct hf_changes c;
	struct err err = { 0 };
	uint16_t values[32] = { 7 };
	const char *a = folder("a", NULL, 1), *b = folder("b", NULL, 1);
	assert_ok(hf_compare(arena, a, b, &c, NULL, &err));
	assert_int_equal(c.n_tensors, 2);
	assert_int_equal(c.n_changed + c.n_added + c.n_missing, 0);
	/* Other bytes, another shape of the same bytes, one more, one less. */
	struct tiny_st st = tiny_st_new();
	tiny_st_add(&st, "model.embed_tokens.weight", "BF16", 4, 8, values, sizeof values);
	tiny_st_add(&st, "lm_head.weight", "F32", 1, 4, values, 16);
	tiny_st_write(&st, &temp, "b/model.safetensors");
	assert_ok(hf_compare(arena, a, b, &c, NULL, &err));
	assert_int_equal(c.n_changed, 1);
	assert_string_equal(c.names[0], "model.embed_tokens.weight");
	assert_int_equal(c.n_added, 1);
	assert_int_equal(c.n_missing, 1);
	atomic_bool cancel = true;
	assert_int_equal(hf_compare(arena, a, a, &c, &cancel, &err), ERR_CANCELLED);
	assert_int_not_equal(hf_compare(arena, a, temp_path(&temp, "nowhere"), &c, NULL, &err), ERR_OK);
}

static int open_temp(void **state)
{
	(void)state;
	temp_open(&temp);
	arena = arena_new();
	return 0;
}

static int close_temp(void **state)
{
	(void)state;
	arena_free(arena);
	temp_close(&temp);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_temp, close_temp)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_tells_what_it_holds),
		TEST(a_text_part_has_its_own_numbers),
		TEST(numbers_that_are_absurd_are_refused),
		TEST(shards_count_together),
		TEST(a_run_with_checkpoints_is_a_family),
		TEST(what_torchtune_merged_goes_before_its_adapter),
		TEST(weights_beside_an_adapter_stand_in_for_it),
		TEST(a_folder_alone_is_a_base),
		TEST(a_key_knows_content_and_not_place),
		TEST(weights_are_compared_by_samples),
		TEST(what_changed_is_told_tensor_by_tensor),
	};
	return cmocka_run_group_tests_name("hf_folder", tests, NULL, NULL);
}
