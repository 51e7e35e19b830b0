/* SPDX-License-Identifier: Apache-2.0
 *
 * bradley_terry - strengths of several models from comparisons of two.
 *
 * Bradley and Terry (1952): P(i beats j) = g_i / (g_i + g_j), theta = ln g, sum theta = 0.  Davidson (1970) adds ties:
 * P(i) : P(j) : P(tie) = g_i : g_j : nu sqrt(g_i g_j).  Both are fitted by Newton's method, which is exact here: the
 * likelihood is concave.
 *
 * Where somebody wins (or loses) everything there is no finite best fit; then everybody also plays a phantom of average
 * strength, half a win and half a loss each, and `has_phantom` says so.
 *
 * The standard errors take all comparisons as independent.  Several of one question are not: for the interval that people
 * see use bradley_terry_bootstrap(), which draws whole questions.  Thread: any. */
#ifndef ASSAY_METRIC_BRADLEY_TERRY_H
#define ASSAY_METRIC_BRADLEY_TERRY_H

#include "metric/bootstrap.h"

#define BRADLEY_TERRY_MAX 32 /* models */

struct bradley_terry {
	size_t n;
	double theta[BRADLEY_TERRY_MAX];
	double covariance[BRADLEY_TERRY_MAX * BRADLEY_TERRY_MAX]; /* of theta, n * n; pseudo-inverse of the information */
	double nu;	       /* of ties; 0 without any */
	double log_likelihood; /* without the phantom's games */
	bool has_phantom;
	bool converged;
};

/* wins[i * n + j]: how often i beat j (halves and soft wins are fine); ties[i * n + j] = ties[j * n + i] or NULL.
 * 2 <= n <= BRADLEY_TERRY_MAX. */
void bradley_terry(const double *wins, const double *ties, size_t n, struct bradley_terry *out);

/* Standard error of theta_i, and of theta_i - theta_j. */
double bradley_terry_se(const struct bradley_terry *fit, size_t i);
double bradley_terry_se_difference(const struct bradley_terry *fit, size_t i, size_t j);

/* 1000 + 400 theta / ln 10: points as in chess, 1000 is the average. */
double bradley_terry_elo(double theta);

struct comparison {
	uint32_t question;
	uint16_t a, b;	 /* models */
	double a_wins; /* 1, 0, 1/2 for a tie, or anything between */
};

struct bradley_terry_spread {
	struct interval theta[BRADLEY_TERRY_MAX]; /* at the options' confidence */
	double first[BRADLEY_TERRY_MAX];	  /* how often the strongest; sums to 1 */
};

/* Draws the questions (below `n_questions`) again and fits each time; ties count half.  False where it was cancelled. */
bool bradley_terry_bootstrap(const struct comparison *list, size_t n, size_t n_models, size_t n_questions,
			     const struct bootstrap_options *options, struct bradley_terry_spread *out);

#endif
