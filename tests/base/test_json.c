/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

static void refuse(struct str text, enum err_code code, const char *key)
{
	struct err err = { 0 };
	json_t *value = json_parse(text, "request body", &err);
	if (value)
		fail_msg("accepted: %.*s", (int)(text.len < 60 ? text.len : 60), text.ptr ? text.ptr : "");
	assert_int_equal(err.code, code);
	assert_string_equal(err.key, key);
}

static void refuse_python(struct str text, enum err_code code, const char *key)
{
	struct err err = { 0 };
	assert_null(json_parse_python(text, "file", &err));
	assert_int_equal(err.code, code);
	assert_string_equal(err.key, key);
}

/* `text` read and written again. */
static void expect_same(struct str text, const char *expected)
{
	struct err err = { 0 };
	struct buf out = BUF_INIT(10000);
	json_t *value = json_parse(text, "text", &err);
	if (!value)
		fail_msg("%s: %s", err.key, err.args);
	json_write(&out, value);
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
	json_decref(value);
}

static void what_is_read_is_written_the_same(void **state)
{
	(void)state;
	expect_same(STR(" { \"b\" : [ 1 , -2.5, true, false, null ] , \"a\" : \"\xE9\xA1\x8C\\n\\u0001\\\"\\\\/\" , \"o\":{} } "),
		"{\"b\":[1,-2.5,true,false,null],\"a\":\"題\\n\\u0001\\\"\\\\/\",\"o\":{}}");
	expect_same(STR("[]"), "[]");
	expect_same(STR("\"only text\""), "\"only text\"");
	expect_same(STR("7"), "7");
	expect_same(STR("[0.1,0.7,1.0,1e300,1e-7,-0.0,0.1234567890123456,9007199254740993]"),
		"[0.1,0.7,1.0,1e+300,1e-07,-0.0,0.1234567890123456,9007199254740993]");
}

static void wrong_json_is_refused_with_its_place(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "['a']", "[1] x", "[01]", "[NaN]", "[Infinity]", "[1e999]",
		"{\"a\":1,\"a\":2}", "[\"\\u0000\"]", "[\"\xFF\"]", "[\"\xED\xA0\x80\"]", "[\"\\ud800\"]", "[\"a\nb\"]", "// x\n[]",
		"\xEF\xBB\xBF[]", "[123456789012345678901234567890]",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		refuse(str_of(wrong[i]), ERR_DATA, "err_json_syntax");
	refuse((struct str){ NULL, 0 }, ERR_DATA, "err_json_syntax");
	char nul[] = "[1]\0";
	refuse((struct str){ nul, 4 }, ERR_DATA, "err_json_syntax");
	struct err err = { 0 };
	char text[100];
	assert_null(json_parse(STR("{\n \"a\": tru\n}"), "request body", &err));
	assert_true(err_arg(&err, "line", text, sizeof text));
	assert_string_equal(text, "2");
	assert_true(err_arg(&err, "what", text, sizeof text));
	assert_string_equal(text, "request body");
	assert_null(json_parse(STR("{"), "x", NULL));
}

static void depth_and_size_are_checked_before_anything_is_built(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(2 << 20);
	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_add_char(&b, '[');
	buf_add_text(&b, "\"[[[[[[[[[[[\\\"[[[[[\"");
	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_add_char(&b, ']');
	json_t *value = json_parse(buf_str(&b), "x", NULL);
	assert_non_null(value);
	json_decref(value);
	buf_clear(&b);
	for (int i = 0; i < 33; i++)
		buf_add_text(&b, "[\n{\"a\":");
	refuse(buf_str(&b), ERR_LIMIT, "err_json_too_deep");
	struct err err = { 0 };
	char line[20];
	assert_null(json_parse(buf_str(&b), "x", &err));
	assert_true(err_arg(&err, "line", line, sizeof line));
	assert_string_equal(line, "33");
	buf_clear(&b);
	buf_add_char(&b, '"');
	while (b.len < LIMIT_JSON_BODY - 1)
		buf_add_char(&b, 'a');
	buf_add_char(&b, '"');
	value = json_parse(buf_str(&b), "x", &err);
	assert_non_null(value);
	json_decref(value);
	buf_add_char(&b, ' ');
	refuse(buf_str(&b), ERR_LIMIT, "err_json_too_big");
	value = json_parse_python(buf_str(&b), "x", &err);
	assert_non_null(value);
	json_decref(value);
	buf_release(&b);
}

static void too_many_values_are_refused_in_large_files(void **state)
{
	(void)state;
	size_t len = 3 * LIMIT_JSON_VALUES;
	char *text = mem_alloc(len);
	for (size_t i = 0; i < len; i++)
		text[i] = "[],"[i % 3];
	refuse_python((struct str){ text, len }, ERR_LIMIT, "err_json_too_many");
	mem_free(text);
	char *big = mem_alloc(LIMIT_UPLOAD + 1);
	refuse_python((struct str){ big, LIMIT_UPLOAD + 1 }, ERR_LIMIT, "err_json_too_big");
	mem_free(big);
}

/* A process that is not trusted must not cost the supervisor seconds and hundreds of megabytes with one frame. */
static void a_frame_may_be_long_but_not_of_many_values(void **state)
{
	struct buf b = BUF_INIT(2 * LIMIT_FRAME);
	struct err err = { 0 };

	(void)state;
	buf_add_text(&b, "{\"tokens\":[0");
	for (size_t i = 1; i < LIMIT_MAX_TOKENS; i++)
		buf_add_text(&b, ",49151");
	buf_add_text(&b, "],\"text\":\"");
	while (b.len < LIMIT_FRAME - 2)
		buf_add_char(&b, 'a');
	buf_add_text(&b, "\"}");
	json_t *value = json_parse_frame(buf_str(&b), &err);
	assert_int_equal(json_array_size(json_object_get(value, "tokens")), LIMIT_MAX_TOKENS);
	json_decref(value);
	buf_add_char(&b, ' ');
	assert_null(json_parse_frame(buf_str(&b), &err));
	assert_string_equal(err.key, "err_json_too_big");
	buf_clear(&b);
	buf_add_char(&b, '[');
	for (size_t i = 0; i < LIMIT_FRAME_VALUES; i++)
		buf_add_text(&b, "0,");
	buf_add_text(&b, "0]");
	assert_null(json_parse_frame(buf_str(&b), &err));
	assert_string_equal(err.key, "err_json_too_many");
	assert_non_null(strstr(err.args, "found=65538")); /* the list, too */
	buf_release(&b);
}

static void python_writes_nan_which_becomes_null(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "{\"loss\": NaN, \"a\": [Infinity,-Infinity, -1]}", "{\"loss\":null,\"a\":[null,null,-1]}" },
		{ "NaN", "null" },
		{ "\xEF\xBB\xBF[NaN]", "[null]" },
		{ "[\"NaN\", \"a\\\"NaN\", \"-Infinity\"]", "[\"NaN\",\"a\\\"NaN\",\"-Infinity\"]" },
		{ "{\"NaN\":1}", "{\"NaN\":1}" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = BUF_INIT(1000);
		struct err err = { 0 };
		json_t *value = json_parse_python(str_of(cases[i].text), "file", &err);
		assert_non_null(value);
		json_write(&out, value);
		assert_string_equal(buf_text(&out), cases[i].expected);
		json_decref(value);
		buf_release(&out);
	}
	static const char *const wrong[] = { "", "[NaNs]", "[xNaN]", "[--Infinity]", "[-NaN]", "[1NaN]", "[NaNNaN]", "[nan]", "[NaN", "[Infinit" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		refuse_python(str_of(wrong[i]), ERR_DATA, "err_json_syntax");
}

static void strings_that_are_no_utf8_are_repaired(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(1000);
	json_write_string(&out, STR("a\xFF\"\xE9\xA1\x8C\xE9\xA1\x00z\x7f"));
	assert_string_equal(buf_text(&out), "\"a\xEF\xBF\xBD\\\"題\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\x7f\"");
	buf_clear(&out);
	json_t *values = json_pack("[o,o,o,o]", json_text(STR("plain")), json_text(STR("")),
		json_text(STR("a\0\0b\xFF")), json_text((struct str){ NULL, 0 }));
	json_write(&out, values);
	assert_string_equal(buf_text(&out), "[\"plain\",\"\",\"a\xEF\xBF\xBD\xEF\xBF\xBD" "b\xEF\xBF\xBD\",\"\"]");
	json_t *again = json_parse(buf_str(&out), "x", NULL);
	assert_true(json_equal(values, again));
	json_decref(values);
	json_decref(again);
	buf_release(&out);
}

static void members_come_with_their_defaults(void **state)
{
	(void)state;
	struct err err = { 0 };
	json_t *o = json_parse(STR("{\"t\":\"x\",\"i\":5,\"d\":0.5,\"b\":true,\"a\":[],\"o\":{},\"n\":null}"), "x", &err);
	assert_string_equal(json_get_text(o, "t", "-", &err), "x");
	assert_string_equal(json_get_text(o, "n", "-", &err), "-");
	assert_null(json_get_text(o, "absent", NULL, &err));
	assert_int_equal(json_get_int(o, "i", 5, 5, 1, &err), 5);
	assert_int_equal(json_get_int(o, "absent", 5, 5, 1, &err), 1);
	assert_true(json_get_number(o, "d", 0, 1, 9, &err) == 0.5);
	assert_true(json_get_number(o, "i", 0, 10, 9, &err) == 5);
	assert_true(json_get_bool(o, "b", false, &err));
	assert_true(json_get_bool(o, "n", true, &err));
	assert_non_null(json_get_array(o, "a", &err));
	assert_non_null(json_get_object(o, "o", &err));
	assert_null(json_get_object(o, "n", &err));
	assert_null(json_get_array(NULL, "a", &err));
	assert_int_equal(err.code, ERR_OK);
	json_decref(o);
}

static void a_wrong_type_names_the_first_field(void **state)
{
	(void)state;
	json_t *o = json_parse(STR("{\"t\":1,\"i\":1.5,\"d\":\"0.5\",\"b\":0,\"a\":{},\"o\":[]}"), "x", NULL);
	static const char *const keys[] = { "err_field_text", "err_field_integer", "err_field_integer", "err_field_number",
		"err_field_number", "err_field_bool", "err_field_array", "err_field_object", "err_field_parent" };
	for (int i = 0; i < 9; i++) {
		struct err err = { 0 };
		if (i == 0)
			assert_string_equal(json_get_text(o, "t", "-", &err), "-");
		if (i == 1)
			assert_int_equal(json_get_int(o, "i", 0, 9, 7, &err), 7);
		if (i == 2)
			assert_int_equal(json_get_int(o, "t", 2, 9, 7, &err), 7);
		if (i == 3)
			assert_true(json_get_number(o, "d", 0, 1, 9, &err) == 9);
		if (i == 4)
			assert_true(json_get_number(o, "i", 0, 1, 9, &err) == 9);
		if (i == 5)
			assert_true(json_get_bool(o, "b", true, &err));
		if (i == 6)
			assert_null(json_get_array(o, "a", &err));
		if (i == 7)
			assert_null(json_get_object(o, "o", &err));
		if (i == 8)
			assert_string_equal(json_get_text(json_object_get(o, "o"), "x", "-", &err), "-");
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.key, keys[i]);
		json_get_text(o, "t", "-", &err);
		assert_string_equal(err.key, keys[i]);
	}
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written_the_same),
		cmocka_unit_test(wrong_json_is_refused_with_its_place),
		cmocka_unit_test(depth_and_size_are_checked_before_anything_is_built),
		cmocka_unit_test(too_many_values_are_refused_in_large_files),
		cmocka_unit_test(a_frame_may_be_long_but_not_of_many_values),
		cmocka_unit_test(python_writes_nan_which_becomes_null),
		cmocka_unit_test(strings_that_are_no_utf8_are_repaired),
		cmocka_unit_test(members_come_with_their_defaults),
		cmocka_unit_test(a_wrong_type_names_the_first_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
