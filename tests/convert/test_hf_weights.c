/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be wrong with the files of a Hugging Face folder. */
#include "support/check.h"

#include "convert/hf_convert.h"
#include "model/hf_weights.h"
#include "support/hf_files.h"

static struct temp temp;
static json_t *golden;
static struct err err;
static int serial;

static json_t *model_of(const char *name)
{
	return json_deep_copy(json_object_get(golden, name));
}

/* A new folder. */
static const char *folder_of(const json_t *model)
{
	return hf_folder(&temp, arena_printf(temp.arena, "folder-%d", ++serial), model);
}

static const char *in_folder(const char *name)
{
	return arena_printf(temp.arena, "folder-%d/%s", serial, name);
}

static const char *folder_with(const char *file, const char *content)
{
	json_t *model = model_of("smollm3-bf16");
	serial++;
	hf_json(&temp, in_folder("config.json"), json_object_get(model, "config"));
	if (file)
		temp_text(&temp, in_folder(file), content);
	json_decref(model);
	return temp_path(&temp, arena_printf(temp.arena, "folder-%d", serial));
}

static enum err_code convert(const char *dir)
{
	struct hf_convert_options o = { .no_tokenizer = true };
	struct hf_convert_facts facts;
	err = (struct err){ 0 };
	return hf_convert_size(dir, &o, &facts, &err);
}

static void assert_refused(const char *dir, enum err_code code, const char *key, const char *arg, const char *value)
{
	if (convert(dir) != code)
		fail_msg("expected %s, got \"%s\" (%s)", key, err.key, err.args);
	assert_err(&err, key);
	if (arg)
		assert_arg(&err, arg, value);
}

/* --- shards --- */

static void tensors_are_in_the_order_of_the_converter(void **state)
{
	json_t *model = model_of("llama3-bf16");
	(void)state;
	struct hf_weights *w = hf_weights_open(folder_of(model), &err);
	assert_non_null(w);
	assert_int_equal(hf_weights_count(w), json_array_size(json_object_get(model, "tensors")));
	for (size_t i = 1; i < hf_weights_count(w); i++) {
		const struct hf_tensor *a = hf_weights_at(w, i - 1), *b = hf_weights_at(w, i);
		char x[200], y[200];
		snprintf(x, sizeof(x), "%.*s", (int)a->name.len, a->name.ptr);
		snprintf(y, sizeof(y), "%.*s", (int)b->name.len, b->name.ptr);
		assert_true(a->file != b->file || strcmp(x, y) < 0);
	}
	hf_weights_close(w);
	json_decref(model);
}

static void a_missing_shard_is_named(void **state)
{
	json_t *model = model_of("llama3-bf16");
	const char *dir = folder_of(model);
	(void)state;
	assert_ok(convert(dir));
	remove(temp_path(&temp, in_folder("model-00002-of-00003.safetensors")));
	assert_refused(dir, ERR_DATA, "err_hf_shard_missing", "name", "model-00002-of-00003.safetensors");
	remove(temp_path(&temp, in_folder("model.safetensors.index.json"))); /* without the index their names tell */
	assert_refused(dir, ERR_DATA, "err_hf_shard_missing", "name", "model-00002-of-00003.safetensors");
	json_decref(model);
}

static void shards_need_no_index(void **state)
{
	json_t *model = model_of("llama3-bf16");
	const char *dir = folder_of(model);
	(void)state;
	remove(temp_path(&temp, in_folder("model.safetensors.index.json")));
	assert_ok(convert(dir));
	json_decref(model);
}

static void index_and_files_must_agree(void **state)
{
	json_t *model = model_of("llama3-bf16"), *tensors = json_object_get(model, "tensors"), *root;
	const char *dir = folder_of(model), *index = in_folder("model.safetensors.index.json");
	struct buf text = BUF_INIT(1 * MIB);
	(void)state;
	assert_ok(fs_read(temp_path(&temp, index), &text, &err));
	root = json_parse(buf_str(&text), "index", &err);
	json_t *map = json_object_get(root, "weight_map");
	json_object_set_new(map, "model.layers.9.extra.weight", json_string("model-00001-of-00003.safetensors"));
	hf_json(&temp, index, root);
	assert_refused(dir, ERR_DATA, "err_hf_tensor_missing", "tensor", "model.layers.9.extra.weight");
	json_object_del(map, "model.layers.9.extra.weight");
	json_object_del(map, json_string_value(json_array_get(json_array_get(tensors, 4), 0)));
	hf_json(&temp, index, root);
	assert_refused(dir, ERR_DATA, "err_hf_index_differs", "tensor", json_string_value(json_array_get(json_array_get(tensors, 4), 0)));
	json_decref(root);
	buf_release(&text);
	json_decref(model);
}

static void a_tensor_in_two_files_is_refused(void **state)
{
	json_t *model = model_of("smollm3-bf16");
	const char *dir = folder_of(model);
	(void)state;
	hf_safetensors(&temp, in_folder("model-old.safetensors"), json_object_get(model, "tensors"), 3, 4);
	assert_refused(dir, ERR_DATA, "err_hf_tensor_twice", "tensor",
		       json_string_value(json_array_get(json_array_get(json_object_get(model, "tensors"), 3), 0)));
	json_decref(model);
}

static void an_index_points_nowhere_else(void **state)
{
	static const char *const files[] = { "../model.safetensors", "/etc/passwd", "", "model.bin", ".hidden.safetensors", "a/b.safetensors" };
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		json_t *root = json_pack("{s:{s:s}}", "weight_map", "x", files[i]);
		struct buf text = BUF_INIT(4096);
		json_write(&text, root);
		err = (struct err){ 0 };
		assert_int_equal(hf_index_parse(buf_str(&text), "index", NULL, NULL, &err), ERR_DATA);
		assert_err(&err, "err_hf_index");
		assert_arg(&err, "tensor", "x");
		buf_release(&text);
		json_decref(root);
	}
	assert_int_equal(hf_index_parse(STR("{}"), "index", NULL, NULL, &err), ERR_DATA);
	assert_int_equal(hf_index_parse(STR("{\"weight_map\": {}}"), "index", NULL, NULL, &err), ERR_DATA);
	assert_int_equal(hf_index_parse(STR("{\"weight_map\": {\"a\": 1}}"), "index", NULL, NULL, &err), ERR_DATA);
}

static void folders_with_too_many_files_are_refused(void **state)
{
	json_t *map = json_object(), *root = json_pack("{s:o}", "weight_map", map);
	(void)state;
	const char *dir = folder_with(NULL, NULL);
	for (int i = 0; i <= LIMIT_WEIGHT_FILES + 2; i++)
		json_object_set_new(map, arena_printf(temp.arena, "t%d", i), json_sprintf("model-%d.safetensors", i));
	hf_json(&temp, in_folder("model.safetensors.index.json"), root);
	assert_refused(dir, ERR_LIMIT, "err_hf_many_files", "limit", "1024");
	assert_refused(dir, ERR_LIMIT, "err_hf_many_files", "found", "1027");
	for (int i = 7; i < 10; i++)
		json_object_del(map, arena_printf(temp.arena, "t%d", i));
	hf_json(&temp, in_folder("model.safetensors.index.json"), root);
	assert_refused(dir, ERR_DATA, "err_hf_shard_missing", "name", "model-0.safetensors");
	json_decref(root);
}

/* --- other forms --- */

static void other_forms_are_recognized(void **state)
{
	(void)state;
	assert_refused(folder_with("pytorch_model-00001-of-00002.bin", "PK"), ERR_UNSUPPORTED, "err_pickle_weights", NULL, NULL);
	assert_refused(folder_with("consolidated.00.pth", "PK"), ERR_UNSUPPORTED, "err_file_pickle", NULL, NULL);
	assert_refused(folder_with("hf_model_0001_0.pt", "PK"), ERR_UNSUPPORTED, "err_pickle_torchtune", NULL, NULL);
	assert_refused(folder_with("global_step40/zero_pp_rank_0_mp_rank_00_model_states.pt", "PK"), ERR_UNSUPPORTED,
		       "err_sharded_state", NULL, NULL);
	assert_refused(folder_with("pytorch_model_fsdp_0/__0_0.distcp", "PK"), ERR_UNSUPPORTED, "err_sharded_fsdp", NULL, NULL);
	assert_refused(folder_with("__0_0.distcp", "PK"), ERR_UNSUPPORTED, "err_sharded_fsdp", NULL, NULL);
	assert_refused(folder_with("adapter_model.safetensors", "x"), ERR_UNSUPPORTED, "err_hf_adapter", NULL, NULL);
	assert_refused(folder_with(NULL, NULL), ERR_NOT_FOUND, "err_hf_no_weights", NULL, NULL);
	assert_refused(folder_with("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"), ERR_DATA,
		       "err_file_lfs_pointer", NULL, NULL);
}

/* --- tensors --- */

static void set_tensor(json_t *model, size_t i, const char *name, const char *dtype, json_t *shape)
{
	json_t *one = json_array_get(json_object_get(model, "tensors"), i);
	if (name)
		json_array_set_new(one, 0, json_string(name));
	if (dtype)
		json_array_set_new(one, 1, json_string(dtype));
	if (shape)
		json_array_set_new(one, 2, shape);
}

static void tensors_that_do_not_fit_are_named(void **state)
{
	json_t *model = model_of("smollm3-bf16");
	(void)state;
	set_tensor(model, 1, NULL, NULL, json_pack("[i, i]", 32, 64));
	assert_refused(folder_of(model), ERR_DATA, "err_hf_tensor_shape", "wanted", "64 x 64");
	assert_arg(&err, "found", "32 x 64");
	assert_arg(&err, "tensor", "model.layers.0.self_attn.q_proj.weight");
	set_tensor(model, 1, NULL, NULL, json_pack("[i, i]", 64, 64));
	set_tensor(model, 8, NULL, NULL, json_pack("[i, i]", 1, 64)); /* a norm is a vector */
	assert_refused(folder_of(model), ERR_DATA, "err_hf_tensor_shape", "wanted", "64");
	json_decref(model);
}

static void tensors_of_no_such_model_are_named(void **state)
{
	static const char *const names[] = { "model.layers.2.mlp.up_proj.weight", "model.layers.0.mlp.experts.0.up_proj.weight",
					     "model.layers.0.input_layernorm.bias", "model.layers.0.self_attn.q_norm.weight",
					     "score.weight", "model.layers.x.mlp.up_proj.weight", "model.embed_tokens.scale" };
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *model = model_of("smollm3-bf16");
		json_array_append_new(json_object_get(model, "tensors"), json_pack("[s, s, [i]]", names[i], "BF16", 4));
		assert_refused(folder_of(model), ERR_UNSUPPORTED, "err_hf_tensor_unknown", "tensor", names[i]);
		json_decref(model);
	}
}

static void missing_tensors_are_named(void **state)
{
	json_t *model = model_of("qwen2-yarn"), *tensors = json_object_get(model, "tensors");
	(void)state;
	for (size_t i = json_array_size(tensors); i-- > 0;) {
		const char *name = json_string_value(json_array_get(json_array_get(tensors, i), 0));
		if (strstr(name, "layers.1.self_attn.k_proj"))
			json_array_remove(tensors, i);
	}
	assert_refused(folder_of(model), ERR_DATA, "err_hf_tensor_missing", "tensor", "model.layers.1.self_attn.k_proj.weight");
	assert_arg(&err, "n", "2"); /* Qwen2 has a bias there */
	json_decref(model);
	model = model_of("smollm3-bf16");
	json_object_set_new(json_object_get(model, "config"), "tie_word_embeddings", json_false());
	assert_refused(folder_of(model), ERR_DATA, "err_hf_tensor_missing", "tensor", "lm_head.weight");
	json_decref(model);
}

static void two_names_of_one_tensor_are_refused(void **state)
{
	json_t *model = model_of("smollm3-bf16");
	(void)state;
	json_array_append_new(json_object_get(model, "tensors"),
			      json_pack("[s, s, [i]]", "language_model.model.norm.weight", "BF16", 64));
	assert_refused(folder_of(model), ERR_DATA, "err_hf_tensor_twice", "tensor", "output_norm.weight");
	json_decref(model);
}

/* The test's writer knows no 8-bit type: the header of one is made here. */
static void values_of_other_types_are_named(void **state)
{
	static const char head[] = "{\"model.norm.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":[64],\"data_offsets\":[0,64]}}";
	const char *dir = folder_with(NULL, NULL);
	struct buf file = BUF_INIT(4096);
	char zeros[64] = { 0 };
	(void)state;
	buf_add_u64le(&file, sizeof(head) - 1);
	buf_add_text(&file, head);
	buf_add(&file, zeros, sizeof(zeros));
	temp_file(&temp, in_folder("model.safetensors"), file.ptr, file.len);
	buf_release(&file);
	assert_refused(dir, ERR_UNSUPPORTED, "err_hf_tensor_type", "type", "F8_E4M3");
}

static int setup(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(1 * MIB);
	temp_open(&temp);
	if (fs_read(TEST_ROOT "/tests/golden/hf_convert.json", &text, NULL) != ERR_OK)
		return -1;
	golden = json_parse(buf_str(&text), "hf_convert.json", NULL);
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
		cmocka_unit_test(tensors_are_in_the_order_of_the_converter),
		cmocka_unit_test(a_missing_shard_is_named),
		cmocka_unit_test(shards_need_no_index),
		cmocka_unit_test(index_and_files_must_agree),
		cmocka_unit_test(a_tensor_in_two_files_is_refused),
		cmocka_unit_test(an_index_points_nowhere_else),
		cmocka_unit_test(folders_with_too_many_files_are_refused),
		cmocka_unit_test(other_forms_are_recognized),
		cmocka_unit_test(tensors_that_do_not_fit_are_named),
		cmocka_unit_test(tensors_of_no_such_model_are_named),
		cmocka_unit_test(missing_tensors_are_named),
		cmocka_unit_test(two_names_of_one_tensor_are_refused),
		cmocka_unit_test(values_of_other_types_are_named),
	};
	return cmocka_run_group_tests_name("hf_weights", tests, setup, teardown);
}
