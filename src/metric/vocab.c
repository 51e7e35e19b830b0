/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/vocab.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "metric/unicode.h"

#define FIRST_SLOTS 256

struct entry {
	const char *bytes; /* NULL: free */
	uint32_t len;
	uint32_t id;
	uint64_t hash;
};

struct vocab {
	struct entry *slots; /* open addressing, at most half full */
	size_t n_slots;	     /* a power of two */
	size_t n;
	uint64_t seed; /* so that nobody can choose words that collide */
	struct arena *bytes;
};

struct vocab *vocab_new(void)
{
	struct vocab *v = mem_alloc(sizeof *v);

	v->n_slots = FIRST_SLOTS;
	v->slots = mem_array(v->n_slots, sizeof *v->slots);
	v->seed = random_u64() | 1;
	v->bytes = arena_new();
	return v;
}

void vocab_free(struct vocab *v)
{
	if (!v)
		return;
	arena_free(v->bytes);
	mem_free(v->slots);
	mem_free(v);
}

void vocab_clear(struct vocab *v)
{
	if (!v->n)
		return;
	memset(v->slots, 0, v->n_slots * sizeof *v->slots);
	v->n = 0;
	arena_free(v->bytes);
	v->bytes = arena_new();
}

static uint64_t load(const char *bytes, size_t len)
{
	uint64_t part = 0;
	uint32_t low, high;

	if (len >= 8) {
		memcpy(&part, bytes, 8);
	} else if (len >= 4) { /* two halves that may overlap */
		memcpy(&low, bytes, 4);
		memcpy(&high, bytes + len - 4, 4);
		part = (uint64_t)high << 32 | low;
	} else { /* one to three bytes */
		part = (uint64_t)(unsigned char)bytes[0] << 16 | (uint64_t)(unsigned char)bytes[len / 2] << 8 |
		       (unsigned char)bytes[len - 1];
	}
	return part;
}

/* Both halves of a 128-bit product folded together, 8 bytes a step. */
static uint64_t hash_token(const struct vocab *v, struct str token)
{
	uint64_t hash = v->seed ^ token.len * 0x9E3779B97F4A7C15u;

	for (size_t n; token.len > 0; token = (struct str){ token.ptr + n, token.len - n }) {
		n = token.len < 8 ? token.len : 8;
		__extension__ unsigned __int128 product = (unsigned __int128)(hash ^ load(token.ptr, n)) * 0xD6E8FEB86659FD93u;
		hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ v->seed;
	}
	return hash ^ hash >> 29;
}

static void put(struct entry *slots, size_t n_slots, const struct entry *entry)
{
	size_t at = entry->hash & (n_slots - 1);

	while (slots[at].bytes)
		at = (at + 1) & (n_slots - 1);
	slots[at] = *entry;
}

static void grow(struct vocab *v)
{
	size_t n_slots = 2 * v->n_slots;
	struct entry *slots = mem_array(n_slots, sizeof *slots);

	for (size_t i = 0; i < v->n_slots; i++)
		if (v->slots[i].bytes)
			put(slots, n_slots, &v->slots[i]);
	mem_free(v->slots);
	v->slots = slots;
	v->n_slots = n_slots;
}

/* Whether the token is one character. */
static bool is_single(struct str token)
{
	unsigned char lead = (unsigned char)token.ptr[0];
	size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

	return token.len == len;
}

uint32_t vocab_id(struct vocab *v, struct str token)
{
	size_t at = 0;

	if (is_single(token))
		return utf8_next(token, &at);
	uint64_t hash = hash_token(v, token);
	at = hash & (v->n_slots - 1);
	for (; v->slots[at].bytes; at = (at + 1) & (v->n_slots - 1)) {
		const struct entry *e = &v->slots[at];
		if (e->hash == hash && e->len == token.len && memcmp(e->bytes, token.ptr, token.len) == 0)
			return e->id;
	}
	struct entry entry = { .bytes = arena_strndup(v->bytes, token.ptr, token.len),
			       .len = (uint32_t)token.len,
			       .id = POINT_END + (uint32_t)v->n,
			       .hash = hash };
	put(v->slots, v->n_slots, &entry);
	if (2 * ++v->n > v->n_slots)
		grow(v);
	return entry.id;
}
