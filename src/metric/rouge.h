/* SPDX-License-Identifier: Apache-2.0
 *
 * rouge - ROUGE-N and sentence-level ROUGE-L (Lin, 2004) as rouge_score 0.1.2 without stemmer computes them.
 *
 * TEXT_ROUGE is that program's own tokenizer, which drops everything outside [a-z0-9]: every Chinese answer scores 0.
 * TEXT_MIXED are the same formulas on assay's tokens.  Thread: the texts' owner. */
#ifndef ASSAY_METRIC_ROUGE_H
#define ASSAY_METRIC_ROUGE_H

#include "metric/text.h"

/* Each in [0, 1]; f = 2PR / (P + R), 0 where both are 0. */
struct rouge {
	double precision, recall, f;
};

/* n is 1 or 2.  Of several references (`n_references` >= 1) the one with the best f. */
struct rouge rouge_n(struct text *answer, struct text *const *references, size_t n_references, enum text_form form, unsigned n);

/* From the longest common subsequence; of several references the one with the best f. */
struct rouge rouge_l(struct text *answer, struct text *const *references, size_t n_references, enum text_form form);

#endif
