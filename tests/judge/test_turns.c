/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "judge/turns.h"

static void a_lone_question_stays_as_it_is(void **state)
{
	struct str one = STR("Which?");

	(void)state;
	assert_ptr_equal(judge_turns(NULL, LANG_EN, &one, 1, true).ptr, one.ptr);
}

static void turns_are_numbered_and_the_last_is_named(void **state)
{
	struct str texts[] = { STR("Name a colour."), STR("Why?") };
	struct arena *a = arena_new();

	(void)state;
	assert_string_equal(judge_turns(a, LANG_EN, texts, 2, true).ptr,
			    "Turn 1:\nName a colour.\n\nTurn 2, whose answers are compared:\nWhy?");
	assert_string_equal(judge_turns(a, LANG_ZH_TW, texts, 2, false).ptr, "第 1 輪：\nName a colour.\n\n第 2 輪：\nWhy?");
	arena_free(a);
}

static void what_is_judged_is_never_cut_for_what_was_before(void **state)
{
	struct arena *a = arena_new();
	char *text = arena_alloc(a, LIMIT_JUDGE_TEXT + 1);

	(void)state;
	memset(text, 'x', LIMIT_JUDGE_TEXT);
	text[LIMIT_JUDGE_TEXT] = 0;
	struct str texts[] = { str_of(text), str_of(text), STR("the last words") };
	struct str made = judge_turns(a, LANG_EN, texts, 3, false);
	assert_true(made.len <= LIMIT_JUDGE_TEXT);
	assert_non_null(strstr(made.ptr, "x …\n\nTurn 3:\nthe last words"));
	struct str whole[] = { STR("before"), str_of(text) };
	made = judge_turns(a, LANG_EN, whole, 2, false);
	assert_non_null(strstr(made.ptr, text)); /* cut afterwards, as any long answer is */
	assert_null(strstr(made.ptr, "before"));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lone_question_stays_as_it_is),
		cmocka_unit_test(turns_are_numbered_and_the_last_is_named),
		cmocka_unit_test(what_is_judged_is_never_cut_for_what_was_before),
	};
	return cmocka_run_group_tests_name("judge/turns", tests, NULL, NULL);
}
