/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/json.h"
#include "base/limits.h"
#include "model/yaml.h"

static struct err error;

/* The document as JSON, or the key of the error with its line: "err_yaml_tag 3". */
static const char *converted(struct str text)
{
	static struct buf out, shown;
	char line[32] = "";

	error = (struct err){ 0 };
	buf_release(&out);
	buf_release(&shown);
	buf_init(&out, 256 * MIB);
	buf_init(&shown, MIB);
	if (yaml_to_json(text, &out, NULL, &error) == ERR_OK)
		return buf_text(&out);
	(void)err_arg(&error, "line", line, sizeof(line));
	buf_printf(&shown, "%s %s", error.key, line);
	return buf_text(&shown);
}

static void values_keep_their_lines_and_their_meaning(void **state)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{ "", "" },
		{ "# only a comment\n", "" },
		{ "a: b\n", "{\"a\":\"b\"}" },
		{ "# c\na: b\nc:\n  - d\n  - e: f\n    g: h\n", "\n{\"a\":\"b\",\n\"c\":\n[\"d\",\n{\"e\":\"f\",\n\"g\":\"h\"}]}" },
		{ "%YAML 1.1\n---\n[a, {b: c}]\n...\n", "\n\n[\"a\",{\"b\":\"c\"}]" },
		{ "- |\n  one\n  two\n- >\n  three\n  four\n- six\n  seven\n",
		  "[\"one\\ntwo\\n\",\n\n\n\"three four\\n\",\n\n\n\"six seven\"]" },
		{ "[~, null, Null, NULL, '', \"\", true, True, TRUE, false, 'true', nULL]",
		  "[null,null,null,null,\"\",\"\",true,true,true,false,\"true\",\"nULL\"]" },
		{ "a:\nb: \n", "{\"a\":null,\n\"b\":null}" },
		{ "[0, -0, 12, 1.50, 1e999, -2E-3, '1', 9007199254740993]", "[0,-0,12,1.50,1e999,-2E-3,\"1\",9007199254740993]" },
		{ "[007, +1, 0x1F, 0o7, .5, 1., .inf, .nan, 1_000, 12:30, 2024-01-01, 192.168.0.1]",
		  "[\"007\",\"+1\",\"0x1F\",\"0o7\",\".5\",\"1.\",\".inf\",\".nan\",\"1_000\",\"12:30\",\"2024-01-01\",\"192.168.0.1\"]" },
		{ "[yes, No, on, off, y, n]", "[\"yes\",\"No\",\"on\",\"off\",\"y\",\"n\"]" },
		{ "1: a\ntrue: b\n? c\n: d\n", "{\"1\":\"a\",\n\"true\":\"b\",\n\"c\":\n\"d\"}" },
		{ "問題: \"台灣\\u6700高的山？\\t\\\"\"\n", "{\"問題\":\"台灣最高的山？\\t\\\"\"}" },
		{ "a: 'it''s'\r\nb: c # comment\r\n", "{\"a\":\"it's\",\n\"b\":\"c\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(converted(str_of(cases[i].yaml)), cases[i].json);
}

static void what_json_has_no_word_for_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *yaml, *refused;
	} cases[] = {
		{ "a: b\nc: &x d\n", "err_yaml_anchor 2" },
		{ "a: &x [b]\n", "err_yaml_anchor 1" },
		{ "a: b\nc: *x\n", "err_yaml_anchor 2" },
		{ "a: b\n<<: *x\n", "err_yaml_anchor 2" },
		{ "a: b\n\nc: !!str d\n", "err_yaml_tag 3" },
		{ "a: !function utils.f\n", "err_yaml_tag 1" },
		{ "!x [a]\n", "err_yaml_tag 1" },
		{ "a: {b}\n{c: d}: e\n", "err_yaml_key 2" },
		{ "a: {{ b }}\n", "err_yaml_key 1" },
		{ "? [a]\n: b\n", "err_yaml_key 1" },
		{ "a: b\nc: d\na: e\n", "err_yaml_key_twice 3" },
		{ "- a: b\n- a: b\n  a: c\n", "err_yaml_key_twice 3" },
		{ "a: b\n---\nc: d\n", "err_yaml_documents 2" },
		{ "a: b\n  c: d\n", "err_yaml_syntax 2" },
		{ "a:\n\tb: c\n", "err_yaml_syntax 2" },
		{ "a: b\nc: \"d\n\n\n", "err_yaml_syntax 2" },
		{ "a:\n  - b\n c\n", "err_yaml_syntax 3" },
		{ "a: b\nc: 'd\n\ne: f", "err_yaml_syntax 2" },
		{ "a: b\nc: [d\n\n", "err_yaml_syntax 2" },
		{ "a: b\nc: [\n\n", "err_yaml_syntax 2" },
		{ "a: b\nc: \x01\n", "err_yaml_syntax 2" },
		{ "a: b\nc: \xFF\n", "err_yaml_syntax 2" },
		{ "a: b: c\n", "err_yaml_syntax 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s: %s\n", cases[i].refused, cases[i].yaml);
		assert_string_equal(converted(str_of(cases[i].yaml)), cases[i].refused);
	}
	assert_string_equal(converted((struct str){ "a: \0b\n", 6 }), "err_yaml_syntax 1");
}

static void the_key_that_is_given_twice_is_named(void **state)
{
	char key[32];

	(void)state;
	(void)converted(STR("tests: 1\ntests: 2\n"));
	assert_true(err_arg(&error, "key", key, sizeof(key)));
	assert_string_equal(key, "tests");
}

/* --- limits --- */

static struct str repeated(struct buf *text, const char *head, const char *piece, size_t n)
{
	buf_release(text);
	buf_init(text, 80 * MIB);
	buf_add_text(text, head);
	for (size_t i = 0; i < n; i++)
		buf_add_text(text, piece);
	return buf_str(text);
}

static void deep_documents_are_refused(void **state)
{
	struct buf text = BUF_INIT(0);

	(void)state;
	assert_string_equal(converted(repeated(&text, "", "[", 1000000)), "err_yaml_deep 1");
	assert_string_equal(converted(repeated(&text, "a: b\nc: ", "{x: ", 1000000)), "err_yaml_deep 2");
	assert_string_equal(converted(repeated(&text, "", "- ", 1000000)), "err_yaml_deep 1");
	assert_int_equal(error.code, ERR_LIMIT);
	buf_release(&text);
}

static void a_billion_laughs_are_refused_at_the_first(void **state)
{
	(void)state;
	assert_string_equal(converted(STR("a: &a [lol, lol]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n")), "err_yaml_anchor 1");
}

static void too_many_values_are_refused(void **state)
{
	struct buf text = BUF_INIT(0);

	(void)state;
	assert_string_equal(converted(repeated(&text, "", "- a\n", LIMIT_JSON_VALUES)), "err_yaml_values 4000000");
	assert_int_equal(error.code, ERR_LIMIT);
	buf_release(&text);
}

static void too_much_text_is_refused(void **state)
{
	struct buf out = BUF_INIT(64);

	(void)state;
	error = (struct err){ 0 };
	assert_int_equal(yaml_to_json(STR("- aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n- bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"), &out, NULL, &error),
			 ERR_LIMIT);
	assert_string_equal(error.key, "err_yaml_values");
	buf_release(&out);
}

static void a_cancelled_conversion_stops(void **state)
{
	struct buf out = BUF_INIT(64);
	atomic_bool cancel = true;

	(void)state;
	assert_int_equal(yaml_to_json(STR("a: b\n"), &out, &cancel, &error), ERR_CANCELLED);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_keep_their_lines_and_their_meaning),
		cmocka_unit_test(what_json_has_no_word_for_is_refused_with_its_line),
		cmocka_unit_test(the_key_that_is_given_twice_is_named),
		cmocka_unit_test(deep_documents_are_refused),
		cmocka_unit_test(a_billion_laughs_are_refused_at_the_first),
		cmocka_unit_test(too_many_values_are_refused),
		cmocka_unit_test(too_much_text_is_refused),
		cmocka_unit_test(a_cancelled_conversion_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
