/* SPDX-License-Identifier: Apache-2.0
 *
 * reference - is an answer right, going by a reference answer?  What evidence.h wants to know of it.
 *
 * What must be there: the facts of the reference that the question does not give away: tokens with a digit, number words,
 * words with a capital inside of a sentence.  Where there are none, every token that the question does not have; where it has
 * all, all.  An answer is right if it has them all, or three quarters of more than three, or is the reference.
 *
 *     score = (f1 + share of what must be there) / 2
 *
 * A score says how close an answer is and ranks; `is_right` counts answers for people.  Both go by words: a paraphrase of a
 * long text looks worse than it is, which is why a judge goes before long references.  Thread: the texts' owner. */
#ifndef ASSAY_JUDGE_REFERENCE_H
#define ASSAY_JUDGE_REFERENCE_H

#include "metric/text.h"

#define REFERENCE_SHORT_MAX 24 /* mixed tokens */

struct reference_score {
	double score; /* 0 to 1 */
	bool is_right;
};

/* A number, a name, a fact in one sentence. */
bool reference_is_short(struct text *reference);

/* The best of `n` >= 1 references; all texts of one space. */
struct reference_score reference_judge(struct text *question, struct text *answer, struct text *const *references, size_t n);

#endif
