/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/distinct.h"

#include "base/err.h"

double distinct(struct text *t, unsigned n)
{
	const struct grams *g = text_grams(t, TEXT_MIXED);
	size_t total = grams_total(g, n);

	return total ? (double)grams_unique(g, n) / (double)total : 0;
}

double distinct_2_of_tail(struct text *t, enum text_form form, size_t last)
{
	gram_key pairs[DISTINCT_TAIL_MAX], scratch[DISTINCT_TAIL_MAX];
	struct tokens tokens = text_tokens(t, form);
	size_t different = 1, n = last - 1;

	if (last < 2 || last > DISTINCT_TAIL_MAX)
		BUG("distinct_2_of_tail of %zu tokens", last);
	if (tokens.n < last)
		return 1;
	const uint32_t *ids = tokens.ids + tokens.n - last;
	for (size_t i = 0; i < n; i++)
		pairs[i] = (gram_key)ids[i] << 32 | ids[i + 1];
	keys_sort(pairs, scratch, n);
	for (size_t i = 1; i < n; i++)
		different += pairs[i] != pairs[i - 1];
	return (double)different / (double)n;
}
