/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/mem.h"
#include "cli/table.h"
#include "cli/term.h"

static void expect_table(struct table *t, int width, const char *expected)
{
	struct buf out = BUF_INIT(65536);
	table_write(t, width, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
	table_free(t);
}

static void columns_are_aligned_left_and_right(void **state)
{
	struct table *t = table_new("lr");
	(void)state;
	table_cell(t, "model");
	table_cell(t, "n");
	table_cell(t, "a");
	table_cellf(t, "%d", 128);
	expect_table(t, 0, "model    n\na      128\n");
}

static void chinese_takes_two_columns_a_character(void **state)
{
	struct table *t = table_new("ll");
	(void)state;
	table_cell(t, "第 4 週期");
	table_cell(t, "x");
	table_cell(t, "epoch 10");
	table_cell(t, "y");
	expect_table(t, 0, "第 4 週期  x\nepoch 10   y\n");
}

static void the_widest_text_column_is_cut_to_fit(void **state)
{
	struct table *t = table_new("lr");
	(void)state;
	table_cell(t, "a long name of a model");
	table_cell(t, "12");
	expect_table(t, 16, "a long name…  12\n");
}

static void no_cell_can_steer_the_terminal(void **state)
{
	struct table *t = table_new("l");
	(void)state;
	table_cell(t, "a\033[31mb\nc\u202e");
	expect_table(t, 0, "a[31mb c\n");
}

static void widths_follow_unicode(void **state)
{
	static const struct {
		const char *text;
		int width;
	} cases[] = { { "", 0 },      { "abc", 3 }, { "模型", 4 }, { "，", 2 },      { "e\u0301", 1 },
		      { "\u200b", 0 }, { "é", 1 },  { "ﾊﾝ", 2 },   { "\U0001F44D", 2 } };
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(term_width(str_of(cases[i].text)), cases[i].width);
}

static void text_is_cut_before_a_wide_character_that_does_not_fit(void **state)
{
	struct buf out = BUF_INIT(256);
	(void)state;
	term_cut(&out, str_of("模型名稱"), 6);
	assert_string_equal(buf_text(&out), "模型…");
	buf_release(&out);
}

static void printing_keeps_line_ends_and_drops_the_rest(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	(void)state;
	term_print(f, str_of("a\tb\nc\033]0;x\a\u202ed\r\n\xff"));
	fclose(f);
	assert_string_equal(text, "a\tb\nc]0;xd \n?");
	free(text);
}

static void help_is_wrapped_in_both_scripts(void **state)
{
	struct buf out = BUF_INIT(1024);
	(void)state;
	term_wrap(&out, "one two three", 2, 10);
	assert_string_equal(buf_text(&out), "one two\n  three\n");
	buf_clear(&out);
	term_wrap(&out, "模型資料夾，檔案。", 0, 10);
	assert_string_equal(buf_text(&out), "模型資料\n夾，檔案。\n");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned_left_and_right),
		cmocka_unit_test(chinese_takes_two_columns_a_character),
		cmocka_unit_test(the_widest_text_column_is_cut_to_fit),
		cmocka_unit_test(no_cell_can_steer_the_terminal),
		cmocka_unit_test(widths_follow_unicode),
		cmocka_unit_test(text_is_cut_before_a_wide_character_that_does_not_fit),
		cmocka_unit_test(printing_keeps_line_ends_and_drops_the_rest),
		cmocka_unit_test(help_is_wrapped_in_both_scripts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
