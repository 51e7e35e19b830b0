/* SPDX-License-Identifier: Apache-2.0
 *
 * hash - SHA-256 (OpenSSL) of bytes and of big files.  Thread: any. */
#ifndef ASSAY_BASE_HASH_H
#define ASSAY_BASE_HASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define HASH_SIZE 32
#define HASH_HEX_SIZE 65

struct hash; /* a running SHA-256 */

/* Starts a digest.  Never returns NULL; end it with hash_finish() or hash_free(). */
struct hash *hash_new(void);
/* Git's name of a file of `size` bytes that are added then: a SHA-1, 20 bytes long.  It tells a damaged file; that nobody made
 * it on purpose, it does not. */
struct hash *hash_new_git(uint64_t size);
/* Adds `len` bytes. */
void hash_add(struct hash *h, const void *data, size_t len);
/* Adds a text with its length, so that two texts are not one long one. */
void hash_add_text(struct hash *h, struct str text);
/* Writes the digest and frees `h`. */
void hash_finish(struct hash *h, uint8_t out[HASH_SIZE]);
/* Frees without a digest. */
void hash_free(struct hash *h);

/* The digest of bytes in memory. */
void hash_bytes(const void *data, size_t len, uint8_t out[HASH_SIZE]);
/* The same as hash_hex() writes it. */
void hash_bytes_hex(const void *data, size_t len, char out[HASH_HEX_SIZE]);
/* Lower-case hexadecimal, NUL-terminated; of a shorter digest the first 40 digits. */
void hash_hex(const uint8_t digest[HASH_SIZE], char out[HASH_HEX_SIZE]);

/* Adds the whole file; ERR_CANCELLED soon after `*cancel` (may be NULL) becomes true. */
MUST_USE enum err_code hash_add_file(struct hash *h, int fd, const atomic_bool *cancel, struct err *err);
/* The digest of a whole file; fails as hash_add_file(). */
MUST_USE enum err_code hash_file(int fd, uint8_t out[HASH_SIZE], const atomic_bool *cancel, struct err *err);

/* Constant-time comparison of secrets. */
bool hash_equal(const void *a, const void *b, size_t len);

#endif
