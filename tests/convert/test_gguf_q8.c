/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "convert/gguf_q8.h"
#include "model/quant_types.h"
#include "support/hf_files.h"
#include "support/model_files.h"

static struct temp temp;

static void *bytes_of(const struct gguf *g, const struct gguf_tensor *t)
{
	struct err err = { 0 };
	void *bytes = mem_alloc((size_t)t->size + 1);
	assert_ok(gguf_read_data(g, t, 0, bytes, (size_t)t->size, &err));
	return bytes;
}

static void assert_same_tensors(const char *name, const struct gguf *a, const struct gguf *b)
{
	assert_int_equal(gguf_n_tensors(a), gguf_n_tensors(b));
	for (size_t i = 0; i < gguf_n_tensors(a); i++) {
		const struct gguf_tensor *x = gguf_tensor_at(a, i), *y = gguf_tensor_at(b, i);
		assert_string_equal(x->name, y->name);
		if (x->type != y->type || x->size != y->size)
			fail_msg("%s: %s has type %u instead of %u", name, x->name, x->type, y->type);
		void *of_x = bytes_of(a, x), *of_y = bytes_of(b, y);
		if (memcmp(of_x, of_y, (size_t)x->size) != 0)
			fail_msg("%s: %s has other values", name, x->name);
		mem_free(of_x);
		mem_free(of_y);
	}
}

static struct gguf *made(const char *from, const char *name)
{
	struct err err = { 0 };
	const char *out = temp_path(&temp, name);
	uint64_t size = 0;
	assert_ok(gguf_q8_size(from, &size, &err));
	assert_ok(gguf_q8_convert(from, out, NULL, NULL, NULL, &err));
	struct gguf *g = gguf_open(out, &err);
	assert_err(&err, "");
	assert_int_equal(gguf_file_size(g), size);
	return g;
}

/* That path equals llama.cpp's converter (test_hf_convert.c), which quantizes the folder's own values. */
static void it_is_what_a_folder_becomes_at_once(void **state)
{
	struct buf text = BUF_INIT(1 * MIB);
	struct err err = { 0 };
	const char *name;
	json_t *model;
	(void)state;
	assert_ok(fs_read(TEST_ROOT "/tests/golden/hf_convert.json", &text, &err));
	json_t *golden = json_parse(buf_str(&text), "golden", &err);
	assert_true(json_object_size(golden) >= 17);
	json_object_foreach (golden, name, model) {
		const char *dir = hf_folder(&temp, name, model);
		const char *whole = temp_path(&temp, arena_printf(temp.arena, "%s-f32.gguf", name));
		const char *direct = temp_path(&temp, arena_printf(temp.arena, "%s-direct.gguf", name));
		struct hf_convert_options as_f32 = { .type = HF_F32, .no_tokenizer = true }, as_q8 = as_f32;
		as_q8.type = HF_Q8_0;
		assert_ok(hf_convert(dir, whole, &as_f32, NULL, &err));
		assert_ok(hf_convert(dir, direct, &as_q8, NULL, &err));
		struct gguf *expected = gguf_open(direct, &err), *g = made(whole, arena_printf(temp.arena, "%s-q8.gguf", name));
		assert_same_tensors(name, g, expected);
		gguf_close(expected);
		gguf_close(g);
	}
	json_decref(golden);
	buf_release(&text);
}

static void keys_stay_and_the_type_is_said(void **state)
{
	const char *path = tiny_model_write(temp_path(&temp, "keys.gguf"), (struct tiny_model){ .untied = true });
	struct gguf *from = gguf_open(path, NULL), *g = made(path, "keys-q8.gguf");
	uint64_t type = 0, version = 0;
	(void)state;
	for (size_t i = 0; i < gguf_n_keys(from); i++)
		assert_int_equal(gguf_key_type(g, gguf_key_at(from, i)), gguf_key_type(from, gguf_key_at(from, i)));
	assert_true(gguf_get_u64(g, "general.file_type", &type) && gguf_get_u64(g, "general.quantization_version", &version));
	assert_int_equal(type, 7);
	assert_int_equal(version, 2);
	assert_int_equal(gguf_array_len(g, "tokenizer.ggml.tokens"), 3);
	assert_true(quant_is_quantized(g) && !quant_is_quantized(from));
	assert_true(gguf_file_size(g) < gguf_file_size(from));
	gguf_close(from);
	gguf_close(g);
}

static const char *odd_model(const char *name)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	gguf_writer_text(f.w, "general.architecture", "llama");
	gguf_writer_u32(f.w, "general.alignment", 32);
	tiny_tensor(&f, "token_embd.weight", GGML_ID_BF16, 64, 48);
	tiny_tensor(&f, "blk.0.attn_norm.weight", GGML_ID_F32, 64, 2);
	tiny_tensor(&f, "blk.0.attn_q.weight", GGML_ID_F32, 40, 64); /* no whole blocks */
	tiny_tensor(&f, "blk.0.attn_q.bias", GGML_ID_F32, 64, 0);
	tiny_tensor(&f, "blk.0.ffn_gate_inp.weight", GGML_ID_F32, 64, 8);
	tiny_tensor(&f, "blk.0.ffn_up.weight", GGML_ID_F32, 64, 128);
	return tiny_finish(&f, temp_path(&temp, name));
}

static void only_matrices_of_whole_blocks_become_smaller(void **state)
{
	static const uint32_t types[] = { GGML_ID_Q8_0, GGML_ID_F32, GGML_ID_F16, GGML_ID_F32, GGML_ID_F32, GGML_ID_Q8_0 };
	struct gguf *g = made(odd_model("odd.gguf"), "odd-q8.gguf");
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(gguf_tensor_at(g, i)->type, types[i]);
	assert_int_equal(gguf_key_type(g, "general.alignment"), GGUF_VALUE_NONE);
	gguf_close(g);
}

/* As Q8_0 they would be some number, and nobody could see it any more. */
static void values_that_are_no_numbers_do_not_become_some(void **state)
{
	static const uint16_t nan = 0x7E00;
	struct tiny_file f = { .w = gguf_writer_new() };
	struct err err = { 0 };
	(void)state;
	gguf_writer_text(f.w, "general.architecture", "llama");
	tiny_tensor(&f, "token_embd.weight", GGML_ID_F16, 64, 48);
	const char *path = tiny_finish(&f, temp_path(&temp, "nan.gguf"));
	const char *out = temp_path(&temp, "nan-q8.gguf");
	assert_ok(gguf_q8_convert(path, out, NULL, NULL, NULL, &err));
	unlink(out);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &nan, 2, lseek(fd, 0, SEEK_END) - 2), 2);
	close(fd);
	assert_int_equal(gguf_q8_convert(path, out, NULL, NULL, NULL, &err), ERR_DATA);
	assert_err(&err, "err_values");
	assert_string_equal(err.args, "tensor=token_embd.weight");
	assert_false(fs_exists(out));
}

static void what_is_quantized_already_is_left_alone(void **state)
{
	struct err err = { 0 };
	bool wants = false;
	const char *path = tiny_model_write(temp_path(&temp, "wants.gguf"), (struct tiny_model){ .untied = true });
	(void)state;
	assert_ok(gguf_q8_wants(path, &wants, &err));
	assert_true(wants);
	gguf_close(made(path, "wants-not.gguf"));
	assert_ok(gguf_q8_wants(temp_path(&temp, "wants-not.gguf"), &wants, &err));
	assert_false(wants);
	assert_int_equal(gguf_q8_wants(temp_text(&temp, "broken.gguf", "GGUF"), &wants, NULL), ERR_DATA);
	assert_int_equal(gguf_q8_convert(temp_path(&temp, "none.gguf"), temp_path(&temp, "out.gguf"), NULL, NULL, NULL, NULL),
			 ERR_NOT_FOUND);
}

static void the_key_follows_from_the_file_and_not_from_its_place(void **state)
{
	const char *a = tiny_model_write(temp_path(&temp, "place.gguf"), (struct tiny_model){ 0 }), *b = temp_path(&temp, "other.gguf");
	uint8_t first[HASH_SIZE], second[HASH_SIZE];
	struct timespec later[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct err err = { 0 };
	(void)state;
	assert_ok(gguf_q8_key(a, first, &err));
	assert_int_equal(rename(a, b), 0);
	assert_ok(gguf_q8_key(b, second, &err));
	assert_memory_equal(first, second, HASH_SIZE);
	assert_int_equal(utimensat(AT_FDCWD, b, later, 0), 0);
	assert_ok(gguf_q8_key(b, second, &err));
	assert_memory_not_equal(first, second, HASH_SIZE);
	assert_int_equal(gguf_q8_key(a, first, NULL), ERR_NOT_FOUND);
}

static void stop_at_once(void *user, uint64_t done, uint64_t total)
{
	assert_true(done <= total);
	atomic_store((atomic_bool *)user, true);
}

static void what_is_broken_off_leaves_nothing_and_a_killed_one_gives_way(void **state)
{
	const char *path = tiny_model_write(temp_path(&temp, "stop.gguf"), (struct tiny_model){ 0 });
	const char *out = temp_path(&temp, "stop-q8.gguf"), *part = temp_path(&temp, "stop-q8.gguf.part");
	atomic_bool cancel = false;
	struct err err = { 0 };
	(void)state;
	assert_int_equal(gguf_q8_convert(path, out, stop_at_once, &cancel, &cancel, &err), ERR_CANCELLED);
	assert_false(fs_exists(out) || fs_exists(part));
	temp_text(&temp, "stop-q8.gguf.part", "left by a process that was killed");
	int fd = open(part, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0); /* and one that still writes */
	assert_int_equal(gguf_q8_convert(path, out, NULL, NULL, NULL, &err), ERR_BUSY);
	assert_err(&err, "err_convert_running");
	close(fd);
	gguf_close(made(path, "stop-q8.gguf"));
	assert_false(fs_exists(part));
}

static void a_split_model_becomes_one_file(void **state)
{
	struct err err = { 0 };
	(void)state;
	for (uint32_t no = 0; no < 2; no++) {
		struct tiny_file f = { .w = gguf_writer_new() };
		gguf_writer_text(f.w, "general.architecture", "llama");
		gguf_writer_u16(f.w, "split.no", (uint16_t)no);
		gguf_writer_u16(f.w, "split.count", 2);
		gguf_writer_u32(f.w, "split.tensors.count", 2);
		tiny_tensor(&f, no ? "blk.0.ffn_up.weight" : "token_embd.weight", GGML_ID_F16, 64, 48);
		tiny_finish(&f, temp_path(&temp, no ? "split-00002-of-00002.gguf" : "split-00001-of-00002.gguf"));
	}
	struct gguf *g = made(temp_path(&temp, "split-00001-of-00002.gguf"), "whole.gguf");
	assert_int_equal(gguf_n_tensors(g), 2);
	assert_int_equal(gguf_n_parts(g), 1);
	assert_int_equal(gguf_key_type(g, "split.count"), GGUF_VALUE_NONE);
	gguf_close(g);
	assert_err(&err, "");
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_a_folder_becomes_at_once),
		cmocka_unit_test(keys_stay_and_the_type_is_said),
		cmocka_unit_test(only_matrices_of_whole_blocks_become_smaller),
		cmocka_unit_test(values_that_are_no_numbers_do_not_become_some),
		cmocka_unit_test(what_is_quantized_already_is_left_alone),
		cmocka_unit_test(the_key_follows_from_the_file_and_not_from_its_place),
		cmocka_unit_test(what_is_broken_off_leaves_nothing_and_a_killed_one_gives_way),
		cmocka_unit_test(a_split_model_becomes_one_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
