/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define FILE_CHUNK ((size_t)1 << 20) /* a few milliseconds of hashing between two looks at `cancel` */

struct hash {
	EVP_MD_CTX *context;
};

struct hash *hash_new(void)
{
	struct hash *h = mem_alloc(sizeof *h);
	h->context = EVP_MD_CTX_new();
	if (!h->context || EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1)
		BUG("SHA-256 is not available");
	return h;
}

struct hash *hash_new_git(uint64_t size)
{
	struct hash *h = mem_alloc(sizeof *h);
	char head[32];

	h->context = EVP_MD_CTX_new();
	if (!h->context || EVP_DigestInit_ex(h->context, EVP_sha1(), NULL) != 1)
		BUG("SHA-1 is not available");
	snprintf(head, sizeof head, "blob %llu", (unsigned long long)size);
	hash_add(h, head, strlen(head) + 1); /* with its NUL */
	return h;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	if (EVP_DigestUpdate(h->context, data, len) != 1)
		BUG("SHA-256 failed");
}

void hash_add_text(struct hash *h, struct str text)
{
	uint64_t len = text.len;

	hash_add(h, &len, sizeof len);
	hash_add(h, text.ptr, text.len);
}

void hash_finish(struct hash *h, uint8_t out[HASH_SIZE])
{
	memset(out, 0, HASH_SIZE);
	if (EVP_DigestFinal_ex(h->context, out, NULL) != 1)
		BUG("SHA-256 failed");
	hash_free(h);
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->context);
	mem_free(h);
}

void hash_bytes(const void *data, size_t len, uint8_t out[HASH_SIZE])
{
	struct hash *h = hash_new();
	hash_add(h, data, len);
	hash_finish(h, out);
}

void hash_bytes_hex(const void *data, size_t len, char out[HASH_HEX_SIZE])
{
	uint8_t digest[HASH_SIZE];
	hash_bytes(data, len, digest);
	hash_hex(digest, out);
}

void hash_hex(const uint8_t digest[HASH_SIZE], char out[HASH_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < HASH_SIZE; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[HASH_HEX_SIZE - 1] = '\0';
}

enum err_code hash_add_file(struct hash *h, int fd, const atomic_bool *cancel, struct err *err)
{
	enum err_code code = ERR_OK;
	char *chunk = mem_alloc(FILE_CHUNK);
	off_t at = 0;
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (;;) {
		if (cancel && atomic_load(cancel)) {
			code = err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
			break;
		}
		ssize_t got = pread(fd, chunk, FILE_CHUNK, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			code = err_set_errno(err, errno, "err_fs_read", "at=%lld", (long long)at);
		if (got <= 0)
			break;
		hash_add(h, chunk, (size_t)got);
		at += got;
	}
	mem_free(chunk);
	return code;
}

enum err_code hash_file(int fd, uint8_t out[HASH_SIZE], const atomic_bool *cancel, struct err *err)
{
	struct hash *h = hash_new();
	enum err_code code = hash_add_file(h, fd, cancel, err);
	if (code == ERR_OK)
		hash_finish(h, out);
	else
		hash_free(h);
	return code;
}

bool hash_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
