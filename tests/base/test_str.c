/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "base/str.h"

static void comparing_trimming_and_splitting_take_views(void **state)
{
	(void)state;
	assert_true(str_eq(STR("abc"), str_of("abc")));
	assert_true(str_eq(str_of(NULL), STR("")));
	assert_false(str_eq(STR("abc"), STR("abd")));
	assert_true(str_eq_nocase(STR("GGUF"), "gguf"));
	assert_false(str_eq_nocase(STR("GGUF"), "ggu"));
	assert_true(str_starts(STR("models/x"), "models/"));
	assert_false(str_starts(STR("m"), "models/"));
	assert_true(str_ends(STR("x.gguf"), ".gguf"));
	assert_true(str_eq_text(str_trim(STR(" \t\r\n a b \n")), "a b"));
	assert_int_equal(str_trim(STR(" \n")).len, 0);
	struct str rest = STR("a,,b");
	assert_true(str_eq_text(str_split(&rest, ','), "a"));
	assert_true(str_eq_text(str_split(&rest, ','), ""));
	assert_non_null(rest.ptr);
	assert_true(str_eq_text(str_split(&rest, ','), "b"));
	assert_null(rest.ptr);
	assert_int_equal(str_split(&rest, ',').len, 0);
	assert_true(str_list_has("CUDA0,CUDA1", ',', "CUDA1"));
	assert_true(str_list_has("CUDA0", ',', "CUDA0"));
	assert_false(str_list_has("CUDA0,CUDA11", ',', "CUDA1"));
	assert_false(str_list_has("", ',', "CUDA1"));
}

static void whole_numbers_are_read_strictly(void **state)
{
	(void)state;
	uint64_t u = 7;
	int64_t i = 7;
	assert_true(str_to_u64(STR("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
	const char *const bad[] = { "", "18446744073709551616", "99999999999999999999999", "+1", "-1", " 1", "1 ", "0x10", "1.0", "1e3", "１" };
	for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
		assert_false(str_to_u64(str_of(bad[n]), &u));
	assert_true(u == UINT64_MAX);
	assert_true(str_to_i64(STR("-9223372036854775808"), &i));
	assert_true(i == INT64_MIN);
	assert_true(str_to_i64(STR("9223372036854775807"), &i));
	assert_true(i == INT64_MAX);
	assert_true(str_to_i64(STR("-0"), &i));
	assert_true(i == 0);
	assert_false(str_to_i64(STR("9223372036854775808"), &i));
	assert_false(str_to_i64(STR("-9223372036854775809"), &i));
	assert_false(str_to_i64(STR("-"), &i));
	assert_false(str_to_i64(STR("--1"), &i));
}

static void decimal_numbers_are_finite_and_have_a_point(void **state)
{
	(void)state;
	double d = 7;
	assert_true(str_to_double(STR("0.7"), &d));
	assert_true(d == 0.7);
	assert_true(str_to_double(STR("-1.5e-3"), &d));
	assert_true(d == -1.5e-3);
	assert_true(str_to_double(STR(".5"), &d));
	assert_true(d == 0.5);
	assert_true(str_to_double(STR("1E+2"), &d));
	assert_true(d == 100);
	assert_true(str_to_double(STR("1e-999"), &d));
	assert_true(d == 0);
	const char *const bad[] = { "", "-", ".", "e5", "1e", "1e+", "0,7", "nan", "inf", "Infinity", "0x1p3", "1e999", " 1", "1 ", "+1", "1.2.3", "1_000" };
	for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
		assert_false(str_to_double(str_of(bad[n]), &d));
	char nul[] = "1\0002";
	assert_false(str_to_double((struct str){ nul, 3 }, &d));
	char endless[600];
	memset(endless, '1', sizeof endless);
	assert_false(str_to_double((struct str){ endless, sizeof endless }, &d));
}

static void wrong_utf8_is_found_at_its_first_byte(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {
		{ "\x80", 0 }, { "ab\xC0\x80", 2 }, { "\xC1\xBF", 0 }, { "\xE0\x9F\xBF", 0 }, { "\xED\xA0\x80", 0 },
		{ "\xED\xBF\xBF", 0 }, { "\xF0\x8F\xBF\xBF", 0 }, { "\xF4\x90\x80\x80", 0 }, { "\xF5\x80\x80\x80", 0 },
		{ "\xFF", 0 }, { "a\xE5\x95", 1 }, { "\xF0\x9F\x98", 0 }, { "\xE5 \x95", 0 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		size_t at = 99;
		assert_false(utf8_valid(str_of(bad[i].text), &at));
		assert_int_equal(at, bad[i].at);
		assert_false(utf8_valid(str_of(bad[i].text), NULL));
	}
	assert_true(utf8_valid(STR("問題 é \xED\x9F\xBF \xEE\x80\x80 \xF4\x8F\xBF\xBF"), NULL));
	assert_true(utf8_valid(STR(""), NULL));
}

static void every_code_point_survives_writing_and_reading(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		char out[4];
		size_t pos = 0, len = utf8_put(c, out);
		struct str s = { out, len };
		bool surrogate = c >= 0xD800 && c < 0xE000;
		if (!utf8_valid(s, NULL) || utf8_next(s, &pos) != (surrogate ? 0xFFFD : c) || pos != len)
			fail_msg("U+%04X", c);
	}
	char out[4];
	assert_int_equal(utf8_put(0x110000, out), 3);
	struct str wrong = STR("\xFF" "a");
	size_t pos = 0;
	assert_int_equal(utf8_next(wrong, &pos), 0xFFFD);
	assert_int_equal(pos, 1);
	assert_int_equal(utf8_next(wrong, &pos), 'a');
}

static void streaming_holds_back_only_a_character_that_may_still_come(void **state)
{
	(void)state;
	assert_int_equal(utf8_whole(STR("a\xE5\x95")), 1);
	assert_int_equal(utf8_whole(STR("a\xE5")), 1);
	assert_int_equal(utf8_whole(STR("\xF0\x9F\x98")), 0);
	assert_int_equal(utf8_whole(STR("a\xE5\x95\x8F")), 4);
	assert_int_equal(utf8_whole(STR("")), 0);
	/* Wrong bytes never become right: they pass, or a stream would wait for ever. */
	assert_int_equal(utf8_whole(STR("a\xFF")), 2);
	assert_int_equal(utf8_whole(STR("\x80\x80\x80\x80")), 4);
	assert_int_equal(utf8_whole(STR("a\xE0\x80")), 3);
}

static void cleaning_leaves_nothing_that_can_trick_a_terminal(void **state)
{
	(void)state;
	char text[] = "a\x1b[31mb\tc\nd\x7f\xC2\x9B" "e\xE2\x80\xAE" "f\xE2\x81\xA6g\xE2\x80\xA8h\xFFi\x1fj問";
	size_t len = utf8_clean(text, strlen(text), '\x1f');
	assert_string_equal(text, "a[31mb c defgh?i\x1fj問");
	assert_int_equal(len, strlen(text));
	utf8_clean(text, len, 0);
	assert_string_equal(text, "a[31mb c defgh?ij問");
}

static void formatting_says_when_it_does_not_fit(void **state)
{
	(void)state;
	char out[5];
	assert_true(str_format(out, sizeof out, "%d", 1234));
	assert_false(str_format(out, sizeof out, "%d", 12345));
	assert_string_equal(out, "1234");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing_trimming_and_splitting_take_views),
		cmocka_unit_test(whole_numbers_are_read_strictly),
		cmocka_unit_test(decimal_numbers_are_finite_and_have_a_point),
		cmocka_unit_test(wrong_utf8_is_found_at_its_first_byte),
		cmocka_unit_test(every_code_point_survives_writing_and_reading),
		cmocka_unit_test(streaming_holds_back_only_a_character_that_may_still_come),
		cmocka_unit_test(cleaning_leaves_nothing_that_can_trick_a_terminal),
		cmocka_unit_test(formatting_says_when_it_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
