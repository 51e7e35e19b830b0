/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/bleu.h"

#include <math.h>

static size_t distance(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

void bleu_add(struct bleu_counts *sum, struct text *answer, struct text *const *references, size_t n_references, enum text_form form)
{
	size_t length = text_tokens(answer, form).n, closest = text_tokens(references[0], form).n;
	const uint32_t *matches = text_matches_best(answer, references, n_references, form);

	for (unsigned k = 0; k < BLEU_ORDER; k++) {
		sum->match[k] += matches[k];
		sum->total[k] += grams_total(text_grams(answer, form), k + 1);
	}
	for (size_t r = 1; r < n_references; r++) {
		size_t n = text_tokens(references[r], form).n, off = distance(n, length), best = distance(closest, length);
		if (off < best || (off == best && n < closest))
			closest = n;
	}
	sum->answer_length += length;
	sum->reference_length += closest;
}

double bleu_brevity_penalty(const struct bleu_counts *counts)
{
	if (counts->answer_length >= counts->reference_length)
		return 1;
	if (!counts->answer_length)
		return 0;
	return exp(1 - (double)counts->reference_length / (double)counts->answer_length);
}

double bleu_of_counts(const struct bleu_counts *counts, bool effective_order)
{
	double logs = 0, smooth = 1;
	uint64_t matches = 0;
	unsigned n;

	for (n = 0; n < BLEU_ORDER; n++)
		matches += counts->match[n];
	if (!matches)
		return 0;
	for (n = 0; n < BLEU_ORDER && counts->total[n]; n++) {
		double match = (double)counts->match[n];
		if (!counts->match[n])
			match = 1 / (smooth *= 2);
		logs += log(100 * match / (double)counts->total[n]);
	}
	if (n < BLEU_ORDER && !effective_order)
		return 0; /* the log of a precision of 0 */
	return bleu_brevity_penalty(counts) * exp(logs / n);
}

double bleu(struct text *answer, struct text *const *references, size_t n_references, enum text_form form)
{
	struct bleu_counts counts = { 0 };

	bleu_add(&counts, answer, references, n_references, form);
	return bleu_of_counts(&counts, true);
}
