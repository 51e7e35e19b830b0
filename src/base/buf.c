/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 64

void buf_init(struct buf *b, size_t max)
{
	*b = BUF_INIT(max);
}

void buf_release(struct buf *b)
{
	mem_free(b->ptr);
	*b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
	if (b->ptr)
		b->ptr[0] = '\0';
}

void *buf_reserve(struct buf *b, size_t len)
{
	if (b->overflow || b->len > b->max || len > b->max - b->len || b->max == SIZE_MAX) {
		/* A maximum of SIZE_MAX would leave no room for the NUL. */
		b->overflow = true;
		return NULL;
	}
	size_t need = b->len + len + 1;
	if (need > b->cap) {
		size_t cap = b->cap > b->max / 2 ? b->max + 1 : b->cap * 2;
		cap = cap < FIRST_CAP ? FIRST_CAP : cap;
		cap = cap < need ? need : cap;
		/* Not mem_grow(): the size may be a user's choice, and the owner checks `overflow` anyway. */
		char *grown = realloc(b->ptr, cap);
		if (!grown) {
			b->overflow = true;
			return NULL;
		}
		b->ptr = grown;
		b->cap = cap;
	}
	b->ptr[b->len + len] = '\0';
	return b->ptr + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	void *to = buf_reserve(b, len);
	if (!to)
		return;
	if (len)
		memcpy(to, data, len);
	b->len += len;
}

void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_add_text(struct buf *b, const char *text)
{
	buf_add_str(b, str_of(text));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list list, again;
	va_start(list, fmt);
	va_copy(again, list);
	int len = vsnprintf(NULL, 0, fmt, list);
	va_end(list);
	char *to = len < 0 ? NULL : buf_reserve(b, (size_t)len);
	if (to) {
		vsnprintf(to, (size_t)len + 1, fmt, again);
		b->len += (size_t)len;
	} else {
		b->overflow = true;
	}
	va_end(again);
}

static void add_le(struct buf *b, uint64_t value, size_t size)
{
	unsigned char bytes[8];
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	buf_add(b, bytes, size);
}

void buf_add_u32le(struct buf *b, uint32_t value)
{
	add_le(b, value, 4);
}

void buf_add_u64le(struct buf *b, uint64_t value)
{
	add_le(b, value, 8);
}

void buf_consume(struct buf *b, size_t len)
{
	if (!len)
		return;
	len = len < b->len ? len : b->len;
	b->len -= len;
	if (b->ptr) {
		memmove(b->ptr, b->ptr + len, b->len);
		b->ptr[b->len] = '\0';
	}
}

const char *buf_text(const struct buf *b)
{
	if (!b->ptr)
		return "";
	/* After buf_reserve() the owner may have filled less than it asked for. */
	b->ptr[b->len] = '\0';
	return b->ptr;
}

struct str buf_str(const struct buf *b)
{
	return (struct str){ buf_text(b), b->len };
}

char *buf_take(struct buf *b)
{
	char *text = b->ptr ? b->ptr : mem_strdup("");
	text[b->len] = '\0';
	*b = BUF_INIT(b->max);
	return text;
}
