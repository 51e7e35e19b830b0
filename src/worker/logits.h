/* SPDX-License-Identifier: Apache-2.0
 *
 * logits - the two passes over a row of logits that every generated token costs.  Pure; thread: any.
 *
 * This file is compiled with -O3 for several processor levels, as it runs once per token over the whole vocabulary. */
#ifndef ASSAY_WORKER_LOGITS_H
#define ASSAY_WORKER_LOGITS_H

#include <stdbool.h>

struct logits_best {
	int id;          /* of the largest value; the lowest id among equals */
	bool finite;     /* false where a NaN or +Inf was seen (-Inf is allowed: a forbidden token) */
	double log_sum;  /* natural log of the sum of exp(): a token's log-likelihood is its logit minus this */
};

/* `n` > 0. */
struct logits_best logits_scan(const float *logits, int n);

/* How far a candidate's row of logits is from a reference's, with natural logarithms. */
struct logits_distance {
	bool finite;		   /* both rows are, and no token is impossible for one alone; else nothing else counts */
	bool same_top;		   /* both find the same token likeliest */
	double kld;		   /* sum of p_ref * (ln p_ref - ln p_cand), never below 0 */
	double ll_ref, ll_cand;	   /* ln p of `token` */
};

/* `n` > 0, `token` < n. */
struct logits_distance logits_compare(const float *ref, const float *cand, int n, int token);

#endif
