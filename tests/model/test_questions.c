/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/msg.h"
#include "model/questions.h"

static struct arena *arena;
static struct question_import result;
static struct err error;

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

static enum err_code read_with(struct str text, const struct question_options *options)
{
	error = (struct err){ 0 };
	return questions_read(arena, text, options, &result, NULL, &error);
}

static enum err_code read_as(const char *file_name, const char *text)
{
	struct question_options options = { .file_name = file_name };

	return read_with(str_of(text), &options);
}

#define assert_text(view, expected) \
	do { \
		assert_int_equal((view).len, strlen(expected)); \
		assert_memory_equal((view).ptr, expected, (view).len); \
	} while (0)

static void assert_argument(const struct err *err, const char *name, const char *expected)
{
	char value[200];

	assert_true(err_arg(err, name, value, sizeof(value)));
	assert_string_equal(value, expected);
}

static void assert_problem(size_t i, int64_t line, const char *key)
{
	assert_true(i < result.n_problems);
	assert_string_equal(result.problems[i].err.key, key);
	assert_int_equal(result.problems[i].line, line);
}

/* --- formats --- */

struct format_case {
	const char *file_name, *text, *format;
	size_t n, n_with_reference;
	const char *first, *reference, *system, *tags, *id;
};

static const struct format_case format_cases[] = {
	{ "q.json", "[\"這台機器的處理器是什麼？\", \"Which CPU?\"]", "strings", 2, 0, "這台機器的處理器是什麼？", "", "", "", "" },
	{ "", "[\"Which CPU?\"]", "strings", 1, 0, "Which CPU?", "", "", "", "" },
	{ "q.json", "{\"title\": \"小測驗\", \"questions\": [\"一\", \"二\"]}", "strings", 2, 0, "一", "", "", "", "" },
	{ "q.json", "{\"list\": [{\"question\": \"一\", \"answer\": \"1\"}]}", "objects", 1, 1, "一", "1", "", "", "" },
	{ "q.json", "[{\"問題\": \"台灣最高的山？\", \"答案\": \"玉山\", \"id\": 9007199254740993}]", "objects", 1, 1,
	  "台灣最高的山？", "玉山", "", "", "9007199254740993" },
	{ "q.json", "[{\"query\": \"2+2\", \"expected_output\": 4, \"id\": 1e999, \"tags\": [\"math\", \"easy\"]}]",
	  "objects", 1, 1, "2+2", "4", "", "math,easy", "1e999" },
	{ "q.json", "[{\"question\": 42, \"answer\": true, \"id\": -0}]", "objects", 1, 1, "42", "true", "", "", "-0" },
	{ "q.json", "{\"question\": \"only one\", \"answer\": \"yes\"}", "objects", 1, 1, "only one", "yes", "", "", "" },
	{ "q.jsonl", "{\"prompt\": \"a\", \"completion\": \"b\"}\n\n{\"prompt\": \"c\", \"completion\": \"d\"}\n", "jsonl",
	  2, 2, "a", "b", "", "", "" },
	{ "", "{\"question\": \"a\"}\r\n{\"question\": \"b\"}\r\n", "jsonl", 2, 0, "a", "", "", "", "" },
	{ "q.jsonl", "\"第一題\"\n\"第二題\"\n", "jsonl", 2, 0, "第一題", "", "", "", "" },
	{ "q.json", "[{\"prompt\": \"a\", \"chosen\": \"good\", \"rejected\": \"bad\"}]", "objects", 1, 1, "a", "good", "", "",
	  "" },
	{ "q.csv", "question,answer,category\r\n\"Which, exactly?\",\"Say \"\"this\"\"\",easy\r\n", "csv", 1, 1,
	  "Which, exactly?", "Say \"this\"", "", "easy", "" },
	{ "q.csv", "提问;答案;系统\n哪一座山最高？;玉山;請簡短回答\n", "csv", 1, 1, "哪一座山最高？", "玉山", "請簡短回答", "",
	  "" },
	{ "q.csv", "sep=;\nquestion;answer\na;b\n", "csv", 1, 1, "a", "b", "", "", "" },
	{ "q.csv", "第一題\n第二題，有逗號\n", "csv", 2, 0, "第一題", "", "", "", "" },
	{ "q.csv", "question\nfirst\n\"second\nline\"\n", "csv", 2, 0, "first", "", "", "", "" },
	{ "q.tsv", "id\tquestion\tanswer\n7\ta\tb\n", "tsv", 1, 1, "a", "b", "", "", "7" },
	{ "", "question\tanswer\na\tb\nc\td\n", "tsv", 2, 2, "a", "b", "", "", "" },
	{ "q.txt", "  第一題  \r\n\r\n# 註解\r\n#include 是什麼？\r\n", "txt", 2, 0, "第一題", "", "", "", "" },
	{ "", "[INST] is this JSON?\n{name}, who are you?\n", "txt", 2, 0, "[INST] is this JSON?", "", "", "", "" },
	{ "", "Which CPU, exactly?\n", "txt", 1, 0, "Which CPU, exactly?", "", "", "", "" },
	{ "q.jsonl", "{\"question_id\": 81, \"category\": \"writing\", \"turns\": [\"Write.\", \"Again.\"], \"reference\": "
	  "[\"Text\", \"\"]}\n", "mt_bench", 2, 1, "Write.", "Text", "", "writing", "81" },
	{ "q.json", "[{\"instruction\": \"Translate.\", \"input\": \"早安\", \"output\": \"Good morning\"},"
	  "{\"instruction\": \"Add.\", \"input\": \"\", \"output\": \"3\"}]", "alpaca", 2, 2, "Translate.\n早安",
	  "Good morning", "", "", "" },
	{ "q.json", "[{\"instruction\": \"You help.\", \"input\": \"a\", \"output\": \"1\"},"
	  "{\"instruction\": \"You help.\", \"input\": \"b\", \"output\": \"2\"},"
	  "{\"instruction\": \"You help.\", \"input\": \"c\", \"output\": \"3\"}]", "anythingllm", 3, 3, "a", "1",
	  "You help.", "", "" },
	{ "q.csv", "id,prompt,response,sent_at,workspace,username,rating\n1,a,b,now,w,u,GOOD\n2,c,d,now,w,u,BAD\n",
	  "anythingllm", 2, 1, "a", "b", "", "", "1" },
	{ "q.json", "[{\"conversations\": [{\"from\": \"human\", \"value\": \"嗨\"}, {\"from\": \"gpt\", \"value\": \"您好\"}],"
	  " \"system\": \"客服\"}]", "sharegpt", 1, 1, "嗨", "您好", "客服", "", "" },
	{ "q.jsonl", "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", \"content\": "
	  "[{\"type\": \"text\", \"text\": \"Hi\"}]}, {\"role\": \"assistant\", \"content\": \"Hello\"}]}\n", "messages", 1, 1,
	  "Hi", "Hello", "Be brief.", "", "" },
	{ "q.jsonl", "{\"input\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"Q\"}], "
	  "\"ideal\": [\"Yes\", \"Yep\"]}\n", "openai_evals", 1, 1, "Q", "Yes", "S", "", "" },
	{ "q.jsonl", "{\"input\": \"Q\", \"ideal\": \"A\"}\n", "openai_evals", 1, 1, "Q", "A", "", "", "" },
	{ "q.jsonl", "{\"item\": {\"question\": \"Q\", \"answer\": \"A\"}}\n", "openai_evals", 1, 1, "Q", "A", "", "", "" },
	{ "q.json", "{\"prompts\": [\"{{topic}}\"], \"tests\": [{\"vars\": {\"topic\": \"山\"}, \"assert\": [{\"type\": "
	  "\"icontains\", \"value\": \"玉山\"}]}]}", "promptfoo", 1, 1, "山", "玉山", "", "", "" },
	{ "q.csv", "language,question,__expected\nzh,你好嗎？,contains: 好\n", "promptfoo", 1, 1, "你好嗎？", "好", "", "", "" },
	{ "q.csv", "question,__expected1,__expected2\na,regex:b+,12:30 sharp\n", "promptfoo", 1, 1, "a", "12:30 sharp", "",
	  "", "" },
	{ "q.csv", "question,__expected\na,similar(0.8):Hello there\n", "promptfoo", 1, 1, "a", "Hello there", "", "", "" },
	{ "q.csv", "question,__expected\na,https://example.org/a\n", "promptfoo", 1, 1, "a", "https://example.org/a", "", "", "" },
	/* What is checked otherwise than by an answer is no reference. */
	{ "q.csv", "question,__expected1,__expected2\na,llm-rubric: Is polite,javascript: output.length < 10\n", "promptfoo", 1, 0,
	  "a", "", "", "", "" },
	{ "q.csv", "question,__expected1,__expected2\na,not-contains:b,is-json\n", "promptfoo", 1, 0, "a", "", "", "", "" },
	{ "q.csv", "question,__expected1,__expected2\na,not-icontains: b,\"contains-any: <b>,</span>\"\n", "promptfoo", 1, 0, "a", "",
	  "", "", "" },
};

static void every_format_is_detected_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(format_cases) / sizeof(format_cases[0]); i++) {
		const struct format_case *c = &format_cases[i];

		print_message("  %s: %.40s\n", c->format, c->text);
		assert_int_equal(read_as(c->file_name, c->text), ERR_OK);
		assert_string_equal(result.format, c->format);
		assert_string_equal(result.encoding, "utf-8");
		assert_int_equal(result.n_total, c->n);
		assert_int_equal(result.n_questions, c->n);
		assert_int_equal(result.n_with_reference, c->n_with_reference);
		assert_text(result.questions[0].text, c->first);
		assert_text(result.questions[0].reference, c->reference);
		assert_text(result.questions[0].system, c->system);
		assert_text(result.questions[0].tags, c->tags);
		assert_text(result.questions[0].id, c->id);
	}
}

static void further_accepted_answers_are_kept_one_a_line(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.json", "[{\"question\": \"a\", \"references\": [\"臺北\", \"台北\\n市\", \"Taipei\"]}]"), 0);
	assert_text(result.questions[0].reference, "臺北");
	assert_text(result.questions[0].other_references, "台北 市\nTaipei");
	assert_int_equal(result.n_problems, 1);
	assert_problem(0, 1, "err_question_note_answers");
}

static void accepted_answers_and_id_of_an_export_come_back(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.jsonl", "{\"question_id\": 7, \"id\": \"\", \"question\": \"a\", \"reference\": \"臺北\","
					    " \"other_references\": [\"台北\\n市\", \"\", 3952], \"answers\": [{\"answer\": \"x\"}]}\n"
					    "{\"question_id\": 8, \"id\": \"k-8\", \"question\": \"b\", \"reference\": \"\","
					    " \"other_references\": [\"\", \"one\", \"two\"]}\n"
					    "{\"question\": \"c\", \"reference\": \"d\", \"other_references\": []}\n"), 0);
	assert_text(result.questions[0].reference, "臺北");
	assert_text(result.questions[0].other_references, "台北 市\n3952");
	assert_text(result.questions[0].id, "");
	assert_text(result.questions[1].reference, "one");
	assert_text(result.questions[1].other_references, "two");
	assert_text(result.questions[1].id, "k-8");
	assert_text(result.questions[2].other_references, "");
	assert_int_equal(result.n_problems, 1);
	assert_problem(0, 1, "err_question_note_answers");
}

static void a_context_is_put_before_its_question(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.json", "[{\"context\": \"玉山高 3952 公尺。\", \"question\": \"多高？\", \"answer\": \"3952\"}]"), 0);
	assert_text(result.questions[0].text, "玉山高 3952 公尺。\n\n多高？");
	assert_problem(0, 1, "err_question_note_context");
}

/* The question at `i`: its turn, how far back the turn before stands, and its texts. */
static void assert_turn(size_t i, int64_t turn, int64_t back, const char *text, const char *reference)
{
	assert_true(i < result.n_questions);
	assert_text(result.questions[i].text, text);
	assert_text(result.questions[i].reference, reference);
	assert_int_equal(result.questions[i].turn, turn);
	assert_int_equal(result.questions[i].back, back);
}

static void a_conversation_gives_a_question_for_each_turn(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.json", "[{\"messages\": [{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":"
					   "\"1\"},{\"role\":\"assistant\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":"
					   "\"2\"},{\"role\":\"user\",\"content\":\"3\"},{\"role\":\"assistant\",\"content\":\"4\"},"
					   "{\"role\":\"user\",\"content\":\"5\"}]},\n{\"messages\": [{\"role\":\"assistant\","
					   "\"content\":\"?\"}]}]"), 0);
	assert_turn(0, 0, 0, "1", "2");
	assert_turn(1, 1, 1, "3", "4");
	assert_turn(2, 2, 1, "5", "");
	assert_text(result.questions[2].system, "S");
	assert_int_equal(result.n_total, 3);
	assert_int_equal(result.n_with_reference, 2);
	assert_int_equal(result.n_conversations, 1);
	assert_int_equal(result.n_turns, 3);
	assert_problem(0, 2, "err_question_no_user_turn");
	assert_int_equal(result.n_problems, 1);
}

static void first_turns_stand_before_second_ones(void **state)
{
	static const char *const text = "{\"turns\": [\"a\", \"b\", \"c\"], \"reference\": [\"1\", \"\", \"3\"]}\n{\"turns\": [\"d\"]}\n"
					"{\"turns\": [\"e\", \"b\"]}\n";
	struct question_options preview = { "q.jsonl", NULL, NULL, 4 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(read_as("q.jsonl", text), ERR_OK);
	assert_turn(0, 0, 0, "a", "1");
	assert_turn(1, 0, 0, "d", "");
	assert_turn(2, 0, 0, "e", "");
	assert_turn(3, 1, 3, "b", "");
	assert_turn(4, 1, 2, "b", "");
	assert_turn(5, 2, 2, "c", "3");
	assert_int_equal(result.n_conversations, 2);
	assert_int_equal(result.n_turns, 5);
	assert_int_equal(result.n_problems, 0); /* what is asked twice in conversations is nothing to tell */
	assert_int_equal(questions_read(arena, str_of(text), &preview, &result, NULL, &err), ERR_OK);
	assert_int_equal(result.n_questions, 4);
	assert_turn(1, 1, 1, "b", "");
	assert_turn(3, 0, 0, "d", "");
	assert_int_equal(result.n_total, 6);
}

static void rows_that_name_conversation_and_turn_are_linked(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.csv", "Question,Reference answer,Conversation,Turn\na,1,1,1\nb,,2,1\nc,3,1,2\nd,,9,2\ne,,2,2\n"), ERR_OK);
	assert_turn(0, 0, 0, "a", "1");
	assert_turn(1, 0, 0, "b", "");
	assert_turn(2, 0, 0, "d", "");
	assert_turn(3, 1, 3, "c", "3");
	assert_turn(4, 1, 3, "e", "");
	assert_int_equal(result.n_conversations, 2);
	assert_int_equal(result.n_turns, 4);
	assert_problem(0, 5, "err_question_note_turn_alone");
	assert_int_equal(read_as("q.csv", "問題,參考答案,對話,第幾輪\na,1,1,1\nc,3,1,2\n"), ERR_OK);
	assert_turn(1, 1, 1, "c", "3");
}

static void every_kind_of_conversation_is_asked_whole(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.json", "[{\"instruction\": \"c\", \"input\": \"\", \"output\": \"3\", \"history\": [[\"a\", \"1\"],"
					   " [\"b\", \"2\"]]}]"), ERR_OK);
	assert_turn(0, 0, 0, "a", "1");
	assert_turn(1, 1, 1, "b", "2");
	assert_turn(2, 2, 1, "c", "3");
	assert_int_equal(read_as("q.jsonl", "{\"input\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\":"
					    " \"1\"}, {\"role\": \"user\", \"content\": \"b\"}], \"ideal\": \"2\"}\n"), ERR_OK);
	assert_turn(0, 0, 0, "a", "1");
	assert_turn(1, 1, 1, "b", "2");
	assert_int_equal(read_as("q.json", "[{\"conversations\": [{\"from\": \"gpt\", \"value\": \"Hello\"}, {\"from\": \"human\", \"value\":"
					   " \"a\"}, {\"from\": \"human\", \"value\": \"b\"}]}]"), ERR_OK);
	assert_turn(1, 1, 1, "b", "");
	assert_problem(0, 1, "err_question_note_turns");
}

static void a_conversation_has_at_most_so_many_turns(void **state)
{
	struct buf text = BUF_INIT(MIB);

	(void)state;
	buf_add_text(&text, "{\"turns\": [\"t\"");
	for (int i = 1; i < LIMIT_TURNS + 5; i++)
		buf_printf(&text, ", \"t%d\"", i);
	buf_add_text(&text, "]}\n");
	assert_int_equal(read_as("q.jsonl", buf_text(&text)), ERR_OK);
	assert_int_equal(result.n_total, LIMIT_TURNS);
	assert_turn(LIMIT_TURNS - 1, LIMIT_TURNS - 1, 1, "t31", "");
	assert_problem(0, 1, "err_question_note_turns");
	buf_release(&text);
}

static void text_is_composed_so_that_equal_questions_are_equal(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.json", "[\"caf\\u00e9?\",\n\"cafe\\u0301?\"]"), ERR_OK);
	assert_text(result.questions[1].text, "caf\xC3\xA9?");
	assert_problem(0, 2, "err_question_note_duplicate");
	assert_argument(&result.problems[0].err, "number", "1");
}

static void a_file_survives_a_round_through_its_own_csv(void **state)
{
	static const char *const text = "[{\"question\":\" a,\\\"b\\\"\\r\\nc \",\"answer\":\"\\u202Ex\\t\",\"id\":\"1\"}]";

	(void)state;
	assert_int_equal(read_as("q.json", text), ERR_OK);
	assert_text(result.questions[0].text, " a,\"b\"\r\nc ");
	assert_int_equal(read_as("q.csv", "id,question,answer\r\n\"1\",\" a,\"\"b\"\"\r\nc \",\"\xE2\x80\xAEx\t\"\r\n"), ERR_OK);
	assert_text(result.questions[0].text, " a,\"b\"\r\nc ");
	assert_text(result.questions[0].reference, "\xE2\x80\xAEx\t");
}

/* --- the user's choice, the preview --- */

static void the_user_chooses_other_fields(void **state)
{
	static const char *const text = "[{\"instruction\": \"I\", \"input\": \"N\", \"output\": \"O\", \"hint\": \"H\"}]";
	struct question_options options = { .file_name = "q.json" };

	(void)state;
	assert_int_equal(read_with(str_of(text), &options), ERR_OK);
	assert_string_equal(result.question_field, "instruction");
	assert_string_equal(result.reference_field, "output");
	assert_int_equal(result.n_fields, 4);
	assert_string_equal(result.fields[3], "hint");
	options.question_field = "instruction"; /* what was detected: still Alpaca */
	options.reference_field = "output";
	assert_int_equal(read_with(str_of(text), &options), ERR_OK);
	assert_text(result.questions[0].text, "I\nN");
	options.question_field = "input";
	options.reference_field = "hint";
	assert_int_equal(read_with(str_of(text), &options), ERR_OK);
	assert_text(result.questions[0].text, "N");
	assert_text(result.questions[0].reference, "H");
	options.reference_field = "";
	assert_int_equal(read_with(str_of(text), &options), ERR_OK);
	assert_int_equal(result.n_with_reference, 0);
	options.question_field = "nothing";
	assert_int_equal(read_with(str_of(text), &options), ERR_DATA);
	assert_string_equal(error.key, "err_question_field_missing");
	assert_argument(&error, "fields", "instruction, input, output, hint");
}

static void fields_are_offered_where_none_looks_like_a_question(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.csv", "model,score\na,1\nb,2\n"), ERR_DATA);
	assert_string_equal(error.key, "err_question_no_field");
	assert_int_equal(result.n_fields, 2);
	assert_string_equal(result.fields[1], "score");
}

static void a_number_called_label_is_no_reference(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.json", "[{\"input\": \"a\", \"label\": 1}]"), ERR_OK);
	assert_int_equal(result.n_with_reference, 0);
	assert_int_equal(read_as("q.json", "[{\"input\": \"a\", \"label\": \"positive\"}]"), ERR_OK);
	assert_int_equal(result.n_with_reference, 1);
}

static void a_preview_counts_all_and_keeps_a_few(void **state)
{
	struct question_options options = { .file_name = "q.txt", .max_preview = 2 };

	(void)state;
	assert_int_equal(read_with(STR("a\nb\nc\na\n"), &options), ERR_OK);
	assert_int_equal(result.n_questions, 2);
	assert_int_equal(result.n_total, 4);
	assert_problem(0, 4, "err_question_note_duplicate");
}

/* --- problems --- */

struct problem_case {
	const char *file_name, *text, *key;
	int64_t line;
	size_t n_good;
};

static const struct problem_case problem_cases[] = {
	{ "q.json", "[\"a\",\n17,\n\"b\"]", "err_question_not_text", 2, 2 },
	{ "q.json", "[\"a\",\n{\"x\": 1},\n\"b\"]", "err_question_not_text", 2, 2 },
	{ "q.json", "[\"a\",\n[\"b\"]]", "err_question_not_text", 2, 1 },
	{ "q.json", "[\"a\",\nWhich one?,\n\"b\"]", "err_question_not_text", 2, 2 },
	{ "q.json", "[\"a\",\n,\"b\"]", "err_question_not_text", 2, 2 },
	{ "q.json", "[\"a\",\n1e999,\"b\"]", "err_question_not_text", 2, 2 },
	{ "q.json", "[\"a\",\n\"b,\n\"c\"]", "err_question_wrong_json", 2, 2 },
	{ "q.json", "[\"a\",\n\"say \"this\" now\",\n\"c\"]", "err_question_wrong_json", 2, 2 },
	{ "q.json", "[\"a\",\n\"  \",\n\"c\"]", "err_question_empty", 2, 2 },
	{ "q.json", "[\"a\",\n\"\\ud800\",\n\"c\"]", "err_question_surrogate", 2, 2 },
	{ "q.json", "[\"a\",\n\"\\udc00\\ud800\",\n\"c\"]", "err_question_surrogate", 2, 2 },
	{ "q.json", "[\"a\",\n\"b\\u0000c\",\n\"c\"]", "err_question_nul", 2, 2 },
	{ "q.json", "[\"a\",\n\"b\",\n\"c", "err_question_json_stopped", 3, 2 },
	{ "q.json", "[\"a\",\n\"b\",\n{\"x\": ]", "err_question_json_stopped", 3, 2 },
	{ "q.json", "[\"a\"]\n[\"b\"]", "err_question_after_end", 2, 1 },
	{ "q.json", "[\"a\",\n\"b\",\n]", "err_question_note_trailing_comma", 3, 2 },
	{ "q.json", "[\"a\"\n\"b\"\n]", "err_question_note_missing_comma", 2, 2 },
	{ "q.json", "[\"a\",\n\"b\",\n\"a\"]", "err_question_note_duplicate", 3, 3 },
	{ "q.json", "[{\"question\": \"a\"},\n\"b\",{\"question\": \"c\"}]", "err_question_not_object", 2, 2 },
	{ "q.json", "[{\"question\": \"a\"},\n{\"other\": \"b\"}]", "err_question_missing", 2, 1 },
	{ "q.json", "[{\"question\": \"a\"},\n{\"question\": [\"b\", \"c\"]}]", "err_question_not_text", 2, 1 },
	{ "q.json", "[{\"question\": \"a\"},\n{\"question\": null}]", "err_question_empty", 2, 1 },
	{ "q.json", "[{\"question\": \"a\"},\n{\"question\": \"b\", \"question\": \"c\"}]", "err_question_duplicate_key", 2, 1 },
	{ "q.json", "[{\"question\": \"a\"},\n{\"question\": \"b\",}]", "err_question_wrong_json", 2, 1 },
	{ "q.json", "[{\"question\": \"a\", \"id\": \"x\"},\n{\"question\": \"b\", \"id\": \"x\"}]",
	  "err_question_note_duplicate_id", 2, 2 },
	{ "q.jsonl", "{\"question\": \"a\"}\n{\"question\": \"b\"\n{\"question\": \"c\"}\n", "err_question_wrong_json", 2, 2 },
	{ "q.jsonl", "{\"question\": \"a\"}\nnonsense\n{\"question\": \"c\"}\n", "err_question_not_text", 2, 2 },
	{ "q.csv", "question,answer\na,b\nWhich, exactly?,c\n", "err_question_ragged", 3, 1 },
	{ "q.csv", "question,answer\na,b\nc\n", "err_question_note_ragged", 3, 2 },
	{ "q.csv", "question,answer\na,b\n\"c,d\ne,f\n", "err_question_csv_quote", 3, 1 },
	{ "q.csv", "question,answer\na,b\n,c\n", "err_question_empty", 3, 1 },
	{ "q.txt", "a\n# note\nb\n", "err_question_note_comments", 2, 2 },
	{ "q.jsonl", "{\"turns\": [\"a\"]}\n{\"turns\": [\"b\", [\"c\"]]}\n", "err_question_not_text", 2, 1 },
	{ "q.jsonl", "{\"turns\": [\"a\"]}\n{\"turns\": [\"b\", \" \"]}\n", "err_question_empty", 2, 1 },
	{ "q.jsonl", "{\"question\": \"a\"}\n{\"question\": \"b\", \"conversation\": \"1\", \"turn\": 2}\n",
	  "err_question_note_turn_alone", 2, 2 },
	{ "q.jsonl", "{\"turns\": [\"a\"]}\n{\"turns\": []}\n", "err_question_missing", 2, 1 },
	{ "q.json", "[{\"vars\": {\"q\": \"a\"}, \"assert\": [{\"type\": \"llm-rubric\", \"value\": \"polite\"}]}]",
	  "err_question_note_checks", 1, 1 },
	{ "q.json", "[{\"prompt\": \"a\", \"response\": \"b\", \"rating\": \"BAD\"}]", "err_question_note_rating", 1, 1 },
};

static void every_row_that_is_not_taken_has_a_problem_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(problem_cases) / sizeof(problem_cases[0]); i++) {
		const struct problem_case *c = &problem_cases[i];
		struct buf sentence = BUF_INIT(4096);

		print_message("  %s: %.50s\n", c->key, c->text);
		assert_int_equal(read_as(c->file_name, c->text), ERR_OK);
		assert_int_equal(result.n_total, c->n_good);
		assert_problem(0, c->line, c->key);
		for (int lang = 0; lang < LANG_COUNT; lang++) {
			buf_clear(&sentence);
			err_message(&sentence, (enum lang)lang, &result.problems[0].err);
			assert_null(strchr(buf_text(&sentence), '{') && !strstr(c->text, "{") ? buf_text(&sentence) : NULL);
			assert_null(strstr(buf_text(&sentence), "err_question"));
		}
		buf_release(&sentence);
	}
}

static void the_sentence_names_line_finding_and_how_many_were_read(void **state)
{
	struct buf sentence = BUF_INIT(4096);

	(void)state;
	assert_int_equal(read_as("q.json", "[\"a\",\n17,\n\"b\"]"), ERR_OK);
	err_message(&sentence, LANG_EN, &result.problems[0].err);
	assert_string_equal(buf_text(&sentence), "Line 2: expected a question in quotation marks, found 17. "
						 "The other 2 questions were read.");
	buf_clear(&sentence);
	err_message(&sentence, LANG_ZH_TW, &result.problems[0].err);
	assert_string_equal(buf_text(&sentence), "第 2 行：應為引號內的問題，卻讀到 17。其餘 2 題已讀入。");
	buf_release(&sentence);
}

/* Of a file that is one line, "line 1" would say nothing. */
static void items_of_one_line_are_named_by_their_number(void **state)
{
	struct buf sentence = BUF_INIT(4096);

	(void)state;
	assert_int_equal(read_as("q.json", "{\"questions\": [\"a\", 17, \"b\", \"a\", \"\"]}\n"), ERR_OK);
	assert_int_equal(result.n_problems, 3);
	assert_int_equal(result.n_refused, 2);
	for (size_t i = 0; i < result.n_problems; i++) {
		assert_int_equal(result.problems[i].line, 1);
		err_message(&sentence, LANG_EN, &result.problems[i].err);
		buf_add_char(&sentence, '\n');
	}
	assert_string_equal(buf_text(&sentence), "Item 2: expected a question in quotation marks, found 17. The other 3 questions were read.\n"
						 "Item 4: the same question as in item 1. Both were kept.\n"
						 "Item 5: the question is empty. The other 3 questions were read.\n");
	buf_clear(&sentence);
	err_message(&sentence, LANG_ZH_TW, &result.problems[1].err);
	assert_string_equal(buf_text(&sentence), "第 4 項：與第 1 項是同一題，兩題都保留。");
	buf_release(&sentence);
}

static void bytes_that_may_be_of_another_encoding_are_noted(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.txt", "\304\343\272\303" "\n"), ERR_OK);
	assert_string_equal(result.encoding, "big5");
	assert_int_equal(result.n_refused, 0);
	assert_problem(0, 1, "err_question_note_encoding");
}

static void the_first_hundred_problems_are_kept_and_all_are_counted(void **state)
{
	struct buf text = BUF_INIT(MIB);

	(void)state;
	buf_add_text(&text, "[\"good\"");
	for (int i = 0; i < 150; i++)
		buf_add_text(&text, ",\n0");
	buf_add_text(&text, "]");
	assert_int_equal(read_as("q.json", buf_text(&text)), ERR_OK);
	assert_int_equal(result.n_total, 1);
	assert_int_equal(result.n_problems, 150);
	assert_problem(99, 101, "err_question_not_text");
	buf_release(&text);
}

struct fatal_case {
	const char *file_name, *text;
	enum err_code code;
	const char *key;
};

static const struct fatal_case fatal_cases[] = {
	{ "q.json", "", ERR_DATA, "err_question_nothing" },
	{ "q.txt", " \r\n\t\n", ERR_DATA, "err_question_nothing" },
	{ "q.json", "[]", ERR_DATA, "err_question_nothing" },
	{ "q.json", "[ , ]", ERR_DATA, "err_question_not_text" },
	{ "q.json", "[1, 2]", ERR_DATA, "err_question_not_text" },
	{ "q.json", "[{}, {}]", ERR_DATA, "err_question_no_fields" },
	{ "q.json", "[\"", ERR_DATA, "err_question_json_stopped" },
	{ "q.json", "{\"a\": [\"x\"], \"b\": [\"y\"]}", ERR_DATA, "err_question_which_array" },
	{ "q.json", "{\"a\": 1, \"b\": 2}", ERR_DATA, "err_question_no_field" },
	{ "q.csv", "\n\n", ERR_DATA, "err_question_nothing" },
	{ "q.csv", "question,answer\n", ERR_DATA, "err_question_nothing" },
	{ "q.xlsx", "PK\x03\x04rest", ERR_DATA, "err_question_binary" },
	{ "q.txt", "abc\n\xC3(\n\xFF", ERR_DATA, "err_question_encoding" },
};

static void what_cannot_be_read_at_all_is_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fatal_cases) / sizeof(fatal_cases[0]); i++) {
		print_message("  %s %.30s\n", fatal_cases[i].key, fatal_cases[i].text);
		assert_int_equal(read_as(fatal_cases[i].file_name, fatal_cases[i].text), fatal_cases[i].code);
		assert_string_equal(error.key, fatal_cases[i].key);
		assert_int_equal(result.n_questions, 0);
	}
}

/* --- limits --- */

static struct buf repeated(const char *head, const char *piece, size_t n, const char *tail)
{
	struct buf text = BUF_INIT(80 * MIB);
	size_t len = strlen(piece);
	char *at;

	buf_add_text(&text, head);
	at = buf_reserve(&text, n * len);
	for (size_t i = 0; i < n; i++)
		memcpy(at + i * len, piece, len);
	text.len += n * len;
	buf_add_text(&text, tail);
	return text;
}

static enum err_code read_buf(const char *file_name, const struct buf *text)
{
	struct question_options options = { .file_name = file_name };

	return read_with(buf_str(text), &options);
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void ten_million_brackets_are_refused(void **state)
{
	struct buf text = repeated("", "[", 10000000, "");

	(void)state;
	assert_int_equal(read_buf("q.json", &text), ERR_DATA);
	assert_string_equal(error.key, "err_question_deep");
	buf_release(&text);
	text = repeated("", "{\"a\":", 2000000, "");
	assert_int_equal(read_buf("q.json", &text), ERR_DATA);
	assert_string_equal(error.key, "err_question_deep");
	assert_int_equal(read_buf("q.jsonl", &text), ERR_DATA);
	assert_string_equal(error.key, "err_question_row_too_long");
	buf_release(&text);
}

static void a_million_lines_are_refused_with_both_numbers_and_little_memory(void **state)
{
	struct buf text = repeated("", "Which processor does it use?\n", 1000000, "");
	long before = peak_kib();

	(void)state;
	assert_int_equal(read_buf("q.txt", &text), ERR_LIMIT);
	assert_string_equal(error.key, "err_question_too_many");
	assert_argument(&error, "found", "1000000");
	assert_argument(&error, "limit", "200000");
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(peak_kib() - before < 150 * 1024);
#else
	(void)before;
#endif
	buf_release(&text);
}

static void twenty_two_million_empty_lists_are_refused(void **state)
{
	struct buf text = repeated("[", "[],", 22000000, "[]]");
	long before = peak_kib();

	(void)state;
	assert_int_equal(read_buf("q.json", &text), ERR_LIMIT);
	assert_string_equal(error.key, "err_question_too_many");
	assert_argument(&error, "found", "22000001");
#if !defined(__SANITIZE_ADDRESS__)
	assert_true(peak_kib() - before < 64 * 1024);
#else
	(void)before;
#endif
	buf_release(&text);
}

static void two_hundred_thousand_questions_are_read(void **state)
{
	struct buf text = repeated("[\"a\"", ",\"a\"", LIMIT_QUESTIONS - 1, "]");

	(void)state;
	assert_int_equal(read_buf("q.json", &text), ERR_OK);
	assert_int_equal(result.n_questions, LIMIT_QUESTIONS);
	assert_int_equal(result.n_problems, LIMIT_QUESTIONS - 1);
	buf_release(&text);
}

static void a_file_over_the_limit_is_refused(void **state)
{
	struct buf text = repeated("", "x", LIMIT_UPLOAD + 1, "");

	(void)state;
	assert_int_equal(read_buf("q.txt", &text), ERR_LIMIT);
	assert_string_equal(error.key, "err_question_file_size");
	assert_argument(&error, "limit", "64");
	buf_release(&text);
}

static void long_questions_and_long_rows_are_problems(void **state)
{
	struct buf text = repeated("[\"ok\",\n\"", "x", LIMIT_QUESTION_BYTES, "\"]");

	(void)state;
	assert_int_equal(read_buf("q.json", &text), ERR_OK);
	assert_int_equal(result.n_total, 2);
	buf_release(&text);
	text = repeated("[\"ok\",\n\"", "x", LIMIT_QUESTION_BYTES + 1, "\"]");
	assert_int_equal(read_buf("q.json", &text), ERR_OK);
	assert_problem(0, 2, "err_question_too_long");
	buf_release(&text);
	text = repeated("[\"ok\",\n\"", "x", LIMIT_JSON_ELEMENT, "\"]");
	assert_int_equal(read_buf("q.json", &text), ERR_OK);
	assert_problem(0, 2, "err_question_row_too_long");
	buf_release(&text);
	text = repeated("question,answer\nok,1\n\"", "x", LIMIT_JSON_ELEMENT + 1, "\",2\nalso,3\n");
	assert_int_equal(read_buf("q.csv", &text), ERR_OK);
	assert_problem(0, 3, "err_question_row_too_long");
	assert_int_equal(result.n_total, 2);
	buf_release(&text);
	text = repeated("[{\"question\":\"ok\"},\n{\"question\":\"a\",\"x\":[1", ",1", 20001, "]}]");
	assert_int_equal(read_buf("q.json", &text), ERR_OK);
	assert_problem(0, 2, "err_question_row_complex");
	buf_release(&text);
}

static void a_table_with_too_many_columns_is_refused(void **state)
{
	struct buf text = repeated("question", ",x", 100000, "\n");

	(void)state;
	assert_int_equal(read_buf("q.csv", &text), ERR_LIMIT);
	assert_string_equal(error.key, "err_question_columns");
	assert_argument(&error, "found", "100001");
	buf_release(&text);
}

static void a_cancelled_import_stops(void **state)
{
	struct question_options options = { .file_name = "q.txt" };
	atomic_bool cancel = true;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(questions_read(arena, STR("a\n"), &options, &result, &cancel, &err), ERR_CANCELLED);
	assert_string_equal(err.key, "err_cancelled");
}

/* --- public question sets, where they are at hand --- */

struct real_case {
	const char *path, *format, *question_field, *reference_field;
	size_t n, n_with_reference;
};

static const struct real_case real_cases[] = {
	{ "mt_bench/question.jsonl", "mt_bench", "turns", "reference", 80, 0 },
	{ "vicuna_bench/question.jsonl", "mt_bench", "turns", "", 80, 0 },
	{ "gsm8k/test_first300.jsonl", "jsonl", "question", "reference", 300, 300 },
	{ "drcd/dev_sample400.jsonl", "jsonl", "question", "references", 400, 400 },
	{ "cmrc2018/trial_sample200.jsonl", "jsonl", "question", "references", 199, 199 }, /* one is empty */
	{ "truthfulqa/TruthfulQA.csv", "csv", "Question", "Best Answer", 817, 817 },
	{ "pandalm/human_votes_999.jsonl", "alpaca", "instruction", "", 999, 0 },
	{ "llmbar/Natural.json", "objects", "input", "", 100, 0 },
};

/* Where somebody has them: ASSAY_TEST_QUESTIONS names a folder with public question sets. */
static void public_question_sets_are_detected_sensibly(void **state)
{
	const char *folder = getenv("ASSAY_TEST_QUESTIONS");

	(void)state;
	if (!folder || !fs_is_dir(folder))
		skip();
	for (size_t i = 0; i < sizeof(real_cases) / sizeof(real_cases[0]); i++) {
		const struct real_case *c = &real_cases[i];
		char *path = fs_join(folder, c->path);
		struct question_options options = { .file_name = path };
		struct buf text = BUF_INIT(LIMIT_UPLOAD);

		print_message("  %s\n", c->path);
		if (fs_read(path, &text, NULL) == ERR_OK) {
			assert_int_equal(read_with(buf_str(&text), &options), ERR_OK);
			print_message("    %s, %zu with reference, %zu problems\n", result.reference_field,
				      result.n_with_reference, result.n_problems);
			assert_string_equal(result.format, c->format);
			assert_string_equal(result.question_field, c->question_field);
			assert_int_equal(result.n_total, c->n);
			if (c->n_with_reference)
				assert_string_equal(result.reference_field, c->reference_field);
			if (c->n_with_reference)
				assert_int_equal(result.n_with_reference, c->n_with_reference);
		}
		buf_release(&text);
		mem_free(path);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_format_is_detected_and_read),
		TEST(further_accepted_answers_are_kept_one_a_line),
		TEST(accepted_answers_and_id_of_an_export_come_back),
		TEST(a_context_is_put_before_its_question),
		TEST(a_conversation_gives_a_question_for_each_turn),
		TEST(first_turns_stand_before_second_ones),
		TEST(rows_that_name_conversation_and_turn_are_linked),
		TEST(every_kind_of_conversation_is_asked_whole),
		TEST(a_conversation_has_at_most_so_many_turns),
		TEST(text_is_composed_so_that_equal_questions_are_equal),
		TEST(a_file_survives_a_round_through_its_own_csv),
		TEST(the_user_chooses_other_fields),
		TEST(fields_are_offered_where_none_looks_like_a_question),
		TEST(a_number_called_label_is_no_reference),
		TEST(a_preview_counts_all_and_keeps_a_few),
		TEST(every_row_that_is_not_taken_has_a_problem_with_its_line),
		TEST(the_sentence_names_line_finding_and_how_many_were_read),
		TEST(items_of_one_line_are_named_by_their_number),
		TEST(bytes_that_may_be_of_another_encoding_are_noted),
		TEST(the_first_hundred_problems_are_kept_and_all_are_counted),
		TEST(what_cannot_be_read_at_all_is_refused_with_a_reason),
		TEST(ten_million_brackets_are_refused),
		TEST(a_million_lines_are_refused_with_both_numbers_and_little_memory),
		TEST(twenty_two_million_empty_lists_are_refused),
		TEST(two_hundred_thousand_questions_are_read),
		TEST(a_file_over_the_limit_is_refused),
		TEST(long_questions_and_long_rows_are_problems),
		TEST(a_table_with_too_many_columns_is_refused),
		TEST(a_cancelled_import_stops),
		TEST(public_question_sets_are_detected_sensibly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
