/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/score.h"

#include <math.h>

#include "base/err.h"
#include "metric/bleu.h"
#include "metric/chrf.h"
#include "metric/distinct.h"
#include "metric/number.h"
#include "metric/overlap.h"
#include "metric/rouge.h"

static const struct score_info infos[SCORE_COUNT] = {
	[SCORE_EXACT] = { "exact", true, true },
	[SCORE_F1] = { "f1", true, true },
	[SCORE_NUMBER] = { "number", true, true },
	[SCORE_CHRF] = { "chrf", true, true },
	[SCORE_CHRF_PLUS_PLUS] = { "chrf_plus_plus", true, true },
	[SCORE_ROUGE_1] = { "rouge_1", true, true },
	[SCORE_ROUGE_2] = { "rouge_2", true, true },
	[SCORE_ROUGE_L] = { "rouge_l", true, true },
	[SCORE_BLEU_13A] = { "bleu_13a", true, true },
	[SCORE_BLEU_ZH] = { "bleu_zh", true, true },
	[SCORE_BLEU_CHAR] = { "bleu_char", true, true },
	[SCORE_SQUAD_EXACT] = { "squad_exact", true, true },
	[SCORE_SQUAD_F1] = { "squad_f1", true, true },
	[SCORE_ROUGE_1_ASCII] = { "rouge_1_ascii", true, true },
	[SCORE_ROUGE_2_ASCII] = { "rouge_2_ascii", true, true },
	[SCORE_ROUGE_L_ASCII] = { "rouge_l_ascii", true, true },
	[SCORE_DISTINCT_1] = { "distinct_1", false, false },
	[SCORE_DISTINCT_2] = { "distinct_2", false, false },
	[SCORE_CHARACTERS] = { "characters", false, false },
	[SCORE_TOKENS] = { "tokens", false, false },
};

const struct score_info *score_info(enum score_metric metric)
{
	return &infos[metric];
}

enum score_metric score_find(struct str name)
{
	int m = 0;

	while (m < SCORE_COUNT && !str_eq_text(name, infos[m].name))
		m++;
	return (enum score_metric)m;
}

static double of_pair(enum score_metric metric, struct text *answer, struct text *reference)
{
	switch (metric) {
	case SCORE_EXACT:
		return mixed_exact(answer, reference);
	case SCORE_F1:
		return mixed_f1(answer, reference);
	case SCORE_SQUAD_EXACT:
		return squad_exact(answer, reference);
	case SCORE_SQUAD_F1:
		return squad_f1(answer, reference);
	case SCORE_NUMBER:
		return number_match(answer, reference);
	default:
		BUG("metric %d is not of pairs", (int)metric);
	}
}

static double best_pair(enum score_metric metric, struct text *answer, struct text *const *references, size_t n)
{
	double best = NAN;

	for (size_t r = 0; r < n; r++)
		best = fmax(best, of_pair(metric, answer, references[r])); /* a NaN gives way */
	return best;
}

static double of_answer(enum score_metric metric, struct text *answer)
{
	switch (metric) {
	case SCORE_DISTINCT_1:
		return distinct(answer, 1);
	case SCORE_DISTINCT_2:
		return distinct(answer, 2);
	case SCORE_CHARACTERS:
		return (double)text_n_points(answer);
	case SCORE_TOKENS:
		return (double)text_tokens(answer, TEXT_MIXED).n;
	default:
		BUG("metric %d needs a reference", (int)metric);
	}
}

double score(enum score_metric metric, struct text *answer, struct text *const *references, size_t n)
{
	if (metric >= SCORE_COUNT)
		BUG("metric %d", (int)metric);
	if (!infos[metric].needs_reference)
		return of_answer(metric, answer);
	if (!n)
		return NAN;
	switch (metric) {
	case SCORE_CHRF:
		return chrf(answer, references, n) / 100;
	case SCORE_CHRF_PLUS_PLUS:
		return chrf_plus_plus(answer, references, n) / 100;
	case SCORE_ROUGE_1:
	case SCORE_ROUGE_2:
		return rouge_n(answer, references, n, TEXT_MIXED, metric == SCORE_ROUGE_1 ? 1 : 2).f;
	case SCORE_ROUGE_L:
		return rouge_l(answer, references, n, TEXT_MIXED).f;
	case SCORE_ROUGE_1_ASCII:
	case SCORE_ROUGE_2_ASCII:
		return rouge_n(answer, references, n, TEXT_ROUGE, metric == SCORE_ROUGE_1_ASCII ? 1 : 2).f;
	case SCORE_ROUGE_L_ASCII:
		return rouge_l(answer, references, n, TEXT_ROUGE).f;
	case SCORE_BLEU_13A:
		return fmin(1, bleu(answer, references, n, TEXT_BLEU_13A) / 100);
	case SCORE_BLEU_ZH:
		return fmin(1, bleu(answer, references, n, TEXT_BLEU_ZH) / 100);
	case SCORE_BLEU_CHAR:
		return fmin(1, bleu(answer, references, n, TEXT_CHARS) / 100);
	default:
		return best_pair(metric, answer, references, n);
	}
}

void score_all(struct text *answer, struct text *const *references, size_t n_references, double out[SCORE_COUNT])
{
	for (int m = 0; m < SCORE_COUNT; m++)
		out[m] = score((enum score_metric)m, answer, references, n_references);
}
