/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <math.h>

#include "base/clock.h"
#include "worker/logits.h"

#define MOST 50000
static float row[MOST];

static long double reference(int n)
{
	long double max = -INFINITY, sum = 0;
	for (int i = 0; i < n; i++)
		max = row[i] > max ? row[i] : max;
	for (int i = 0; i < n; i++)
		sum += expl(row[i] - max);
	return max + logl(sum);
}

static void fill_row(int n, uint64_t seed, float spread)
{
	for (int i = 0; i < n; i++)
		row[i] = (float)((double)(seed_mix(seed, (uint64_t)i) >> 11) / 9007199254740992.0 - 0.5) * spread;
}

static void the_log_of_the_sum_agrees_with_long_double(void **state)
{
	(void)state;
	static const int sizes[] = { 1, 2, 15, 16, 17, 31, 4095, 4096, 4097, 32000, 49152, 49999 };
	static const float spreads[] = { 0.0f, 1e-3f, 1, 30, 200, 1e4f };
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t k = 0; k < sizeof(spreads) / sizeof(spreads[0]); k++) {
			fill_row(sizes[s], s * 100 + k, spreads[k]);
			struct logits_best b = logits_scan(row, sizes[s]);
			assert_true(b.finite);
			assert_true(fabsl((long double)b.log_sum - reference(sizes[s])) < 2e-6L);
		}
	}
}

static void the_lowest_id_wins_among_equals(void **state)
{
	(void)state;
	fill_row(1000, 7, 1);
	row[17] = row[18] = row[999] = 3;
	assert_int_equal(logits_scan(row, 1000).id, 17);
	row[3] = 3;
	assert_int_equal(logits_scan(row, 1000).id, 3);
	row[999] = 4;
	assert_int_equal(logits_scan(row, 1000).id, 999);
}

static void a_forbidden_token_may_be_minus_infinity(void **state)
{
	(void)state;
	fill_row(100, 1, 10);
	row[0] = row[50] = -INFINITY;
	struct logits_best b = logits_scan(row, 100);
	assert_true(b.finite);
	assert_true(fabsl((long double)b.log_sum - reference(100)) < 2e-6L);
}

static void what_is_no_number_is_noticed_anywhere(void **state)
{
	(void)state;
	static const int places[] = { 0, 15, 16, 98, 99 };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fill_row(100, i, 10);
		row[places[i]] = NAN;
		assert_false(logits_scan(row, 100).finite);
		row[places[i]] = INFINITY;
		assert_false(logits_scan(row, 100).finite);
	}
	for (int i = 0; i < 100; i++)
		row[i] = -INFINITY;
	assert_false(logits_scan(row, 100).finite);
}

static float other[MOST];

static long double reference_divergence(int n)
{
	long double sum = 0, log_a = reference(n), max = -INFINITY, rest = 0;
	for (int i = 0; i < n; i++)
		max = other[i] > max ? other[i] : max;
	for (int i = 0; i < n; i++)
		rest += expl(other[i] - max);
	long double log_b = max + logl(rest);
	for (int i = 0; i < n; i++)
		sum += expl(row[i] - log_a) * ((row[i] - log_a) - (other[i] - log_b));
	return sum;
}

static void the_divergence_agrees_with_long_double(void **state)
{
	(void)state;
	static const int sizes[] = { 2, 17, 4097, 32000, 49999 };
	static const float noises[] = { 1e-3f, 0.1f, 1, 10 };
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t k = 0; k < sizeof(noises) / sizeof(noises[0]); k++) {
			int n = sizes[s], token = n / 2;
			fill_row(n, s * 10 + k + 1000, noises[k]);
			memcpy(other, row, sizeof(other));
			fill_row(n, s * 10 + k, 30);
			for (int i = 0; i < n; i++)
				other[i] += row[i];
			struct logits_distance d = logits_compare(row, other, n, token);
			long double wanted = reference_divergence(n);
			assert_true(d.finite);
			if (fabsl((long double)d.kld - wanted) > 2e-5L * wanted + 2e-7L)
				fail_msg("%d words, noise %g: %.9g, not %.9Lg", n, (double)noises[k], d.kld, wanted);
			assert_true(fabsl((long double)d.ll_ref - ((long double)row[token] - reference(n))) < 4e-6L);
			assert_int_equal(d.same_top, logits_scan(row, n).id == logits_scan(other, n).id);
		}
	}
}

static void a_row_is_no_distance_from_itself(void **state)
{
	(void)state;
	fill_row(5000, 3, 40);
	row[17] = -INFINITY;
	struct logits_distance d = logits_compare(row, row, 5000, 4);
	assert_true(d.finite && d.same_top && d.kld >= 0 && d.kld <= 0);
	memcpy(other, row, sizeof(other));
	other[4] = -INFINITY; /* possible for one and impossible for the other */
	assert_false(logits_compare(row, other, 5000, 5).finite);
	other[4] = NAN;
	assert_false(logits_compare(row, other, 5000, 5).finite);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_of_the_sum_agrees_with_long_double),
		cmocka_unit_test(the_lowest_id_wins_among_equals),
		cmocka_unit_test(a_forbidden_token_may_be_minus_infinity),
		cmocka_unit_test(what_is_no_number_is_noticed_anywhere),
		cmocka_unit_test(the_divergence_agrees_with_long_double),
		cmocka_unit_test(a_row_is_no_distance_from_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
