/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "base/buf.h"
#include "model/json_split.h"

static struct buf seen;

/* The elements as "line:text " (members with their key in front). */
static const char *elements(struct json_split *s)
{
	struct json_element e;

	buf_release(&seen);
	buf_init(&seen, MIB);
	while (json_split_next(s, &e)) {
		buf_printf(&seen, "%lld:", (long long)e.line);
		buf_add_str(&seen, e.key);
		buf_add(&seen, s->text.ptr + e.start, e.len);
		buf_add_char(&seen, '~');
	}
	return buf_text(&seen);
}

struct split_case {
	const char *text, *elements;
	enum json_split_end end;
	int64_t end_line;
};

static void an_array_is_cut_into_its_elements(void **state)
{
	static const struct split_case cases[] = {
		{ "[]", "", JSON_SPLIT_END, 1 },
		{ "[1]", "1:1~", JSON_SPLIT_END, 1 },
		{ "[ \"a\" ,\n\"b\"\n] \n", "1:\"a\"~2:\"b\"~", JSON_SPLIT_END, 3 },
		{ "[\r\n\"a\",\r\n{\"x\":[1,2]},\r[]]", "2:\"a\"~3:{\"x\":[1,2]}~4:[]~", JSON_SPLIT_END, 4 },
		{ "[\"a,]\\\"[\",2]", "1:\"a,]\\\"[\"~1:2~", JSON_SPLIT_END, 1 },
		{ "[1,,2,]", "1:1~1:~1:2~", JSON_SPLIT_END, 1 },
		{ "[1\n,\n2", "1:1~", JSON_SPLIT_TRUNCATED, 3 },
		{ "[", "", JSON_SPLIT_TRUNCATED, 1 },
		{ "[\"a", "", JSON_SPLIT_TRUNCATED, 1 },
		{ "[\"a\\", "", JSON_SPLIT_TRUNCATED, 1 },
		{ "[1,\n}]", "1:1~", JSON_SPLIT_MISMATCH, 2 },
		{ "[{]}]", "", JSON_SPLIT_MISMATCH, 1 },
		{ "[1]\n2", "1:1~", JSON_SPLIT_TRAILING, 2 },
		{ "[\"a,\n\"b\"]", "1:\"a,~2:\"b\"~", JSON_SPLIT_END, 2 },
		{ "[\"a\"\n\"b\"]", "1:\"a\"~2:\"b\"~", JSON_SPLIT_END, 2 },
		{ "[a \"b\" c, d]", "1:a \"b\" c~1:d~", JSON_SPLIT_END, 1 },
	};
	struct json_split s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_split_array(&s, str_of(cases[i].text), 0, true);
		assert_string_equal(elements(&s), cases[i].elements);
		assert_int_equal(s.end, cases[i].end);
		assert_int_equal(s.end_line, cases[i].end_line);
	}
}

static void an_object_is_cut_into_its_members(void **state)
{
	static const struct split_case cases[] = {
		{ "{}", "", JSON_SPLIT_END, 1 },
		{ "{\"a\" : [1, 2],\n\"b\": \"c\"}", "1:\"a\"[1, 2]~2:\"b\"\"c\"~", JSON_SPLIT_END, 2 },
		{ "{a: 1}", "", JSON_SPLIT_MISMATCH, 1 },
		{ "{\"a\" 1}", "", JSON_SPLIT_MISMATCH, 1 },
		{ "{\"a\"", "", JSON_SPLIT_TRUNCATED, 1 },
		{ "{\"a", "", JSON_SPLIT_TRUNCATED, 1 },
		{ "{\"a\":1]", "", JSON_SPLIT_MISMATCH, 1 },
		{ "{\"a\":1}\n{}", "1:\"a\"1~", JSON_SPLIT_TRAILING, 2 },
	};
	struct json_split s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_split_object(&s, str_of(cases[i].text), 0);
		assert_string_equal(elements(&s), cases[i].elements);
		assert_int_equal(s.end, cases[i].end);
		assert_int_equal(s.end_line, cases[i].end_line);
	}
}

static void lines_are_elements_and_blank_ones_are_skipped(void **state)
{
	struct json_split s;

	(void)state;
	json_split_lines(&s, STR("{\"a\":1}\r\n\n  [ \r5\n"));
	assert_string_equal(elements(&s), "1:{\"a\":1}~3:[~4:5~");
	assert_int_equal(s.end, JSON_SPLIT_END);
}

static void forgotten_and_spare_commas_are_noticed(void **state)
{
	struct json_split s;

	(void)state;
	json_split_array(&s, STR("[1,\n2,\n]"), 0, true);
	(void)elements(&s);
	assert_int_equal(s.trailing_comma, 3);
	assert_int_equal(s.missing_comma, 0);
	json_split_array(&s, STR("[{}\n\n{}]"), 0, true);
	assert_string_equal(elements(&s), "1:{}~3:{}~");
	assert_int_equal(s.missing_comma, 3);
	assert_int_equal(s.trailing_comma, 0);
}

static void sixty_four_levels_are_followed_and_no_more(void **state)
{
	char text[200];
	struct json_split s;
	struct json_element e;

	(void)state;
	for (int depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		json_split_array(&s, (struct str){ text, 2 * (size_t)depth }, 0, true);
		while (json_split_next(&s, &e))
			;
		assert_int_equal(s.end, depth > LIMIT_JSON_DEPTH ? JSON_SPLIT_DEEP : JSON_SPLIT_END);
	}
}

static void the_end_stays_the_end(void **state)
{
	struct json_split s;
	struct json_element e;

	(void)state;
	json_split_array(&s, STR("[]"), 0, true);
	for (int i = 0; i < 3; i++)
		assert_false(json_split_next(&s, &e));
	assert_int_equal(s.end, JSON_SPLIT_END);
}

static int release(void **state)
{
	(void)state;
	buf_release(&seen);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_is_cut_into_its_elements),
		cmocka_unit_test(an_object_is_cut_into_its_members),
		cmocka_unit_test(lines_are_elements_and_blank_ones_are_skipped),
		cmocka_unit_test(forgotten_and_spare_commas_are_noticed),
		cmocka_unit_test(sixty_four_levels_are_followed_and_no_more),
		cmocka_unit_test(the_end_stays_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
