/* SPDX-License-Identifier: Apache-2.0
 *
 * lcs - longest common subsequence of token sequences, bit-parallel (Hyyrö, "Bit-parallel LCS-length computation revisited",
 * 2004): n * m / 64 steps.  Thread: any. */
#ifndef ASSAY_METRIC_LCS_H
#define ASSAY_METRIC_LCS_H

#include <stdatomic.h>

#include "metric/gram.h"

/* Bytes of scratch that lcs_length() needs for sequences of these lengths. */
size_t lcs_scratch_size(size_t n_a, size_t n_b);

/* `scratch` is aligned for any type, its content does not matter.  Ends soon after `*cancel` (may be NULL) becomes true, and
 * what it returns then means nothing. */
size_t lcs_length(struct tokens a, struct tokens b, void *scratch, const atomic_bool *cancel);

#endif
