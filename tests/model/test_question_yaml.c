/* SPDX-License-Identifier: Apache-2.0
 *
 * Question files as other programs write or keep them: promptfoo's configuration in YAML, lm-evaluation-harness, Open WebUI. */
#include "support/check.h"

#include "base/limits.h"
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

static enum err_code read_as(const char *file_name, const char *text)
{
	struct question_options options = { .file_name = file_name };

	error = (struct err){ 0 };
	return questions_read(arena, str_of(text), &options, &result, NULL, &error);
}

static void assert_text(struct str view, const char *expected)
{
	assert_string_equal(arena_strndup(arena, view.ptr, view.len), expected);
}

static void assert_question(size_t i, int64_t line, const char *text, const char *reference)
{
	assert_true(i < result.n_questions);
	assert_text(result.questions[i].text, text);
	assert_text(result.questions[i].reference, reference);
	assert_int_equal(result.questions[i].line, line);
}

static void assert_problem(size_t i, int64_t line, const char *key)
{
	assert_true(i < result.n_problems);
	assert_string_equal(result.problems[i].err.key, key);
	assert_int_equal(result.problems[i].line, line);
}

static const char *sentence(const struct err *err)
{
	struct buf out = BUF_INIT(4096);
	const char *text;

	err_message(&out, LANG_EN, err);
	text = arena_strdup(arena, buf_text(&out));
	buf_release(&out);
	return text;
}

/* --- promptfoo --- */

static const char config[] = "# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json\n"
			     "description: Customer service\n"
			     "prompts:\n"
			     "  - 'Answer in one sentence: {{ topic }}'\n"
			     "providers: [ollama:chat:llama3]\n"
			     "defaultTest:\n"
			     "  vars:\n"
			     "    language: zh-TW\n"
			     "  assert:\n"
			     "    - type: llm-rubric\n"
			     "      value: polite\n"
			     "tests:\n"
			     "  - description: mountain\n"
			     "    vars:\n"
			     "      topic: 台灣最高的山？\n"
			     "    assert:\n"
			     "      - type: icontains\n"
			     "        value: 玉山\n"
			     "  - vars: {topic: 'How high is it?', language: en}\n"
			     "    assert:\n"
			     "      - {type: equals, value: 3952}\n"
			     "  - vars:\n"
			     "      topic: |\n"
			     "        Two lines\n"
			     "        of a question\n"
			     "  - vars:\n"
			     "      topic: file://long.txt\n"
			     "  - vars:\n"
			     "      topic: ''\n"
			     "  - file://more.yaml\n";

static void assert_config(void)
{
	assert_string_equal(result.format, "promptfoo");
	assert_string_equal(result.question_field, "topic");
	assert_int_equal(result.n_total, 3);
	assert_int_equal(result.n_with_reference, 2);
	assert_question(0, 13, "台灣最高的山？", "玉山");
	assert_question(1, 19, "How high is it?", "3952");
	assert_question(2, 22, "Two lines\nof a question\n", "");
	assert_int_equal(result.n_refused, 3);
	assert_problem(0, 26, "err_question_elsewhere");
	assert_problem(1, 28, "err_question_empty");
	assert_problem(2, 30, "err_question_elsewhere");
	assert_problem(3, 13, "err_question_note_checks");
	assert_string_equal(sentence(&result.problems[0].err),
			    "Line 26: this stands in another file: file://long.txt. The other 3 questions were read.");
}

static void a_promptfoo_configuration_is_read_with_its_lines(void **state)
{
	(void)state;
	assert_int_equal(read_as("promptfooconfig.yaml", config), ERR_OK);
	assert_config();
	assert_int_equal(read_as("TESTS.YML", config), ERR_OK);
	assert_config();
	assert_int_equal(read_as("", config), ERR_OK); /* pasted */
	assert_config();
}

static void defaults_of_promptfoo_count_in_json_too(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.json", "{\"defaultTest\": {\"vars\": {\"question\": \"Why?\"}, \"assert\": [{\"type\": \"equals\", "
					   "\"value\": \"So\"}]},\n\"tests\": [{\"vars\": {\"tone\": \"kind\"}},\n{\"vars\": {\"question\": "
					   "\"How?\"}, \"assert\": [{\"type\": \"contains\", \"value\": \"Thus\"}]}]}"), ERR_OK);
	assert_question(0, 2, "Why?", "So");
	assert_question(1, 3, "How?", "Thus");
	assert_int_equal(read_as("q.json", "{\"defaultTest\": \"file://d.yaml\",\n\"tests\": [{\"vars\": {\"question\": \"a\"}}]}"), ERR_OK);
	assert_int_equal(result.n_total, 1);
	assert_problem(0, 1, "err_question_elsewhere");
}

/* As promptfoo puts them together: prefix + prompt + suffix, nothing between, a test's own before those of defaultTest. */
static void prefix_and_suffix_of_promptfoo_stand_around_the_question(void **state)
{
	(void)state;
	assert_int_equal(read_as("promptfooconfig.yaml", "prompts: ['{{question}}']\n"
							 "defaultTest:\n  options:\n    prefix: 'In {{ lang }}: '\n    suffix: ' ({{ none }})'\n"
							 "tests:\n  - vars: {question: a, lang: French}\n"
							 "  - vars: {question: b}\n    options: {prefix: '', suffix: '!'}\n"
							 "  - vars: {question: c}\n    options: {suffix: file://s.txt, prefix: 5}\n"), ERR_OK);
	assert_question(0, 7, "In French: a ({{ none }})", "");
	assert_question(1, 8, "b!", "");
	assert_question(2, 10, "5c", "");
	assert_problem(0, 7, "err_question_note_around");
	assert_string_equal(sentence(&result.problems[0].err),
			    "3 questions have a prefix or a suffix, as promptfoo writes it (first in line 7). It is put before or after the question.");
	assert_int_equal(read_as("q.csv", "question,lang,__prefix,__suffix\na,zh,\"Say in {{lang}}: \",.\nb,zh,,\n"), ERR_OK);
	assert_string_equal(result.format, "promptfoo");
	assert_question(0, 2, "Say in zh: a.", "");
	assert_question(1, 3, "b", "");
	assert_int_equal(read_as("q.jsonl", "{\"question\": \"a\", \"__prefix\": \"x \", \"__expected\": \"b\"}\n{\"question\": \"c\"}\n"), ERR_OK);
	assert_question(0, 1, "x a", "b");
	/* Of a conversation before its first turn and behind its last. */
	assert_int_equal(read_as("q.json", "[{\"options\": {\"prefix\": \"<\", \"suffix\": \">\"}, \"vars\": {\"question\": [{\"role\": \"user\", "
					   "\"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}, {\"role\": \"user\", \"content\": \"c\"}]}}]"), ERR_OK);
	assert_question(0, 1, "<a", "b");
	assert_question(1, 1, "c>", "");
}

static void tests_of_another_file_are_asked_for(void **state)
{
	static const char *const texts[] = {
		"prompts: [a, b]\nproviders: [c]\ntests: file://tests.csv\n",
		"{\"prompts\": [\"a\"],\n\"providers\": [\"c\"],\n\"tests\": \"file://tests.csv\"}",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(read_as(i ? "c.json" : "c.yaml", texts[i]), ERR_UNSUPPORTED);
		assert_string_equal(error.key, "err_question_tests_elsewhere");
		assert_string_equal(sentence(&error), "Line 3: the tests stand in another file: file://tests.csv");
	}
	assert_int_equal(read_as("c.yaml", "tests:\n  path: file://make.py:tests\n"), ERR_UNSUPPORTED);
	assert_int_equal(read_as("c.yaml", "tests:\n  - file://a.yaml\n  - file://b.yaml\n"), ERR_DATA);
	assert_string_equal(error.key, "err_question_elsewhere");
}

/* --- YAML in general --- */

static void lists_in_yaml_are_read_as_those_in_json(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.yaml", "- question: a\n  answer: 1\n- question: b\n  answer: [2, two]\n  tags: [x, y]\n"), ERR_OK);
	assert_string_equal(result.format, "objects");
	assert_question(0, 1, "a", "1");
	assert_question(1, 3, "b", "2");
	assert_text(result.questions[1].other_references, "two");
	assert_text(result.questions[1].tags, "x,y");
	assert_int_equal(read_as("q.yml", "questions:\n- 第一題\n- 'yes'\n- 17\n"), ERR_OK);
	assert_int_equal(result.n_total, 2);
	assert_problem(0, 4, "err_question_not_text");
	assert_int_equal(read_as("q.yaml", "[a, '', b]"), ERR_OK);
	assert_string_equal(sentence(&result.problems[0].err), "Item 2: the question is empty. The other 2 questions were read.");
	assert_int_equal(read_as("q.yaml", "- messages:\n  - {role: user, content: Hi}\n  - {role: assistant, content: Hello}\n"), ERR_OK);
	assert_string_equal(result.format, "messages");
	assert_question(0, 1, "Hi", "Hello");
}

static void yaml_is_told_from_what_people_write(void **state)
{
	static const struct {
		const char *name, *text, *format;
	} cases[] = {
		{ "", "- question: a\n  answer: b\n", "objects" },
		{ "", "---\n- vars:\n    question: a\n", "promptfoo" },
		{ "", "questions:\n  - a\n  - b\n", "strings" },
		{ "q.txt", "questions:\n  - a\n  - b\n", "txt" },
		{ "", "- question: what is the point?\n", "txt" },
		{ "", "- first\n- second\n", "txt" },
		{ "", "tests: what are they?\nprompts: what are they?\n", "txt" },
		{ "", "description: a poem\nWrite one.\n", "txt" },
		{ "", "Name two tests:\ntests:\n", "txt" },
		{ "", "What is this?\nprompts:\n  - a\n", "txt" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].text);
		assert_int_equal(read_as(cases[i].name, cases[i].text), ERR_OK);
		assert_string_equal(result.format, cases[i].format);
	}
}

static void yaml_that_cannot_be_read_says_where_and_why(void **state)
{
	(void)state;
	assert_int_equal(read_as("q.yaml", "- question: a\n- question: &x b\n"), ERR_DATA);
	assert_string_equal(sentence(&error), "Line 2: anchors and aliases (&name, *name) are not read.");
	assert_int_equal(read_as("", "tests:\n  - vars:\n      q: {{ a }}\n"), ERR_DATA);
	assert_string_equal(error.key, "err_yaml_key");
	assert_int_equal(read_as("q.yaml", "just a text\n"), ERR_DATA);
	assert_string_equal(error.key, "err_question_nothing");
	assert_int_equal(read_as("q.yaml", "# nothing\n"), ERR_DATA);
	assert_string_equal(error.key, "err_question_nothing");
	assert_int_equal(read_as("q.yaml", "a: 1\nb: 2\n"), ERR_DATA);
	assert_string_equal(error.key, "err_question_no_field");
}

static void two_hundred_thousand_questions_in_yaml_are_the_limit_too(void **state)
{
	struct question_options options = { .file_name = "q.yaml" };
	struct buf text = BUF_INIT(LIMIT_UPLOAD);

	(void)state;
	for (int i = 0; i < LIMIT_QUESTIONS; i++)
		buf_printf(&text, "- q %d\n", i);
	error = (struct err){ 0 };
	assert_int_equal(questions_read(arena, buf_str(&text), &options, &result, NULL, &error), ERR_OK);
	assert_int_equal(result.n_total, LIMIT_QUESTIONS);
	assert_int_equal(result.questions[LIMIT_QUESTIONS - 1].line, LIMIT_QUESTIONS);
	buf_add_text(&text, "- one more\n");
	assert_int_equal(questions_read(arena, buf_str(&text), &options, &result, NULL, &error), ERR_LIMIT);
	assert_string_equal(error.key, "err_question_too_many");
	buf_release(&text);
}

/* --- lm-evaluation-harness --- */

static void samples_of_the_harness_are_read_once_each(void **state)
{
	static const char text[] =
		"{\"doc_id\": 0, \"doc\": {\"question\": \"2+2?\", \"answer\": \"It is 4. #### 4\"}, \"target\": \"4\", \"arguments\": "
		"{\"gen_args_0\": {\"arg_0\": \"Question: 2+2?\\nAnswer:\", \"arg_1\": {\"until\": [\"\\n\"]}}}, \"resps\": [[\"4\"]], "
		"\"filter\": \"strict-match\"}\n"
		"{\"doc_id\": 1, \"doc\": {\"question\": \"2+3?\", \"answer\": \"5\"}, \"target\": \"5\", \"arguments\": {}, \"resps\": []}\n"
		"{\"doc_id\": 0, \"doc\": {\"question\": \"2+2?\", \"answer\": \"It is 4. #### 4\"}, \"target\": \"4\", \"arguments\": {}, "
		"\"resps\": [[\"4\"]], \"filter\": \"flexible-extract\"}\n";
	struct question_options options = { .file_name = "samples_gsm8k.jsonl", .reference_field = "answer" };

	(void)state;
	assert_int_equal(read_as("samples_gsm8k.jsonl", text), ERR_OK);
	assert_string_equal(result.format, "lm_eval");
	assert_string_equal(result.question_field, "question");
	assert_int_equal(result.n_total, 2);
	assert_question(0, 1, "2+2?", "4");
	assert_question(1, 2, "2+3?", "5");
	assert_text(result.questions[1].id, "1");
	assert_int_equal(result.n_problems, 1);
	assert_problem(0, 3, "err_question_note_again");
	assert_int_equal(questions_read(arena, str_of(text), &options, &result, NULL, &error), ERR_OK);
	assert_question(0, 1, "2+2?", "It is 4. #### 4");
}

static void a_choice_of_the_harness_is_asked_with_its_choices(void **state)
{
	(void)state;
	assert_int_equal(read_as("s.jsonl", "{\"doc_id\": 3, \"doc\": {\"question\": \"Which?\", \"choices\": [\"one\", \"two\"]}, \"target\": 1, "
					    "\"arguments\": [[\"Q\", \" A\"]]}\n"
					    "{\"doc_id\": 4, \"doc\": {\"question\": \"Who?\", \"choices\": {\"text\": [\"me\", \"you\"], "
					    "\"label\": [\"A\", \"B\"]}}, \"target\": \"A\", \"arguments\": [[\"Q\", \" A\"]]}\n"), ERR_OK);
	assert_question(0, 1, "Which?\nA. one\nB. two", "two");
	assert_question(1, 2, "Who?\nA. me\nB. you", "me");
}

static void without_a_field_for_it_the_prompt_is_the_question(void **state)
{
	(void)state;
	assert_int_equal(read_as("s.jsonl", "{\"doc_id\": 0, \"doc\": {\"premise\": \"a\", \"hypothesis\": \"b\"}, \"target\": \" yes\", "
					    "\"arguments\": {\"gen_args_0\": {\"arg_0\": \"a implies b?\", \"arg_1\": \" yes\"}}}\n"
					    "{\"doc_id\": 1, \"doc\": {\"premise\": \"a\"}, \"target\": \"no\", \"arguments\": [[\"a?\", \" no\"]]}\n"
					    "{\"doc_id\": 2, \"doc\": {\"premise\": \"a\"}, \"target\": \"['x', 'y']\", \"arguments\": []}\n"), ERR_OK);
	assert_string_equal(result.question_field, "arguments");
	assert_question(0, 1, "a implies b?", "yes");
	assert_question(1, 2, "a?", "no");
	assert_problem(0, 3, "err_question_missing");
}

static void a_task_of_the_harness_says_what_to_upload_instead(void **state)
{
	static const char text[] = "task: gsm8k\ndataset_path: openai/gsm8k\ndoc_to_text: !function utils.f\n";

	(void)state;
	assert_int_equal(read_as("gsm8k.yaml", text), ERR_UNSUPPORTED);
	assert_string_equal(error.key, "err_question_harness_task");
	assert_int_equal(read_as("", text), ERR_UNSUPPORTED);
	assert_string_equal(error.key, "err_question_harness_task");
}

/* --- Open WebUI --- */

#define FEEDBACK(id, message, rating) \
	"{\"id\": \"" id "\", \"type\": \"rating\", \"data\": {\"rating\": " rating ", \"model_id\": \"m\"}, \"meta\": {\"message_id\": \"" \
	message "\", \"tags\": [\"math\"]}, \"snapshot\": {\"chat\": {\"chat\": {\"history\": {\"currentId\": \"a2\", \"messages\": {" \
	"\"u1\": {\"id\": \"u1\", \"parentId\": null, \"role\": \"user\", \"content\": \"2+2?\"}," \
	"\"a1\": {\"id\": \"a1\", \"parentId\": \"u1\", \"role\": \"assistant\", \"content\": \"4\"}," \
	"\"b1\": {\"id\": \"b1\", \"parentId\": \"u1\", \"role\": \"assistant\", \"content\": \"5\"}," \
	"\"u2\": {\"id\": \"u2\", \"parentId\": \"a1\", \"role\": \"user\", \"content\": \"And 3?\"}," \
	"\"a2\": {\"id\": \"a2\", \"parentId\": \"u2\", \"role\": \"assistant\", \"content\": \"7\"}}}}}}}"

static void rated_answers_of_open_webui_give_their_questions(void **state)
{
	(void)state;
	assert_int_equal(read_as("feedback-history-export-1.json", "[" FEEDBACK("f1", "a1", "1") ",\n" FEEDBACK("f2", "b1", "-1") ",\n"
				 FEEDBACK("f3", "a2", "1") ",\n" FEEDBACK("f4", "gone", "1") "]"), ERR_OK);
	assert_string_equal(result.format, "open_webui");
	assert_int_equal(result.n_total, 4);
	assert_question(0, 1, "2+2?", "4");
	assert_text(result.questions[0].id, "f1");
	assert_text(result.questions[0].tags, "math");
	assert_question(1, 2, "2+2?", "");
	assert_question(2, 3, "2+2?", "");
	assert_question(3, 3, "And 3?", "7");
	assert_int_equal(result.questions[3].turn, 1);
	assert_problem(0, 2, "err_question_note_duplicate"); /* both were rated */
	assert_problem(2, 4, "err_question_missing");
	assert_problem(3, 2, "err_question_note_rating");
}

/* A chat whose messages are one another's parents. */
static void a_circle_of_messages_ends(void **state)
{
	(void)state;
	assert_int_equal(read_as("f.json", "[{\"data\": {\"rating\": 1}, \"meta\": {\"message_id\": \"a\"}, \"snapshot\": {\"chat\": {\"history\": "
					   "{\"messages\": {\"a\": {\"role\": \"assistant\", \"content\": \"x\", \"parentId\": \"u\"}, \"u\": "
					   "{\"role\": \"user\", \"content\": \"y\", \"parentId\": \"a\"}}}}}}]"), ERR_OK);
	assert_question(0, 1, "y", "x");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_promptfoo_configuration_is_read_with_its_lines),
		TEST(defaults_of_promptfoo_count_in_json_too),
		TEST(prefix_and_suffix_of_promptfoo_stand_around_the_question),
		TEST(tests_of_another_file_are_asked_for),
		TEST(lists_in_yaml_are_read_as_those_in_json),
		TEST(yaml_is_told_from_what_people_write),
		TEST(yaml_that_cannot_be_read_says_where_and_why),
		TEST(two_hundred_thousand_questions_in_yaml_are_the_limit_too),
		TEST(samples_of_the_harness_are_read_once_each),
		TEST(a_choice_of_the_harness_is_asked_with_its_choices),
		TEST(without_a_field_for_it_the_prompt_is_the_question),
		TEST(a_task_of_the_harness_says_what_to_upload_instead),
		TEST(rated_answers_of_open_webui_give_their_questions),
		TEST(a_circle_of_messages_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
