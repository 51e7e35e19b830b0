/* SPDX-License-Identifier: Apache-2.0
 *
 * chrf - chrF and chrF++ (Popović, 2015 and 2017) as sacrebleu 2.6.0 computes them:
 * "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no" and nw:2.
 *
 * Character n-grams 1 to 6 without white space, case kept; chrF++ adds word n-grams 1 and 2.  Precision and recall are
 * averaged over the orders for which both sides have n-grams; F = 5PR / (4P + R) (beta = 2), times 100.  Needs no tokenizer:
 * the best choice for mixed Chinese and English.  Thread: the texts' owner. */
#ifndef ASSAY_METRIC_CHRF_H
#define ASSAY_METRIC_CHRF_H

#include "metric/text.h"

#define CHRF_CHAR_ORDER 6
#define CHRF_WORD_ORDER 2
#define CHRF_ORDERS (CHRF_CHAR_ORDER + CHRF_WORD_ORDER)

/* Sums that a corpus score needs: the six character orders, then the two word orders. */
struct chrf_counts {
	uint64_t answer[CHRF_ORDERS], reference[CHRF_ORDERS], match[CHRF_ORDERS];
};

/* 0 to 100, the best over the references; `n_references` >= 1. */
double chrf(struct text *answer, struct text *const *references, size_t n_references);
/* The same with words. */
double chrf_plus_plus(struct text *answer, struct text *const *references, size_t n_references);

/* Adds the counts of the reference that fits best (with words where `plus_plus`); `sum` starts zeroed. */
void chrf_add(struct chrf_counts *sum, struct text *answer, struct text *const *references, size_t n_references, bool plus_plus);
/* The score of one comparison or of a sum. */
double chrf_of_counts(const struct chrf_counts *counts, bool plus_plus);

#endif
