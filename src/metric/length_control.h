/* SPDX-License-Identifier: Apache-2.0
 *
 * length_control - strengths of models with the rater's taste for long answers taken out.
 *
 * logit P(a beats b) = theta_a - theta_b + gamma tanh((length_a - length_b) / sd), sd over all differences: Bradley and Terry
 * with one covariate, the idea of length-controlled AlpacaEval (Dubois et al., 2024).  Show the ranking with and without; where
 * they disagree, length decided.  Fitted by Newton's method; two priors keep it finite: half a win and half a loss against
 * a phantom of strength 0 for every model, and gamma ~ N(0, 10²).  Thread: any. */
#ifndef ASSAY_METRIC_LENGTH_CONTROL_H
#define ASSAY_METRIC_LENGTH_CONTROL_H

#include "metric/bradley_terry.h"

struct length_control {
	double theta[BRADLEY_TERRY_MAX]; /* sums to 0 */
	double gamma, gamma_se; /* above 0: longer answers win more than their models' strengths say */
	double longer_wins;	/* share of the decided comparisons of unequal length that the longer answer won; NaN without any */
	bool converged;
};

/* `length_difference[i]` is length_a - length_b of list[i], in any unit.  2 <= n_models <= BRADLEY_TERRY_MAX. */
void length_control(const struct comparison *list, const double *length_difference, size_t n, size_t n_models, struct length_control *out);

#endif
