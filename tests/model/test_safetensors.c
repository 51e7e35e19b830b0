/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "model/safetensors.h"
#include "support/temp.h"

/* Reads header text and `data` zero bytes as a file. */
static struct safetensors *read_text(const char *header, size_t data, struct err *err)
{
	struct buf b = BUF_INIT(64 * MIB);
	memset(err, 0, sizeof(*err));
	buf_add_u64le(&b, strlen(header));
	buf_add_text(&b, header);
	for (size_t i = 0; i < data; i++)
		buf_add_char(&b, 0);
	int fd = temp_memory(b.ptr, b.len);
	struct safetensors *s = safetensors_read(fd, b.len, "x.safetensors", err);
	close(fd);
	buf_release(&b);
	return s;
}

static void a_good_file_gives_its_tensors_in_the_order_of_the_data(void **state)
{
	(void)state;
	struct err err;
	struct safetensors *s = read_text(
		"{\"__metadata__\":{\"format\":\"pt\"},"
		"\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]},"
		" \"a\\u00e9\\n\" : { \"data_offsets\" : [ 0 , 12 ] , \"shape\":[2,3],\"dtype\":\"BF16\"},"
		"\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[20,20]},"
		"\"s\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[20,28]}}   ",
		28, &err);
	assert_err(&err, "");
	assert_int_equal(safetensors_count(s), 4);
	const struct st_tensor *t = safetensors_at(s, 0);
	assert_true(str_eq_text(t->name, "a\xC3\xA9\n"));
	assert_int_equal(t->dtype, ST_BF16);
	assert_int_equal(t->n_dims, 2);
	assert_int_equal(t->shape[1], 3);
	assert_int_equal(t->size, 12);
	assert_true(str_eq_text(safetensors_at(s, 3)->name, "s"));
	char data[12];
	assert_ok(safetensors_data(s, t, 0, data, sizeof(data), &err));
	safetensors_close(s);
}

static void what_two_readers_could_see_differently_is_refused(void **state)
{
	(void)state;
#define T(name, range) "\"" name "\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" range "}"
	static const struct {
		const char *header;
		size_t data;
		const char *key;
	} cases[] = {
		{ "{" T("a", "[0,4]") "," T("a", "[4,8]") "}", 8, "err_safetensors_duplicate" },
		{ "{" T("a", "[0,4]") "," T("\\u0061", "[4,8]") "}", 8, "err_safetensors_duplicate" },
		{ "{" T("a", "[0,4]") "," T("b", "[2,6]") "}", 6, "err_safetensors_gap" },
		{ "{" T("a", "[0,4]") "," T("b", "[0,4]") "}", 4, "err_safetensors_gap" },
		{ "{" T("a", "[0,4]") "," T("b", "[5,9]") "}", 9, "err_safetensors_gap" },
		{ "{" T("a", "[1,5]") "}", 5, "err_safetensors_gap" },
		{ "{" T("a", "[0,4]") "}", 5, "err_safetensors_rest" },
		{ "{" T("a", "[0,4]") "}", 3, "err_gguf_truncated" },
		{ "{}", 1, "err_safetensors_rest" },
		{ "{" T("a", "[0,5]") "}", 5, "err_safetensors_size" },
		{ "{" T("a", "[4,0]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,4,8]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[-1,3]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,04]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,4.0]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,4e0]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,18446744073709551620]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,9223372036854775808]") "}", 4, "err_safetensors_header" },
		{ "{" T("", "[0,4]") "}", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,4]") "} x", 4, "err_safetensors_header" },
		{ "{" T("a", "[0,4]") ",}", 4, "err_safetensors_header" },
		{ "{" T("a\\ud800", "[0,4]") "}", 4, "err_safetensors_header" },
		{ "{" T("a\\u0000", "[0,4]") "}", 4, "err_safetensors_header" },
		{ "{" T("a\\u00@@", "[0,4]") "}", 4, "err_safetensors_header" },
		{ "{" T("a\\x", "[0,4]") "}", 4, "err_safetensors_header" },
		{ "{" T("a\tb", "[0,4]") "}", 4, "err_safetensors_header" },
		{ "{" T("a\xFF", "[0,4]") "}", 4, "err_safetensors_header" },
		{ "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
		  "err_safetensors_header" },
		{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, "err_safetensors_header" },
		{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"x\":1}}", 4,
		  "err_safetensors_header" },
		{ "{\"a\":{}}", 4, "err_safetensors_header" },
		{ "{\"a\":[]}", 4, "err_safetensors_header" },
		{ "{\"__metadata__\":{\"a\":1}}", 0, "err_safetensors_header" },
		{ "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "err_safetensors_header" },
		{ "{\"a\":{\"dtype\":\"Q4\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
		  "err_safetensors_dtype" },
		{ "{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0,
		  "err_safetensors_size" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
		  "err_safetensors_size" },
		{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
		  "err_safetensors_header" },
		{ "{\"a\"", 0, "err_safetensors_header" },
		{ "{\"a", 0, "err_safetensors_header" },
		{ "{\"a\\", 0, "err_safetensors_header" },
	};
#undef T
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err;
		struct safetensors *s = read_text(cases[i].header, cases[i].data, &err);
		if (s || strcmp(err.key, cases[i].key) != 0)
			fail_msg("%s: expected %s, got %s %s", cases[i].header, cases[i].key, err.key,
				 err.args);
	}
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	(void)state;
	static const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[16],\"data_offsets\":[0,16]}}";
	struct buf b = BUF_INIT(4096);
	buf_add_u64le(&b, sizeof(header) - 1);
	buf_add_text(&b, header);
	buf_add_text(&b, "0123456789abcdef");
	for (size_t n = 0; n < b.len; n++) {
		struct err err = { 0 };
		int fd = temp_memory(b.ptr, n);
		assert_null(safetensors_read(fd, n, "cut", &err));
		assert_true(err.code == ERR_DATA);
		close(fd);
	}
	buf_release(&b);
}

static void a_header_beyond_the_limits_is_refused(void **state)
{
	(void)state;
	static const uint64_t lengths[] = { LIMIT_SAFETENSORS_HEADER + 1, 1ull << 32, 1ull << 62, INT64_MAX,
					    UINT64_MAX };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct err err = { 0 };
		struct buf b = BUF_INIT(4096);
		buf_add_u64le(&b, lengths[i]);
		buf_add_text(&b, "{\"a\":1}");
		int fd = temp_memory(b.ptr, b.len);
		assert_null(safetensors_read(fd, b.len, "long", &err));
		assert_err(&err, "err_gguf_limit");
		close(fd);
		buf_release(&b);
	}
}

static void more_than_65536_tensors_are_refused(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(16 * MIB);
	buf_add_char(&b, '{');
	for (int i = 0; i <= LIMIT_SAFETENSORS_TENSORS; i++)
		buf_printf(&b, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
			   i ? "," : "", i);
	buf_add_char(&b, '}');
	struct err err;
	assert_null(read_text(buf_text(&b), 0, &err));
	assert_err(&err, "err_safetensors_tensors");
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
		{ "PK\x03\x04 archive/data.pkl", 20, "err_file_pickle" },
		{ "\x80\x02\x8a\nl\xfc\x9c", 7, "err_file_pickle" },
		{ "version https://git-lfs.github.com/spec/v1\n", 43, "err_file_lfs_pointer" },
		{ "<!doctype html>", 15, "err_file_html" },
		{ "", 0, "err_file_empty" },
		{ "GGUF\x03\0\0\0", 8, "err_file_not_wanted" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };
		int fd = temp_memory(cases[i].bytes, cases[i].len);
		assert_null(safetensors_read(fd, cases[i].len, "x", &err));
		assert_err(&err, cases[i].key);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_gives_its_tensors_in_the_order_of_the_data),
		cmocka_unit_test(what_two_readers_could_see_differently_is_refused),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(a_header_beyond_the_limits_is_refused),
		cmocka_unit_test(more_than_65536_tensors_are_refused),
		cmocka_unit_test(a_wrong_file_is_called_by_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
