/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/chrf.h"

#define BETA_SQUARED 4

static void count(struct chrf_counts *out, struct text *answer, struct text *reference, bool plus_plus)
{
	static const struct {
		enum text_form form;
		unsigned first, n;
	} parts[] = { { TEXT_CHARS, 0, CHRF_CHAR_ORDER }, { TEXT_CHRF_WORDS, CHRF_CHAR_ORDER, CHRF_WORD_ORDER } };

	*out = (struct chrf_counts){ 0 };
	for (unsigned p = 0; p < (plus_plus ? 2 : 1); p++) {
		const uint32_t *matches = text_matches(answer, reference, parts[p].form);
		for (unsigned k = 0; k < parts[p].n; k++) {
			out->answer[parts[p].first + k] = grams_total(text_grams(answer, parts[p].form), k + 1);
			out->reference[parts[p].first + k] = grams_total(text_grams(reference, parts[p].form), k + 1);
			out->match[parts[p].first + k] = matches[k];
		}
	}
}

double chrf_of_counts(const struct chrf_counts *counts, bool plus_plus)
{
	double precision = 0, recall = 0;
	int n = 0;

	for (int k = 0; k < (plus_plus ? CHRF_ORDERS : CHRF_CHAR_ORDER); k++) {
		if (!counts->answer[k] || !counts->reference[k])
			continue;
		precision += (double)counts->match[k] / (double)counts->answer[k];
		recall += (double)counts->match[k] / (double)counts->reference[k];
		n++;
	}
	if (precision + recall <= 0)
		return 0;
	precision /= n;
	recall /= n;
	return 100 * (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall);
}

static double best(struct chrf_counts *out, struct text *answer, struct text *const *references, size_t n, bool plus_plus)
{
	struct chrf_counts counts;
	double best_score = -1;

	for (size_t r = 0; r < n; r++) {
		count(&counts, answer, references[r], plus_plus);
		double score = chrf_of_counts(&counts, plus_plus);
		if (score > best_score) {
			best_score = score;
			*out = counts;
		}
	}
	return best_score;
}

double chrf(struct text *answer, struct text *const *references, size_t n_references)
{
	struct chrf_counts counts;

	return best(&counts, answer, references, n_references, false);
}

double chrf_plus_plus(struct text *answer, struct text *const *references, size_t n_references)
{
	struct chrf_counts counts;

	return best(&counts, answer, references, n_references, true);
}

void chrf_add(struct chrf_counts *sum, struct text *answer, struct text *const *references, size_t n_references, bool plus_plus)
{
	struct chrf_counts counts = { 0 };

	best(&counts, answer, references, n_references, plus_plus);
	for (int k = 0; k < CHRF_ORDERS; k++) {
		/* As sacrebleu: an order for which the reference has no n-gram does not count the answer's. */
		sum->answer[k] += counts.reference[k] ? counts.answer[k] : 0;
		sum->reference[k] += counts.reference[k];
		sum->match[k] += counts.match[k];
	}
}
