/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/reference.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metric/overlap.h"
#include "metric/unicode.h"

#define ALL_OF 3
#define SHARE_OF_MORE 0.75
#define WORD_MAX 12

bool reference_is_short(struct text *reference)
{
	return text_tokens(reference, TEXT_MIXED).n <= REFERENCE_SHORT_MAX;
}

/* --- facts --- */

static bool is_number_word(const uint32_t *points, size_t n)
{
	static const char *const WORDS[] = { "zero", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
					     "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty",
					     "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million" };
	char word[WORD_MAX] = "";

	if (n >= WORD_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint32_t p = point_fold_mixed(points[i]);
		if (p < 'a' || p > 'z')
			return false;
		word[i] = (char)p;
	}
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
		if (!strcmp(word, WORDS[i]))
			return true;
	return false;
}

/* 二 to 九, 十, 百, 千, 萬, 兩; 一 is too common a word. */
static bool is_han_number(uint32_t p)
{
	static const uint32_t NUMBERS[] = { 0x4E8C, 0x4E09, 0x56DB, 0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D, 0x5341, 0x767E, 0x5343, 0x842C, 0x5169 };

	for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
		if (p == NUMBERS[i])
			return true;
	return false;
}

/* Nothing but white space and marks since the end of a sentence. */
static bool begins_sentence(const uint32_t *points, size_t at)
{
	while (at > 0 && (point_is_space(points[at - 1]) || points[at - 1] == '"' || points[at - 1] == '('))
		if (points[--at] == '\n')
			return true;
	return at == 0 || points[at - 1] == '.' || points[at - 1] == '!' || points[at - 1] == '?' || points[at - 1] == ':';
}

static bool is_fact(const uint32_t *points, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		uint32_t p = point_fold_mixed(points[i]);
		if (p >= '0' && p <= '9')
			return true;
	}
	if (to - from == 1 && is_han_number(points[from]))
		return true;
	return is_number_word(points + from, to - from) || (points[from] >= 'A' && points[from] <= 'Z' && to - from > 1 && !begins_sentence(points, from));
}

/* facts[i]: the i-th mixed token is a fact.  Walks as tokenize_mixed() does. */
static void find_facts(struct text *t, bool *facts, size_t n_tokens)
{
	const uint32_t *points = text_points(t);
	size_t n_points = text_n_points(t), at = 0;

	for (size_t i = 0; at < n_points && i < n_tokens;) {
		size_t from = at++;
		uint32_t p = point_fold_mixed(points[from]);
		if (!point_is_mixed_single(p) && !point_is_mixed_word(p))
			continue;
		while (point_is_mixed_word(p) && at < n_points && point_is_mixed_word(point_fold_mixed(points[at])))
			at++;
		facts[i++] = is_fact(points, from, at);
	}
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The tokens in the order of their numbers; the caller frees it. */
static uint32_t *sorted(struct tokens list)
{
	uint32_t *out = mem_copy(list.ids, list.n * sizeof *out);

	qsort(out, list.n, sizeof *out, by_id);
	return out;
}

static bool has_token(struct tokens sorted_list, uint32_t id)
{
	return sorted_list.n && bsearch(&id, sorted_list.ids, sorted_list.n, sizeof id, by_id) != NULL;
}

/* The tokens of the reference that must be there, and those that are; `question` and `answer` are sorted. */
struct needed {
	size_t n, n_found;
};

static struct needed count_needed(struct tokens reference, const bool *wanted, struct tokens question, struct tokens answer)
{
	struct needed out = { 0, 0 };

	for (size_t i = 0; i < reference.n; i++) {
		if ((wanted && !wanted[i]) || has_token(question, reference.ids[i]))
			continue;
		out.n++;
		out.n_found += has_token(answer, reference.ids[i]);
	}
	return out;
}

static struct needed needed_of(struct text *question, struct text *answer, struct text *reference)
{
	static const struct tokens NONE = { 0 };
	struct tokens q = text_tokens(question, TEXT_MIXED), a = text_tokens(answer, TEXT_MIXED), r = text_tokens(reference, TEXT_MIXED);
	uint32_t *q_sorted = sorted(q), *a_sorted = sorted(a);
	bool *facts = mem_array(r.n + 1, sizeof *facts);

	q.ids = q_sorted;
	a.ids = a_sorted;
	find_facts(reference, facts, r.n);
	struct needed out = count_needed(r, facts, q, a);
	if (!out.n)
		out = count_needed(r, NULL, q, a);
	if (!out.n)
		out = count_needed(r, NULL, NONE, a);
	mem_free(facts);
	mem_free(q_sorted);
	mem_free(a_sorted);
	return out;
}

struct reference_score reference_judge(struct text *question, struct text *answer, struct text *const *references, size_t n)
{
	struct reference_score best = { 0, false };

	for (size_t i = 0; i < n; i++) {
		struct needed needed = needed_of(question, answer, references[i]);
		double share = needed.n ? (double)needed.n_found / (double)needed.n : 0;
		double score = (mixed_f1(answer, references[i]) + share) / 2;
		bool has_enough = needed.n && (needed.n <= ALL_OF ? needed.n_found == needed.n : share >= SHARE_OF_MORE);
		best.score = score > best.score ? score : best.score;
		best.is_right = best.is_right || has_enough || mixed_exact(answer, references[i]);
	}
	return best;
}
