/* SPDX-License-Identifier: Apache-2.0
 *
 * session - one-time login codes and the sessions they become.
 *
 * A session has two halves of 256 bits: one in a cookie, which every port of this host receives, and one that the page
 * sends as X-Assay, which only its own origin has.  Kept as SHA-256; the live ones are held in memory, so that the loop
 * can check a request without the store.  Thread: loop. */
#ifndef ASSAY_SERVER_SESSION_H
#define ASSAY_SERVER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "store/setting_store.h"

#define CODE_SIZE 33          /* 128 bits in hex, with the NUL */
#define HALF_SIZE 65          /* 256 bits in hex, with the NUL */
#define CODE_LIFE_MS (10 * 60 * 1000LL)
#define SESSION_LIFE_MS (30 * 24 * 60 * 60 * 1000LL)
#define SESSIONS_MAX 256
#define CODES_MAX 16
#define LOGIN_FAILURES_MAX 30 /* a minute */

struct sessions;

/* Never NULL. */
struct sessions *sessions_new(void);
void sessions_free(struct sessions *s);

/* A new one-time code; the oldest of more than CODES_MAX is forgotten. */
void sessions_add_code(struct sessions *s, int64_t mono_ms, char out[CODE_SIZE]);
/* True once for a code that is right and not too old. */
bool sessions_take_code(struct sessions *s, const char *code, int64_t mono_ms);
/* False while too many wrong codes were tried in the last minute. */
bool sessions_may_try(struct sessions *s, int64_t mono_ms);

/* Makes the two halves and the row to store, of a session of SESSION_LIFE_MS; it counts only after sessions_add(). */
void sessions_make(int64_t wall_ms, struct session_row *row, char cookie[HALF_SIZE], char key[HALF_SIZE]);
/* Takes a stored row in.  `*dropped` (may be NULL) is the id of the one that had to go for it, or 0: one that has expired, else the
 * oldest. */
void sessions_add(struct sessions *s, const struct session_row *row, int64_t wall_ms, int64_t *dropped);
void sessions_remove(struct sessions *s, int64_t id);
/* Both halves must be of one session that has not expired. */
bool sessions_check(const struct sessions *s, struct str cookie, struct str key, int64_t wall_ms, int64_t *id);
/* True while another live one can be added without dropping one. */
bool sessions_have_room(const struct sessions *s, int64_t wall_ms);
/* Forgets all but these. */
void sessions_keep(struct sessions *s, const struct session_row *rows, size_t n);
/* True while this session exists and has not expired. */
bool sessions_has(const struct sessions *s, int64_t id, int64_t wall_ms);

#endif
