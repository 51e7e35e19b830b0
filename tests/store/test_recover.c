/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "store/backup.h"
#include "store/lock.h"
#include "store/recover.h"
#include "store/setting_store.h"
#include "store/sql.h"

#define WEEK_MS (7 * 24 * 60 * 60 * 1000LL)
#define FIRST_MS (2000 * WEEK_MS)
#define PAGE 4096

struct fixture {
	char *dir, *file;
	struct queue *home;
};

struct setting_task {
	struct task task;
	const char *value;
};

static void write_setting(struct task *task, void *db)
{
	(void)!setting_set(db, "lang", ((struct setting_task *)task)->value, &task->err);
}

static void set(struct store *s, const char *value)
{
	struct setting_task t = { .task.run = write_setting, .value = value };
	assert_ok(store_write_now(s, &t.task, err));
}

/* Two copies, which say "first" and "second"; the database says "third". */
static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct store *s = NULL;

	f->dir = temp_dir();
	f->file = fs_join(f->dir, "assay.db");
	f->home = queue_new();
	assert_ok(store_open(f->dir, f->home, &s, err));
	set(s, "first");
	assert_ok(backup_make(s, FIRST_MS, NULL, err));
	set(s, "second");
	assert_ok(backup_make(s, FIRST_MS + WEEK_MS, NULL, err));
	set(s, "third");
	store_close(s);
	queue_drain(f->home);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	remove_tree(f->dir);
	queue_free(f->home);
	mem_free(f->file);
	mem_free(f->dir);
	mem_free(f);
	return 0;
}

/* Overwrites all pages but the first: the schema can be read, what it leads to cannot. */
static void damage(const char *path)
{
	struct buf file = BUF_INIT(64 << 20);

	assert_ok(fs_read(path, &file, err));
	memset(file.ptr + PAGE, 0x5a, file.len - PAGE);
	assert_ok(fs_write(path, file.ptr, file.len, err));
	buf_release(&file);
}

static void assert_says(const struct fixture *f, const char *value)
{
	struct arena *a = arena_new();
	const char *found = NULL;
	struct db *db = NULL;

	assert_ok(db_open_plain(f->file, &db, err));
	assert_ok(setting_get(db, a, "lang", &found, err));
	assert_string_equal(found, value);
	db_close(db);
	arena_free(a);
}

static void an_intact_database_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct recovery r;

	assert_ok(store_recover(f->dir, &r, err));
	assert_int_equal(r.problem.code, ERR_OK);
	assert_null(r.copy);
	recovery_free(&r);
	assert_says(f, "third");
}

static void a_damaged_one_gives_way_to_the_newest_copy_and_is_kept(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct recovery r;
	struct err problem = { 0 };
	struct buf before = BUF_INIT(64 << 20), after = BUF_INIT(64 << 20);

	damage(f->file);
	assert_ok(fs_read(f->file, &before, err));
	assert_int_equal(store_open(f->dir, f->home, &s, &problem), ERR_DATA);
	assert_string_equal(problem.key, "err_store_corrupt");
	assert_ok(store_recover(f->dir, &r, err));
	assert_int_equal(r.made_ms, FIRST_MS + WEEK_MS);
	assert_true(fs_exists(r.copy));
	char *kept = fs_join(r.kept, "assay.db");
	assert_ok(fs_read(kept, &after, err));
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.ptr, after.ptr, before.len);
	assert_says(f, "second");
	assert_ok(store_open(f->dir, f->home, &s, err));
	store_close(s);
	queue_drain(f->home);
	mem_free(kept);
	recovery_free(&r);
	buf_release(&before);
	buf_release(&after);
}

/* What is in a journal must not be applied to another file. */
static void the_journal_of_the_damaged_one_goes_with_it(void **state)
{
	struct fixture *f = *state;
	char *wal = fs_join(f->dir, "assay.db-wal");
	struct recovery r;

	damage(f->file);
	assert_ok(fs_write(wal, "a journal", 9, err));
	assert_ok(store_recover(f->dir, &r, err));
	char *kept = fs_join(r.kept, "assay.db-wal");
	assert_true(fs_exists(kept));
	assert_false(fs_exists(wal));
	assert_says(f, "second");
	mem_free(kept);
	mem_free(wal);
	recovery_free(&r);
}

static void a_damaged_copy_is_passed_over(void **state)
{
	struct fixture *f = *state;
	struct recovery r;
	int64_t made_ms;
	char *copy = backup_newest(f->dir, INT64_MAX, &made_ms);

	damage(f->file);
	damage(copy);
	assert_ok(store_recover(f->dir, &r, err));
	assert_int_equal(r.made_ms, FIRST_MS);
	assert_says(f, "first");
	recovery_free(&r);
	mem_free(copy);
}

static void without_a_copy_nothing_is_touched(void **state)
{
	struct fixture *f = *state;
	char *backups = fs_join(f->dir, "backup");
	struct recovery r;

	remove_tree(backups);
	damage(f->file);
	assert_err(store_recover(f->dir, &r, err), ERR_DATA, "err_store_no_copy");
	assert_true(fs_exists(f->file));
	assert_false(fs_exists(r.kept));
	recovery_free(&r);
	mem_free(backups);
}

static void a_folder_in_use_or_without_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct recovery r;
	char *empty = fs_join(f->dir, "empty"), *missing = fs_join(f->dir, "missing");

	assert_ok(store_open(f->dir, f->home, &s, err));
	store_set_address(s, "");
	struct err problem = { 0 };
	assert_int_equal(store_recover(f->dir, &r, &problem), ERR_BUSY);
	store_close(s);
	queue_drain(f->home);
	assert_ok(fs_make_dirs(empty, err));
	assert_err(store_recover(empty, &r, err), ERR_NOT_FOUND, "err_fs_not_found");
	assert_err(store_recover(missing, &r, err), ERR_NOT_FOUND, "err_fs_not_found");
	assert_false(fs_exists(missing));
	mem_free(empty);
	mem_free(missing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_intact_database_is_left_alone),
		TEST(a_damaged_one_gives_way_to_the_newest_copy_and_is_kept),
		TEST(the_journal_of_the_damaged_one_goes_with_it),
		TEST(a_damaged_copy_is_passed_over),
		TEST(without_a_copy_nothing_is_touched),
		TEST(a_folder_in_use_or_without_database_is_refused),
	};
	log_set_quiet(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
