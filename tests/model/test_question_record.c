/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/question_record.h"
#include "model/questions.h"

static struct arena *arena;
static struct question_import result;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void read_with(const char *text, const struct question_options *options)
{
	struct err error = { 0 };

	if (questions_read(arena, str_of(text), options, &result, NULL, &error) != ERR_OK)
		fail_msg("%s: %s", text, error.key);
}

static void read_as(const char *file_name, const char *text)
{
	read_with(text, &(struct question_options){ .file_name = file_name });
}

static void assert_record(size_t i, const char *expected)
{
	struct str record = result.questions[i].record;

	if (!str_eq_text(record, expected))
		fail_msg("question %zu: %.*s instead of %s", i, (int)record.len, record.ptr, expected);
}

static void assert_note(const char *key)
{
	for (size_t i = 0; i < result.n_problems; i++) {
		if (strcmp(result.problems[i].err.key, key) == 0)
			return;
	}
	fail_msg("no %s", key);
}

static void other_fields_stay_as_they_were_written(void **state)
{
	(void)state;
	read_as("q.jsonl",
		"{\"id\": 7, \"question\": \"a\", \"answer\": \"b\", \"category\": \"x\", \"tags\": [\"t\", \"u\"], \"meta\": {\"n\": 1.50, "
		"\"deep\": [ {\"k\" : null} , true ]}, \"note\": \"a  \\u8b9a\\n \\\"b\\\"\"}\n"
		"{\"question\": \"c\", \"answer\": \"d\"}\n"
		"{\"question\": \"e\", \"context\": \"f\", \"system\": \"g\", \"other_references\": [\"h\"], \"answer\": \"i\", \"\\u0069d\": \"j\"}\n");
	assert_int_equal(result.n_questions, 3);
	assert_record(0, "{\"id\":7,\"category\":\"x\",\"tags\":[\"t\",\"u\"],\"meta\":{\"n\":1.50,\"deep\":[{\"k\":null},true]},"
			 "\"note\":\"a  \\u8b9a\\n \\\"b\\\"\"}");
	assert_record(1, "");
	assert_record(2, "{\"context\":\"f\",\"\\u0069d\":\"j\"}");
}

static void strings_and_lines_have_no_record(void **state)
{
	(void)state;
	read_as("q.json", "[\"a\", \"b\"]");
	assert_record(0, "");
	read_as("q.txt", "a\nb\n");
	assert_record(1, "");
}

static void a_table_gives_its_other_columns(void **state)
{
	(void)state;
	read_as("q.csv", "id,question,answer,level,note\n1,a,b,easy,\"x \"\"y\"\"\nz\"\n2,c,d,,\n");
	assert_record(0, "{\"id\":\"1\",\"level\":\"easy\",\"note\":\"x \\\"y\\\"\\nz\"}");
	assert_record(1, "{\"id\":\"2\"}");
	read_as("q.tsv", "question\tanswer\t類別\na\tb\t地理\n");
	assert_record(0, "{\"類別\":\"地理\"}");
}

static void yaml_gives_the_fields_of_its_entries(void **state)
{
	(void)state;
	read_as("q.yaml", "- question: a\n  answer: b\n  category: x\n  meta: {n: 1, day: 2024-05-01}\n");
	assert_record(0, "{\"category\":\"x\",\"meta\":{\"n\":1,\"day\":\"2024-05-01\"}}");
}

/* Numbers that most readers of JSON would round or refuse. */
static void numbers_are_exact_for_every_reader(void **state)
{
	(void)state;
	read_as("q.jsonl", "{\"question\": \"a\", \"n\": [9007199254740991, 9007199254740992, -9007199254740993, 1e999, 1e99, -0, 0.1]}\n"
			   "{\"question\": \"b\"}\n");
	assert_record(0, "{\"n\":[9007199254740991,\"9007199254740992\",\"-9007199254740993\",\"1e999\",1e99,-0,0.1]}");
}

static void what_a_format_reads_is_not_in_the_record(void **state)
{
	(void)state;
	read_as("q.jsonl", "{\"question_id\": 81, \"category\": \"writing\", \"turns\": [\"a\", \"b\"], \"reference\": [\"c\", \"d\"]}\n");
	assert_int_equal(result.n_questions, 2);
	assert_record(0, "{\"question_id\":81,\"category\":\"writing\"}");
	assert_record(1, ""); /* once for the whole conversation */
	read_as("q.json", "[{\"instruction\": \"a\", \"input\": \"b\", \"output\": \"c\", \"history\": [[\"x\", \"y\"]], \"source\": \"s\"}]");
	assert_record(0, "{\"source\":\"s\"}");
	read_as("q.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}], \"split\": \"test\"}\n");
	assert_record(0, "{\"split\":\"test\"}");
	read_as("q.jsonl", "{\"conversation\": \"k\", \"turn\": 1, \"question\": \"a\", \"n\": 1}\n"
			   "{\"conversation\": \"k\", \"turn\": 2, \"question\": \"b\", \"n\": 2}\n");
	assert_record(0, "{\"n\":1}");
	assert_record(1, "{\"n\":2}");
}

static void fields_around_an_inner_object_stay_where_they_were(void **state)
{
	(void)state;
	read_as("q.json", "{\"tests\": [{\"description\": \"d\", \"vars\": {\"question\": \"a\", \"lang\": \"zh\"}, \"assert\": "
			  "[{\"type\": \"equals\", \"value\": \"b\"}]}, {\"vars\": {\"question\": \"c\"}}]}");
	assert_record(0, "{\"description\":\"d\",\"vars\":{\"lang\":\"zh\"},\"assert\":[{\"type\":\"equals\",\"value\":\"b\"}]}");
	assert_record(1, "");
	read_as("q.jsonl", "{\"item\": {\"question\": \"a\", \"answer\": \"b\", \"k\": 1}}\n{\"item\": {\"question\": \"c\", \"answer\": \"d\"}, \"z\": 2}\n");
	assert_record(0, "{\"item\":{\"k\":1}}");
	assert_record(1, "{\"z\":2}");
	read_as("s.jsonl", "{\"doc_id\": 0, \"doc\": {\"question\": \"a\", \"level\": 3}, \"target\": \"b\", \"arguments\": [[\"p\", {}]], \"acc\": 1.0}\n");
	assert_record(0, "{\"doc_id\":0,\"doc\":{\"level\":3},\"arguments\":[[\"p\",{}]],\"acc\":1.0}");
}

/* What was no reference answer after all is in no other place. */
static void an_answer_that_is_not_used_is_kept(void **state)
{
	(void)state;
	read_as("q.jsonl", "{\"prompt\": \"a\", \"response\": \"bad one\", \"rating\": \"BAD\"}\n{\"prompt\": \"b\", \"response\": \"c\", \"rating\": \"GOOD\"}\n");
	assert_record(0, "{\"response\":\"bad one\",\"rating\":\"BAD\"}");
	assert_record(1, "{\"rating\":\"GOOD\"}");
}

static void fields_that_somebody_chose_leave_the_others(void **state)
{
	struct question_options options = { .file_name = "q.json", .question_field = "note", .reference_field = "" };

	(void)state;
	read_with("[{\"question\": \"a\", \"answer\": \"b\", \"note\": \"c\"}]", &options);
	assert_record(0, "{\"question\":\"a\",\"answer\":\"b\"}");
}

static void our_own_export_gives_its_records_and_not_its_answers(void **state)
{
	(void)state;
	read_as("r.jsonl", "{\"type\":\"question\",\"position\":0,\"question_id\":5,\"id\":\"k\",\"question\":\"a\",\"reference\":\"b\",\"other_references\":[],"
			   "\"system\":\"\",\"tags\":\"\",\"line\":1,\"record\":{\"id\":\"k\",\"n\":1},\"answers\":[{\"text\":\"t\"}]}\n"
			   "{\"type\":\"question\",\"position\":1,\"question_id\":6,\"id\":\"\",\"question\":\"c\",\"reference\":\"d\",\"other_references\":[],"
			   "\"system\":\"\",\"tags\":\"\",\"line\":2,\"answers\":[{\"text\":\"t\"}]}\n");
	assert_record(0, "{\"id\":\"k\",\"n\":1}");
	assert_record(1, "");
}

static void what_is_too_long_or_too_deep_is_left_out_and_told(void **state)
{
	struct buf text = BUF_INIT(MIB);

	(void)state;
	buf_add_text(&text, "{\"question\": \"a\", \"x\": \"");
	for (unsigned long long i = 0; i < LIMIT_RECORD_BYTES; i++)
		buf_add_char(&text, 'x');
	buf_add_text(&text, "\"}\n{\"question\": \"b\", \"x\": ");
	for (int i = 0; i <= LIMIT_RECORD_DEPTH; i++)
		buf_add_char(&text, '[');
	for (int i = 0; i <= LIMIT_RECORD_DEPTH; i++)
		buf_add_char(&text, ']');
	buf_add_text(&text, "}\n{\"question\": \"c\", \"x\": 1}\n");
	read_as("q.jsonl", buf_text(&text));
	assert_int_equal(result.n_questions, 3);
	assert_record(0, "");
	assert_record(1, "");
	assert_record(2, "{\"x\":1}");
	assert_note("err_question_note_record");
	assert_int_equal(result.n_refused, 0);
	buf_release(&text);
}

static void an_object_is_written_as_one_of_a_file(void **state)
{
	json_t *object = json_pack("{s:I, s:f, s:{}}", "n", (json_int_t)9007199254740993LL, "x", 0.1, "o"), *none = json_object();
	struct buf text = BUF_INIT(1000);

	(void)state;
	question_record_write(none, &text);
	assert_int_equal(text.len, 0);
	question_record_write(object, &text);
	assert_string_equal(buf_text(&text), "{\"n\":\"9007199254740993\",\"x\":0.1,\"o\":{}}");
	json_decref(object);
	json_decref(none);
	buf_release(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(other_fields_stay_as_they_were_written),
		TEST(strings_and_lines_have_no_record),
		TEST(a_table_gives_its_other_columns),
		TEST(yaml_gives_the_fields_of_its_entries),
		TEST(numbers_are_exact_for_every_reader),
		TEST(what_a_format_reads_is_not_in_the_record),
		TEST(fields_around_an_inner_object_stay_where_they_were),
		TEST(an_answer_that_is_not_used_is_kept),
		TEST(fields_that_somebody_chose_leave_the_others),
		TEST(our_own_export_gives_its_records_and_not_its_answers),
		TEST(what_is_too_long_or_too_deep_is_left_out_and_told),
		TEST(an_object_is_written_as_one_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
