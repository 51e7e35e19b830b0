/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>

#include "base/clock.h"
#include "worker/spool.h"

#define WORDS 5000
static float ref[WORDS], cand[WORDS];

static float noise(uint64_t seed, int i)
{
	return (float)((double)(seed_mix(seed, (uint64_t)i) >> 11) / 9007199254740992.0 - 0.5);
}

/* Peaked as rows of real models are: a few likely words over a floor of unlikely ones. */
static void fill(uint64_t seed, float difference)
{
	for (int i = 0; i < WORDS; i++) {
		ref[i] = 4 * noise(seed, i) - 8 + 40 * powf(noise(seed + 1, i) + 0.5f, 60);
		cand[i] = ref[i] + difference * noise(seed + 2, i);
	}
}

static void what_is_kept_gives_nearly_the_same_distance(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct spool_row row;
		int token = (int)(seed * 100);
		fill(seed * 10, 1);
		struct logits_distance exact = logits_compare(ref, cand, WORDS, token);
		spool_take(&row, ref, WORDS, token);
		struct logits_distance kept = spool_compare(&row, cand, WORDS, token);
		assert_true(kept.finite);
		assert_true(kept.kld <= exact.kld + 1e-6 && kept.kld > 0.9 * exact.kld - 1e-6);
		assert_int_equal(kept.same_top, exact.same_top);
		assert_true(fabs(kept.ll_ref - exact.ll_ref) < 1e-9 && fabs(kept.ll_cand - exact.ll_cand) < 1e-9);
	}
}

static void the_likeliest_words_are_kept_in_order(void **state)
{
	(void)state;
	struct spool_row row;
	fill(5, 1);
	ref[17] = ref[18] = 99;
	spool_take(&row, ref, WORDS, 0);
	assert_int_equal(row.n, SPOOL_TOP);
	assert_int_equal(row.ids[0], 17);
	assert_int_equal(row.ids[1], 18);
	for (int k = 1; k < SPOOL_TOP; k++)
		assert_true(row.lls[k - 1] >= row.lls[k]);
	int above = 0;
	for (int i = 0; i < WORDS; i++)
		above += ref[i] > ref[row.ids[SPOOL_TOP - 1]];
	assert_int_equal(above, SPOOL_TOP - 1);
}

/* With no more words than are kept, nothing is lost. */
static void a_small_vocabulary_is_exact(void **state)
{
	(void)state;
	struct spool_row row;
	fill(9, 3);
	struct logits_distance exact = logits_compare(ref, cand, 50, 7);
	spool_take(&row, ref, 50, 7);
	assert_int_equal(row.n, 50);
	assert_true(fabs(spool_compare(&row, cand, 50, 7).kld - exact.kld) < 1e-6);
}

static void wrong_rows_are_not_finite(void **state)
{
	(void)state;
	struct spool_row row;
	fill(1, 1);
	spool_take(&row, ref, WORDS, 0);
	row.ids[3] = WORDS; /* a file that somebody changed */
	assert_false(spool_compare(&row, cand, WORDS, 0).finite);
	ref[4] = NAN;
	spool_take(&row, ref, WORDS, 0);
	assert_false(spool_compare(&row, cand, WORDS, 0).finite);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_gives_nearly_the_same_distance),
		cmocka_unit_test(the_likeliest_words_are_kept_in_order),
		cmocka_unit_test(a_small_vocabulary_is_exact),
		cmocka_unit_test(wrong_rows_are_not_finite),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
