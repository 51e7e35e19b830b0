/* SPDX-License-Identifier: Apache-2.0
 *
 * What a passage is found by: words, and pairs of Chinese, Japanese and Korean characters. */
#include "base/limits.h"
#include "model/terms.h"
#include "support/check.h"

static void assert_terms(const char *text, const char *expected)
{
	struct buf out = BUF_INIT(MIB);
	terms_add(&out, str_of(text));
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static void assert_match(const char *text, const char *expected)
{
	struct buf out = BUF_INIT(MIB);
	terms_match(&out, str_of(text));
	assert_string_equal(buf_text(&out), expected);
	buf_release(&out);
}

static void words_are_folded_and_cut_from_their_marks(void **state)
{
	(void)state;
	assert_terms("The Kestrel K7, isn't it?", "the kestrel k7 isnt it");
	assert_terms("  \n...!?  ", "");
	assert_terms("", "");
	assert_terms("ＡＢＣ ﬁn Straße", "abc fin strasse");
	assert_terms("Ελλάδα Москва", "ελλάδα москва");
	assert_terms("3.5 GHz 100%", "35 ghz 100");
}

static void chinese_becomes_pairs(void **state)
{
	(void)state;
	assert_terms("台北市長", "台北 北市 市長");
	assert_terms("貓", "貓");
	assert_terms("用GPU計算", "用 gpu 計算");
	assert_terms("請假規定：每年14天", "請假 假規 規定 每年 14 天");
	assert_terms("カタカナ 한국어", "カタ タカ カナ 한국 국어");
}

static void letters_that_the_index_may_not_know_are_written_as_codes(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(MIB);
	terms_add(&out, STR("ภาษาไทย \xf0\x90\x90\xa8"));
	assert_true(out.len > 0);
	for (size_t i = 0; i < out.len; i++)
		assert_true((out.ptr[i] >= '0' && out.ptr[i] <= '9') || (out.ptr[i] >= 'a' && out.ptr[i] <= 'z') || out.ptr[i] == ' ');
	buf_release(&out);
}

static void a_question_asks_for_any_of_its_terms_once(void **state)
{
	(void)state;
	assert_match("leave, LEAVE and sick leave", "\"leave\" OR \"and\" OR \"sick\"");
	assert_match("貓", "\"貓\" *");
	assert_match("請假嗎", "\"請假\" OR \"假嗎\"");
	assert_match("\" OR * NEAR(", "\"or\" OR \"near\"");
	assert_match("?!", "");
}

static void wrong_utf8_and_long_words_do_no_harm(void **state)
{
	(void)state;
	struct buf in = BUF_INIT(MIB), out = BUF_INIT(MIB);
	for (int i = 0; i < 5000; i++)
		buf_add_text(&in, "x");
	buf_add_text(&in, " \xff\xfe\xe5\x8f good");
	terms_add(&out, buf_str(&in));
	assert_true(str_ends(buf_str(&out), " good"));
	assert_true(out.len < 300);
	buf_clear(&out);
	buf_clear(&in);
	for (int i = 0; i < 500; i++)
		buf_printf(&in, "w%d ", i);
	terms_match(&out, buf_str(&in));
	assert_non_null(strstr(buf_text(&out), "\"w63\""));
	assert_null(strstr(buf_text(&out), "\"w64\""));
	buf_release(&in);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_folded_and_cut_from_their_marks),
		cmocka_unit_test(chinese_becomes_pairs),
		cmocka_unit_test(letters_that_the_index_may_not_know_are_written_as_codes),
		cmocka_unit_test(a_question_asks_for_any_of_its_terms_once),
		cmocka_unit_test(wrong_utf8_and_long_words_do_no_harm),
	};
	return cmocka_run_group_tests_name("model/terms", tests, NULL, NULL);
}
