/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/frame.h"

static void write_three(struct buf *wire)
{
	frame_write(wire, 1, 7, STR("{\"a\":1}"));
	frame_write(wire, 200, 0xFFFFFFFF, STR(""));
	frame_write(wire, 3, 0, STR("raw \0 bytes"));
}

static void the_wire_format_is_fixed(void **state)
{
	(void)state;
	struct buf wire = BUF_INIT(100);
	frame_write(&wire, 5, 0x01020304, STR("ab"));
	assert_int_equal(wire.len, FRAME_HEAD_SIZE + 2);
	assert_memory_equal(wire.ptr, "\2\0\0\0\5\4\3\2\1ab", wire.len);
	buf_release(&wire);
}

static void frames_come_out_whole_for_every_split_of_the_bytes(void **state)
{
	(void)state;
	struct buf wire = BUF_INIT(1000);
	write_three(&wire);
	for (size_t step = 1; step <= wire.len; step++) {
		struct frame_reader *r = frame_reader_new(100);
		struct buf again = BUF_INIT(1000);
		for (size_t at = 0; at < wire.len; at += step) {
			frame_reader_feed(r, wire.ptr + at, at + step > wire.len ? wire.len - at : step);
			struct frame f;
			bool got;
			while (frame_reader_next(r, &f, &got, NULL) == ERR_OK && got)
				frame_write(&again, f.kind, f.stream, f.body);
		}
		assert_int_equal(again.len, wire.len);
		assert_memory_equal(again.ptr, wire.ptr, wire.len);
		buf_release(&again);
		frame_reader_free(r);
	}
	buf_release(&wire);
}

static void a_body_at_the_limit_passes_and_one_byte_more_ends_it_for_good(void **state)
{
	(void)state;
	struct buf wire = BUF_INIT(1000);
	struct frame_reader *r = frame_reader_new(4);
	struct frame f;
	bool got;
	struct err err = { 0 };
	frame_write(&wire, 1, 1, STR("1234"));
	frame_write(&wire, 1, 1, STR("12345"));
	frame_write(&wire, 1, 1, STR("1"));
	frame_reader_feed(r, wire.ptr, wire.len);
	assert_int_equal(frame_reader_next(r, &f, &got, &err), ERR_OK);
	assert_true(got);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(frame_reader_next(r, &f, &got, &err), ERR_DATA);
		assert_false(got);
		assert_string_equal(err.key, "err_frame_too_long");
		frame_reader_feed(r, wire.ptr, FRAME_HEAD_SIZE + 4);
	}
	frame_reader_free(r);
	frame_reader_free(NULL);
	buf_release(&wire);
}

static void a_huge_length_is_refused_before_its_body_arrives(void **state)
{
	(void)state;
	struct frame_reader *r = frame_reader_new(1 << 24);
	struct frame f;
	bool got = true;
	struct err err = { 0 };
	frame_reader_feed(r, "\xFF\xFF\xFF\xFF\1\0\0\0\0", 8);
	assert_int_equal(frame_reader_next(r, &f, &got, &err), ERR_OK);
	assert_false(got);
	frame_reader_feed(r, "\0", 1);
	assert_int_equal(frame_reader_next(r, &f, &got, &err), ERR_DATA);
	assert_string_equal(err.key, "err_frame_too_long");
	frame_reader_free(r);
}

static void a_full_buffer_never_holds_half_a_frame(void **state)
{
	(void)state;
	struct buf wire = BUF_INIT(FRAME_HEAD_SIZE + 3);
	frame_write(&wire, 1, 1, STR("1234"));
	assert_true(wire.overflow);
	assert_int_equal(wire.len, 0);
	buf_release(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wire_format_is_fixed),
		cmocka_unit_test(frames_come_out_whole_for_every_split_of_the_bytes),
		cmocka_unit_test(a_body_at_the_limit_passes_and_one_byte_more_ends_it_for_good),
		cmocka_unit_test(a_huge_length_is_refused_before_its_body_arrives),
		cmocka_unit_test(a_full_buffer_never_holds_half_a_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
