/* SPDX-License-Identifier: Apache-2.0
 *
 * arena - memory of one request or job, freed in one call.
 *
 * Thread: one owner at a time. */
#ifndef ASSAY_BASE_ARENA_H
#define ASSAY_BASE_ARENA_H

#include <stddef.h>

struct arena;

/* Never returns NULL. */
struct arena *arena_new(void);

/* Frees everything that came from it.  NULL is fine. */
void arena_free(struct arena *a);

/* Zeroed, aligned for any type; lives as long as the arena. */
void *arena_alloc(struct arena *a, size_t size);

/* As arena_alloc() for an array; aborts when count * size overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* NUL-terminated copies.  arena_strdup(a, NULL) is NULL. */
char *arena_strdup(struct arena *a, const char *text);
/* The first `len` bytes of `text` and a NUL. */
char *arena_strndup(struct arena *a, const char *text, size_t len);
/* printf into the arena. */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);

#endif
