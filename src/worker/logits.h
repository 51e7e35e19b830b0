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

#endif
