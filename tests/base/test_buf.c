/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static void appended_pieces_make_one_text(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100);
	assert_string_equal(buf_text(&b), "");
	buf_add_text(&b, "ab");
	buf_add_str(&b, STR("cd"));
	buf_add_char(&b, 'e');
	buf_printf(&b, "%d%s", 12, "f");
	buf_add(&b, NULL, 0);
	assert_string_equal(buf_text(&b), "abcde12f");
	buf_consume(&b, 3);
	assert_true(str_eq_text(buf_str(&b), "de12f"));
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
	buf_release(&b);
	assert_int_equal(b.max, 100);
}

static void the_maximum_is_exact_and_overflow_sticks(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(5);
	buf_add_text(&b, "12345");
	assert_false(b.overflow);
	buf_add_char(&b, '6');
	assert_true(b.overflow);
	assert_string_equal(buf_text(&b), "12345");
	buf_clear(&b);
	assert_false(b.overflow);
	buf_add_text(&b, "123");
	buf_printf(&b, "%d", 456);
	assert_true(b.overflow);
	buf_add_char(&b, '4');
	assert_string_equal(buf_text(&b), "123");
	buf_release(&b);
	struct buf none = { 0 };
	buf_add_char(&none, 'x');
	assert_true(none.overflow);
	buf_release(&none);
}

static void numbers_are_little_endian(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 64);
	buf_add_u32le(&b, 0x01020304);
	buf_add_u64le(&b, 0x0102030405060708);
	assert_int_equal(b.len, 12);
	assert_memory_equal(b.ptr, "\4\3\2\1\10\7\6\5\4\3\2\1", 12);
	buf_release(&b);
}

static void reserved_room_may_be_filled_in_part(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(10000);
	char *to = buf_reserve(&b, 1000);
	assert_non_null(to);
	memset(to, 'x', 1000);
	b.len += 3;
	assert_string_equal(buf_text(&b), "xxx");
	assert_null(buf_reserve(&b, 9998));
	assert_true(b.overflow);
	buf_release(&b);
}

static void taking_moves_the_content_out(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1 << 20);
	for (int i = 0; i < 10000; i++)
		buf_add_text(&b, "0123456789");
	char *text = buf_take(&b);
	assert_int_equal(strlen(text), 100000);
	assert_string_equal(buf_text(&b), "");
	mem_free(text);
	text = buf_take(&b);
	assert_string_equal(text, "");
	mem_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_pieces_make_one_text),
		cmocka_unit_test(the_maximum_is_exact_and_overflow_sticks),
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(reserved_room_may_be_filled_in_part),
		cmocka_unit_test(taking_moves_the_content_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
