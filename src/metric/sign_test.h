/* SPDX-License-Identifier: Apache-2.0
 *
 * sign_test - do wins outnumber losses by more than chance?  Ties are left out.
 *
 * The exact sign test; McNemar's exact test is the same (wins: only X was right or liked; losses: only Y).  Thread: any. */
#ifndef ASSAY_METRIC_SIGN_TEST_H
#define ASSAY_METRIC_SIGN_TEST_H

#include <stddef.h>

struct sign_test {
	double p_two_sided; /* min(1, 2 sum_{i <= min(wins, losses)} C(n, i) / 2^n) */
	double p_greater;   /* wins at least this many by chance */
	double p_mid;	    /* two-sided, the outcome itself counted half: less conservative */
};

/* Exact for any counts; all p are 1 where there is neither win nor loss. */
struct sign_test sign_test(size_t wins, size_t losses);

/* McNemar's chi-squared with continuity correction, (|b - c| - 1)² / (b + c); returns its p, 1 where b + c is 0. */
double mcnemar_chi_squared(size_t b, size_t c, double *statistic);

#endif
