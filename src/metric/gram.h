/* SPDX-License-Identifier: Apache-2.0
 *
 * gram - n-grams of token sequences: counted, compared and clipped without a hash table.
 *
 * A sequence becomes one sorted array of keys.  The key of position i holds the tokens i, i+1, … in its upper bits, so that
 * equal n-grams of every order up to the shape's stand side by side, and two texts are compared by one merge.  Keys are exact
 * (no hashing): 6 characters of 21 bits, or 4 (or 2, where no more is asked for) token numbers of 32 bits.
 *
 * Thread: any; grams are only read. */
#ifndef ASSAY_METRIC_GRAM_H
#define ASSAY_METRIC_GRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Numbers below 2^32 - 1 (words), or below 2^21 - 1 (characters), that are equal where the tokens are. */
struct tokens {
	const uint32_t *ids;
	size_t n;
};

__extension__ typedef unsigned __int128 gram_key;

#define GRAM_ORDER_MAX 6

struct gram_shape {
	unsigned order; /* the longest n-gram */
	unsigned bits;	/* for each token; order * bits <= 128 */
};

static const struct gram_shape GRAM_CHARS = { 6, 21 }, GRAM_WORDS = { 4, 32 }, GRAM_PAIRS = { 2, 32 };

struct grams {
	const gram_key *keys; /* sorted, one for each token */
	size_t n;
	struct gram_shape shape;
};

/* From the arena; `scratch` has room for n keys and is free again afterwards. */
struct grams grams_make(struct arena *a, struct tokens tokens, struct gram_shape shape, gram_key *scratch);

/* How many n-grams of one order the sequence has: n - order + 1, or 0. */
size_t grams_total(const struct grams *g, unsigned order);

/* How many different ones. */
size_t grams_unique(const struct grams *g, unsigned order);

/* matches[k-1] = sum over the n-grams of order k of min(count in a, count in b).  Same shape on both sides. */
void grams_match(const struct grams *a, const struct grams *b, uint32_t matches[GRAM_ORDER_MAX]);

/* The same against the largest count among several texts, as BLEU clips; `n` >= 1. */
void grams_match_best(const struct grams *a, const struct grams *const *others, size_t n, uint32_t matches[GRAM_ORDER_MAX]);

/* Sorts ascending; `scratch` has room for n keys. */
void keys_sort(gram_key *keys, gram_key *scratch, size_t n);

#endif
