/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "golden.h"
#include "metric/guard.h"
#include "metric/han.h"

static const char traditional_set[] = "台灣的首都是臺北市。機器學習是人工智慧的一個分支，它使用資料來改善效能。";
static const char simplified_set[] = "机器学习是人工智能的一个分支，它使用数据来改善性能。";
static const char english_set[] = "Machine learning is a branch of artificial intelligence that uses data to improve.";
static const char japanese_set[] = "機械学習は人工知能の一分野であり、データを使って性能を向上させる。";

static unsigned flags(const char *set, const char *answer, const char *reference)
{
	struct text_space *space = text_space_new();
	struct guard_profile profile = { 0 };

	if (set)
		guard_learn(&profile, text_new(space, str_of(set)));
	struct guard g = guard_check(&profile, text_new(space, str_of(answer)),
				     reference ? text_new(space, str_of(reference)) : NULL);
	text_space_free(space);
	return g.flags;
}

static void good_answers_pass(void **state)
{
	(void)state;
	assert_int_equal(flags(traditional_set, "臺北市", "臺北市"), 0);
	assert_int_equal(flags(traditional_set, "機器學習會從資料裡學到規律，皇后在後面。", NULL), 0);
	assert_int_equal(flags(traditional_set, "Taipei", "臺北市"), 0); /* a name may be in any writing */
	assert_int_equal(flags(traditional_set, "可以使用 llama.cpp 執行 GGUF 模型，指令為 llama-cli -m model.gguf -p hello。", NULL), 0);
	assert_int_equal(flags(traditional_set, "```c\nint main(void) { return printf(\"hello, world\"); }\n```", NULL), 0);
	assert_int_equal(flags(english_set, "It learns from examples and gets better with more of them.", NULL), 0);
	assert_int_equal(flags(NULL, "anything goes where nothing is known about the questions", NULL), 0);
	assert_int_equal(flags(traditional_set, "42", "42"), 0);
	assert_int_equal(flags(japanese_set, "データから規則を学ぶ技術です。", NULL), 0);
}

static void white_space_alone_is_empty(void **state)
{
	(void)state;
	assert_int_equal(flags(traditional_set, "", "臺北市"), GUARD_EMPTY);
	assert_int_equal(flags(NULL, " \n\t\xE3\x80\x80", NULL), GUARD_EMPTY);
	assert_int_equal(flags(NULL, "!", NULL), 0);
}

static unsigned repeated(const char *start, const char *what, size_t times)
{
	struct buf b = BUF_INIT(1 << 20);

	buf_add_text(&b, start);
	for (size_t i = 0; i < times; i++)
		buf_add_text(&b, what);
	unsigned seen = flags(NULL, buf_text(&b), NULL);
	buf_release(&b);
	return seen;
}

static void loops_are_found_also_at_the_end_and_without_words(void **state)
{
	struct buf good = BUF_INIT(1 << 20);

	(void)state;
	assert_int_equal(repeated("", "I do not know. ", 20), GUARD_LOOP);
	assert_int_equal(repeated("", "我不知道。", 20), GUARD_LOOP);
	assert_int_equal(repeated("", "I do not know. ", 5), 0); /* 20 tokens */
	assert_int_equal(repeated("", "!", 300), GUARD_LOOP);
	assert_int_equal(repeated("", "a", 300), GUARD_LOOP);
	for (int i = 0; i < 300; i++)
		buf_printf(&good, "word%d is here. ", i);
	assert_int_equal(repeated(buf_text(&good), "", 0), 0);
	assert_int_equal(repeated(buf_text(&good), "and so on ", 40), GUARD_LOOP);
	buf_release(&good);
}

static void the_other_chinese_script_is_wrong_in_both_directions(void **state)
{
	(void)state;
	assert_int_equal(flags(traditional_set, simplified_set, NULL), GUARD_SCRIPT);
	assert_int_equal(flags(simplified_set, traditional_set, NULL), GUARD_SCRIPT);
	assert_int_equal(flags(traditional_set, "這是機器學習，大陸寫作机器学习。", NULL), GUARD_SCRIPT);
	assert_int_equal(flags(traditional_set, simplified_set, simplified_set), 0); /* the reference is Simplified as well */
	assert_int_equal(flags(english_set, simplified_set, "机器学习是人工智能的一个分支"), 0);
}

static void another_writing_is_another_language(void **state)
{
	(void)state;
	assert_int_equal(flags(traditional_set, english_set, NULL), GUARD_LANGUAGE);
	assert_int_equal(flags(english_set, traditional_set, NULL), GUARD_LANGUAGE);
	assert_int_equal(flags(english_set, "Машинное обучение является разделом искусственного интеллекта.", NULL), GUARD_LANGUAGE);
	assert_true(flags(traditional_set, japanese_set, NULL) & GUARD_LANGUAGE);
	assert_true(flags(japanese_set, traditional_set, NULL) & GUARD_LANGUAGE);
	/* "Translate into English" in a Chinese set */
	assert_int_equal(flags(traditional_set, english_set, "Machine learning is a branch of AI that uses data."), 0);
}

static void lengths_far_from_a_long_reference_are_wrong(void **state)
{
	(void)state;
	assert_int_equal(flags(english_set, "Learning.", english_set), GUARD_LENGTH);
	assert_int_equal(flags(english_set, english_set, "It learns from data"), 0); /* short references say little */
	assert_int_equal(flags(english_set, "It learns from examples.", english_set), 0);
}

static void characters_of_both_scripts_tell_nothing(void **state)
{
	size_t at = 0;
	struct str shared = STR("人后里台面只干云万与");

	(void)state;
	while (at < shared.len) {
		uint32_t p = utf8_next(shared, &at);
		assert_false(han_is_simplified_only(p) && han_is_traditional_only(p));
		assert_false(han_is_traditional_only(p));
	}
	assert_true(han_is_simplified_only(0x8FD9) && han_is_traditional_only(0x9019)); /* 这 這 */
	assert_false(han_is_simplified_only('a') || han_is_traditional_only(0x10FFFF) || han_is_simplified_only(0xA000));
}

static void each_flag_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GUARD_FLAGS; i++) {
		assert_non_null(guard_flag_name(1u << i));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(guard_flag_name(1u << i), guard_flag_name(1u << k));
	}
	assert_string_equal(guard_flag_name(GUARD_LOOP), "loop");
	assert_null(guard_flag_name(1u << GUARD_FLAGS));
	assert_null(guard_flag_name(0));
	assert_null(guard_flag_name(GUARD_LOOP | GUARD_EMPTY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_answers_pass),
		cmocka_unit_test(white_space_alone_is_empty),
		cmocka_unit_test(loops_are_found_also_at_the_end_and_without_words),
		cmocka_unit_test(the_other_chinese_script_is_wrong_in_both_directions),
		cmocka_unit_test(another_writing_is_another_language),
		cmocka_unit_test(lengths_far_from_a_long_reference_are_wrong),
		cmocka_unit_test(each_flag_has_a_name_of_its_own),
		cmocka_unit_test(characters_of_both_scripts_tell_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
