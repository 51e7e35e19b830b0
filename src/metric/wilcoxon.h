/* SPDX-License-Identifier: Apache-2.0
 *
 * wilcoxon - tests of paired differences that are numbers (F1, chrF, soft wins).  Thread: any. */
#ifndef ASSAY_METRIC_WILCOXON_H
#define ASSAY_METRIC_WILCOXON_H

#include <stdbool.h>
#include <stddef.h>

#define WILCOXON_EXACT_MAX 25
#define SIGN_FLIP_MAX 20

struct wilcoxon {
	double statistic; /* the smaller of the two rank sums */
	double p;	  /* two-sided; 1 where all differences are 0 */
	bool is_exact;
};

/* Wilcoxon's signed-rank test, zeros left out: exact for at most 25 differences without ties and zeros, else the normal
 * approximation with tie and continuity correction.  As scipy.stats.wilcoxon. */
struct wilcoxon wilcoxon(const double *d, size_t n);

/* The approximation; with `pratt` zeros are ranked before they are left out. */
struct wilcoxon wilcoxon_normal(const double *d, size_t n, bool pratt);

/* The exact distribution; false (and nothing computed) with ties, zeros or more than 25 differences. */
bool wilcoxon_exact(const double *d, size_t n, struct wilcoxon *out);

struct sign_flip {
	double p_two_sided, p_greater;
};

/* Every way to give the differences signs: how often is the mean at least this far from 0 (this large)?  Assumes only that
 * each difference could as well have been the other way round.  n <= SIGN_FLIP_MAX, 2^n steps. */
struct sign_flip sign_flip_test(const double *d, size_t n);

#endif
