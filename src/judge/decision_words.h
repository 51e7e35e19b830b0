/* SPDX-License-Identifier: Apache-2.0
 *
 * decision_words - the reasons of a decision as message keys with numbers.  Behind decision.h.  Thread: any. */
#ifndef ASSAY_JUDGE_DECISION_WORDS_H
#define ASSAY_JUDGE_DECISION_WORDS_H

#include "judge/decision_measure.h"

/* Fills d->reasons: the result's sentence first, then what stands behind it and against it. */
void decision_explain(const struct measure *m, const struct decision_context *context, struct decision *d);

#endif
