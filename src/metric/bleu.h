/* SPDX-License-Identifier: Apache-2.0
 *
 * bleu - BLEU (Papineni et al., 2002) as sacrebleu 2.6.0 computes it with its default smoothing ("exp").
 *
 * The form of the texts is the tokenizer: TEXT_BLEU_13A, TEXT_BLEU_ZH, or TEXT_CHARS for "char".
 * Sentences: "case:mixed|eff:yes|tok:…|smooth:exp"; a corpus is the same from summed counts with eff:no.
 * Thread: the texts' owner. */
#ifndef ASSAY_METRIC_BLEU_H
#define ASSAY_METRIC_BLEU_H

#include "metric/text.h"

#define BLEU_ORDER 4

/* Sums over answers; starts zeroed. */
struct bleu_counts {
	uint64_t match[BLEU_ORDER]; /* n-grams of the answer, each at most as often as in the reference that has most of it */
	uint64_t total[BLEU_ORDER];
	uint64_t answer_length, reference_length; /* tokens; of several references the length that is closest, then shortest */
};

/* Adds one answer; `n_references` >= 1. */
void bleu_add(struct bleu_counts *sum, struct text *answer, struct text *const *references, size_t n_references, enum text_form form);

/* exp(1 - reference / answer) where the answer is shorter, else 1; 0 for an empty answer. */
double bleu_brevity_penalty(const struct bleu_counts *counts);

/* 0 to 100.  `effective_order`: orders longer than the answer do not count (sentences). */
double bleu_of_counts(const struct bleu_counts *counts, bool effective_order);

/* One answer, effective order. */
double bleu(struct text *answer, struct text *const *references, size_t n_references, enum text_form form);

#endif
