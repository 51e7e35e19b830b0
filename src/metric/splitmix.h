/* SPDX-License-Identifier: Apache-2.0
 *
 * splitmix - SplitMix64 (Steele, Lea and Flood, 2014): the random numbers of resampling, the same on every machine for ever.
 *
 * A generator belongs to one thread. */
#ifndef ASSAY_METRIC_SPLITMIX_H
#define ASSAY_METRIC_SPLITMIX_H

#include <stddef.h>
#include <stdint.h>

struct splitmix {
	uint64_t state; /* starts as the seed */
};

/* The next 64 bits. */
static inline uint64_t splitmix_next(struct splitmix *s)
{
	uint64_t z = s->state += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

/* A number below n: the high half of next * n.  One draw, no rejection (n is far below 2^64). */
static inline size_t splitmix_below(struct splitmix *s, size_t n)
{
	__extension__ unsigned __int128 product = (unsigned __int128)splitmix_next(s) * n;

	return (size_t)(product >> 64);
}

#endif
