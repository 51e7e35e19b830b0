/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/msg.h"
#include "base/msg_table.h"

static struct buf out = BUF_INIT(4096);

static const char *rendered(enum lang lang, const char *key, const char *args)
{
	buf_clear(&out);
	msg_render(&out, lang, key, args);
	return buf_text(&out);
}

static void the_table_is_sorted_and_every_key_is_found(void **state)
{
	(void)state;
	for (unsigned i = 0; i < msg_table_size; i++) {
		if (i)
			assert_true(strcmp(msg_table[i - 1].key, msg_table[i].key) < 0);
		assert_ptr_equal(msg_text(LANG_EN, msg_table[i].key), msg_table[i].text[0]);
		assert_ptr_equal(msg_text(LANG_ZH_TW, msg_table[i].key), msg_table[i].text[1]);
	}
	assert_null(msg_text(LANG_EN, "no_such_key"));
	assert_null(msg_text(LANG_EN, ""));
}

static void placeholders_are_filled_by_name_in_both_languages(void **state)
{
	(void)state;
	assert_string_equal(rendered(LANG_EN, "err_fs_ends", "need=8\x1f" "at=12"),
		"The file ends at byte 12, but 8 more bytes belong there.");
	assert_string_equal(rendered(LANG_ZH_TW, "err_fs_ends", "need=8\x1f" "at=12"),
		"檔案在第 12 位元組就結束了，後面還應有 8 位元組。");
}

static void a_placeholder_without_argument_and_an_unknown_key_stay_visible(void **state)
{
	(void)state;
	assert_string_equal(rendered(LANG_EN, "err_fs_ends", "at=12"), "The file ends at byte 12, but {need} more bytes belong there.");
	assert_string_equal(rendered(LANG_EN, "err_fs_ends", NULL), "The file ends at byte {at}, but {need} more bytes belong there.");
	assert_string_equal(rendered(LANG_EN, "err_unheard_of", "at=12"), "err_unheard_of");
	/* A value is never read as a sentence: what it holds in braces stays. */
	assert_string_equal(rendered(LANG_EN, "err_fs_ends", "at={need}\x1fneed="),
		"The file ends at byte {need}, but  more bytes belong there.");
}

static void an_error_has_a_sentence_and_where_there_is_one_a_hint(void **state)
{
	(void)state;
	struct err err = { 0 };
	err_set(&err, ERR_NOT_FOUND, "err_fs_not_found", "path=%s", "/x.gguf");
	buf_clear(&out);
	err_message(&out, LANG_EN, &err);
	buf_add_char(&out, ' ');
	err_hint(&out, LANG_EN, &err);
	assert_string_equal(buf_text(&out), "There is no /x.gguf. Check the spelling of the path.");
	err_set(&err, ERR_CANCELLED, "err_cancelled", NULL);
	buf_clear(&out);
	err_hint(&out, LANG_EN, &err);
	assert_string_equal(buf_text(&out), "");
	struct err bare = { .code = ERR_BUSY };
	err_message(&out, LANG_EN, &bare);
	err_hint(&out, LANG_EN, &bare);
	assert_string_equal(buf_text(&out), "busy");
}

static void one_thing_is_spoken_of_in_the_singular(void **state)
{
	(void)state;
	buf_clear(&out);
	msg_format(&out, LANG_EN, "cli_questions_read", "n=%d|references=%d", 1, 1);
	assert_string_equal(buf_text(&out), "1 question, 1 of them with a reference answer.");
	buf_clear(&out);
	msg_format(&out, LANG_EN, "cli_questions_read", "n=%d|references=%d", 68, 0);
	assert_string_equal(buf_text(&out), "68 questions, 0 of them with a reference answer.");
	buf_clear(&out);
	msg_format(&out, LANG_ZH_TW, "cli_questions_read", "n=%d|references=%d", 1, 1);
	assert_string_equal(buf_text(&out), "共 1 題，其中 1 題有參考答案。");
}

/* What a user or a model wrote is filled in as it is; brackets that are no choice stay. */
static void brackets_that_are_no_choice_stay(void **state)
{
	(void)state;
	buf_clear(&out);
	msg_format(&out, LANG_EN, "err_cli_words_missing", "name=%s|words=%s", "run", " A [n|b|c] [OPTION...]");
	assert_string_equal(buf_text(&out), "Something is missing. Usage: assay run A [n|b|c] [OPTION...]");
	buf_clear(&out);
	msg_format(&out, LANG_EN, "cli_usage_words", NULL);
	assert_string_equal(buf_text(&out), "COMMAND [OPTION...]");
}

/* The usual reasons of the system are said in the reader's language; others stay as the system says them. */
static void the_reasons_of_the_system_are_translated(void **state)
{
	static const int usual[] = { ECONNREFUSED, ECONNRESET, EPIPE,  ETIMEDOUT,  EHOSTUNREACH, ENETUNREACH, EACCES, EPERM,	 ENOENT,
				     ENOSPC,	   EROFS,      EMFILE, EISDIR,	   ENOTDIR,	 EEXIST,      EIO,    ENOMEM,	 EDQUOT,
				     ENAMETOOLONG, EADDRINUSE };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
		err_set_errno(&err, usual[i], "err_cli_connection", NULL);
		buf_clear(&out);
		err_message(&out, LANG_EN, &err);
		assert_non_null(strstr(buf_text(&out), strerrordesc_np(usual[i])));
		buf_clear(&out);
		err_message(&out, LANG_ZH_TW, &err);
		for (const char *c = buf_text(&out); *c; c++)
			if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'))
				fail_msg("%s", buf_text(&out));
	}
	err_set_errno(&err, EXDEV, "err_cli_connection", NULL);
	buf_clear(&out);
	err_message(&out, LANG_ZH_TW, &err);
	assert_string_equal(buf_text(&out), "無法連線到伺服器：Invalid cross-device link。");
}

/* A value may name a sentence of the program, once: what that says of itself is a plain value. */
static void a_value_may_name_a_sentence(void **state)
{
	(void)state;
	buf_clear(&out);
	msg_format(&out, LANG_EN, "err_question_nul", "place=%s|line=%d", "@core_line_place", 3);
	assert_string_equal(buf_text(&out), "Line 3: there is a NUL character, which no question can contain.");
	buf_clear(&out);
	msg_format(&out, LANG_ZH_TW, "err_question_nul", "place=%s|line=%s", "@core_line_place", "@core_line_place");
	assert_string_equal(buf_text(&out), "第 @core_line_place 行：有 NUL 字元，問題裡不能有這個字元。");
	buf_clear(&out);
	msg_format(&out, LANG_EN, "err_question_nul", "place=%s", "@core_no_such_sentence");
	assert_string_equal(buf_text(&out), "@core_no_such_sentence: there is a NUL character, which no question can contain.");
}

static void the_program_formats_its_own_texts_the_same_way(void **state)
{
	(void)state;
	buf_clear(&out);
	msg_format(&out, LANG_EN, "err_fs_not_found", "path=%s", "a|b");
	assert_string_equal(buf_text(&out), "There is no a|b.");
}

static void languages_are_recognized_in_every_spelling(void **state)
{
	(void)state;
	static const struct {
		const char *tag;
		enum lang lang; /* LANG_COUNT: the fallback */
	} cases[] = {
		{ "en", LANG_EN }, { "en-US,en;q=0.9", LANG_EN }, { "en_GB.UTF-8", LANG_EN }, { "zh-TW", LANG_ZH_TW },
		{ "zh_TW.UTF-8", LANG_ZH_TW }, { "zh_TW.UTF-8@radical", LANG_ZH_TW }, { "zh-Hant", LANG_ZH_TW },
		{ "zh-hant-hk", LANG_ZH_TW }, { "ZH-tw", LANG_ZH_TW }, { "zh", LANG_ZH_TW }, { "zh-HK", LANG_ZH_TW },
		{ "zh-Hant-CN", LANG_ZH_TW }, { "zh-CN", LANG_COUNT }, { "zh-Hans", LANG_COUNT }, { "zh-Hans-TW", LANG_COUNT },
		{ "zh_SG.UTF-8", LANG_COUNT }, { "zh-CN,zh;q=0.9,en;q=0.8", LANG_ZH_TW }, { "de-DE,en;q=0.5,zh-TW;q=0.7", LANG_ZH_TW },
		{ "en;q=0.5, zh-TW", LANG_ZH_TW }, { "en;q=0,zh;q=0.1", LANG_ZH_TW }, { "C", LANG_COUNT }, { "POSIX", LANG_COUNT },
		{ "", LANG_COUNT }, { NULL, LANG_COUNT }, { "*", LANG_COUNT }, { "de", LANG_COUNT }, { ",,;q=", LANG_COUNT },
		{ "english", LANG_COUNT }, { "zhong", LANG_COUNT },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (int fallback = LANG_EN; fallback < LANG_COUNT; fallback++) {
			enum lang expected = cases[i].lang == LANG_COUNT ? (enum lang)fallback : cases[i].lang;
			if (lang_from_tag(cases[i].tag, (enum lang)fallback) != expected)
				fail_msg("%s", cases[i].tag ? cases[i].tag : "NULL");
		}
	assert_string_equal(lang_name(LANG_EN), "en");
	assert_string_equal(lang_name(LANG_ZH_TW), "zh-TW");
}

static int release(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sorted_and_every_key_is_found),
		cmocka_unit_test(placeholders_are_filled_by_name_in_both_languages),
		cmocka_unit_test(a_placeholder_without_argument_and_an_unknown_key_stay_visible),
		cmocka_unit_test(an_error_has_a_sentence_and_where_there_is_one_a_hint),
		cmocka_unit_test(one_thing_is_spoken_of_in_the_singular),
		cmocka_unit_test(brackets_that_are_no_choice_stay),
		cmocka_unit_test(the_reasons_of_the_system_are_translated),
		cmocka_unit_test(a_value_may_name_a_sentence),
		cmocka_unit_test(the_program_formats_its_own_texts_the_same_way),
		cmocka_unit_test(languages_are_recognized_in_every_spelling),
	};
	return cmocka_run_group_tests(tests, NULL, release);
}
