/* SPDX-License-Identifier: Apache-2.0
 *
 * turns - a later turn of a conversation as a judge reads it: what was said before stands above the question, and above each
 * answer the model's own earlier ones, since each model went on from those.  Pure functions.  Thread: any. */
#ifndef ASSAY_JUDGE_TURNS_H
#define ASSAY_JUDGE_TURNS_H

#include "base/arena.h"
#include "base/msg.h"
#include "base/str.h"

/* `texts` are what one side said, turn by turn, the last of `n` being what is judged; earlier ones are shortened where all of
 * them would be more than a judge reads.  `is_question`: the last is named as what the answers are compared by.  One text alone is
 * returned as it is, others belong to the arena. */
struct str judge_turns(struct arena *a, enum lang lang, const struct str *texts, size_t n, bool is_question);

#endif
