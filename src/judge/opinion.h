/* SPDX-License-Identifier: Apache-2.0
 *
 * opinion - what a judge model thinks of two answers, X and Y, from reading them in both orders.
 *
 * Order 1 shows X in slot A, order 2 shows X in slot B.  In either the judge is about to write one of two labels; their
 * probabilities are read in that one step and no text is sampled:
 *
 *     p1 = P(A) / (P(A) + P(B))  of order 1,    p2 = P(B) / (P(A) + P(B))  of order 2,    score = (p1 + p2) / 2
 *
 * One order alone is not a measurement: a taste for slot A looks like a taste for X.  In the mean of both it cancels.
 * Thread: any. */
#ifndef ASSAY_JUDGE_OPINION_H
#define ASSAY_JUDGE_OPINION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define OPINION_MASS_MIN 0.5 /* P(A) + P(B); below, the judge was about to write something else */
#define OPINION_PANEL_MAX 3

/* Probabilities of the two labels among all tokens. */
struct reading {
	double a, b;
};

/* From natural logarithms of those probabilities (logits after log-softmax over the whole vocabulary). */
struct reading reading_of_logprobs(double a, double b);

/* From a reply in words, for a provider that tells no probabilities: {1, 0}, {0, 1}, {0.5, 0.5} for a tie, {0, 0} where the
 * reply names no answer.  Reads "B", "**B**", "[[A]]", "Answer: A because …", "答案：B", "Tie"; a thinking part is skipped. */
struct reading reading_of_reply(struct str reply);

enum outcome { OUTCOME_LOSS = -1, OUTCOME_TIE = 0, OUTCOME_WIN = 1 };

struct opinion {
	bool is_valid;	   /* both orders have the labels' mass; else only the masses below mean anything */
	double score;	   /* soft win of X, 0 to 1; 0.5 is a tie */
	double p1, p2;	   /* for X, in order 1 and order 2 */
	double preference; /* for X: (logit p1 + logit p2) / 2 */
	double slot_bias;  /* for slot A: (logit p1 - logit p2) / 2 */
	double mass;	   /* the smaller of the two orders' P(A) + P(B) */
	bool is_flipped;   /* p1 and p2 on different sides of 1/2 */
	enum outcome outcome; /* a win if both are above 1/2, a loss if both below, else a tie: never decided by a coin */
};

struct opinion opinion_of(struct reading order1, struct reading order2);

/* Mean scores of up to OPINION_PANEL_MAX judges about the same pair, invalid ones left out; the outcome is that of more than
 * half of the valid ones.  Weights are equal: learned ones overfit below 200 human votes. */
struct opinion opinion_of_panel(const struct opinion *judges, size_t n);

/* The same seen from Y. */
struct opinion opinion_reversed(struct opinion o);

/* G-Eval (Liu et al., 2023): the expected grade, sum k P(k) / sum P(k) for k = 1 to 5, from the grades' probabilities.
 * NaN where their mass is below OPINION_MASS_MIN. */
double opinion_grade(const double p[5]);

#endif
