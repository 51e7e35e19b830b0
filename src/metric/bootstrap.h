/* SPDX-License-Identifier: Apache-2.0
 *
 * bootstrap - intervals of a mean by resampling whole questions.
 *
 * The unit is the question: give one paired difference (or score) for each question, or several with the number of their
 * question as cluster, so that votes, seeds and turns of one question stay together.  Percentile intervals with type-7
 * quantiles.  The same seed gives the same bits everywhere: SplitMix64, one draw a resampled cluster
 * (index = high half of draw * n), sums in the order of the draws, then one division.
 *
 * Thread: any. */
#ifndef ASSAY_METRIC_BOOTSTRAP_H
#define ASSAY_METRIC_BOOTSTRAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric/interval.h"

struct bootstrap_options {
	size_t n_resamples;
	uint64_t seed;
	double confidence;	   /* of the two-sided interval */
	const atomic_bool *cancel; /* NULL: cannot be stopped; else looked at between resamples */
};

/* 2,000 resamples, seed 1, 95 %. */
struct bootstrap_options bootstrap_defaults(void);

struct bootstrap {
	double mean;		  /* of all values */
	struct interval interval; /* of the mean; NaN without values */
	double share_not_above_0; /* of the resampled means */
};

/* `cluster[i]` is the question of value i, below `n_clusters`; NULL: each value is a question of its own.  Clusters without
 * values do not count.  False where it was cancelled. */
bool bootstrap_mean(const double *values, const uint32_t *cluster, size_t n, size_t n_clusters,
		    const struct bootstrap_options *options, struct bootstrap *out);

struct noninferiority {
	double mean;  /* of the differences new - old */
	double lower; /* one-sided 95 % bound of the mean */
	bool holds;   /* lower >= -margin */
};

/* Is the new one at most `margin` worse?  From paired differences (new - old), one-sided at 95 % whatever
 * options->confidence says.  False where it was cancelled. */
bool noninferiority(const double *differences, const uint32_t *cluster, size_t n, size_t n_clusters, double margin,
		    const struct bootstrap_options *options, struct noninferiority *out);

/* Questions needed to show non-inferiority with 80 % power: ((1.645 + 0.842) sd / margin)², rounded up. */
size_t noninferiority_n(double sd, double margin);

/* How often each of `n_models` has the highest mean when questions are drawn again: `first[m]` sums to 1, a tie is split.
 * scores[q * n_models + m]; a NaN is a missing score and left out of its model's mean.  False where it was cancelled. */
bool bootstrap_first(const double *scores, size_t n_questions, size_t n_models, const struct bootstrap_options *options,
		     double *first);

/* Standard errors of a mean: as if all values were independent (n - 1), and CR0, sqrt(sum_g (sum_{i in g} (x_i - m))²) / n. */
double naive_se(const double *values, size_t n);
double cluster_se(const double *values, const uint32_t *cluster, size_t n, size_t n_clusters);

/* Type-7 quantile (R, numpy) of ascending values; n >= 1, 0 <= q <= 1. */
double quantile(const double *sorted, size_t n, double q);

#endif
