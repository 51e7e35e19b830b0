/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's first values; set, they stay, instead of growing with the largest block that was ever freed. */
#define TRIM_BYTES (128 * 1024)

void mem_stay_small(void)
{
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	mallopt(M_MMAP_THRESHOLD, TRIM_BYTES);
#endif
}

static void out_of_memory(size_t size)
{
	fprintf(stderr, "assay: out of memory (%zu bytes wanted)\n", size);
	abort();
}

void *mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *mem_array(size_t count, size_t size)
{
	/* calloc() checks count * size; an empty array still gets an address of its own. */
	void *ptr = count && size ? calloc(count, size) : calloc(1, 1);
	if (!ptr)
		out_of_memory(size && count > SIZE_MAX / size ? SIZE_MAX : count * size);
	return ptr;
}

void *mem_grow(void *old, size_t size)
{
	void *ptr = realloc(old, size ? size : 1);
	if (!ptr)
		out_of_memory(size);
	return ptr;
}

void *mem_try_alloc(size_t size)
{
	return calloc(1, size ? size : 1);
}

void *mem_copy(const void *data, size_t size)
{
	void *ptr = malloc(size ? size : 1);
	if (!ptr)
		out_of_memory(size);
	if (size)
		memcpy(ptr, data, size);
	return ptr;
}

char *mem_strdup(const char *text)
{
	return text ? mem_copy(text, strlen(text) + 1) : NULL;
}

char *mem_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list list;
	va_start(list, fmt);
	int len = vasprintf(&text, fmt, list);
	va_end(list);
	if (len < 0)
		out_of_memory(0);
	return text;
}

void mem_free(void *ptr)
{
	free(ptr);
}
