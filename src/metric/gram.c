/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/gram.h"

#include <stdbool.h>
#include <string.h>

#define RUN 16 /* keys that are sorted by counting */

/* Each key goes to the place that the number of smaller keys gives: no branch that could be foretold wrongly. */
static void sort_run(gram_key *keys, size_t n)
{
	gram_key sorted[RUN];
	unsigned place[RUN] = { 0 };

	for (unsigned i = 1; i < n; i++)
		for (unsigned j = 0; j < i; j++) {
			bool later = keys[j] <= keys[i];
			place[i] += later;
			place[j] += !later;
		}
	for (unsigned i = 0; i < n; i++)
		sorted[place[i]] = keys[i];
	memcpy(keys, sorted, n * sizeof *keys);
}

static void merge(const gram_key *left, size_t n_left, const gram_key *right, size_t n_right, gram_key *out)
{
	const gram_key *left_end = left + n_left, *right_end = right + n_right;

	while (left < left_end && right < right_end) {
		bool take_right = *right < *left; /* no branch: which side comes next cannot be foretold */
		*out++ = take_right ? *right : *left;
		right += take_right;
		left += !take_right;
	}
	memcpy(out, left, (size_t)(left_end - left) * sizeof *out);
	memcpy(out + (left_end - left), right, (size_t)(right_end - right) * sizeof *out);
}

void keys_sort(gram_key *keys, gram_key *scratch, size_t n)
{
	gram_key *from = keys, *to = scratch;

	for (size_t at = 0; at < n; at += RUN)
		sort_run(keys + at, n - at < RUN ? n - at : RUN);
	for (size_t width = RUN; width < n; width *= 2) {
		for (size_t at = 0; at < n; at += 2 * width) {
			size_t left = n - at < width ? n - at : width;
			size_t right = n - at - left < width ? n - at - left : width;
			merge(from + at, left, from + at + left, right, to + at);
		}
		gram_key *swap = from;
		from = to;
		to = swap;
	}
	if (from != keys)
		memcpy(keys, from, n * sizeof *keys);
}

struct grams grams_make(struct arena *a, struct tokens tokens, struct gram_shape shape, gram_key *scratch)
{
	gram_key *keys = arena_array(a, tokens.n ? tokens.n : 1, sizeof *keys);
	unsigned top = shape.bits * (shape.order - 1);
	gram_key key = 0;

	for (size_t i = tokens.n; i-- > 0;) { /* + 1: zero stands for "beyond the end" */
		key = ((gram_key)tokens.ids[i] + 1) << top | key >> shape.bits;
		keys[i] = key;
	}
	keys_sort(keys, scratch, tokens.n);
	return (struct grams){ keys, tokens.n, shape };
}

size_t grams_total(const struct grams *g, unsigned order)
{
	return g->n >= order ? g->n - order + 1 : 0;
}

/* How many of their first tokens two keys share.  Inlined with a shape that the compiler knows. */
static inline unsigned common(gram_key a, gram_key b, struct gram_shape shape)
{
	gram_key differ = a ^ b;
	uint64_t high = (uint64_t)(differ >> 64), low = (uint64_t)differ;
	unsigned zeros;

	if (!differ)
		return shape.order;
	zeros = high ? (unsigned)__builtin_clzll(high) : 64 + (unsigned)__builtin_clzll(low);
	return (zeros - (128 - shape.order * shape.bits)) / shape.bits;
}

/* The first `order` tokens of a key, right-aligned. */
static inline gram_key prefix(gram_key key, unsigned order, struct gram_shape shape)
{
	return key >> shape.bits * (shape.order - order);
}

/* False where the text ended before the n-gram did. */
static inline bool is_whole(gram_key key, unsigned order, struct gram_shape shape)
{
	return (prefix(key, order, shape) & (((gram_key)1 << shape.bits) - 1)) != 0;
}

size_t grams_unique(const struct grams *g, unsigned order)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		if ((i == 0 || common(g->keys[i - 1], g->keys[i], g->shape) < order) && is_whole(g->keys[i], order, g->shape))
			n++;
	return n;
}

/* Walks both arrays as one sorted sequence.  For each order, a group of equal n-grams began at from_a and from_b; where the
 * next key differs within the order's tokens the group is complete. */
static inline __attribute__((always_inline)) void match(const struct grams *a, const struct grams *b, struct gram_shape shape,
							uint32_t matches[GRAM_ORDER_MAX])
{
	size_t from_a[GRAM_ORDER_MAX] = { 0 }, from_b[GRAM_ORDER_MAX] = { 0 }, i = 0, j = 0;
	gram_key last = 0;

	for (bool more = true; more;) {
		bool take_b = i >= a->n || (j < b->n && b->keys[j] < a->keys[i]);
		more = i < a->n || j < b->n;
		gram_key key = !more ? 0 : take_b ? b->keys[j] : a->keys[i]; /* no key is 0: at the end all groups are complete */
		for (unsigned k = shape.order, shared = common(last, key, shape); k > shared; k--) {
			size_t in_a = i - from_a[k - 1], in_b = j - from_b[k - 1];
			if (in_a && in_b && is_whole(last, k, shape))
				matches[k - 1] += (uint32_t)(in_a < in_b ? in_a : in_b);
			from_a[k - 1] = i;
			from_b[k - 1] = j;
		}
		last = key;
		i += !take_b;
		j += take_b;
	}
}

void grams_match(const struct grams *a, const struct grams *b, uint32_t matches[GRAM_ORDER_MAX])
{
	memset(matches, 0, GRAM_ORDER_MAX * sizeof *matches);
	switch (a->shape.order) { /* one loop for each shape, so that the compiler unrolls the orders */
	case 6:
		match(a, b, GRAM_CHARS, matches);
		break;
	case 4:
		match(a, b, GRAM_WORDS, matches);
		break;
	default:
		match(a, b, GRAM_PAIRS, matches);
		break;
	}
}

/* The first position whose prefix is not below (or, with `above`, is above) `wanted`. */
static size_t bound(const struct grams *g, unsigned order, gram_key wanted, bool above)
{
	size_t low = 0, high = g->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		gram_key seen = prefix(g->keys[mid], order, g->shape);
		if (seen < wanted || (above && seen == wanted))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void grams_match_best(const struct grams *a, const struct grams *const *others, size_t n, uint32_t matches[GRAM_ORDER_MAX])
{
	if (n == 1) {
		grams_match(a, others[0], matches);
		return;
	}
	memset(matches, 0, GRAM_ORDER_MAX * sizeof *matches);
	for (unsigned k = 1; k <= a->shape.order; k++) {
		for (size_t i = 0, end; i < a->n; i = end) {
			gram_key wanted = prefix(a->keys[i], k, a->shape);
			size_t best = 0;
			end = bound(a, k, wanted, true);
			if (!is_whole(a->keys[i], k, a->shape))
				continue;
			for (size_t r = 0; r < n; r++) {
				size_t count = bound(others[r], k, wanted, true) - bound(others[r], k, wanted, false);
				best = count > best ? count : best;
			}
			matches[k - 1] += (uint32_t)(best < end - i ? best : end - i);
		}
	}
}
