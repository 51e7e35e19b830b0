/* SPDX-License-Identifier: Apache-2.0
 *
 * mem - allocation that cannot fail, for small and bounded things.
 *
 * Running out of memory for these aborts with a message.  Sizes that a user or a file chooses (uploads, model data) go
 * through mem_try_alloc() and report ERR_LIMIT.  Thread: any. */
#ifndef ASSAY_BASE_MEM_H
#define ASSAY_BASE_MEM_H

#include <stddef.h>

/* For a program that stays: freed memory goes back to the system soon, and its threads share two heaps.  glibc would keep megabytes
 * otherwise, more for each thread.  Before the first thread. */
void mem_stay_small(void);

/* Zeroed.  Never returns NULL. */
void *mem_alloc(size_t size);

/* Zeroed array; aborts also when count * size overflows. */
void *mem_array(size_t count, size_t size);

/* realloc() that never returns NULL for size > 0. */
void *mem_grow(void *old, size_t size);

/* Zeroed, or NULL when there is no memory. */
void *mem_try_alloc(size_t size);

/* Copies; the caller owns the result.  mem_strdup(NULL) is NULL. */
void *mem_copy(const void *data, size_t size);
/* A NUL-terminated copy. */
char *mem_strdup(const char *text);

/* printf into a new string that the caller owns. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* free(); NULL is fine. */
void mem_free(void *ptr);

#endif
