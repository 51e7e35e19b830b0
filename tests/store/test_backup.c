/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "store/backup.h"
#include "store/setting_store.h"
#include "store/sql.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)
#define NOW_MS (20000 * DAY_MS)

struct fixture {
	char *dir;
	struct queue *home;
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);

	f->dir = temp_dir();
	f->home = queue_new();
	assert_ok(store_open(f->dir, f->home, &f->store, err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	queue_drain(f->home);
	remove_tree(f->dir);
	queue_free(f->home);
	mem_free(f->dir);
	mem_free(f);
	return 0;
}

struct setting_task {
	struct task task;
	const char *value;
};

static void write_setting(struct task *task, void *db)
{
	(void)!setting_set(db, "lang", ((struct setting_task *)task)->value, &task->err);
}

static void set(struct fixture *f, const char *value)
{
	struct setting_task t = { .task.run = write_setting, .value = value };
	assert_ok(store_write_now(f->store, &t.task, err));
}

static void assert_copy_says(const char *path, const char *value)
{
	struct arena *a = arena_new();
	const char *found = NULL;
	struct db *db = NULL;

	assert_ok(db_open_plain(path, &db, err));
	assert_ok(setting_get(db, a, "lang", &found, err));
	assert_string_equal(found, value);
	db_close(db);
	arena_free(a);
}

static void a_copy_has_what_was_committed_and_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int64_t made_ms;

	assert_true(backup_is_due(f->dir, NOW_MS));
	set(f, "zh-TW"); /* only in the WAL so far */
	assert_ok(backup_make(f->store, NOW_MS, NULL, err));
	set(f, "en");
	char *path = backup_newest(f->dir, NOW_MS, &made_ms);
	assert_non_null(path);
	assert_int_equal(made_ms, NOW_MS);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_copy_says(path, "zh-TW");
	mem_free(path);
}

static void one_is_due_after_a_week_and_the_newest_two_stay(void **state)
{
	struct fixture *f = *state;
	char *other = fs_join(f->dir, "backup/assay-v3-1.db");
	int64_t made_ms = 0;

	for (int week = 0; week < 4; week++)
		assert_ok(backup_make(f->store, NOW_MS + week * 7 * DAY_MS, NULL, err));
	assert_false(backup_is_due(f->dir, NOW_MS + 28 * DAY_MS - 1));
	assert_true(backup_is_due(f->dir, NOW_MS + 28 * DAY_MS));
	mem_free(backup_newest(f->dir, NOW_MS + 21 * DAY_MS - 1, &made_ms));
	assert_int_equal(made_ms, NOW_MS + 14 * DAY_MS);
	mem_free(backup_newest(f->dir, NOW_MS + 14 * DAY_MS - 1, &made_ms));
	assert_int_equal(made_ms, -1);

	/* What was made before an update is no weekly copy, and stays. */
	assert_ok(fs_write(other, "x", 1, err));
	assert_ok(backup_make(f->store, NOW_MS + 28 * DAY_MS, NULL, err));
	assert_true(fs_exists(other));
	mem_free(other);
}

static void a_copy_from_the_future_is_none(void **state)
{
	struct fixture *f = *state;

	assert_ok(backup_make(f->store, NOW_MS + 100 * DAY_MS, NULL, err));
	assert_true(backup_is_due(f->dir, NOW_MS));
}

static bool is_there(void *user, const char *name, bool is_dir)
{
	(void)name, (void)is_dir;
	++*(int *)user;
	return true;
}

static void one_that_is_stopped_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	char *dir = fs_join(f->dir, "backup");
	atomic_bool stop = true;
	int n = 0;

	assert_err(backup_make(f->store, NOW_MS, &stop, err), ERR_CANCELLED, "err_cancelled");
	assert_ok(fs_list(dir, 10, is_there, &n, err));
	assert_int_equal(n, 0);
	assert_true(backup_is_due(f->dir, NOW_MS));
	mem_free(dir);
}

/* A copy that was under way, and a key that was being saved: what a kill leaves would stay for ever. */
static void what_a_killed_server_had_not_finished_goes_at_the_next_start(void **state)
{
	static const char *const left[] = { "secrets.17.0.part", "backup/assay-week-5.db.part", "backup/assay-week-5.db.part-journal" };
	static const char *const kept[] = { "parts", "backup/assay-week-5.db", "backup/a.partial.db" };
	struct fixture *f = *state;
	char *copies = fs_join(f->dir, "backup");
	store_close(f->store);
	assert_ok(fs_make_dirs(copies, err));
	for (size_t i = 0; i < 3; i++)
		for (int k = 0; k < 2; k++) {
			char *path = fs_join(f->dir, k ? kept[i] : left[i]);
			assert_ok(fs_write(path, "x", 1, err));
			mem_free(path);
		}
	assert_ok(store_open(f->dir, f->home, &f->store, err));
	for (size_t i = 0; i < 3; i++) {
		char *gone = fs_join(f->dir, left[i]), *there = fs_join(f->dir, kept[i]);
		assert_false(fs_exists(gone));
		assert_true(fs_exists(there));
		mem_free(gone);
		mem_free(there);
	}
	mem_free(copies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_has_what_was_committed_and_is_private, setup, teardown),
		cmocka_unit_test_setup_teardown(one_is_due_after_a_week_and_the_newest_two_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(a_copy_from_the_future_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_is_stopped_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_killed_server_had_not_finished_goes_at_the_next_start, setup, teardown),
	};
	log_set_quiet(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
