/* SPDX-License-Identifier: Apache-2.0
 *
 * draft - what was answered before to the same question, as a guess of what will be said now.
 *
 * Epochs of one fine-tune often say the same, word for word.  Where reading the weights takes longer than computing with them, a
 * step checks several guessed tokens in little more time than one: speculative decoding (Leviathan et al., 2023) with a draft that
 * costs nothing, as in prompt lookup decoding (Saxena, 2023).  Each token is still chosen from the model's own distribution behind
 * the tokens before it; but the batches get other shapes, and so it is for fast mode alone.  Thread: the main thread. */
#ifndef ASSAY_WORKER_DRAFT_H
#define ASSAY_WORKER_DRAFT_H

#include <stdint.h>

#include "worker/template.h"

#define DRAFTS_KEPT 2048      /* answers; at least the questions of a chunk of fast mode (PLAN_FAST_CELLS of engine/plan.h) */
#define DRAFT_TOKENS_MAX 2048 /* of an answer, its beginning */

/* The last answer to each of the latest questions. */
struct drafts {
	struct drafts_kept *kept; /* NULL: none yet */
};

/* Copies the answer; 0 is no question. */
void drafts_keep(struct drafts *all, int64_t question, const struct tokens *answer);
void drafts_release(struct drafts *all);

/* How one answer follows what was answered before. */
struct draft {
	struct tokens guess; /* owned; empty: there is none */
	int at;		     /* index in it of the token that is expected next */
	bool lost;	     /* the answer went another way, and its last two tokens are not in the guess */
	double chance;	     /* that the next guess is right, by how often it was */
};

/* Empty where the question was not answered before.  Release it. */
void draft_open(struct draft *d, const struct drafts *all, int64_t question);

/* Tokens that are expected from `at` on. */
int draft_left(const struct draft *d);

/* `said` got one more token: the guess goes on behind it, or where its last two tokens stand in the guess. */
void draft_follow(struct draft *d, const struct tokens *said);

void draft_release(struct draft *d);

#endif
