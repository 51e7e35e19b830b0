/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/overlap.h"

static double bag_f1(struct text *answer, struct text *reference, enum text_form form, double both_empty)
{
	size_t n_answer = text_tokens(answer, form).n, n_reference = text_tokens(reference, form).n;

	if (!n_answer || !n_reference)
		return n_answer == n_reference ? both_empty : 0;
	double same = text_matches(answer, reference, form)[0];
	double precision = same / (double)n_answer, recall = same / (double)n_reference;
	return same > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

bool squad_exact(struct text *answer, struct text *reference)
{
	return text_same_tokens(answer, reference, TEXT_SQUAD);
}

double squad_f1(struct text *answer, struct text *reference)
{
	return bag_f1(answer, reference, TEXT_SQUAD, 1);
}

double squad_f1_v11(struct text *answer, struct text *reference)
{
	return bag_f1(answer, reference, TEXT_SQUAD, 0);
}

bool mixed_exact(struct text *answer, struct text *reference)
{
	return text_same_tokens(answer, reference, TEXT_MIXED);
}

double mixed_f1(struct text *answer, struct text *reference)
{
	return bag_f1(answer, reference, TEXT_MIXED, 1);
}
