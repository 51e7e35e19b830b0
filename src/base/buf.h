/* SPDX-License-Identifier: Apache-2.0
 *
 * buf - growable bytes with a maximum that is chosen where the buffer is made.
 *
 * Appending past the maximum sets `overflow` and appends nothing more, so a chain of appends is checked once at its end.
 * The content is always NUL-terminated (the NUL is not counted).  Thread: one owner at a time. */
#ifndef ASSAY_BASE_BUF_H
#define ASSAY_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *ptr;      /* NULL until the first append; use buf_text() for a C string */
	size_t len;
	size_t cap;
	size_t max;
	bool overflow;
};

#define BUF_INIT(maximum) ((struct buf){ .max = (maximum) })

/* BUF_INIT() for a buffer that is made at run time. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; the buffer is empty and keeps its maximum. */
void buf_release(struct buf *b);
/* Empties it, keeps the memory, clears `overflow`. */
void buf_clear(struct buf *b);

/* Appends `len` bytes. */
void buf_add(struct buf *b, const void *data, size_t len);
/* Appends a view. */
void buf_add_str(struct buf *b, struct str s);
/* Appends a C string; NULL adds nothing. */
void buf_add_text(struct buf *b, const char *text);
/* Appends one byte. */
void buf_add_char(struct buf *b, char c);
/* Appends printf output, all of it or nothing. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends 4 bytes, the lowest first. */
void buf_add_u32le(struct buf *b, uint32_t value);
/* Appends 8 bytes, the lowest first. */
void buf_add_u64le(struct buf *b, uint64_t value);
/* Makes room for `len` bytes and returns where to write them, or NULL past the maximum; then add to b->len. */
void *buf_reserve(struct buf *b, size_t len);
/* Drops the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);

/* The content as a C string, "" when empty. */
const char *buf_text(const struct buf *b);
/* The content as a view; dead after the next change. */
struct str buf_str(const struct buf *b);
/* The content moves to the caller (free with mem_free()); the buffer is empty again.  Never NULL. */
char *buf_take(struct buf *b);

#endif
