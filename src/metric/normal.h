/* SPDX-License-Identifier: Apache-2.0
 *
 * normal - the standard normal distribution and the functions that intervals and tests are made of.  Thread: any. */
#ifndef ASSAY_METRIC_NORMAL_H
#define ASSAY_METRIC_NORMAL_H

/* P(Z > z). */
double normal_above(double z);

/* The z with P(Z <= z) = p, for 0 < p < 1; ±infinity at the ends. */
double normal_quantile(double p);

/* ln n!, also for n that is not whole (ln Gamma(n + 1)); n >= 0.  Unlike lgamma() it may be called by several threads. */
double log_factorial(double n);

/* ln of the binomial probability of k successes in n, for 0 < p < 1. */
double log_binomial(double k, double n, double p);

#endif
