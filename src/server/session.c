/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

struct code {
	uint8_t digest[HASH_SIZE];
	int64_t expires_ms; /* monotonic; 0: free */
};

struct sessions {
	struct code codes[CODES_MAX];
	size_t next_code;
	struct session_row rows[SESSIONS_MAX]; /* oldest first */
	size_t n_rows;
	int64_t failures_since_ms;
	int failures;
};

struct sessions *sessions_new(void)
{
	return mem_alloc(sizeof(struct sessions));
}

void sessions_free(struct sessions *s)
{
	mem_free(s);
}

void sessions_add_code(struct sessions *s, int64_t mono_ms, char out[CODE_SIZE])
{
	struct code *code = &s->codes[s->next_code++ % CODES_MAX];
	random_hex(out, (CODE_SIZE - 1) / 2);
	hash_bytes(out, CODE_SIZE - 1, code->digest);
	code->expires_ms = mono_ms + CODE_LIFE_MS;
}

bool sessions_may_try(struct sessions *s, int64_t mono_ms)
{
	if (mono_ms - s->failures_since_ms > 60 * 1000) {
		s->failures_since_ms = mono_ms;
		s->failures = 0;
	}
	return s->failures < LOGIN_FAILURES_MAX;
}

bool sessions_take_code(struct sessions *s, const char *code, int64_t mono_ms)
{
	uint8_t digest[HASH_SIZE];
	bool right = false;
	hash_bytes(code, strlen(code), digest);
	for (size_t i = 0; i < CODES_MAX; i++) {
		struct code *c = &s->codes[i];
		if (!c->expires_ms || !hash_equal(c->digest, digest, HASH_SIZE))
			continue;
		right = mono_ms < c->expires_ms;
		*c = (struct code){ 0 };
	}
	s->failures += !right;
	return right;
}

void sessions_make(int64_t wall_ms, struct session_row *row, char cookie[HALF_SIZE], char key[HALF_SIZE])
{
	random_hex(cookie, (HALF_SIZE - 1) / 2);
	random_hex(key, (HALF_SIZE - 1) / 2);
	*row = (struct session_row){ .id = (int64_t)(random_u64() >> 11) + 1, .expires_ms = wall_ms + SESSION_LIFE_MS };
	hash_bytes_hex(cookie, HALF_SIZE - 1, row->cookie_hash);
	hash_bytes_hex(key, HALF_SIZE - 1, row->key_hash);
}

static void drop_row(struct sessions *s, size_t at)
{
	memmove(&s->rows[at], &s->rows[at + 1], (s->n_rows - at - 1) * sizeof s->rows[0]);
	s->n_rows--;
}

/* The first one that has expired; n_rows where none has. */
static size_t find_expired(const struct sessions *s, int64_t wall_ms)
{
	size_t at = 0;
	while (at < s->n_rows && wall_ms < s->rows[at].expires_ms)
		at++;
	return at;
}

bool sessions_have_room(const struct sessions *s, int64_t wall_ms)
{
	return s->n_rows < SESSIONS_MAX || find_expired(s, wall_ms) < s->n_rows;
}

void sessions_add(struct sessions *s, const struct session_row *row, int64_t wall_ms, int64_t *dropped)
{
	int64_t gone = 0;
	if (s->n_rows == SESSIONS_MAX) {
		size_t expired = find_expired(s, wall_ms), at = expired < s->n_rows ? expired : 0;
		gone = s->rows[at].id;
		drop_row(s, at);
	}
	s->rows[s->n_rows++] = *row;
	if (dropped)
		*dropped = gone;
}

void sessions_remove(struct sessions *s, int64_t id)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (s->rows[i].id == id) {
			drop_row(s, i);
			return;
		}
}

void sessions_keep(struct sessions *s, const struct session_row *rows, size_t n)
{
	for (size_t i = s->n_rows; i-- > 0;) {
		bool kept = false;
		for (size_t k = 0; k < n && !kept; k++)
			kept = rows[k].id == s->rows[i].id;
		if (!kept)
			drop_row(s, i);
	}
}

bool sessions_check(const struct sessions *s, struct str cookie, struct str key, int64_t wall_ms, int64_t *id)
{
	char cookie_hash[HASH_HEX_SIZE], key_hash[HASH_HEX_SIZE];
	bool found = false;
	hash_bytes_hex(cookie.ptr, cookie.len, cookie_hash);
	hash_bytes_hex(key.ptr, key.len, key_hash);
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct session_row *row = &s->rows[i];
		bool cookie_ok = hash_equal(row->cookie_hash, cookie_hash, HASH_HEX_SIZE - 1);
		bool key_ok = hash_equal(row->key_hash, key_hash, HASH_HEX_SIZE - 1);
		if (cookie_ok && key_ok && wall_ms < row->expires_ms) {
			*id = row->id;
			found = true;
		}
	}
	return found;
}

bool sessions_has(const struct sessions *s, int64_t id, int64_t wall_ms)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (s->rows[i].id == id)
			return wall_ms < s->rows[i].expires_ms;
	return false;
}
