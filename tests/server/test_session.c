/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <string.h>

#include "server/session.h"

static void a_code_works_once_and_only_for_ten_minutes(void **state)
{
	(void)state;
	struct sessions *s = sessions_new();
	char code[CODE_SIZE], late[CODE_SIZE];
	sessions_add_code(s, 1000, code);
	sessions_add_code(s, 1000, late);
	assert_int_equal(strlen(code), 32);
	assert_string_not_equal(code, late);
	assert_false(sessions_take_code(s, "", 1000));
	assert_false(sessions_take_code(s, "0123", 1000));
	assert_true(sessions_take_code(s, code, 1000 + CODE_LIFE_MS - 1));
	assert_false(sessions_take_code(s, code, 1000));
	assert_false(sessions_take_code(s, late, 1000 + CODE_LIFE_MS));
	sessions_free(s);
}

static void only_the_newest_codes_are_kept(void **state)
{
	(void)state;
	struct sessions *s = sessions_new();
	char first[CODE_SIZE], code[CODE_SIZE];
	sessions_add_code(s, 1, first);
	for (int i = 0; i < CODES_MAX; i++)
		sessions_add_code(s, 1, code);
	assert_false(sessions_take_code(s, first, 2));
	assert_true(sessions_take_code(s, code, 2));
	sessions_free(s);
}

static void guessing_is_slowed_down(void **state)
{
	(void)state;
	struct sessions *s = sessions_new();
	for (int i = 0; i < LOGIN_FAILURES_MAX; i++) {
		assert_true(sessions_may_try(s, 100000));
		assert_false(sessions_take_code(s, "wrong", 100000));
	}
	assert_false(sessions_may_try(s, 100001));
	assert_true(sessions_may_try(s, 100000 + 61 * 1000));
	sessions_free(s);
}

static void a_session_needs_both_of_its_halves_and_its_time(void **state)
{
	(void)state;
	struct sessions *s = sessions_new();
	struct session_row a, b;
	char cookie_a[HALF_SIZE], key_a[HALF_SIZE], cookie_b[HALF_SIZE], key_b[HALF_SIZE];
	int64_t id = 0;
	sessions_make(5000, &a, cookie_a, key_a);
	sessions_make(5000, &b, cookie_b, key_b);
	assert_false(sessions_check(s, str_of(cookie_a), str_of(key_a), 5000, &id));
	sessions_add(s, &a, 0, NULL);
	sessions_add(s, &b, 0, NULL);
	assert_true(sessions_check(s, str_of(cookie_a), str_of(key_a), 5000, &id));
	assert_int_equal(id, a.id);
	assert_false(sessions_check(s, str_of(cookie_a), str_of(key_b), 5000, &id));
	assert_false(sessions_check(s, str_of(key_a), str_of(cookie_a), 5000, &id));
	assert_false(sessions_check(s, STR(""), STR(""), 5000, &id));
	assert_false(sessions_check(s, str_of(cookie_a), str_of(key_a), 5000 + SESSION_LIFE_MS, &id));
	assert_true(sessions_has(s, b.id, 5000));
	assert_false(sessions_has(s, b.id, 5000 + SESSION_LIFE_MS));
	sessions_remove(s, b.id);
	assert_false(sessions_check(s, str_of(cookie_b), str_of(key_b), 5000, &id));
	assert_null(strstr(a.cookie_hash, cookie_a));
	sessions_free(s);
}

static void the_oldest_session_makes_room(void **state)
{
	(void)state;
	struct sessions *s = sessions_new();
	int64_t dropped = 0;
	for (int64_t i = 1; i <= SESSIONS_MAX + 1; i++) {
		struct session_row row = { .id = i, .expires_ms = 10 };
		assert_int_equal(sessions_have_room(s, 0), i <= SESSIONS_MAX);
		sessions_add(s, &row, 0, &dropped);
	}
	assert_int_equal(dropped, 1);
	assert_false(sessions_has(s, 1, 0));
	assert_true(sessions_has(s, 2, 0));
	sessions_free(s);
}

static void what_has_expired_makes_room_before_the_oldest(void **state)
{
	(void)state;
	struct sessions *s = sessions_new();
	int64_t dropped = 0;
	for (int64_t i = 1; i <= SESSIONS_MAX; i++) {
		struct session_row row = { .id = i, .expires_ms = i == 100 ? 5 : 10 };
		sessions_add(s, &row, 0, NULL);
	}
	struct session_row more = { .id = 1000, .expires_ms = 10 };
	assert_false(sessions_have_room(s, 4));
	assert_true(sessions_have_room(s, 5));
	sessions_add(s, &more, 5, &dropped);
	assert_int_equal(dropped, 100);
	assert_true(sessions_has(s, 1, 5));
	sessions_free(s);
}

static void only_those_that_are_named_are_kept(void **state)
{
	(void)state;
	struct sessions *s = sessions_new();
	struct session_row rows[4];
	for (int64_t i = 0; i < 4; i++) {
		rows[i] = (struct session_row){ .id = i + 1, .expires_ms = 10 };
		sessions_add(s, &rows[i], 0, NULL);
	}
	sessions_keep(s, &rows[1], 2);
	for (int64_t i = 1; i <= 4; i++)
		assert_int_equal(sessions_has(s, i, 0), i == 2 || i == 3);
	sessions_keep(s, NULL, 0);
	assert_false(sessions_has(s, 2, 0));
	sessions_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_works_once_and_only_for_ten_minutes),
		cmocka_unit_test(only_the_newest_codes_are_kept),
		cmocka_unit_test(guessing_is_slowed_down),
		cmocka_unit_test(a_session_needs_both_of_its_halves_and_its_time),
		cmocka_unit_test(the_oldest_session_makes_room),
		cmocka_unit_test(what_has_expired_makes_room_before_the_oldest),
		cmocka_unit_test(only_those_that_are_named_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
