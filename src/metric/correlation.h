/* SPDX-License-Identifier: Apache-2.0
 *
 * correlation - do two measures put the models in the same order?  Thread: any. */
#ifndef ASSAY_METRIC_CORRELATION_H
#define ASSAY_METRIC_CORRELATION_H

#include <stddef.h>

/* Spearman's rho: Pearson's correlation of the ranks, equal values share the middle rank.  In [-1, 1]; NaN where a side does
 * not vary or there are fewer than two values. */
double spearman(const double *x, const double *y, size_t n);

/* Kendall's tau-b: (pairs in the same order - pairs in the other) / sqrt(pairs untied in x * pairs untied in y).  In [-1, 1];
 * NaN as above.  n * n / 2 steps. */
double kendall(const double *x, const double *y, size_t n);

#endif
