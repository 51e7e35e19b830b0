/* SPDX-License-Identifier: Apache-2.0
 *
 * clock - time and randomness, replaceable in tests.  Thread: any. */
#ifndef ASSAY_BASE_CLOCK_H
#define ASSAY_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For durations and deadlines; never jumps. */
int64_t clock_mono_us(void);
/* clock_mono_us() in milliseconds, rounded down. */
int64_t clock_mono_ms(void);

/* For display and storage: milliseconds since 1970 UTC. */
int64_t clock_wall_ms(void);

/* "2026-11-24T09:15:02Z" into at least 21 bytes. */
void clock_format_utc(int64_t wall_ms, char out[32]);

/* Both on one day of this machine's calendar. */
bool clock_same_day(int64_t wall_ms, int64_t other_ms);

/* Tests only: fixes each clock at the value given (copied; NULL restores that clock). */
void clock_set_test(const int64_t *mono_us, const int64_t *wall_ms);

/* Cryptographic randomness (getrandom). */
void random_bytes(void *out, size_t size);
/* Eight bytes of random_bytes(). */
uint64_t random_u64(void);
/* `n_bytes` of them, 32 at most, as hexadecimal digits with a NUL. */
void random_hex(char *out, size_t n_bytes);

/* splitmix64 of two values: the seed of a cell from the run's seed and its position.  Reproducible for ever. */
uint64_t seed_mix(uint64_t a, uint64_t b);

#endif
