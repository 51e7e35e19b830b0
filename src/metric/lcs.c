/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/lcs.h"

#include <stdbool.h>
#include <string.h>

#define WORD_BITS 64

/* A token that stands at more than one in RARE positions gets its bits as a row; there are at most RARE such tokens.  The
 * others set and clear theirs one by one. */
#define RARE 64

struct work {
	gram_key *places; /* (token, position) of b, sorted */
	size_t n, n_words;
	uint64_t *open;	    /* bit = 1: no match ends here yet */
	uint64_t *here;	    /* where the current token stands in b */
	uint64_t *rows;	    /* RARE rows of n_words */
	size_t *row_starts; /* in places */
	size_t n_rows;
};

static size_t words(size_t n)
{
	return (n + WORD_BITS - 1) / WORD_BITS;
}

static size_t shorter(size_t n_a, size_t n_b)
{
	return n_a < n_b ? n_a : n_b;
}

size_t lcs_scratch_size(size_t n_a, size_t n_b)
{
	size_t n = shorter(n_a, n_b);

	return 2 * n * sizeof(gram_key) + (2 + RARE) * words(n) * sizeof(uint64_t) + RARE * sizeof(size_t);
}

static void set_bits(const struct work *w, size_t from, size_t end, uint64_t *bits)
{
	for (size_t i = from; i < end; i++) {
		size_t position = (uint32_t)w->places[i];
		bits[position / WORD_BITS] |= (uint64_t)1 << position % WORD_BITS;
	}
}

static uint32_t token_at(const struct work *w, size_t i)
{
	return (uint32_t)(w->places[i] >> 32);
}

/* First place whose token is not below `token`. */
static size_t find(const struct work *w, uint64_t token)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (token_at(w, mid) < token)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void begin(struct work *w, struct tokens b, char *scratch)
{
	w->n = b.n;
	w->n_words = words(b.n);
	w->places = (gram_key *)(void *)scratch;
	w->open = (uint64_t *)(void *)(w->places + 2 * b.n);
	w->here = w->open + w->n_words;
	w->rows = w->here + w->n_words;
	w->row_starts = (size_t *)(void *)(w->rows + RARE * w->n_words);
	w->n_rows = 0;
	for (size_t i = 0; i < b.n; i++)
		w->places[i] = (gram_key)b.ids[i] << 32 | i;
	keys_sort(w->places, w->places + b.n, b.n);
	memset(w->open, 0xFF, w->n_words * sizeof *w->open);
	memset(w->here, 0, w->n_words * sizeof *w->here);
	for (size_t from = 0, end; from < b.n; from = end) {
		for (end = from + 1; end < b.n && token_at(w, end) == token_at(w, from);)
			end++;
		if (end - from > WORD_BITS && (end - from) * RARE > b.n) {
			uint64_t *row = w->rows + w->n_rows * w->n_words;
			memset(row, 0, w->n_words * sizeof *row);
			set_bits(w, from, end, row);
			w->row_starts[w->n_rows++] = from;
		}
	}
}

static uint64_t *find_row(const struct work *w, size_t start)
{
	for (size_t r = 0; r < w->n_rows; r++)
		if (w->row_starts[r] == start)
			return w->rows + r * w->n_words;
	return NULL;
}

/* open = (open + (open & here)) | (open & ~here), with the carry through all words. */
static void step(uint64_t *open, const uint64_t *here, size_t n_words)
{
	unsigned char carry = 0;

	for (size_t i = 0; i < n_words; i++) {
		uint64_t hit = open[i] & here[i], sum;
		bool over = __builtin_add_overflow(open[i], hit, &sum);
		bool over_carry = __builtin_add_overflow(sum, (uint64_t)carry, &sum);
		carry = over || over_carry;
		open[i] = sum | (open[i] & ~here[i]);
	}
}

/* At most 64 tokens in b: looking each token of a up in all of them costs less than sorting them first. */
static size_t short_length(struct tokens a, struct tokens b)
{
	uint64_t open = ~(uint64_t)0;

	for (size_t i = 0; i < a.n; i++) {
		uint64_t here = 0;
		for (size_t k = 0; k < b.n; k++)
			here |= (uint64_t)(b.ids[k] == a.ids[i]) << k;
		open = (open + (open & here)) | (open & ~here);
	}
	return b.n - (size_t)__builtin_popcountll(b.n < WORD_BITS ? open & (((uint64_t)1 << b.n) - 1) : open);
}

size_t lcs_length(struct tokens a, struct tokens b, void *scratch, const atomic_bool *cancel)
{
	struct work w;
	size_t length = 0;

	if (a.n < b.n) { /* the shorter one becomes the bits */
		struct tokens swap = a;
		a = b;
		b = swap;
	}
	if (b.n <= WORD_BITS)
		return short_length(a, b);
	begin(&w, b, scratch);
	for (size_t i = 0; i < a.n && !(cancel && atomic_load_explicit(cancel, memory_order_relaxed)); i++) {
		size_t from = find(&w, a.ids[i]), end = from;
		while (end < w.n && token_at(&w, end) == a.ids[i] && end - from <= w.n / RARE + WORD_BITS)
			end++;
		if (end == from)
			continue;
		uint64_t *row = find_row(&w, from);
		if (row) {
			step(w.open, row, w.n_words);
			continue;
		}
		set_bits(&w, from, end, w.here);
		step(w.open, w.here, w.n_words);
		for (size_t k = from; k < end; k++)
			w.here[(uint32_t)w.places[k] / WORD_BITS] = 0;
	}
	for (size_t i = 0; i < b.n; i++)
		length += !(w.open[i / WORD_BITS] >> i % WORD_BITS & 1);
	return length;
}
