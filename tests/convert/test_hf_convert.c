/* SPDX-License-Identifier: Apache-2.0
 *
 * Equal to convert_hf_to_gguf.py: tests/golden/make_hf_convert.py has asked it. */
#include "support/check.h"

#include <math.h>
#include <stdatomic.h>
#include <sys/file.h>

#include "base/hash.h"
#include "convert/hf_convert.h"
#include "convert/hf_keys.h"
#include "convert/hf_rows.h"
#include "convert/python_convert.h"
#include "model/ggml_type.h"
#include "model/gguf.h"
#include "model/hf_folder.h"
#include "support/hf_files.h"

static struct temp temp;
static json_t *golden;

static json_t *read_golden(const char *name)
{
	struct buf text = BUF_INIT(1 * MIB);
	struct err err = { 0 };
	assert_ok(fs_read(arena_printf(temp.arena, TEST_ROOT "/tests/golden/%s", name), &text, &err));
	json_t *root = json_parse(buf_str(&text), name, &err);
	assert_err(&err, "");
	buf_release(&text);
	return root;
}

static const struct {
	const char *name; /* in the golden file */
	enum hf_type type;
} types[] = { { "f32", HF_F32 }, { "f16", HF_F16 }, { "bf16", HF_BF16 }, { "q8_0", HF_Q8_0 } };

/* --- comparing --- */

static void assert_tensor(const char *model, const char *type, const struct gguf *g, const char *name, const json_t *made)
{
	const struct gguf_tensor *t = gguf_tensor_find(g, name);
	const json_t *ne = json_object_get(made, "ne"), *expected = json_object_get(made, type);
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	struct err err = { 0 };
	if (!t)
		fail_msg("%s %s: %s is missing", model, type, name);
	assert_int_equal(t->n_dims, json_array_size(ne));
	for (uint32_t i = 0; i < t->n_dims; i++)
		assert_int_equal(t->ne[i], json_integer_value(json_array_get(ne, i)));
	assert_string_equal(ggml_type_find(t->type)->name, json_string_value(json_array_get(expected, 0)));
	char *data = mem_alloc((size_t)t->size);
	assert_ok(gguf_read_data(g, t, 0, data, (size_t)t->size, &err));
	hash_bytes(data, (size_t)t->size, digest);
	hash_hex(digest, hex);
	mem_free(data);
	if (strncmp(hex, json_string_value(json_array_get(expected, 1)), 16) != 0)
		fail_msg("%s %s: the values of %s differ", model, type, name);
}

static void assert_value(const char *model, const struct gguf *g, const char *key, const char *kind, const json_t *value)
{
	uint64_t n = 0;
	double real = 0;
	if (strcmp(kind, "STRING") == 0) {
		struct buf text = BUF_INIT(4096);
		assert_true(gguf_get_text(g, key, &text));
		assert_string_equal(buf_text(&text), json_string_value(value));
		buf_release(&text);
	} else if (strcmp(kind, "FLOAT32") == 0) {
		uint32_t bits;
		assert_int_equal(gguf_key_type(g, key), GGUF_F32);
		assert_true(gguf_get_f64(g, key, &real));
		float single = (float)real;
		memcpy(&bits, &single, sizeof(bits));
		if (bits != json_integer_value(value))
			fail_msg("%s: %s is %.9g", model, key, real);
	} else {
		assert_int_equal(gguf_key_type(g, key), strcmp(kind, "INT32") == 0 ? GGUF_I32 : GGUF_U32);
		assert_true(gguf_get_u64(g, key, &n));
		if ((json_int_t)n != json_integer_value(value))
			fail_msg("%s: %s is %llu", model, key, (unsigned long long)n);
	}
}

/* Every key of upstream in its order, and no other. */
static void assert_keys(const char *model, const struct gguf *g, const json_t *keys)
{
	size_t n = 0, i;
	const json_t *key;
	json_array_foreach ((json_t *)keys, i, key) {
		if (n < gguf_n_keys(g) && strcmp(gguf_key_at(g, n), "general.file_type") == 0)
			n++;
		const char *name = json_string_value(json_array_get(key, 0));
		if (n >= gguf_n_keys(g) || strcmp(gguf_key_at(g, n), name) != 0)
			fail_msg("%s: key %zu is %s, expected %s", model, n, n < gguf_n_keys(g) ? gguf_key_at(g, n) : "none", name);
		assert_value(model, g, name, json_string_value(json_array_get(key, 1)), json_array_get(key, 2));
		n++;
	}
	assert_int_equal(n, gguf_n_keys(g));
}

static void assert_equal(const char *name, const char *type, const struct gguf *g, const json_t *model)
{
	const char *tensor;
	json_t *made;
	uint64_t file_type = 0;
	size_t i = 0;
	assert_true(gguf_get_u64(g, "general.file_type", &file_type));
	assert_int_equal(file_type, json_integer_value(json_object_get(json_object_get(model, "file_types"), type)));
	assert_keys(name, g, json_object_get(model, "keys"));
	assert_int_equal(gguf_n_tensors(g), json_object_size(json_object_get(model, "made")));
	json_object_foreach (json_object_get(model, "made"), tensor, made) {
		assert_string_equal(gguf_tensor_at(g, i++)->name, tensor); /* in upstream's order too */
		assert_tensor(name, type, g, tensor, made);
	}
}

static void assert_model(const char *name, const json_t *model)
{
	const char *dir = hf_folder(&temp, name, model);
	struct err err = { 0 };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct hf_convert_options o = { .type = types[i].type, .no_tokenizer = true };
		struct hf_convert_facts before, facts;
		const char *out = temp_path(&temp, arena_printf(temp.arena, "%s-%s.gguf", name, types[i].name));
		assert_ok(hf_convert_size(dir, &o, &before, &err));
		assert_ok(hf_convert(dir, out, &o, &facts, &err));
		struct gguf *g = gguf_open(out, &err);
		assert_err(&err, "");
		assert_equal(name, types[i].name, g, model);
		assert_int_equal(gguf_file_size(g), before.size_bytes);
		assert_int_equal(gguf_file_size(g), facts.size_bytes);
		assert_int_equal(gguf_n_tensors(g), facts.n_tensors);
		gguf_close(g);
	}
	struct hf_convert_options automatic = { .no_tokenizer = true };
	struct hf_convert_facts facts;
	assert_ok(hf_convert_size(dir, &automatic, &facts, &err));
	assert_int_equal(hf_type_file_type(facts.type), json_integer_value(json_object_get(model, "auto")));
	print_message("%-16s F32 F16 BF16 Q8_0: %zu tensors and %zu keys equal\n", name, json_object_size(json_object_get(model, "made")),
		      json_array_size(json_object_get(model, "keys")));
}

static void every_architecture_equals_the_converter_of_llama_cpp(void **state)
{
	const char *name;
	json_t *model;
	(void)state;
	assert_true(json_object_size(golden) >= 17);
	json_object_foreach (golden, name, model)
		assert_model(name, model);
}

/* --- whole files, with their tokenizers --- */

struct copying {
	const char *from, *to; /* folders */
};

static bool copy_file(void *user, const char *name, bool is_dir)
{
	const struct copying *c = user;
	struct buf bytes = BUF_INIT(64 * MIB);
	struct err err = { 0 };
	if (is_dir || strcmp(name, "config.json") == 0)
		return true;
	assert_ok(fs_read(arena_printf(temp.arena, "%s/%s", c->from, name), &bytes, &err));
	assert_ok(fs_write(arena_printf(temp.arena, "%s/%s", c->to, name), bytes.ptr, bytes.len, &err));
	buf_release(&bytes);
	return true;
}

static void assert_whole(const char *name, const json_t *model)
{
	const char *dir = hf_folder(&temp, arena_printf(temp.arena, "whole/%s", name), model);
	const char *out = temp_path(&temp, arena_printf(temp.arena, "whole/%s.gguf", name));
	const char *tokenizer = json_string_value(json_object_get(model, "tokenizer"));
	struct copying c = { arena_printf(temp.arena, TEST_ROOT "/tests/golden/hf_vocab/%s", tokenizer), dir };
	struct hf_convert_options o = { .type = HF_F16 };
	struct err err = { 0 };
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	uint64_t size = 0;
	assert_ok(fs_list(c.from, 100, copy_file, &c, &err));
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	int fd = fs_open(out, &size, &err);
	assert_int_equal(size, json_integer_value(json_object_get(model, "size")));
	assert_ok(hash_file(fd, digest, NULL, &err));
	close(fd);
	hash_hex(digest, hex);
	if (strcmp(hex, json_string_value(json_object_get(model, "sha256"))) != 0)
		fail_msg("%s is not the file that convert_hf_to_gguf.py makes", name);
	print_message("%-16s whole file with tokenizer: %llu bytes equal\n", name, (unsigned long long)size);
}

static void whole_files_equal_those_of_llama_cpp(void **state)
{
	const char *name;
	json_t *model, *files = read_golden("hf_convert_whole.json");
	(void)state;
	assert_true(json_object_size(files) >= 15);
	json_object_foreach (files, name, model)
		assert_whole(name, model);
	json_decref(files);
}

/* --- other ways of writing the same --- */

static json_t *model_of(const char *name)
{
	json_t *model = json_deep_copy(json_object_get(golden, name));
	assert_non_null(model);
	return model;
}

static void newer_configuration_files_give_the_same_keys(void **state)
{
	static const char *const names[] = { "llama3-bf16", "gemma3-bf16", "qwen2-yarn" };
	struct err err = { 0 };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *model = model_of(names[i]), *config = json_object_get(model, "config");
		json_t *rope = json_incref(json_object_get(config, "rope_scaling"));
		if (!rope)
			rope = json_pack("{s:{s:s, s:f}, s:{s:s, s:f}}", "full_attention", "rope_type", "default", "rope_theta", 1e6,
					 "sliding_attention", "rope_type", "default", "rope_theta", 1e4);
		else
			json_object_set(rope, "rope_theta", json_object_get(config, "rope_theta"));
		json_object_del(config, "rope_theta");
		json_object_del(config, "rope_scaling");
		json_object_del(config, "rope_local_base_freq");
		json_object_set_new(config, "rope_parameters", rope);
		/* The title comes from the folder: it must be called the same. */
		const char *dir = hf_folder(&temp, arena_printf(temp.arena, "new/%s", names[i]), model);
		const char *out = temp_path(&temp, arena_printf(temp.arena, "new-%zu.gguf", i));
		struct hf_convert_options o = { .type = HF_F16, .no_tokenizer = true };
		assert_ok(hf_convert(dir, out, &o, NULL, &err));
		struct gguf *g = gguf_open(out, &err);
		assert_equal(names[i], "f16", g, model);
		gguf_close(g);
		json_decref(model);
	}
}

static void names_become_titles(void **state)
{
	static const struct {
		const char *name, *title;
	} cases[] = { { "Llama-3.2-1B-Instruct", "Llama 3.2 1B Instruct" }, { "smollm2-135m", "Smollm2 135m" },
		      { "checkpoint-500", "Checkpoint 500" }, { "my_model v2.1 a1b", "My_Model v2.1 A1B" }, { "--", "" } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(hf_keys_title(temp.arena, cases[i].name), cases[i].title);
}

static void folders_are_called_by_the_name_that_says_most(void **state)
{
	static const struct {
		const char *dir, *name;
	} cases[] = { { "/models/Kestrel", "Kestrel" }, { "/models/Kestrel//", "Kestrel" }, { "Kestrel", "Kestrel" },
		      { "./Kestrel", "Kestrel" }, { "/hub/models--org--Kestrel-1B/snapshots/4f0a12", "Kestrel-1B" },
		      { "/hub/models--gpt2/snapshots/4f0a12", "gpt2" }, { "/hub/other/snapshots/4f0a12", "4f0a12" },
		      { "snapshots/4f0a12", "4f0a12" } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(hf_keys_folder_name(temp.arena, cases[i].dir), cases[i].name);
	char *here = realpath(".", NULL);
	assert_string_equal(hf_keys_folder_name(temp.arena, "."), fs_basename(here));
	free(here);
	assert_string_equal(hf_keys_folder_name(temp.arena, "/."), "model");
}

static void sizes_have_two_digits(void **state)
{
	static const struct {
		uint64_t n;
		const char *label;
	} cases[] = { { 134515008, "135M" }, { 8030261248, "8.0B" }, { 1000000, "1000K" }, { 999, "1.0K" }, { 400, "0.40K" },
		      { 1500000, "1.5M" }, { 405853388800, "406B" }, { 9400000000000, "9.4T" } };
	char label[32];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hf_keys_size_label(cases[i].n, label);
		assert_string_equal(label, cases[i].label);
	}
}

/* --- values --- */

/* The definition, slowly: of all halves the nearest, of two equally near ones the even. */
static uint16_t half_by_search(double value)
{
	uint16_t low = 0, high = 0x7C00;
	double size = value < 0 ? -value : value;
	while (high - low > 1) { /* positive halves are in the order of their bits */
		uint16_t middle = (uint16_t)((low + high) / 2);
		int exponent = middle >> 10;
		double v = exponent ? ldexp(1024 + (middle & 1023), exponent - 25) : ldexp(middle & 1023, -24);
		if (v <= size)
			low = middle;
		else
			high = middle;
	}
	int exponent = low >> 10;
	double under = exponent ? ldexp(1024 + (low & 1023), exponent - 25) : ldexp(low & 1023, -24);
	double gap = ldexp(1, exponent ? exponent - 25 : -24), over = under + gap;
	uint16_t best = size - under < over - size || (!(size - under > over - size) && low % 2 == 0) ? low : high;
	return (uint16_t)(best | (value < 0 ? 0x8000 : 0));
}

static void halves_are_the_nearest(void **state)
{
	(void)state;
	for (uint64_t k = 0; k < 200000; k++) {
		uint32_t bits = hf_word(3, k) & 0x8FFFFFFF;
		float value;
		bits |= k % 2 ? 0x30000000 : 0x40000000; /* 2^-31 to 2^32 */
		memcpy(&value, &bits, sizeof(value));
		if (hf_rows_half(value) != half_by_search(value))
			fail_msg("%.9g", (double)value);
	}
	assert_int_equal(hf_rows_half(65519.996F), 0x7BFF);
	assert_int_equal(hf_rows_half(65520), 0x7C00);
	assert_int_equal(hf_rows_half(-0.0F), 0x8000);
	assert_int_equal(hf_rows_half(INFINITY), 0x7C00);
	assert_true((hf_rows_half(NAN) & 0x7FFF) > 0x7C00);
}

/* --- a tensor larger than a piece --- */

static void a_tensor_of_many_pieces_is_whole(void **state)
{
	struct err err = { 0 };
	json_t *model = model_of("smollm2-tied"), *tensors = json_object_get(model, "tensors");
	json_int_t rows = 20000; /* 64 wide: more than two pieces, the last not full */
	(void)state;
	json_object_set_new(json_object_get(model, "config"), "vocab_size", json_integer(rows));
	json_array_set_new(json_array_get(json_array_get(tensors, 0), 2), 0, json_integer(rows));
	const char *dir = hf_folder(&temp, "many", model), *out = temp_path(&temp, "many.gguf");
	struct hf_convert_options o = { .type = HF_BF16, .no_tokenizer = true };
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	struct gguf *g = gguf_open(out, &err);
	const struct gguf_tensor *t = gguf_tensor_find(g, "token_embd.weight");
	struct buf expected = BUF_INIT(16 * MIB);
	char *data = mem_alloc((size_t)t->size);
	for (uint64_t k = 0; k < (uint64_t)rows * 64; k++)
		hf_value(&expected, "BF16", 0, k);
	assert_int_equal(t->size, expected.len);
	assert_ok(gguf_read_data(g, t, 0, data, expected.len, &err));
	assert_memory_equal(data, expected.ptr, expected.len);
	mem_free(data);
	buf_release(&expected);
	gguf_close(g);
	json_decref(model);
}

/* --- files --- */

struct stopper {
	atomic_bool stop;
	uint64_t after, done, total;
};

static void stop_after(void *user, uint64_t done, uint64_t total)
{
	struct stopper *s = user;
	assert_true(done > s->done && done <= total);
	s->done = done;
	s->total = total;
	if (done >= s->after)
		atomic_store(&s->stop, true);
}

static void cancelling_leaves_nothing(void **state)
{
	struct err err = { 0 };
	struct stopper s = { .after = 1000 };
	json_t *model = model_of("llama2-f16");
	const char *dir = hf_folder(&temp, "stopped", model), *out = temp_path(&temp, "stopped.gguf");
	struct hf_convert_options o = { .no_tokenizer = true, .progress = stop_after, .user = &s, .cancel = &s.stop };
	(void)state;
	assert_int_equal(hf_convert(dir, out, &o, NULL, &err), ERR_CANCELLED);
	assert_err(&err, "err_cancelled");
	assert_true(s.done >= 1000 && s.done < s.total);
	assert_false(fs_exists(out));
	assert_false(fs_exists(temp_path(&temp, "stopped.gguf.part")));
	atomic_store(&s.stop, false);
	s = (struct stopper){ .after = UINT64_MAX };
	err = (struct err){ 0 };
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	assert_int_equal(s.done, s.total);
	json_decref(model);
}

static void what_a_killed_process_left_is_written_over(void **state)
{
	struct err err = { 0 };
	json_t *model = model_of("smollm3-bf16");
	const char *dir = hf_folder(&temp, "smollm3-bf16", model), *out = temp_path(&temp, "left.gguf");
	struct hf_convert_options o = { .type = HF_F16, .no_tokenizer = true };
	struct buf rubbish = BUF_INIT(4 * MIB);
	(void)state;
	memset(buf_reserve(&rubbish, 2 * MIB), 7, 2 * MIB);
	temp_file(&temp, "left.gguf.part", rubbish.ptr, 2 * MIB);
	buf_release(&rubbish);
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	struct gguf *g = gguf_open(out, &err);
	assert_equal("smollm3-bf16", "f16", g, model);
	gguf_close(g);
	json_decref(model);
}

static void two_conversions_do_not_write_one_file(void **state)
{
	struct err err = { 0 };
	json_t *model = model_of("smollm3-bf16");
	const char *dir = hf_folder(&temp, "smollm3-bf16", model), *out = temp_path(&temp, "busy.gguf");
	struct hf_convert_options o = { .no_tokenizer = true };
	int fd = open(temp_text(&temp, "busy.gguf.part", "theirs"), O_RDWR | O_CLOEXEC);
	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(hf_convert(dir, out, &o, NULL, &err), ERR_BUSY);
	assert_err(&err, "err_convert_running");
	assert_true(fs_exists(temp_path(&temp, "busy.gguf.part"))); /* the other one goes on */
	close(fd);
	json_decref(model);
}

static void a_file_that_exists_stays(void **state)
{
	struct err err = { 0 };
	json_t *model = model_of("smollm3-bf16");
	const char *dir = hf_folder(&temp, "smollm3-bf16", model), *out = temp_text(&temp, "mine.gguf", "mine");
	struct hf_convert_options o = { .no_tokenizer = true };
	struct buf text = BUF_INIT(64);
	(void)state;
	assert_int_equal(hf_convert(dir, out, &o, NULL, &err), ERR_CONFLICT);
	assert_err(&err, "err_file_exists");
	assert_ok(fs_read(out, &text, &err));
	assert_string_equal(buf_text(&text), "mine");
	buf_release(&text);
	o.replace = true; /* but only another model */
	assert_int_equal(hf_convert(dir, out, &o, NULL, &err), ERR_CONFLICT);
	assert_err(&err, "err_convert_not_replaced");
	const char *source = arena_printf(temp.arena, "%s/model.safetensors", dir);
	assert_int_equal(hf_convert(dir, source, &o, NULL, &err), ERR_CONFLICT);
	err = (struct err){ 0 };
	out = temp_text(&temp, "mine.gguf", "");
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	json_decref(model);
}

/* --- disks --- */

/* The weights of a model of nine terabytes: a file with a hole in it. */
static void write_hole(const char *dir, uint64_t words, uint64_t wide)
{
	static const struct {
		const char *name;
		unsigned rows, columns; /* 0: as wide as the model; rows 1: a vector */
	} tensors[] = { { "self_attn.q_proj", 2, 0 }, { "self_attn.k_proj", 2, 0 }, { "self_attn.v_proj", 2, 0 },
			{ "self_attn.o_proj", 0, 2 }, { "mlp.gate_proj", 2, 0 },    { "mlp.up_proj", 2, 0 },
			{ "mlp.down_proj", 0, 2 },    { "input_layernorm", 1, 0 },  { "post_attention_layernorm", 1, 0 } };
	struct buf head = BUF_INIT(1 * MIB), file = BUF_INIT(1 * MIB);
	uint64_t at = 2 * words * wide;
	buf_printf(&head, "{\"model.embed_tokens.weight\":{\"dtype\":\"BF16\",\"shape\":[%llu,%llu],\"data_offsets\":[0,%llu]}",
		   (unsigned long long)words, (unsigned long long)wide, (unsigned long long)at);
	buf_printf(&head, ",\"model.norm.weight\":{\"dtype\":\"BF16\",\"shape\":[%llu],\"data_offsets\":[%llu,%llu]}",
		   (unsigned long long)wide, (unsigned long long)at, (unsigned long long)(at + 2 * wide));
	at += 2 * wide;
	for (size_t i = 0; i < sizeof(tensors) / sizeof(tensors[0]); i++) {
		uint64_t rows = tensors[i].rows ? tensors[i].rows : wide, columns = tensors[i].columns ? tensors[i].columns : wide;
		char shape[64];
		snprintf(shape, sizeof(shape), "%llu,%llu", (unsigned long long)rows, (unsigned long long)columns);
		buf_printf(&head, ",\"model.layers.0.%s.weight\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":[%llu,%llu]}",
			   tensors[i].name, rows == 1 ? shape + 2 : shape, (unsigned long long)at,
			   (unsigned long long)(at + 2 * rows * columns));
		at += 2 * rows * columns;
	}
	buf_add_char(&head, '}');
	buf_add_u64le(&file, head.len);
	buf_add_str(&file, buf_str(&head));
	const char *path = temp_file(&temp, arena_printf(temp.arena, "%s/model.safetensors", dir), file.ptr, file.len);
	if (truncate(path, (off_t)(file.len + at)) != 0)
		skip(); /* a file system that cannot do that */
	buf_release(&head);
	buf_release(&file);
}

static void a_disk_without_room_is_told_before(void **state)
{
	struct err err = { 0 };
	struct hf_convert_facts facts;
	uint64_t words = 1 << 24, wide = 1 << 18;
	struct stopper s = { .after = 1 }; /* should there be room for it */
	struct hf_convert_options o = { .no_tokenizer = true, .progress = stop_after, .user = &s, .cancel = &s.stop };
	json_t *config = json_pack("{s:[s], s:I, s:i, s:i, s:i, s:i, s:i, s:I, s:b}", "architectures", "MistralForCausalLM", "hidden_size",
				   (json_int_t)wide, "head_dim", 2, "intermediate_size", 2, "num_hidden_layers", 1, "num_attention_heads",
				   1, "num_key_value_heads", 1, "vocab_size", (json_int_t)words, "tie_word_embeddings", true);
	(void)state;
	hf_json(&temp, "huge/config.json", config);
	json_decref(config);
	write_hole("huge", words, wide);
	const char *dir = temp_path(&temp, "huge"), *out = temp_path(&temp, "huge.gguf");
	assert_ok(hf_convert_size(dir, &o, &facts, &err));
	assert_true(facts.size_bytes > 2 * words * wide && facts.size_bytes < 2 * words * wide + 64 * MIB);
	if (fs_free_space(out) > facts.size_bytes)
		skip();
	assert_int_equal(hf_convert(dir, out, &o, NULL, &err), ERR_IO);
	assert_err(&err, "err_convert_space");
	assert_false(fs_exists(temp_path(&temp, "huge.gguf.part")));
	assert_int_equal(s.done, 0);
}

/* --- a base's tokenizer --- */

static const char *base_with(const char *architecture, size_t n_tokens)
{
	const char *path = temp_path(&temp, arena_printf(temp.arena, "base-%s-%zu.gguf", architecture, n_tokens));
	const char **tokens = mem_array(n_tokens, sizeof(tokens[0]));
	struct gguf_writer *w = gguf_writer_new();
	struct buf head = BUF_INIT(1 * MIB);
	for (size_t i = 0; i < n_tokens; i++)
		tokens[i] = "t";
	gguf_writer_text(w, "general.architecture", architecture);
	gguf_writer_text(w, "general.name", "Not Taken");
	gguf_writer_text(w, "general.license", "apache-2.0");
	gguf_writer_text(w, "tokenizer.ggml.model", "gpt2");
	gguf_writer_texts(w, "tokenizer.ggml.tokens", tokens, n_tokens);
	if (gguf_writer_head(w, &head, NULL) != ERR_OK || fs_write(path, head.ptr, head.len, NULL) != ERR_OK)
		BUG("no base");
	buf_release(&head);
	gguf_writer_free(w);
	mem_free(tokens);
	return path;
}

static void the_tokenizer_may_come_from_the_base(void **state)
{
	struct err err = { 0 };
	json_t *model = model_of("llama2-f16");
	const char *dir = hf_folder(&temp, "tuned", model), *out = temp_path(&temp, "tuned.gguf");
	struct hf_convert_options o = { .base = base_with("llama", 48) };
	struct buf text = BUF_INIT(64);
	(void)state;
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	struct gguf *g = gguf_open(out, &err);
	assert_int_equal(gguf_array_len(g, "tokenizer.ggml.tokens"), 48);
	assert_true(gguf_get_text(g, "general.license", &text));
	buf_clear(&text);
	assert_true(gguf_get_text(g, "general.name", &text));
	assert_string_equal(buf_text(&text), "Tuned");
	buf_release(&text);
	gguf_close(g);
	o.replace = true;
	o.base = base_with("qwen2", 48);
	assert_int_equal(hf_convert(dir, out, &o, NULL, &err), ERR_DATA);
	assert_err(&err, "err_hf_base");
	o.base = base_with("llama", 47);
	assert_int_equal(hf_convert(dir, out, &o, NULL, &err), ERR_DATA);
	assert_err(&err, "err_hf_words");
	json_decref(model);
}

static struct str whole_file(const char *path)
{
	struct buf bytes = BUF_INIT(64 * MIB);
	struct err err = { 0 };
	assert_ok(fs_read(path, &bytes, &err));
	struct str kept = { arena_strndup(temp.arena, bytes.ptr, bytes.len), bytes.len };
	buf_release(&bytes);
	return kept;
}

static struct str converted_with(const char *dir, const char *base, const char *name)
{
	struct hf_convert_options o = { .type = HF_F16, .base = base };
	const char *out = temp_path(&temp, name);
	struct err err = { 0 };
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	return whole_file(out);
}

static void assert_text(const char *path, const char *key, const char *value)
{
	struct buf text = BUF_INIT(64 * KIB);
	struct err err = { 0 };
	struct gguf *g = gguf_open(path, &err);
	assert_true(gguf_get_text(g, key, &text));
	assert_string_equal(buf_text(&text), value);
	buf_release(&text);
	gguf_close(g);
}

static void assert_number(const char *path, const char *key, uint64_t value)
{
	struct err err = { 0 };
	struct gguf *g = gguf_open(path, &err);
	uint64_t found = 0;
	assert_true(gguf_get_u64(g, key, &found));
	assert_int_equal(found, value);
	gguf_close(g);
}

/* Weights and configuration alone, with all else from the base, give the file that the whole folder gives. */
static void a_folder_lends_what_another_lacks(void **state)
{
	json_t *whole = read_golden("hf_convert_whole.json"), *model = json_object_get(whole, "smollm2");
	const char *bare, *full;
	struct copying c = { arena_printf(temp.arena, TEST_ROOT "/tests/golden/hf_vocab/%s",
					  json_string_value(json_object_get(model, "tokenizer"))), NULL };
	struct err err = { 0 };
	(void)state;
	json_object_set_new(model, "generation_config", json_pack("{s:i, s:b}", "top_k", 17, "do_sample", 1));
	c.to = full = hf_folder(&temp, "lender/full", model);
	assert_ok(fs_list(c.from, 100, copy_file, &c, &err));
	json_object_del(model, "generation_config");
	bare = hf_folder(&temp, "borrower/full", model);
	assert_true(hf_folder_has_tokenizer(full) && !hf_folder_has_tokenizer(bare));

	struct str own = converted_with(full, NULL, "full.gguf"), lent = converted_with(bare, full, "lent.gguf");
	assert_true(str_eq(own, lent));
	assert_number(temp_path(&temp, "lent.gguf"), "general.sampling.top_k", 17);
	/* The same from the GGUF of the base, whose keys stand in another order. */
	(void)converted_with(bare, temp_path(&temp, "full.gguf"), "from-gguf.gguf");
	assert_number(temp_path(&temp, "from-gguf.gguf"), "general.sampling.top_k", 17);
	/* What the folder has itself goes before. */
	temp_text(&temp, "borrower/full/chat_template.jinja", "of the epoch");
	temp_text(&temp, "borrower/full/generation_config.json", "{\"top_k\": 3, \"do_sample\": true}");
	(void)converted_with(bare, full, "own-1.gguf");
	(void)converted_with(bare, temp_path(&temp, "full.gguf"), "own-2.gguf");
	for (int i = 1; i <= 2; i++) {
		const char *path = temp_path(&temp, arena_printf(temp.arena, "own-%d.gguf", i));
		assert_text(path, "tokenizer.chat_template", "of the epoch");
		assert_number(path, "general.sampling.top_k", 3);
	}
	json_decref(whole);
}

static void whose_tokenizer_is_taken(void **state)
{
	char *from;
	(void)state;
	temp_text(&temp, "run/checkpoint-4/config.json", "{}");
	temp_text(&temp, "run/checkpoint-8/tokenizer.json", "{}");
	temp_text(&temp, "run/other/config.json", "{}");
	const char *bare = temp_path(&temp, "run/checkpoint-4");
	assert_null(hf_convert_tokenizer_from(bare, NULL));
	assert_null(hf_convert_tokenizer_from(bare, ""));
	assert_null(hf_convert_tokenizer_from(temp_path(&temp, "run/checkpoint-8"), "/base.gguf"));
	assert_string_equal(from = hf_convert_tokenizer_from(bare, "/base.gguf"), "/base.gguf");
	mem_free(from);
	temp_text(&temp, "run/tokenizer.json", "{}");
	assert_string_equal(from = hf_convert_tokenizer_from(bare, "/base.gguf"), temp_path(&temp, "run"));
	mem_free(from);
	assert_null(hf_convert_tokenizer_from(temp_path(&temp, "run/other"), NULL));
}

/* Gemma 3's embedding has rows that no token has. */
static void rows_behind_the_last_token_are_cut(void **state)
{
	struct err err = { 0 };
	json_t *model = model_of("gemma3-bf16");
	const char *dir = hf_folder(&temp, "cut", model), *out = temp_path(&temp, "cut.gguf");
	struct hf_convert_options o = { .base = base_with("gemma3", 40) };
	(void)state;
	assert_ok(hf_convert(dir, out, &o, NULL, &err));
	struct gguf *g = gguf_open(out, &err);
	assert_int_equal(gguf_tensor_find(g, "token_embd.weight")->ne[1], 40);
	gguf_close(g);
	json_decref(model);
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	golden = read_golden("hf_convert.json");
	return golden ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(golden);
	temp_close(&temp);
	return 0;
}

/* --- what is refused --- */

static void what_python_may_convert_is_said_with_the_way_to_it(void **state)
{
	static const char *const keys[] = { "err_hf_architecture", "err_hf_rope",	   "err_hf_tensor_unknown", "err_vocab_kind",
					    "err_vocab_pre",	   "err_vocab_normalizer" };
	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (enum lang lang = LANG_EN; lang <= LANG_ZH_TW; lang++) {
			struct err err = { 0 };
			struct buf text = BUF_INIT(4096);
			err_set(&err, ERR_UNSUPPORTED, keys[i], "path=/m|name=x");
			assert_true(python_convert_may_help(&err));
			err_hint(&text, lang, &err);
			if (!strstr(buf_text(&text), "assay models convert DIR --with-python"))
				fail_msg("%s: %s", keys[i], buf_text(&text));
			buf_release(&text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_architecture_equals_the_converter_of_llama_cpp),
		cmocka_unit_test(whole_files_equal_those_of_llama_cpp),
		cmocka_unit_test(newer_configuration_files_give_the_same_keys),
		cmocka_unit_test(names_become_titles),
		cmocka_unit_test(folders_are_called_by_the_name_that_says_most),
		cmocka_unit_test(sizes_have_two_digits),
		cmocka_unit_test(halves_are_the_nearest),
		cmocka_unit_test(a_tensor_of_many_pieces_is_whole),
		cmocka_unit_test(cancelling_leaves_nothing),
		cmocka_unit_test(what_python_may_convert_is_said_with_the_way_to_it),
		cmocka_unit_test(what_a_killed_process_left_is_written_over),
		cmocka_unit_test(two_conversions_do_not_write_one_file),
		cmocka_unit_test(a_file_that_exists_stays),
		cmocka_unit_test(a_disk_without_room_is_told_before),
		cmocka_unit_test(the_tokenizer_may_come_from_the_base),
		cmocka_unit_test(a_folder_lends_what_another_lacks),
		cmocka_unit_test(whose_tokenizer_is_taken),
		cmocka_unit_test(rows_behind_the_last_token_are_cut),
	};
	return cmocka_run_group_tests_name("hf_convert", tests, setup, teardown);
}
