/* SPDX-License-Identifier: Apache-2.0
 *
 * spool - what is kept of a reference's row of logits until the candidate can be loaded, where both do not fit into memory.
 *
 * The likeliest SPOOL_TOP tokens keep their log-likelihoods, all others count as one: the divergence of the two distributions
 * that are coarsened so is never above the true one, and near it, because the rest is improbable.  Pure; thread: any. */
#ifndef ASSAY_WORKER_SPOOL_H
#define ASSAY_WORKER_SPOOL_H

#include <stdint.h>

#include "worker/logits.h"

#define SPOOL_TOP 64

/* As it stands in the file. */
struct spool_row {
	uint32_t finite, n; /* n: entries, SPOOL_TOP or the whole vocabulary */
	double ll;	    /* of the token that comes next */
	int32_t ids[SPOOL_TOP]; /* the likeliest first */
	float lls[SPOOL_TOP];
};

/* `n` > 0, `token` < n. */
void spool_take(struct spool_row *out, const float *logits, int n, int token);

/* The distance of a candidate's row from what was kept. */
struct logits_distance spool_compare(const struct spool_row *ref, const float *cand, int n, int token);

#endif
