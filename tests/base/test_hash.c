/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

static const char *hex(const uint8_t digest[HASH_SIZE])
{
	static char out[HASH_HEX_SIZE];
	hash_hex(digest, out);
	return out;
}

static void known_digests_come_out(void **state)
{
	(void)state;
	uint8_t digest[HASH_SIZE];
	hash_bytes("", 0, digest);
	assert_string_equal(hex(digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_bytes("abc", 3, digest);
	assert_string_equal(hex(digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct hash *h = hash_new();
	hash_add(h, "a", 1);
	hash_add(h, "bc", 2);
	uint8_t pieces[HASH_SIZE];
	hash_finish(h, pieces);
	assert_true(hash_equal(pieces, digest, HASH_SIZE));
	pieces[31] ^= 1;
	assert_false(hash_equal(pieces, digest, HASH_SIZE));
	hash_free(hash_new());
	hash_free(NULL);
}

static void a_file_hashes_like_its_bytes_wherever_the_position_is(void **state)
{
	(void)state;
	size_t size = (5 << 20) + 17;
	char *data = mem_alloc(size);
	memset(data, 'q', size);
	int fd = memfd_create("hash", MFD_CLOEXEC);
	assert_int_equal(write(fd, data, size), size);
	uint8_t of_file[HASH_SIZE], of_bytes[HASH_SIZE];
	struct err err = { 0 };
	assert_int_equal(hash_file(fd, of_file, NULL, &err), ERR_OK);
	hash_bytes(data, size, of_bytes);
	assert_memory_equal(of_file, of_bytes, HASH_SIZE);
	close(fd);
	mem_free(data);
}

static void a_cancelled_hash_says_so(void **state)
{
	(void)state;
	atomic_bool cancel = true;
	int fd = memfd_create("hash", MFD_CLOEXEC);
	uint8_t digest[HASH_SIZE];
	struct err err = { 0 };
	assert_int_equal(hash_file(fd, digest, &cancel, &err), ERR_CANCELLED);
	assert_string_equal(err.key, "err_cancelled");
	close(fd);
}

static void an_unreadable_descriptor_is_an_error(void **state)
{
	(void)state;
	uint8_t digest[HASH_SIZE];
	struct err err = { 0 };
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(hash_file(ends[0], digest, NULL, &err), ERR_IO);
	assert_string_equal(err.key, "err_fs_read");
	close(ends[0]);
	close(ends[1]);
}

/* git hash-object: "hello\n" and nothing. */
static void a_file_has_the_name_that_git_gives_it(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = { { "hello\n", "ce013625030ba8dba906f756967f9e9ca394464a" }, { "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" } };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct hash *h = hash_new_git(strlen(cases[i].text));
		uint8_t digest[HASH_SIZE];
		char hex[HASH_HEX_SIZE];
		hash_add(h, cases[i].text, strlen(cases[i].text));
		hash_finish(h, digest);
		hash_hex(digest, hex);
		hex[40] = 0;
		assert_string_equal(hex, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests_come_out),
		cmocka_unit_test(a_file_hashes_like_its_bytes_wherever_the_position_is),
		cmocka_unit_test(a_cancelled_hash_says_so),
		cmocka_unit_test(an_unreadable_descriptor_is_an_error),
		cmocka_unit_test(a_file_has_the_name_that_git_gives_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
