/* SPDX-License-Identifier: Apache-2.0
 *
 * curves - quality over the epochs, with intervals: over all questions, and apart over those that were trained on word for word
 * ("seen"), in other words ("rephrased"), and those that have nothing to do with the training ("general"), where the
 * questions' tags tell.  Memorizing, learning and forgetting look alike in one curve.  Thread: any. */
#ifndef ASSAY_SELECTION_CURVES_H
#define ASSAY_SELECTION_CURVES_H

#include "base/json.h"
#include "judge/decision.h"
#include "selection/material.h"

/* The array "curves" of selection/result.h (a new reference).  With references for half of the questions the value is the share
 * of right answers with Wilson's interval; else, for all questions together only, the soft win of the decision. */
json_t *curves_json(const struct material *m, const struct decision *d);

#endif
