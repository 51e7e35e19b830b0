/* SPDX-License-Identifier: Apache-2.0
 *
 * proof_scores - what the answers themselves say about two models: unusable ones, and F1 against references.  Pure.
 * Thread: any; long texts take a while. */
#ifndef ASSAY_DEPLOY_PROOF_SCORES_H
#define ASSAY_DEPLOY_PROOF_SCORES_H

#include <stdatomic.h>

#include "base/str.h"
#include "deploy/verdict.h"

/* One question.  `base` ptr NULL: not known; `reference` len 0: none; the others are one a line. */
struct proof_answers {
	struct str question, reference, before, after, base, other_references;
};

/* An answer that failed is given as "".  Fills n_scored, f1_*, n_answers, n_bad_* and win_* of `out` (mixed_f1() of metric/overlap.h with the best of all
 * references, guard_check() of metric/guard.h, 95 % bootstrap intervals over questions).  False where it was cancelled. */
bool proof_scores(const struct proof_answers *answers, size_t n, const atomic_bool *cancel, struct verdict_input *out);

#endif
