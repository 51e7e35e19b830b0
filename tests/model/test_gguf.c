/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "model/gguf.h"
#include "support/model_files.h"

static struct temp temp;

/* --- GGUF by hand, for what the writer would never write --- */

static void put_text(struct buf *b, const char *text)
{
	buf_add_u64le(b, strlen(text));
	buf_add_text(b, text);
}

static struct buf head(uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
	struct buf b = BUF_INIT(64 * MIB);
	buf_add_text(&b, "GGUF");
	buf_add_u32le(&b, version);
	buf_add_u64le(&b, n_tensors);
	buf_add_u64le(&b, n_kv);
	return b;
}

static void put_tensor(struct buf *b, const char *name, uint32_t type, uint32_t n_dims, const uint64_t *ne,
		       uint64_t offset)
{
	put_text(b, name);
	buf_add_u32le(b, n_dims);
	for (uint32_t i = 0; i < n_dims; i++)
		buf_add_u64le(b, ne[i]);
	buf_add_u32le(b, type);
	buf_add_u64le(b, offset);
}

static void pad(struct buf *b, size_t total)
{
	while (b->len < total)
		buf_add_char(b, 0);
}

/* Reads the bytes and releases them; the error stays in `err`. */
static struct gguf *read_buf(struct buf *b, struct err *err)
{
	memset(err, 0, sizeof(*err));
	int fd = temp_memory(b->ptr, b->len);
	struct gguf *g = gguf_read(fd, b->len, "file.gguf", err);
	close(fd);
	buf_release(b);
	return g;
}

static void refused(struct buf *b, const char *key)
{
	struct err err;
	struct gguf *g = read_buf(b, &err);
	assert_null(g);
	assert_err(&err, key);
	struct buf text = BUF_INIT(4096);
	err_message(&text, LANG_EN, &err);
	assert_null(strchr(buf_text(&text), '{')); /* every placeholder was filled */
	buf_release(&text);
}

static void a_good_file_gives_its_keys_and_tensors(void **state)
{
	(void)state;
	struct err err = { 0 };
	const char *path = tiny_model_write(temp_path(&temp, "good.gguf"), (struct tiny_model){ 0 });
	struct gguf *g = gguf_open(path, &err);
	assert_err(&err, "");
	uint64_t n = 0;
	assert_true(gguf_get_u64(g, "llama.block_count", &n));
	assert_int_equal(n, 2);
	assert_false(gguf_get_u64(g, "general.name", &n));
	assert_false(gguf_get_u64(g, "no.such.key", &n));
	assert_int_equal(gguf_array_len(g, "tokenizer.ggml.tokens"), 3);
	assert_true(gguf_get_u64_at(g, "llama.attention.head_count_kv", 1, &n));
	assert_int_equal(n, 2);
	struct arena *a = arena_new();
	assert_string_equal(gguf_get_label(g, "general.name", a), "Tiny Test");
	arena_free(a);
	assert_int_equal(gguf_n_tensors(g), 15);
	const struct gguf_tensor *t = gguf_tensor_find(g, "blk.1.attn_k.weight");
	assert_non_null(t);
	assert_int_equal(t->ne[0], 32);
	assert_int_equal(t->ne[1], 16);
	assert_int_equal(t->size, 32 * 16 * 2);
	assert_int_equal(t->offset % 32, 0);
	assert_null(gguf_tensor_find(g, "blk.2.attn_k.weight"));
	gguf_close(g);
}

static void labels_lose_control_and_direction_characters(void **state)
{
	(void)state;
	struct err err;
	struct buf b = head(3, 0, 1);
	put_text(&b, "general.name");
	buf_add_u32le(&b, GGUF_TEXT);
	put_text(&b, "<b>\x1b]0;x\x07 \xE2\x80\xAE"
		     "evil\n\n../name\xFF");
	struct gguf *g = read_buf(&b, &err);
	assert_non_null(g);
	struct arena *a = arena_new();
	assert_string_equal(gguf_get_label(g, "general.name", a), "<b>]0;x evil ../name\xEF\xBF\xBD");
	arena_free(a);
	gguf_close(g);
}

static void numbers_of_every_type_are_read(void **state)
{
	(void)state;
	static const struct {
		enum gguf_value type;
		uint64_t bits;
		bool u64;
		double value;
	} cases[] = {
		{ GGUF_U8, 255, true, 255 },
		{ GGUF_I8, 0xFF, false, -1 },
		{ GGUF_I8, 0x7F, true, 127 },
		{ GGUF_U16, 65535, true, 65535 },
		{ GGUF_I16, 0x8000, false, -32768 },
		{ GGUF_U32, 0xFFFFFFFF, true, 4294967295.0 },
		{ GGUF_I32, 0xFFFFFFFE, false, -2 },
		{ GGUF_F32, 0x3FC00000, false, 1.5 },
		{ GGUF_F64, 0x3FF8000000000000, false, 1.5 },
		{ GGUF_U64, UINT64_MAX, true, 18446744073709551615.0 },
		{ GGUF_I64, UINT64_MAX, false, -1 },
		{ GGUF_I64, 0x8000000000000000, false, -9223372036854775808.0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err;
		struct buf b = head(2, 0, 1);
		put_text(&b, "k");
		buf_add_u32le(&b, cases[i].type);
		buf_add_u64le(&b, cases[i].bits); /* the bytes that are too many are behind the header */
		struct gguf *g = read_buf(&b, &err);
		assert_non_null(g);
		uint64_t u = 0;
		double f = 0;
		assert_int_equal(gguf_get_u64(g, "k", &u), cases[i].u64);
		if (cases[i].u64)
			assert_true(u == cases[i].bits);
		assert_true(gguf_get_f64(g, "k", &f));
		assert_true(f == cases[i].value);
		gguf_close(g);
	}
}

static void a_file_cut_anywhere_is_refused_with_its_place(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1 * MIB);
	assert_int_equal(fs_read(temp_path(&temp, "good.gguf"), &b, NULL), ERR_OK);
	struct err err = { 0 };
	struct gguf *g = gguf_open(temp_path(&temp, "good.gguf"), &err);
	size_t header = (size_t)gguf_data_offset(g);
	gguf_close(g);
	int fd = temp_memory(b.ptr, b.len);
	size_t cuts = 0;
	for (size_t n = 0; n < b.len; n += n < header ? 1 : (b.len - header) / 200 + 1, cuts++) {
		memset(&err, 0, sizeof(err));
		assert_null(gguf_read(fd, n, "cut.gguf", &err));
		if (n == 0)
			assert_err(&err, "err_file_empty");
		else if (n < 4)
			assert_err(&err, "err_file_not_wanted");
		else if (strcmp(err.key, "err_gguf_truncated") != 0)
			assert_err(&err, "err_gguf_header_cut");
	}
	assert_true(cuts > header);
	close(fd);
	buf_release(&b);
}

static void a_wrong_file_is_called_by_its_name(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
		const char *key;
	} cases[] = {
		{ "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", 70,
		  "err_file_lfs_pointer" },
		{ "<!DOCTYPE html><html>403</html>", 31, "err_file_html" },
		{ "\n  <HTML><body>", 15, "err_file_html" },
		{ "PK\x03\x04 archive/data.pkl", 20, "err_file_pickle" },
		{ "\x80\x02\x8a\nl\xfc\x9c"
		  "F\xf9 j\xa8P\x19.",
		  15, "err_file_pickle" },
		{ "\x80\x04\x95", 3, "err_file_pickle" },
		{ "\x02\0\0\0\0\0\0\0{}", 10, "err_file_safetensors" },
		{ "tjgg\x03\0\0\0", 8, "err_file_old_ggml" },
		{ "{\"error\": \"Repository not found\"}", 33, "err_file_not_wanted" },
		{ "hello", 5, "err_file_not_wanted" },
		{ "", 0, "err_file_empty" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = BUF_INIT(4096);
		buf_add(&b, cases[i].bytes, cases[i].len);
		refused(&b, cases[i].key);
	}
}

static void only_versions_two_and_three_are_read(void **state)
{
	(void)state;
	static const struct {
		uint32_t version;
		const char *key;
	} cases[] = {
		{ 0, "err_gguf_version" },	    { 1, "err_gguf_version" },
		{ 4, "err_gguf_version" },	    { 0x03000000, "err_gguf_big_endian" },
		{ 0xFFFFFFFF, "err_gguf_version" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = head(cases[i].version, 0, 0);
		refused(&b, cases[i].key);
	}
}

/* Counts that no file can have: each value in each field, and the reader must neither crash nor ask for
 * memory. */
static void absurd_counts_are_refused(void **state)
{
	(void)state;
	static const uint64_t values[] = {
		65537,	    1u << 20,	      0x7FFFFFFF,	0x80000000, 0xFFFFFFFF,
		1ull << 32, 1ull << 40,	      (1ull << 60) + 1, 1ull << 62, INT64_MAX,
		1ull << 63, (1ull << 63) + 1, UINT64_MAX - 1,	UINT64_MAX,
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t v = values[i];
		struct buf b = head(3, v, 0);
		refused(&b, "err_gguf_limit"); /* tensors */
		b = head(3, 0, v);
		refused(&b, "err_gguf_limit"); /* keys */
		b = head(3, 0, 1);
		buf_add_u64le(&b, v);
		pad(&b, 128);
		refused(&b, "err_gguf_limit"); /* length of a key */
		b = head(3, 0, 1);
		put_text(&b, "k");
		buf_add_u32le(&b, GGUF_TEXT);
		buf_add_u64le(&b, v);
		refused(&b, v > LIMIT_GGUF_STRING ? "err_gguf_limit" : "err_gguf_header_cut");
		b = head(3, 0, 1);
		put_text(&b, "k");
		buf_add_u32le(&b, GGUF_ARRAY);
		buf_add_u32le(&b, GGUF_F64);
		buf_add_u64le(&b, v);
		refused(&b, v > LIMIT_GGUF_ARRAY ? "err_gguf_limit" : "err_gguf_header_cut");
		b = head(3, 0, 1);
		put_text(&b, "k");
		buf_add_u32le(&b, GGUF_ARRAY);
		buf_add_u32le(&b, GGUF_TEXT);
		buf_add_u64le(&b, 1);
		buf_add_u64le(&b, v);
		refused(&b, v > LIMIT_GGUF_STRING ? "err_gguf_limit" : "err_gguf_header_cut");
		b = head(3, 1, 0);
		buf_add_u64le(&b, v);
		pad(&b, 128);
		refused(&b, "err_gguf_limit"); /* length of a tensor name */
		b = head(3, 1, 0);
		put_tensor(&b, "t", GGML_ID_F32, 1, &v, 0);
		pad(&b, 128);
		refused(&b, v > INT64_MAX / 4 ? "err_gguf_tensor_dims" : "err_gguf_truncated");
		b = head(3, 1, 0);
		put_tensor(&b, "t", GGML_ID_F32, 1, (uint64_t[]){ 4 }, v);
		pad(&b, 128);
		refused(&b, "err_gguf_tensor_offset");
	}
	struct buf b = head(3, 65536, 65536);
	refused(&b, "err_gguf_header_cut"); /* within the limits, but the file is 24 bytes */
}

static void sizes_that_wrap_around_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint32_t type, n_dims;
		uint64_t ne[4];
		const char *key;
	} cases[] = {
		{ GGML_ID_F32,
		  3,
		  { 1ull << 31, 1ull << 31, 4 },
		  "err_gguf_tensor_dims" }, /* 2^64: ggml's check is skipped */
		{ GGML_ID_F32, 2, { 1ull << 62, 4 }, "err_gguf_tensor_dims" },
		{ GGML_ID_F32, 2, { 1ull << 32, 1ull << 31 }, "err_gguf_tensor_dims" },
		{ GGML_ID_F32,
		  4,
		  { 1ull << 31, 1ull << 31, 1ull << 31, 1ull << 31 },
		  "err_gguf_tensor_dims" },
		{ GGML_ID_F32, 1, { (1ull << 62) }, "err_gguf_tensor_dims" },
		{ GGML_ID_F32, 1, { 0 }, "err_gguf_tensor_dims" },
		{ GGML_ID_F32, 2, { 4, 0 }, "err_gguf_tensor_dims" },
		{ GGML_ID_F32, 2, { UINT64_MAX, UINT64_MAX }, "err_gguf_tensor_dims" },
		{ GGML_ID_F32, 0, { 0 }, "err_gguf_tensor_n_dims" },
		{ GGML_ID_Q4_1, 1, { 33 }, "err_gguf_tensor_block" },
		{ GGML_ID_Q4_1, 2, { 16, 2 }, "err_gguf_tensor_block" },
		{ 4, 1, { 32 }, "err_gguf_tensor_type" },
		{ 31, 1, { 32 }, "err_gguf_tensor_type" },
		{ 43, 1, { 32 }, "err_gguf_tensor_type" },
		{ 0xFFFFFFFF, 1, { 32 }, "err_gguf_tensor_type" },
		{ GGML_ID_F32, 1, { 17 }, "err_gguf_truncated" }, /* 64 bytes of data follow */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = head(3, 1, 0);
		put_tensor(&b, "t", cases[i].type, cases[i].n_dims, cases[i].ne, 0);
		pad(&b, (b.len + 31) / 32 * 32 + 64);
		refused(&b, cases[i].key);
	}
	struct buf b = head(3, 1, 0);
	put_text(&b, "t");
	buf_add_u32le(&b, 5);
	pad(&b, 256);
	refused(&b, "err_gguf_tensor_n_dims");
}

static void data_must_follow_without_gaps_or_overlaps(void **state)
{
	(void)state;
	static const struct {
		uint64_t second;
		const char *key;
	} cases[] = {
		{ 32, "" },
		{ 0, "err_gguf_tensor_offset" },
		{ 16, "err_gguf_tensor_offset" },
		{ 64, "err_gguf_tensor_offset" },
		{ UINT64_MAX - 31, "err_gguf_tensor_offset" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = head(3, 2, 0);
		put_tensor(&b, "a", GGML_ID_F32, 1, (uint64_t[]){ 5 }, 0);
		put_tensor(&b, "b", GGML_ID_F32, 1, (uint64_t[]){ 8 }, cases[i].second);
		pad(&b, (b.len + 31) / 32 * 32 + 64);
		if (cases[i].key[0]) {
			refused(&b, cases[i].key);
			continue;
		}
		struct err err;
		struct gguf *g = read_buf(&b, &err);
		assert_err(&err, "");
		gguf_close(g);
	}
}

static void alignment_is_a_power_of_two_up_to_64_kib(void **state)
{
	(void)state;
	static const struct {
		uint32_t n;
		bool good;
	} cases[] = {
		{ 0, false },	   { 1, true },		  { 8, true },
		{ 3, false },	   { 48, false },	  { 65536, true },
		{ 131072, false }, { 0x80000000, false }, { 0xFFFFFFFF, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = head(3, 0, 1);
		put_text(&b, "general.alignment");
		buf_add_u32le(&b, GGUF_U32);
		buf_add_u32le(&b, cases[i].n);
		if (!cases[i].good) {
			refused(&b, "err_gguf_alignment");
			continue;
		}
		struct err err;
		struct gguf *g = read_buf(&b, &err);
		assert_non_null(g);
		gguf_close(g);
	}
	struct buf b = head(3, 0, 1);
	put_text(&b, "general.alignment");
	buf_add_u32le(&b, GGUF_U64);
	buf_add_u64le(&b, 32);
	refused(&b, "err_gguf_alignment");
}

static void ambiguous_and_malformed_values_are_refused(void **state)
{
	(void)state;
	struct buf b = head(3, 0, 2);
	for (int i = 0; i < 2; i++) {
		put_text(&b, "k");
		buf_add_u32le(&b, GGUF_U8);
		buf_add_char(&b, 1);
	}
	refused(&b, "err_gguf_duplicate");

	b = head(3, 2, 0);
	put_tensor(&b, "t", GGML_ID_F32, 1, (uint64_t[]){ 8 }, 0);
	put_tensor(&b, "t", GGML_ID_F32, 1, (uint64_t[]){ 8 }, 32);
	pad(&b, 512);
	refused(&b, "err_gguf_duplicate");

	b = head(3, 0, 1);
	put_text(&b, "k");
	buf_add_u32le(&b, GGUF_ARRAY);
	buf_add_u32le(&b, GGUF_ARRAY);
	buf_add_u64le(&b, 1);
	refused(&b, "err_gguf_nested_array");

	static const uint32_t bad_types[] = { 13, 14, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF };
	for (size_t i = 0; i < sizeof(bad_types) / sizeof(bad_types[0]); i++) {
		b = head(3, 0, 1);
		put_text(&b, "k");
		buf_add_u32le(&b, bad_types[i]);
		pad(&b, 64);
		refused(&b, "err_gguf_value_type");
	}

	b = head(3, 0, 1);
	put_text(&b, "k");
	buf_add_u32le(&b, GGUF_BOOL);
	buf_add_char(&b, 2);
	refused(&b, "err_gguf_bool");

	static const char *const bad_names[] = { "", "a\nb", "\x1b[0m", "\xFF\xFE" };
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		b = head(3, 0, 1);
		put_text(&b, bad_names[i]);
		pad(&b, 64);
		refused(&b, "err_gguf_name");
	}
}

static void a_template_over_256_kib_is_refused(void **state)
{
	(void)state;
	struct buf b = head(3, 0, 1);
	put_text(&b, "tokenizer.chat_template");
	buf_add_u32le(&b, GGUF_TEXT);
	buf_add_u64le(&b, LIMIT_TEMPLATE + 1);
	pad(&b, b.len + LIMIT_TEMPLATE + 1);
	refused(&b, "err_gguf_limit");
}

/* Resident memory now (the peak would hide what the test itself has freed). */
static long resident_kib(void)
{
	long pages = 0, skipped;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &skipped, &pages), 2);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 64 MiB of vocabulary must not become memory. */
static void the_reader_stays_small_on_a_large_header(void **state)
{
	(void)state;
	struct buf b = head(3, 0, 20);
	char text[2048];
	memset(text, 'x', sizeof(text));
	for (int k = 0; k < 20; k++) {
		char key[16];
		snprintf(key, sizeof(key), "key.%d", k);
		put_text(&b, key);
		buf_add_u32le(&b, GGUF_ARRAY);
		buf_add_u32le(&b, GGUF_TEXT);
		buf_add_u64le(&b, 1500);
		for (int i = 0; i < 1500; i++) {
			buf_add_u64le(&b, sizeof(text));
			buf_add(&b, text, sizeof(text));
		}
	}
	assert_false(b.overflow);
	int fd = temp_memory(b.ptr, b.len);
	size_t size = b.len;
	buf_release(&b);
	long before = resident_kib();
	struct err err = { 0 };
	struct gguf *g = gguf_read(fd, size, "large.gguf", &err);
	long after = resident_kib();
	assert_err(&err, "");
	assert_true(after - before < 32 * 1024);
	gguf_close(g);
	close(fd);
}

/* The most keys and tensors with the longest names that the limits allow. */
static void the_largest_header_stays_within_64_mib(void **state)
{
	(void)state;
	struct buf b = head(3, LIMIT_GGUF_TENSORS, LIMIT_GGUF_KEYS);
	char name[GGUF_MAX_KEY + 1];
	for (int i = 0; i < LIMIT_GGUF_KEYS; i++) {
		snprintf(name, sizeof(name), "%0*d", GGUF_MAX_KEY, i);
		put_text(&b, name);
		buf_add_u32le(&b, GGUF_U8);
		buf_add_char(&b, 1);
	}
	for (int i = 0; i < LIMIT_GGUF_TENSORS; i++) {
		snprintf(name, sizeof(name), "%0*d", GGUF_MAX_NAME, i);
		put_tensor(&b, name, GGML_ID_F32, 1, (uint64_t[]){ 8 }, (uint64_t)i * 32);
	}
	pad(&b, (b.len + 31) / 32 * 32 + LIMIT_GGUF_TENSORS * 32);
	assert_false(b.overflow);
	int fd = temp_memory(b.ptr, b.len);
	size_t size = b.len;
	buf_release(&b);
	long before = resident_kib();
	struct err err = { 0 };
	struct gguf *g = gguf_read(fd, size, "largest.gguf", &err);
	long after = resident_kib();
	assert_err(&err, "");
	assert_int_equal(gguf_n_tensors(g), LIMIT_GGUF_TENSORS);
	assert_true(after - before < 64 * 1024);
	gguf_close(g);
	close(fd);
}

static const char *write_part(const char *name, uint16_t no, uint16_t count, const char *tensor)
{
	struct tiny_file f = { .w = gguf_writer_new() };
	if (no == 0)
		gguf_writer_text(f.w, "general.architecture", "llama");
	gguf_writer_u16(f.w, "split.no", no);
	gguf_writer_u16(f.w, "split.count", count);
	gguf_writer_u32(f.w, "split.tensors.count", 3);
	tiny_tensor(&f, tensor, GGML_ID_F16, 32, 2);
	return tiny_finish(&f, temp_path(&temp, name));
}

static void split_models_are_read_as_one(void **state)
{
	(void)state;
	struct err err = { 0 };
	write_part("s-00001-of-00003.gguf", 0, 3, "a");
	write_part("s-00002-of-00003.gguf", 1, 3, "b");
	const char *third = write_part("s-00003-of-00003.gguf", 2, 3, "c");
	struct gguf *g = gguf_open_model(third, &err);
	assert_err(&err, "");
	assert_int_equal(gguf_n_parts(g), 3);
	assert_int_equal(gguf_n_tensors(g), 3);
	assert_int_equal(gguf_tensor_find(g, "c")->part, 2);
	assert_int_equal(gguf_key_type(g, "general.architecture"), GGUF_TEXT);
	char data[128];
	assert_ok(gguf_read_data(g, gguf_tensor_find(g, "c"), 0, data, sizeof(data), &err));
	gguf_close(g);

	write_part("s-00003-of-00003.gguf", 2, 3, "a");
	assert_null(gguf_open_model(temp_path(&temp, "s-00001-of-00003.gguf"), &err));
	assert_err(&err, "err_gguf_duplicate");
	write_part("s-00003-of-00003.gguf", 1, 3, "c");
	assert_null(gguf_open_model(temp_path(&temp, "s-00001-of-00003.gguf"), &err));
	assert_err(&err, "err_gguf_part_wrong");
	unlink(temp_path(&temp, "s-00002-of-00003.gguf"));
	assert_null(gguf_open_model(temp_path(&temp, "s-00001-of-00003.gguf"), &err));
	assert_err(&err, "err_gguf_part_missing");
	assert_arg(&err, "path", "s-00002-of-00003.gguf");
	assert_arg(&err, "n", "2");
}

static void the_digest_of_a_split_model_covers_every_part(void **state)
{
	(void)state;
	struct err err = { 0 };
	uint8_t digest[HASH_SIZE], expected[HASH_SIZE], before[HASH_SIZE];
	const char *first = temp_path(&temp, "d-00001-of-00002.gguf"), *second = temp_path(&temp, "d-00002-of-00002.gguf");
	assert_ok(fs_write(first, "one ", strlen("one "), &err));
	assert_ok(fs_write(second, "two", strlen("two"), &err));
	assert_ok(gguf_model_hash(first, digest, NULL, &err));
	hash_bytes("one two", 7, expected);
	assert_memory_equal(digest, expected, HASH_SIZE);
	memcpy(before, digest, HASH_SIZE);
	assert_ok(fs_write(second, "tWo", strlen("tWo"), &err));
	assert_ok(gguf_model_hash(first, digest, NULL, &err));
	assert_memory_not_equal(digest, before, HASH_SIZE);
	unlink(second);
	assert_int_equal(gguf_model_hash(first, digest, NULL, &err), ERR_IO);
	const char *alone = temp_path(&temp, "alone.gguf");
	assert_ok(fs_write(alone, "one two", strlen("one two"), &err));
	assert_ok(gguf_model_hash(alone, digest, NULL, &err));
	assert_memory_equal(digest, expected, HASH_SIZE);
}

static void names_of_parts_are_recognized(void **state)
{
	(void)state;
	uint32_t no = 0, count = 0;
	size_t stem = 0;
	assert_true(gguf_split_name("/m/x-00002-of-00012.gguf", &no, &count, &stem));
	assert_int_equal(no, 2);
	assert_int_equal(count, 12);
	assert_int_equal(stem, 4);
	static const char *const others[] = {
		"x.gguf",
		"x-00000-of-00002.gguf",
		"x-00003-of-00002.gguf",
		"x-0001-of-00002.gguf",
		"-00001-of-00002.gguf",
		"x-00001-of-0000x.gguf",
		"x-00001-of-00002.ggux",
		"",
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		no = count = 77;
		assert_false(gguf_split_name(others[i], &no, &count, &stem));
		assert_int_equal(no, 77); /* a name that is none leaves them as they were */
		assert_int_equal(count, 77);
	}
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
		cmocka_unit_test(a_good_file_gives_its_keys_and_tensors),
		cmocka_unit_test(labels_lose_control_and_direction_characters),
		cmocka_unit_test(numbers_of_every_type_are_read),
		cmocka_unit_test(a_file_cut_anywhere_is_refused_with_its_place),
		cmocka_unit_test(a_wrong_file_is_called_by_its_name),
		cmocka_unit_test(only_versions_two_and_three_are_read),
		cmocka_unit_test(absurd_counts_are_refused),
		cmocka_unit_test(sizes_that_wrap_around_are_refused),
		cmocka_unit_test(data_must_follow_without_gaps_or_overlaps),
		cmocka_unit_test(alignment_is_a_power_of_two_up_to_64_kib),
		cmocka_unit_test(ambiguous_and_malformed_values_are_refused),
		cmocka_unit_test(a_template_over_256_kib_is_refused),
		cmocka_unit_test(the_reader_stays_small_on_a_large_header),
		cmocka_unit_test(the_largest_header_stays_within_64_mib),
		cmocka_unit_test(split_models_are_read_as_one),
		cmocka_unit_test(the_digest_of_a_split_model_covers_every_part),
		cmocka_unit_test(names_of_parts_are_recognized),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
