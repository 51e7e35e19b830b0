/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

static const char *arg(const struct err *err, const char *name)
{
	static char value[sizeof err->args];
	return err_arg(err, name, value, sizeof value) ? value : NULL;
}

static void values_may_hold_the_separator_of_the_format(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(err_set(&err, ERR_DATA, "err_x", "path=%s|at=%d", "a|b=c", 5), ERR_DATA);
	assert_string_equal(err.key, "err_x");
	assert_string_equal(arg(&err, "path"), "a|b=c");
	assert_string_equal(arg(&err, "at"), "5");
	assert_null(arg(&err, "pat"));
	assert_null(arg(&err, "b"));
	assert_int_equal(err_set(NULL, ERR_BUSY, "err_x", "path=%s", "x"), ERR_BUSY);
	err_set(&err, ERR_BUSY, "err_y", NULL);
	assert_string_equal(err.args, "");
	err_add(&err, "n=%d|path=%s", 3, "a|b");
	err_add(&err, "m=%d", 4);
	assert_string_equal(arg(&err, "n"), "3");
	assert_string_equal(arg(&err, "path"), "a|b");
	assert_string_equal(arg(&err, "m"), "4");
	assert_true(err.code == ERR_BUSY && strcmp(err.key, "err_y") == 0);
}

static void hostile_values_lose_control_and_direction_characters(void **state)
{
	(void)state;
	struct err err = { 0 };
	err_set(&err, ERR_DATA, "err_x", "name=%s|n=1", "a\x1b]0;t\x07\n\xE2\x80\xAE" "b\xFF");
	assert_string_equal(arg(&err, "name"), "a]0;t b?");
	assert_string_equal(arg(&err, "n"), "1");
}

static void a_long_value_is_cut_at_a_character_and_leaves_room_for_the_others(void **state)
{
	(void)state;
	char long_text[3001];
	for (int i = 0; i < 1000; i++)
		memcpy(long_text + 3 * i, "題", 3);
	long_text[3000] = '\0';
	struct err err = { 0 };
	err_set(&err, ERR_DATA, "err_x", "path=%s|at=%d", long_text, 17);
	assert_string_equal(arg(&err, "at"), "17");
	const char *path = arg(&err, "path");
	assert_true(strlen(path) > 300 && strlen(path) < sizeof err.args);
	assert_true(utf8_valid(str_of(err.args), NULL));
	assert_true(str_ends(str_of(path), "題…"));
}

static void errno_becomes_the_reason(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(err_set_errno(&err, ENOTCONN, "err_x", "path=%s", "p"), ERR_IO);
	assert_string_equal(arg(&err, "path"), "p");
	assert_string_equal(arg(&err, "reason"), "Transport endpoint is not connected");
	err_set_errno(&err, 99999, "err_x", NULL);
	assert_string_equal(arg(&err, "reason"), "unknown error");
}

static void what_another_process_sends_is_cut_and_cleaned(void **state)
{
	(void)state;
	char big[5000];
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	struct err err = { 0 };
	assert_int_equal(err_restore(&err, (enum err_code)77, big, big), ERR_INTERNAL);
	assert_int_equal(strlen(err.key), sizeof err.key - 1);
	assert_true(strlen(err.args) < sizeof err.args);
	err_restore(&err, ERR_LIMIT, "err_\x1b[0mx\n", "a=1\x1f" "b=\x07" "2");
	assert_string_equal(err.key, "err_0mx");
	assert_string_equal(arg(&err, "b"), "2");
	err_restore(&err, ERR_LIMIT, NULL, NULL);
	assert_string_equal(err.key, "");
	assert_string_equal(err.args, "");
	struct err copy = { 0 };
	err_set(&err, ERR_DATA, "err_x", "a=%d|b=%d", 1, 2);
	err_restore(&copy, err.code, err.key, err.args);
	assert_string_equal(copy.key, err.key);
	assert_string_equal(copy.args, err.args);
}

static void an_argument_is_cut_to_the_array_it_goes_to(void **state)
{
	(void)state;
	struct err err = { 0 };
	char four[5];
	err_set(&err, ERR_DATA, "err_x", "name=%s", "題題");
	assert_true(err_arg(&err, "name", four, sizeof four));
	assert_string_equal(four, "題");
	assert_true(err_arg(&err, "name", NULL, 0));
}

static void code_names_go_both_ways(void **state)
{
	(void)state;
	for (int code = ERR_OK; code <= ERR_INTERNAL; code++)
		assert_int_equal(err_code_from_name(err_code_name((enum err_code)code)), code);
	assert_string_equal(err_code_name(ERR_NOT_FOUND), "not_found");
	assert_string_equal(err_code_name((enum err_code)99), "internal");
	assert_int_equal(err_code_from_name("what"), ERR_INTERNAL);
	assert_int_equal(err_code_from_name(NULL), ERR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_may_hold_the_separator_of_the_format),
		cmocka_unit_test(hostile_values_lose_control_and_direction_characters),
		cmocka_unit_test(a_long_value_is_cut_at_a_character_and_leaves_room_for_the_others),
		cmocka_unit_test(errno_becomes_the_reason),
		cmocka_unit_test(what_another_process_sends_is_cut_and_cleaned),
		cmocka_unit_test(an_argument_is_cut_to_the_array_it_goes_to),
		cmocka_unit_test(code_names_go_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
