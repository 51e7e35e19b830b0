/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/rouge.h"

static struct rouge of_counts(size_t common, size_t n_answer, size_t n_reference)
{
	struct rouge r = { 0 };

	if (common) {
		r.precision = (double)common / (double)n_answer;
		r.recall = (double)common / (double)n_reference;
		r.f = 2 * r.precision * r.recall / (r.precision + r.recall);
	}
	return r;
}

struct rouge rouge_n(struct text *answer, struct text *const *references, size_t n_references, enum text_form form, unsigned n)
{
	struct rouge best = { 0 };

	for (size_t i = 0; i < n_references; i++) {
		struct rouge r = of_counts(text_matches(answer, references[i], form)[n - 1], grams_total(text_grams(answer, form), n),
					   grams_total(text_grams(references[i], form), n));
		if (r.f > best.f)
			best = r;
	}
	return best;
}

struct rouge rouge_l(struct text *answer, struct text *const *references, size_t n_references, enum text_form form)
{
	struct rouge best = { 0 };

	for (size_t i = 0; i < n_references; i++) {
		struct rouge r = of_counts(text_common_subsequence(answer, references[i], form), text_tokens(answer, form).n,
					   text_tokens(references[i], form).n);
		if (r.f > best.f)
			best = r;
	}
	return best;
}
