/* SPDX-License-Identifier: Apache-2.0
 *
 * score - every metric of an answer by its name: the list that the store, reports and the page share.
 *
 * Rates are in [0, 1] also where the original program prints 0 to 100 (BLEU, chrF).  Of several references the best counts.
 *
 *     for (int m = 0; m < SCORE_COUNT; m++)
 *             printf("%s %g\n", score_info(m)->name, score(m, answer, references, n_references));
 *
 * CMRC's two are not among them (overlap.h): they take n * m steps and say what exact and f1 say.
 * Thread: the texts' owner. */
#ifndef ASSAY_METRIC_SCORE_H
#define ASSAY_METRIC_SCORE_H

#include "metric/text.h"

enum score_metric {
	SCORE_EXACT,
	SCORE_F1,
	SCORE_NUMBER,
	SCORE_CHRF,
	SCORE_CHRF_PLUS_PLUS,
	SCORE_ROUGE_1,
	SCORE_ROUGE_2,
	SCORE_ROUGE_L,
	SCORE_BLEU_13A,
	SCORE_BLEU_ZH,
	SCORE_BLEU_CHAR,
	SCORE_SQUAD_EXACT,
	SCORE_SQUAD_F1,
	SCORE_ROUGE_1_ASCII,
	SCORE_ROUGE_2_ASCII,
	SCORE_ROUGE_L_ASCII,
	SCORE_DISTINCT_1,
	SCORE_DISTINCT_2,
	SCORE_CHARACTERS,
	SCORE_TOKENS,
	SCORE_COUNT
};

struct score_info {
	const char *name;     /* as in JSON and SQL: "chrf" */
	bool needs_reference;
	bool is_rate; /* in [0, 1], more is better; else a figure that describes the answer */
};

/* Never NULL for a metric below SCORE_COUNT. */
const struct score_info *score_info(enum score_metric metric);

/* SCORE_COUNT for a name that is none. */
enum score_metric score_find(struct str name);

/* NaN where it does not apply: no reference where one is needed, or (SCORE_NUMBER) no reference with a number. */
double score(enum score_metric metric, struct text *answer, struct text *const *references, size_t n_references);

/* All of them. */
void score_all(struct text *answer, struct text *const *references, size_t n_references, double out[SCORE_COUNT]);

#endif
