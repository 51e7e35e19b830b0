/* SPDX-License-Identifier: Apache-2.0 */
#include "server/buckets.h"

#include <stddef.h>

#include "base/mem.h"

struct bucket {
	uint64_t who;
	int64_t thousandths; /* of a token, as many as were in it */
	int64_t at_ms;       /* then */
	bool is_used;
};

struct buckets {
	int64_t per_s, burst;
	struct bucket table[BUCKETS_MAX];
};

struct buckets *buckets_new(int per_s, int burst)
{
	struct buckets *b = mem_alloc(sizeof *b);

	b->per_s = per_s;
	b->burst = burst * 1000;
	return b;
}

void buckets_free(struct buckets *b)
{
	mem_free(b);
}

static int64_t thousandths_at(const struct buckets *b, const struct bucket *one, int64_t mono_ms)
{
	int64_t now = one->thousandths + b->per_s * (mono_ms - one->at_ms);

	return !one->is_used || now > b->burst ? b->burst : now;
}

/* The one of `who`, or else the fullest, which is the one that loses least. */
static struct bucket *find(struct buckets *b, uint64_t who, int64_t mono_ms)
{
	struct bucket *fullest = &b->table[0];

	for (struct bucket *one = b->table; one < b->table + BUCKETS_MAX; one++) {
		if (one->is_used && one->who == who)
			return one;
		if (thousandths_at(b, one, mono_ms) > thousandths_at(b, fullest, mono_ms))
			fullest = one;
	}
	*fullest = (struct bucket){ .who = who };
	return fullest;
}

bool buckets_take(struct buckets *b, uint64_t who, int64_t mono_ms)
{
	struct bucket *one = find(b, who, mono_ms);

	one->thousandths = thousandths_at(b, one, mono_ms);
	one->at_ms = mono_ms;
	one->is_used = true;
	if (one->thousandths < 1000)
		return false;
	one->thousandths -= 1000;
	return true;
}
