/* SPDX-License-Identifier: Apache-2.0
 *
 * decision_measure - the numbers that a decision is made from: scores, tests, draws.  Behind decision.h.  Thread: any. */
#ifndef ASSAY_JUDGE_DECISION_MEASURE_H
#define ASSAY_JUDGE_DECISION_MEASURE_H

#include "judge/decision.h"

struct measure {
	const struct evidence *e;
	const struct evidence_reader *reader;
	const struct bootstrap_options *options;
	bool is_out[EVIDENCE_CANDIDATES_MAX];
	size_t n_judgeable; /* questions in which something but the guards has an opinion, or people rated */
	double *scores;	    /* [question * n + candidate]: mean soft win against the ranked others; NaN */
	double *base_wins;  /* the same against the base model alone */
	struct contrast to_base[EVIDENCE_CANDIDATES_MAX]; /* candidate less base; n = 0 where there is none */
	struct contrast to_best[EVIDENCE_CANDIDATES_MAX]; /* best less candidate */
};

/* Walks through the questions: counts, scores, the best.  Arrays belong to `m`. */
void measure_scores(struct measure *m, struct decision *d);

/* Tests against base and best, and draws of the questions.  False where it was cancelled. */
bool measure_doubt(struct measure *m, struct decision *d);

/* Its answers may be closer to the references than the base model's, but no more of them are right, and it is short references that
 * decide: between two wrong answers the closer one is hardly worth more.  Such a candidate is not better than the base model. */
bool measure_is_only_closer(const struct measure *m, const struct decision *d, size_t candidate);

/* Whether the judge's taste for long answers chose the best: fits its opinions with and without. */
void measure_length(const struct measure *m, struct decision *d);

/* Wins, ties and losses of one candidate against another, over all questions. */
void measure_duel(const struct measure *m, size_t a, size_t b, size_t counts[3]);

/* Frees the arrays. */
void measure_release(struct measure *m);

#endif
