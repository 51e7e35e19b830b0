/* SPDX-License-Identifier: Apache-2.0
 *
 * rating - which questions a person should rate next, and how many more are about needed.
 *
 * A thumb tells most where answers differ, between candidates that the thumbs so far do not tell apart:
 *
 *     value(q)  = sum over pairs of w(a, b) d(q, a, b) / sum of w(a, b)
 *     d(q, a, b) = 1 - F1 of the mixed tokens of the two answers; 0 where a guard decides (metric/overlap.h)
 *     w(a, b)   = u(a, b) c(a) c(b)
 *     u(a, b)   = p of the exact sign test of the thumbs so far; 1 without any (metric/sign_test.h)
 *     c(x)      = u(x, the leader); 1 for the leader, the base model, and while nobody leads
 *
 * Questions are picked one after the other by value(q) (1 - s), s being the largest F1 between the text of q and that of one
 * rated or picked before: the maximal marginal relevance of Carbonell and Goldstein (1998).  Where no answer differs there is
 * nothing to rate.  No reference and no judge is looked at, nor a thumb on the question itself: whoever is better, each
 * question could as well have gone the other way, and e-processes over the thumbs stay valid.
 *
 * Enough are DECISION_QUESTIONS_MIN questions and an e-process for each rival that says the leader beats it (sequential.h, alpha
 * shared by all pairs).  How many are missing goes by the share of wins so far.  Epochs that stay alike are asked about up to
 * PLAN_QUESTIONS_MIN questions; after that only a lead over the base model is, where at most RATING_MORE_MAX are missing.
 * Thread: any. */
#ifndef ASSAY_JUDGE_RATING_H
#define ASSAY_JUDGE_RATING_H

#include "judge/evidence.h"

#define RATING_LIST_MAX 40   /* questions that are picked */
#define RATING_LOOKED_MAX 500 /* of more that are not rated, so many are looked at, spread over the set */
#define RATING_MORE_MAX 60

struct rating_request {
	const struct evidence *e;    /* thumbs, guards, base, who is dropped */
	const struct str *questions; /* texts, NFC */
	const struct str *answers;   /* [question * n_candidates + candidate], NFC */
};

struct rating_plan {
	size_t questions[RATING_LIST_MAX]; /* the most telling first */
	size_t n;
	size_t n_rated; /* that somebody liked an answer to */
	size_t n_more;  /* about so many more are needed; 0: it is decided, or more would hardly decide it */
};

struct rating_plan rating_plan_make(const struct rating_request *request);

/* Questions after which the thumbs most likely decide, where `wins` and `losses` of `n_rated` were decisive: 0 where they do
 * already, i.e. the e-process has reached `bar`; SIZE_MAX where nobody knows. */
size_t rating_missing(size_t wins, size_t losses, size_t n_rated, double bar);

#endif
