/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a cache goes when there is no room: on a disk that is made up here. */
#include "engine/cache_room.h"


#include "base/log.h"
#include "support/check.h"
#include "support/temp.h"

#define DISK 1000

static struct temp temp;

/* Files of 100 bytes; the name says how old they are. */
static const char *cached(const char *name, int age)
{
	static const char bytes[100];
	const char *path = temp_file(&temp, name, bytes, sizeof bytes);
	struct timespec times[2] = { { .tv_sec = 1000000 - age }, { .tv_nsec = UTIME_OMIT } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	return path;
}

/* The disk has so many bytes, and nothing else lies on it. */
static uint64_t free_space(const char *path)
{
	int64_t n;

	return DISK - cache_size(path, &n);
}

static uint64_t unknown_space(const char *path)
{
	(void)path;
	return UINT64_MAX;
}

static void make_room(uint64_t size, uint64_t most, uint64_t spare)
{
	struct cache_wish wish = { .size = size, .most = most, .spare = spare, .free_space = free_space };

	cache_make_room(temp.dir, &wish);
}

/* The names that are left, in one text. */
static bool add_name(void *user, const char *name, bool is_dir)
{
	(void)is_dir;
	buf_add_text(user, name);
	return true;
}

static void assert_left(const char *names)
{
	struct buf text = BUF_INIT(1000);

	assert_int_equal(fs_list(temp.dir, 100, add_name, &text, NULL), ERR_OK);
	assert_string_equal(buf_text(&text), names);
	buf_release(&text);
}

static int setup(void **state)
{
	(void)state;
	log_set_quiet(true);
	temp_open(&temp);
	(void)cached("a", 10);
	(void)cached("b", 40);
	(void)cached("c", 20);
	(void)cached("d", 30);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	return 0;
}

static void nothing_goes_where_there_is_room(void **state)
{
	int64_t n;

	(void)state;
	make_room(500, 10000, 100);
	assert_left("abcd");
	assert_int_equal(cache_size(temp.dir, &n), 400);
	assert_int_equal(n, 4);
	struct cache_wish wish = { .size = 5000, .most = 10000, .spare = 100, .free_space = unknown_space };
	cache_make_room(temp.dir, &wish);
	assert_left("abcd");
}

static void the_oldest_go_above_the_limit(void **state)
{
	(void)state;
	make_room(100, 400, 0);
	assert_left("acd");
	make_room(100, 200, 0);
	assert_left("a");
}

static void the_oldest_go_where_the_disk_is_full(void **state)
{
	(void)state;
	make_room(600, 10000, 100);
	assert_left("acd");
	make_room(700, 10000, 100);
	assert_left("ac");
	make_room(800, 10000, 200);
	assert_left("");
}

static void none_goes_where_that_would_not_help(void **state)
{
	(void)state;
	make_room(950, 10000, 100);
	assert_left("abcd");
}

static void one_in_use_stays(void **state)
{
	(void)state;
	int fd = open(temp_path(&temp, "b"), O_RDONLY | O_CLOEXEC);
	cache_hold(fd);
	int copy = dup(fd);
	close(fd); /* as the worker has it */
	make_room(600, 10000, 100);
	assert_left("abc");
	make_room(800, 10000, 150); /* 950 of them: not with that one there */
	assert_left("abc");
	make_room(900, 300, 0);
	assert_left("b");
	close(copy);
	make_room(900, 10000, 100);
	assert_left("");
}

static void what_was_left_half_written_goes(void **state)
{
	(void)state;
	(void)cached("e.gguf.part", 0);
	make_room(1, 10000, 0);
	assert_left("abcd");
}

static void a_folder_that_is_not_there_is_no_cache(void **state)
{
	int64_t n;
	struct cache_wish wish = { .size = 1, .most = 1, .spare = 1, .free_space = unknown_space };

	(void)state;
	cache_make_room(temp_path(&temp, "not-there"), &wish);
	assert_int_equal(cache_size(temp_path(&temp, "not-there"), &n), 0);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_goes_where_there_is_room, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_go_above_the_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_go_where_the_disk_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(none_goes_where_that_would_not_help, setup, teardown),
		cmocka_unit_test_setup_teardown(one_in_use_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_left_half_written_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_no_cache, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
