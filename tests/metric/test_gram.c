/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "golden.h"
#include "metric/common_run.h"
#include "metric/gram.h"
#include "metric/lcs.h"
#include "metric/splitmix.h"

#define ROOM 300

/* Occurrences of b[at .. at+order) in `t`. */
static size_t occurrences(struct tokens t, const uint32_t *gram, unsigned order)
{
	size_t n = 0;

	for (size_t i = 0; i + order <= t.n; i++)
		n += memcmp(t.ids + i, gram, order * sizeof *gram) == 0;
	return n;
}

static bool seen_before(struct tokens t, size_t at, unsigned order)
{
	for (size_t i = 0; i < at; i++)
		if (memcmp(t.ids + i, t.ids + at, order * sizeof *t.ids) == 0)
			return true;
	return false;
}

static void check_against_counting(struct arena *a, struct tokens x, const struct tokens *others, size_t n_others, struct gram_shape shape)
{
	gram_key scratch[ROOM];
	struct grams gx = grams_make(a, x, shape, scratch), g[3];
	const struct grams *list[3] = { &g[0], &g[1], &g[2] };
	uint32_t one[GRAM_ORDER_MAX], best[GRAM_ORDER_MAX];

	for (size_t r = 0; r < n_others; r++)
		g[r] = grams_make(a, others[r], shape, scratch);
	grams_match(&gx, &g[0], one);
	grams_match_best(&gx, list, n_others, best);
	for (unsigned k = 1; k <= shape.order; k++) {
		size_t unique = 0, wanted_one = 0, wanted_best = 0;
		for (size_t i = 0; i + k <= x.n; i++) {
			if (seen_before(x, i, k))
				continue;
			size_t here = occurrences(x, x.ids + i, k), most = 0;
			for (size_t r = 0; r < n_others; r++) {
				size_t there = occurrences(others[r], x.ids + i, k);
				most = there > most ? there : most;
				if (r == 0)
					wanted_one += there < here ? there : here;
			}
			wanted_best += most < here ? most : here;
			unique++;
		}
		assert_int_equal(grams_total(&gx, k), x.n >= k ? x.n - k + 1 : 0);
		assert_int_equal(grams_unique(&gx, k), unique);
		assert_int_equal(one[k - 1], wanted_one);
		assert_int_equal(best[k - 1], wanted_best);
	}
}

static struct tokens random_tokens(struct arena *a, struct splitmix *dice, size_t n, uint32_t alphabet, uint32_t top)
{
	uint32_t *ids = arena_array(a, n + 1, sizeof *ids);

	for (size_t i = 0; i < n; i++)
		ids[i] = splitmix_below(dice, 20) == 0 ? top : (uint32_t)splitmix_below(dice, alphabet);
	return (struct tokens){ ids, n };
}

static void matches_are_those_of_plain_counting(void **state)
{
	struct splitmix dice = { 3 };

	(void)state;
	for (int trial = 0; trial < 300; trial++) {
		struct arena *a = arena_new();
		uint32_t alphabet = 1 + (uint32_t)splitmix_below(&dice, 12);
		const struct gram_shape shapes[] = { GRAM_CHARS, GRAM_WORDS, GRAM_PAIRS }, shape = shapes[trial % 3];
		uint32_t top = shape.bits == 21 ? 0x10FFFF : UINT32_MAX - 1;
		struct tokens t[4];
		for (int i = 0; i < 4; i++)
			t[i] = random_tokens(a, &dice, splitmix_below(&dice, 40), alphabet, top);
		check_against_counting(a, t[0], t + 1, 1 + splitmix_below(&dice, 3), shape);
		arena_free(a);
	}
}

static size_t plain_lcs(struct tokens x, struct tokens y)
{
	static size_t table[ROOM + 1][ROOM + 1];

	for (size_t i = 1; i <= x.n; i++)
		for (size_t k = 1; k <= y.n; k++) {
			size_t left = table[i][k - 1], up = table[i - 1][k];
			table[i][k] = x.ids[i - 1] == y.ids[k - 1] ? table[i - 1][k - 1] + 1 : left > up ? left : up;
		}
	return table[x.n][y.n];
}

static void the_common_subsequence_is_that_of_the_plain_table(void **state)
{
	struct splitmix dice = { 5 };

	(void)state;
	for (int trial = 0; trial < 300; trial++) {
		struct arena *a = arena_new();
		uint32_t alphabet = 1 + (uint32_t)splitmix_below(&dice, trial % 3 ? 4 : 60);
		struct tokens x = random_tokens(a, &dice, splitmix_below(&dice, ROOM), alphabet, 0x10FFFF);
		struct tokens y = random_tokens(a, &dice, splitmix_below(&dice, ROOM), alphabet, 0x10FFFF);
		void *scratch = arena_alloc(a, lcs_scratch_size(x.n, y.n));
		memset(scratch, 0xA5, lcs_scratch_size(x.n, y.n));
		size_t length = lcs_length(x, y, scratch, NULL);
		assert_int_equal(length, plain_lcs(x, y));
		assert_int_equal(length, lcs_length(y, x, scratch, NULL));
		arena_free(a);
	}
}

static size_t plain_run(struct tokens x, struct tokens y)
{
	size_t longest = 0;

	for (size_t i = 0; i < x.n; i++)
		for (size_t k = 0; k < y.n; k++) {
			size_t n = 0;
			while (i + n < x.n && k + n < y.n && x.ids[i + n] == y.ids[k + n])
				n++;
			longest = n > longest ? n : longest;
		}
	return longest;
}

static void the_common_run_is_the_longest_of_all_pairs(void **state)
{
	struct splitmix dice = { 21 };

	(void)state;
	for (int trial = 0; trial < 300; trial++) {
		struct arena *a = arena_new();
		uint32_t alphabet = 1 + (uint32_t)splitmix_below(&dice, 5);
		struct tokens x = random_tokens(a, &dice, splitmix_below(&dice, 50), alphabet, 9);
		struct tokens y = random_tokens(a, &dice, splitmix_below(&dice, 50), alphabet, 9);
		void *scratch = arena_alloc(a, common_run_scratch_size(x.n, y.n));
		assert_int_equal(common_run_length(x, y, scratch, NULL), plain_run(x, y));
		arena_free(a);
	}
}

static int by_value(const void *a, const void *b)
{
	gram_key x = *(const gram_key *)a, y = *(const gram_key *)b;

	return (x > y) - (x < y);
}

static void keys_are_sorted_at_every_length(void **state)
{
	static gram_key keys[ROOM], wanted[ROOM], scratch[ROOM];
	struct splitmix dice = { 9 };

	(void)state;
	for (size_t n = 0; n < ROOM; n++) {
		for (size_t i = 0; i < n; i++)
			wanted[i] = keys[i] = (gram_key)splitmix_next(&dice) << splitmix_below(&dice, 65) | splitmix_below(&dice, 4);
		qsort(wanted, n, sizeof *wanted, by_value);
		keys_sort(keys, scratch, n);
		assert_memory_equal(keys, wanted, n * sizeof *keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_are_those_of_plain_counting),
		cmocka_unit_test(the_common_subsequence_is_that_of_the_plain_table),
		cmocka_unit_test(the_common_run_is_the_longest_of_all_pairs),
		cmocka_unit_test(keys_are_sorted_at_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
