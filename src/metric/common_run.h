/* SPDX-License-Identifier: Apache-2.0
 *
 * common_run - the longest run of tokens that two sequences share: n * m steps of a table's row.  Thread: any. */
#ifndef ASSAY_METRIC_COMMON_RUN_H
#define ASSAY_METRIC_COMMON_RUN_H

#include <stdatomic.h>

#include "metric/gram.h"

/* Bytes of scratch that common_run_length() needs for sequences of these lengths. */
size_t common_run_scratch_size(size_t n_a, size_t n_b);

/* `scratch` is aligned for any type, its content does not matter.  Ends soon after `*cancel` (may be NULL) becomes true, and
 * what it returns then means nothing. */
size_t common_run_length(struct tokens a, struct tokens b, void *scratch, const atomic_bool *cancel);

#endif
