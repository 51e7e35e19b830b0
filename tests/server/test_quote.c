/* SPDX-License-Identifier: Apache-2.0
 *
 * Passages in a prompt: as many as fit, in the language of the question, and which of them an answer names. */
#include "support/check.h"

#include "base/limits.h"
#include "server/quote.h"

static json_t *two(size_t budget)
{
	const struct passage_row passages[] = {
		{ .id = 7, .document_id = 1, .document_name = "handbook.md", .heading = "請假", .text = STR("每年十四天。") },
		{ .id = 9, .document_id = 1, .document_name = "page.html", .heading = "", .text = STR(" Hotels cost \"120\" euros.\n") },
	};
	return quote_citations(passages, 2, budget);
}

static void assert_prompt(const json_t *citations, const char *question, const char *begin, const char *end)
{
	struct buf out = BUF_INIT(MIB);
	quote_prompt(&out, citations, str_of(question));
	if (!str_starts(buf_str(&out), begin) || !str_ends(buf_str(&out), end))
		fail_msg("%s", buf_text(&out));
	buf_release(&out);
}

static void the_prompt_numbers_its_passages_in_the_language_of_the_question(void **state)
{
	(void)state;
	json_t *citations = two(1000);
	assert_int_equal(json_array_size(citations), 2);
	assert_prompt(citations, "How much?", "Answer with the help of these passages.",
		      "[1] handbook.md, 請假\n每年十四天。\n\n[2] page.html\nHotels cost \"120\" euros.\n\nHow much?");
	assert_prompt(citations, "多少？", "請參考以下段落回答。", "euros.\n\n多少？");
	assert_prompt(NULL, "How much?", "How much?", "How much?");
	json_decref(citations);
}

static void passages_that_do_not_fit_are_left_out_from_the_end(void **state)
{
	(void)state;
	json_t *one = two(20), *none = two(3);
	assert_int_equal(json_array_size(one), 1);
	assert_int_equal(json_array_size(none), 0);
	json_decref(one);
	json_decref(none);
}

static void assert_used(const char *answer, bool first, bool second)
{
	json_t *citations = two(1000);
	quote_mark_used(citations, str_of(answer));
	assert_int_equal(json_is_true(json_object_get(json_array_get(citations, 0), "used")), first);
	assert_int_equal(json_is_true(json_object_get(json_array_get(citations, 1), "used")), second);
	json_decref(citations);
}

static void an_answer_uses_the_passages_that_it_names(void **state)
{
	(void)state;
	assert_used("Fourteen days [1].", true, false);
	assert_used("十四天【1】，旅館【2】。", true, true);
	assert_used("It says 1 and [12].", false, false);
	assert_used("", false, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_prompt_numbers_its_passages_in_the_language_of_the_question),
		cmocka_unit_test(passages_that_do_not_fit_are_left_out_from_the_end),
		cmocka_unit_test(an_answer_uses_the_passages_that_it_names),
	};
	return cmocka_run_group_tests_name("server/quote", tests, NULL, NULL);
}
