/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include "base/limits.h"
#include "model/csv.h"

/* Reads all records and writes them as "field|field/field|field/", with the line of the last one. */
static const char *read_all(const char *text, char separator, int64_t *last_line)
{
	static struct buf out;
	struct csv_reader reader;
	struct csv_record record;

	buf_release(&out);
	buf_init(&out, MIB);
	csv_reader_init(&reader, str_of(text), separator);
	while (csv_reader_next(&reader, &record)) {
		for (size_t i = 0; i < record.n; i++) {
			buf_add_text(&out, i ? "|" : "");
			buf_add_str(&out, record.fields[i]);
		}
		buf_add_text(&out, record.unclosed ? "!" : "/");
		*last_line = record.line;
	}
	csv_reader_release(&reader);
	return buf_text(&out);
}

static void records_are_read_as_rfc_4180_and_spreadsheets_write_them(void **state)
{
	static const struct {
		const char *text, *records;
		int64_t last_line;
	} cases[] = {
		{ "", "", 0 },
		{ "\r\n\n\r", "", 0 },
		{ "a", "a/", 1 },
		{ "a,b\r\nc,d\r\n", "a|b/c|d/", 2 },
		{ "a,b\nc,d", "a|b/c|d/", 2 },
		{ "a,b\rc,d\r", "a|b/c|d/", 2 },
		{ "a,b\n\n\nc,d", "a|b/c|d/", 4 },
		{ ",\n,,", "|/||/", 2 },
		{ "\"a,b\",c", "a,b|c/", 1 },
		{ "\"a\"\"b\"\"\",\"\"", "a\"b\"|/", 1 },
		{ "\"a\r\nb\",c\nd,e", "a\r\nb|c/d|e/", 3 },
		{ "\"a\rb\"\nc", "a\rb/c/", 3 },
		{ "a \"quoted\" b,c", "a \"quoted\" b|c/", 1 },
		{ "\"a\"b,c", "ab|c/", 1 },
		{ " a , b ", " a | b /", 1 },
		{ "a\n\"b,c\nd", "a/b,c\nd!", 2 },
		{ "\"", "!", 1 },
		{ "\"\"\"", "\"!", 1 },
		{ "問題,答案\n「一」,二", "問題|答案/「一」|二/", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t line = 0;

		assert_string_equal(read_all(cases[i].text, ',', &line), cases[i].records);
		assert_int_equal(line, cases[i].last_line);
	}
}

static void other_separators_and_none_are_read(void **state)
{
	int64_t line;

	(void)state;
	assert_string_equal(read_all("a;b,c\n", ';', &line), "a|b,c/");
	assert_string_equal(read_all("a\tb;c\n", '\t', &line), "a|b;c/");
	assert_string_equal(read_all("a;b,c\td\n\"e\"\n", '\0', &line), "a;b,c\td/e/");
	assert_string_equal(read_all("sep=;\r\na;b\n", ',', &line), "a|b/");
	assert_int_equal(line, 2);
	assert_string_equal(read_all("sep=;", ',', &line), "sep=;/");
}

static void the_separator_is_the_one_that_makes_rows_alike(void **state)
{
	(void)state;
	assert_int_equal(csv_sniff(STR("a,b\nc,d\n")), ',');
	assert_int_equal(csv_sniff(STR("a;b\n\"c,d\";e,f\n")), ';');
	assert_int_equal(csv_sniff(STR("a\tb\nc, d\te\n")), '\t');
	assert_int_equal(csv_sniff(STR("question\nWhich, exactly?\n")), '\0');
	assert_int_equal(csv_sniff(STR("")), '\0');
	assert_int_equal(csv_sniff(STR("\"a,b\"\n")), '\0');
}

static void a_record_keeps_64_fields_and_counts_all(void **state)
{
	struct buf text = BUF_INIT(MIB);
	struct csv_reader reader;
	struct csv_record record;

	(void)state;
	for (int i = 0; i < 99999; i++)
		buf_add_text(&text, "x,");
	csv_reader_init(&reader, buf_str(&text), ',');
	assert_true(csv_reader_next(&reader, &record));
	assert_int_equal(record.n, LIMIT_FIELDS);
	assert_int_equal(record.n_found, 100000);
	assert_false(csv_reader_next(&reader, &record));
	csv_reader_release(&reader);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_as_rfc_4180_and_spreadsheets_write_them),
		cmocka_unit_test(other_separators_and_none_are_read),
		cmocka_unit_test(the_separator_is_the_one_that_makes_rows_alike),
		cmocka_unit_test(a_record_keeps_64_fields_and_counts_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
