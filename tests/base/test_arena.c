/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"

static void every_piece_is_zeroed_aligned_and_its_own(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	char *before = NULL;
	for (size_t i = 1; i < 300; i++) {
		char *p = arena_alloc(a, i);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < i; j++)
			assert_int_equal(p[j], 0);
		memset(p, 'x', i);
		if (before)
			assert_true(p >= before + (i - 1) || p + i <= before);
		before = p;
	}
	assert_int_equal(arena_used(a), 299 * 300 / 2);
	arena_free(a);
}

static void a_piece_larger_than_any_chunk_fits_between_small_ones(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	char *small = arena_strdup(a, "before");
	char *big = arena_array(a, 1 << 20, 3);
	memset(big, 1, 3 << 20);
	assert_string_equal(arena_strdup(a, "after"), "after");
	assert_string_equal(small, "before");
	arena_free(a);
}

static void copies_end_with_nul(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(a, NULL, 0), "");
	assert_string_equal(arena_printf(a, "%s · epoch %d", "kestrel", 4), "kestrel · epoch 4");
	assert_null(arena_strdup(a, NULL));
	arena_free(a);
	arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_piece_is_zeroed_aligned_and_its_own),
		cmocka_unit_test(a_piece_larger_than_any_chunk_fits_between_small_ones),
		cmocka_unit_test(copies_end_with_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
