/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/err.h"

struct fixed {
	atomic_bool on;
	_Atomic int64_t value;
};

static struct fixed fixed_mono, fixed_wall;

static int64_t read_us(clockid_t id)
{
	struct timespec ts;
	if (clock_gettime(id, &ts) != 0)
		BUG("clock_gettime");
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	return atomic_load(&fixed_mono.on) ? atomic_load(&fixed_mono.value) : read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	return atomic_load(&fixed_wall.on) ? atomic_load(&fixed_wall.value) : read_us(CLOCK_REALTIME) / 1000;
}

void clock_format_utc(int64_t wall_ms, char out[32])
{
	/* Rounds down before 1970 too, and keeps the year within four digits. */
	int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
	const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
	const int64_t first = -62167219200; /* 0000-01-01T00:00:00Z */
	time_t t = (time_t)(seconds > last ? last : seconds < first ? first : seconds);
	struct tm tm;
	gmtime_r(&t, &tm);
	snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday,
		tm.tm_hour, tm.tm_min, tm.tm_sec);
}

bool clock_same_day(int64_t wall_ms, int64_t other_ms)
{
	time_t one = (time_t)(wall_ms / 1000), other = (time_t)(other_ms / 1000);
	struct tm a, b;

	localtime_r(&one, &a);
	localtime_r(&other, &b);
	return a.tm_year == b.tm_year && a.tm_yday == b.tm_yday;
}

static void fix(struct fixed *clock, const int64_t *value)
{
	if (value)
		atomic_store(&clock->value, *value);
	atomic_store(&clock->on, value != NULL);
}

void clock_set_test(const int64_t *mono_us, const int64_t *wall_ms)
{
	fix(&fixed_mono, mono_us);
	fix(&fixed_wall, wall_ms);
}

void random_bytes(void *out, size_t size)
{
	char *at = out;
	while (size) {
		ssize_t got = getrandom(at, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			BUG("getrandom");
		at += got;
		size -= (size_t)got;
	}
}

uint64_t random_u64(void)
{
	uint64_t value;
	random_bytes(&value, sizeof value);
	return value;
}

void random_hex(char *out, size_t n_bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[32];
	random_bytes(bytes, n_bytes);
	for (size_t i = 0; i < n_bytes; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n_bytes] = 0;
}

/* One step of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t splitmix64(uint64_t x)
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

uint64_t seed_mix(uint64_t a, uint64_t b)
{
	return splitmix64(splitmix64(a) ^ b);
}
