/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define FIRST_CHUNK 4096
#define LARGEST_CHUNK ((size_t)256 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct chunk *chunks; /* the first one is being filled */
	size_t next_size;
	size_t used;
};

struct arena *arena_new(void)
{
	struct arena *a = mem_alloc(sizeof *a);
	a->next_size = FIRST_CHUNK;
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		mem_free(c);
	}
	mem_free(a);
}

static struct chunk *add_chunk(struct arena *a, size_t size)
{
	struct chunk *c = mem_alloc(sizeof *c + size);
	c->size = size;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		BUG("arena_alloc(%zu)", size);
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct chunk *c = a->chunks;
	if (!c || rounded > c->size - c->used) {
		c = add_chunk(a, rounded > a->next_size ? rounded : a->next_size);
		if (a->next_size < LARGEST_CHUNK)
			a->next_size *= 2;
	}
	void *ptr = c->data + c->used;
	c->used += rounded;
	a->used += size;
	return ptr;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		BUG("arena_array(%zu, %zu)", count, size);
	return arena_alloc(a, total);
}

char *arena_strdup(struct arena *a, const char *text)
{
	return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);
	if (len)
		memcpy(copy, text, len);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list list, again;
	va_start(list, fmt);
	va_copy(again, list);
	int len = vsnprintf(NULL, 0, fmt, list);
	va_end(list);
	if (len < 0)
		BUG("arena_printf: bad format");
	char *text = arena_alloc(a, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
