/* SPDX-License-Identifier: Apache-2.0
 *
 * buckets - token buckets: how often somebody who was invited, or one address of the network, may ask.
 *
 * A bucket holds `burst` tokens and gets `per_s` of them each second; a request takes one.  A fixed table: of more callers than
 * BUCKETS_MAX the one that has asked least of late begins with a full bucket again.  Pure: no clock.  Thread: loop. */
#ifndef ASSAY_SERVER_BUCKETS_H
#define ASSAY_SERVER_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKETS_MAX 256

struct buckets;

/* Never NULL. */
struct buckets *buckets_new(int per_s, int burst);
void buckets_free(struct buckets *b);
/* Takes a token of `who`; false where none is left. */
bool buckets_take(struct buckets *b, uint64_t who, int64_t mono_ms);

#endif
