/* SPDX-License-Identifier: Apache-2.0
 *
 * plan - how much KV cache a group gets and how many slots it may fill; from its own cells only, so that the batch plan is
 * the same whenever the group is computed.  Pure; thread: any. */
#ifndef ASSAY_WORKER_PLAN_H
#define ASSAY_WORKER_PLAN_H

#include <stddef.h>

struct plan {
	int slots; /* cells at a time, 0 where no cell is left */
	int n_ctx; /* KV cells of the context */
};

/* The smallest of 1024, 1536, 2048, 3072, 4096, 6144, ... that is not below `tokens`. */
int plan_bucket(int tokens);

/* `own[i]`: tokens that cell i needs beside the prefix; 0 leaves it out.  A cell that does not fit alone (prefix + own above
 * kv_tokens) must have been left out.  The largest number of slots (at most `slots`) is taken whose largest cells fit
 * together. */
struct plan plan_group(const int *own, size_t n, int prefix, int slots, int kv_tokens);

#endif
