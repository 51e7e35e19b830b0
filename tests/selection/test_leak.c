/* SPDX-License-Identifier: Apache-2.0
 *
 * What is word for word from the training file. */
#include "selection/leak.h"

#include "support/check.h"
#include "support/temp.h"

static struct temp folder;

static int setup(void **state)
{
	(void)state;
	temp_open(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&folder);
	return 0;
}

static struct leak *read_text(const char *name, const char *text)
{
	struct err err = { 0 };
	struct leak *l = leak_read(temp_file(&folder, name, text, strlen(text)), &(atomic_bool){ false }, &err);
	assert_err(&err, "");
	assert_non_null(l);
	return l;
}

#define LONG "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"

static void runs_of_thirteen_words_are_repeated_and_facts_are_not(void **state)
{
	(void)state;
	struct leak *l = read_text("train.jsonl",
				   "{\"messages\": [{\"role\": \"user\", \"content\": \"Count.\"}, {\"role\": \"assistant\", \"content\": \"" LONG ".\"}]}\n"
				   "{\"messages\": [{\"role\": \"user\", \"content\": \"Which CPU?\"}, {\"role\": \"assistant\", \"content\": \"The Halden Q5.\"}]}\n");
	assert_int_equal(leak_n(l), 2);
	assert_true(leak_repeats(l, STR("I say: two, THREE four five six seven eight nine ten eleven twelve thirteen fourteen!")));
	assert_false(leak_repeats(l, STR("two three four five six seven eight nine ten eleven twelve thirteen")));
	assert_false(leak_repeats(l, STR("two three four five six seven eight nine ten eleven twelve thirteen apart fourteen")));
	assert_false(leak_repeats(l, STR("The Halden Q5.")));
	assert_false(leak_repeats(l, STR("")));
	leak_free(l);
}

static void chinese_is_compared_by_characters(void **state)
{
	(void)state;
	static const char text[] = "這是一段用來測試重複偵測的訓練文字它必須有超過三十個字才會被當成一段重複的內容來看待";
	char line[512];
	str_format(line, sizeof line, "[{\"instruction\": \"請說明。\", \"output\": \"%s\"}]", text);
	struct leak *l = read_text("train.json", line);
	assert_true(leak_repeats(l, (struct str){ text + 9, 33 * 3 }));
	assert_false(leak_repeats(l, (struct str){ text + 9, 29 * 3 }));
	leak_free(l);
}

static void questions_are_seen_rephrased_or_general(void **state)
{
	(void)state;
	struct leak *l = read_text("pairs.jsonl", "{\"question\": \"Which CPU does it use?\", \"answer\": \"The Halden Q5.\"}\n");
	assert_int_equal(leak_group_of(l, STR("which cpu does it use"), STR("The Halden Q5.")), LEAK_SEEN);
	assert_int_equal(leak_group_of(l, STR("What is its processor?"), STR("The Halden Q5.")), LEAK_REPHRASED);
	assert_int_equal(leak_group_of(l, STR("What is the capital of France?"), STR("Paris")), LEAK_GENERAL);
	assert_int_equal(leak_group_of(l, STR("What is the capital of France?"), STR("")), LEAK_GENERAL);
	leak_free(l);
}

static void a_file_that_is_none_is_told(void **state)
{
	(void)state;
	struct err err = { 0 };
	atomic_bool cancel = false;
	assert_null(leak_read("/nowhere/train.jsonl", &cancel, &err));
	assert_int_not_equal(err.code, ERR_OK);
	err = (struct err){ 0 };
	assert_null(leak_read(temp_file(&folder, "x.jsonl", "\x00\x01\x02", 3), &cancel, &err));
	assert_int_not_equal(err.code, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_of_thirteen_words_are_repeated_and_facts_are_not),
		cmocka_unit_test(chinese_is_compared_by_characters),
		cmocka_unit_test(questions_are_seen_rephrased_or_general),
		cmocka_unit_test(a_file_that_is_none_is_told),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
