/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "store/audit_store.h"
#include "store/lock.h"
#include "store/panel_store.h"
#include "store/schema.h"
#include "store/setting_store.h"

/* --- a task that sets a setting, and fails when told to --- */

struct setting_task {
	struct task task;
	const char *name, *value;
	bool fails;
	char found[64];
	int *done_count;
};

static void write_setting(struct task *task, void *context)
{
	struct setting_task *t = (struct setting_task *)task;

	if (setting_set(context, t->name, t->value, &task->err) == ERR_OK && t->fails)
		err_set(&task->err, ERR_INVALID, "err_test", NULL);
}

static void read_setting(struct task *task, void *context)
{
	struct setting_task *t = (struct setting_task *)task;
	struct arena *a = arena_new();
	const char *value = NULL;

	if (setting_get(context, a, t->name, &value, &task->err) == ERR_OK)
		str_format(t->found, sizeof t->found, "%s", value ? value : "(none)");
	arena_free(a);
}

static void count_done(struct task *task)
{
	(*((struct setting_task *)task)->done_count)++;
}

static void assert_setting(struct store *s, const char *name, const char *value)
{
	struct setting_task t = { .task.run = read_setting, .name = name };
	assert_ok(store_read_now(s, &t.task, err));
	assert_string_equal(t.found, value);
}

struct fixture {
	char *dir;
	struct queue *home;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	f->dir = temp_dir();
	f->home = queue_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	remove_tree(f->dir);
	queue_free(f->home);
	mem_free(f->dir);
	mem_free(f);
	return 0;
}

static struct store *open_store(struct fixture *f)
{
	struct store *s = NULL;
	assert_ok(store_open(f->dir, f->home, &s, err));
	return s;
}

static void close_store(struct fixture *f, struct store *s)
{
	store_close(s);
	queue_drain(f->home);
}

static void written_settings_are_read_by_the_other_thread_and_survive(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_store(f);
	struct setting_task t = { .task.run = write_setting, .name = "lang", .value = "zh-TW" };

	assert_string_equal(store_data_dir(s), f->dir);
	assert_setting(s, "lang", "(none)");
	assert_ok(store_write_now(s, &t.task, err));
	assert_setting(s, "lang", "zh-TW");
	close_store(f, s);
	s = open_store(f);
	assert_setting(s, "lang", "zh-TW");
	close_store(f, s);
}

static void the_data_is_private(void **state)
{
	struct fixture *f = *state;
	char *deep = fs_join(f->dir, "new/data"), *file = fs_join(deep, "assay.db");
	struct store *s = NULL;
	struct stat st;

	assert_ok(store_open(deep, f->home, &s, err));
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close_store(f, s);
	mem_free(deep);
	mem_free(file);
}

static void a_failed_task_is_undone_alone(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_store(f);
	int done = 0;
	struct setting_task tasks[3] = {
		{ .name = "a", .value = "1" },
		{ .name = "b", .value = "2", .fails = true },
		{ .name = "c", .value = "3" },
	};

	for (int i = 0; i < 3; i++) {
		tasks[i].task.run = write_setting;
		tasks[i].task.done = count_done;
		tasks[i].done_count = &done;
		store_write(s, &tasks[i].task);
	}
	struct setting_task last = { .task.run = write_setting, .name = "d", .value = "4" };
	assert_ok(store_write_now(s, &last.task, err));
	assert_int_equal(done, 3);
	assert_int_equal(tasks[0].task.err.code, ERR_OK);
	assert_string_equal(tasks[1].task.err.key, "err_test");
	assert_setting(s, "a", "1");
	assert_setting(s, "b", "(none)");
	assert_setting(s, "c", "3");
	close_store(f, s);
}

static void a_cancelled_task_does_not_run(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_store(f);
	struct setting_task t = { .task.run = write_setting, .name = "a", .value = "1" };

	atomic_store(&t.task.cancelled, true);
	assert_err(store_write_now(s, &t.task, err), ERR_CANCELLED, "err_cancelled");
	assert_err(store_read_now(s, &t.task, err), ERR_CANCELLED, "err_cancelled");
	assert_setting(s, "a", "(none)");
	close_store(f, s);
}

static void the_reader_cannot_write(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_store(f);
	struct setting_task t = { .task.run = write_setting, .name = "a", .value = "1" };

	assert_err(store_read_now(s, &t.task, err), ERR_INTERNAL, "err_store_sql");
	close_store(f, s);
}

static void what_was_posted_before_the_close_is_finished(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_store(f);
	struct setting_task tasks[600];
	char names[600][16];
	int done = 0;

	memset(tasks, 0, sizeof tasks);
	for (int i = 0; i < 600; i++) {
		str_format(names[i], sizeof names[i], "n%d", i);
		tasks[i] = (struct setting_task){ .task = { .run = write_setting, .done = count_done },
						  .name = names[i], .value = "x", .done_count = &done };
		store_write(s, &tasks[i].task);
	}
	close_store(f, s);
	assert_int_equal(done, 600);
	s = open_store(f);
	assert_setting(s, "n0", "x");
	assert_setting(s, "n599", "x");
	close_store(f, s);
}

static void a_second_server_on_the_same_data_is_refused_with_its_address(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_store(f), *second = NULL;
	struct err why = { 0 };
	char value[64], pid[32];

	store_set_address(s, "http://127.0.0.1:7878");
	assert_int_equal(store_open(f->dir, f->home, &second, &why), ERR_BUSY);
	assert_null(second);
	assert_string_equal(why.key, "err_data_in_use");
	assert_true(err_arg(&why, "url", value, sizeof value));
	assert_string_equal(value, "http://127.0.0.1:7878");
	str_format(pid, sizeof pid, "%ld", (long)getpid());
	assert_true(err_arg(&why, "pid", value, sizeof value));
	assert_string_equal(value, pid);
	assert_setting(s, "x", "(none)"); /* the first one is not disturbed */
	close_store(f, s);
	s = open_store(f);
	close_store(f, s);
}

/* The holder of the lock in another process, which tells its address after `ms`; -1: never.  Ends when `*end` is closed. */
static pid_t hold_lock(struct fixture *f, int ms, const char *url, int *end)
{
	int ready[2], go[2];
	char sign;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		struct err err;
		close(go[1]);
		int fd = lock_take(f->dir, &err);
		(void)!write(ready[1], fd >= 0 ? "w" : "l", 1);
		if (ms >= 0) {
			usleep((useconds_t)ms * 1000);
			lock_set_address(fd, url);
		}
		(void)!read(go[0], &sign, 1);
		_exit(0);
	}
	close(ready[1]), close(go[0]);
	assert_int_equal(read(ready[0], &sign, 1), 1);
	assert_int_equal(sign, 'w');
	close(ready[0]);
	*end = go[1];
	return child;
}

static void who_comes_while_the_holder_starts_is_told_its_name(void **state)
{
	struct fixture *f = *state;
	struct {
		int ms;
		const char *url, *key;
	} cases[] = { { 200, "http://127.0.0.1:7878", "err_data_in_use" }, { 50, "", "err_data_in_use_by" }, { -1, "", "err_data_in_use_by" } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err why = { 0 };
		char value[64], pid[32];
		int end;
		pid_t holder = hold_lock(f, cases[i].ms, cases[i].url, &end);
		assert_int_equal(lock_take(f->dir, &why), -1);
		assert_int_equal(why.code, ERR_BUSY);
		assert_string_equal(why.key, cases[i].key);
		str_format(pid, sizeof pid, "%ld", (long)holder);
		assert_true(err_arg(&why, "pid", value, sizeof value));
		assert_string_equal(value, pid);
		assert_true(!*cases[i].url || (err_arg(&why, "url", value, sizeof value) && !strcmp(value, cases[i].url)));
		close(end);
		waitpid(holder, NULL, 0);
	}
}

static void of_many_parallel_starts_exactly_one_wins(void **state)
{
	struct fixture *f = *state;
	int winners = 0, go[2], verdict[2];
	pid_t children[20];
	char sign;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(verdict), 0);
	for (int i = 0; i < 20; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct err err;
			close(go[1]);
			int fd = lock_take(f->dir, &err);
			(void)!write(verdict[1], fd >= 0 ? "w" : "l", 1);
			(void)!read(go[0], &sign, 1); /* holds it until all have tried */
			_exit(0);
		}
	}
	for (int i = 0; i < 20; i++) {
		assert_int_equal(read(verdict[0], &sign, 1), 1);
		winners += sign == 'w';
	}
	close(go[1]);
	for (int i = 0; i < 20; i++)
		waitpid(children[i], NULL, 0);
	close(go[0]), close(verdict[0]), close(verdict[1]);
	assert_int_equal(winners, 1);
}

/* --- schema --- */

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store *s = open_store(f);
	char *path = fs_join(f->dir, "assay.db");
	struct db *db = NULL;
	int64_t version;

	close_store(f, s);
	assert_ok(db_open_plain(path, &db, err));
	assert_ok(db_exec(db, "PRAGMA user_version = 999", err));
	db_close(db);
	assert_err(store_open(f->dir, f->home, &s, err), ERR_DATA, "err_schema_newer");
	assert_err(db_open_plain(path, &db, err), ERR_DATA, "err_schema_newer");
	sqlite3 *conn;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open(path, &conn), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(conn, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	version = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(conn);
	assert_int_equal(version, 999);
	mem_free(path);
}

static int64_t number(struct db *db, const char *sql)
{
	int64_t n = -1;
	assert_ok(db_number(db, err, &n, -1, sql, ""));
	return n;
}

static bool count_entry(void *user, const char *name, bool is_dir)
{
	(void)name, (void)is_dir;
	++*(int *)user;
	return true;
}

/* The schema as it is and `more` steps that a later version might add; `more` ends with NULL. */
#define STEPS_MAX 32
static size_t with_more(const char *steps[STEPS_MAX], const char *const *more)
{
	size_t n = 0;

	for (; n < schema_n_steps; n++)
		steps[n] = schema_steps[n];
	while (*more) {
		assert_true(n < STEPS_MAX);
		steps[n++] = *more++;
	}
	return n;
}

static void a_migration_copies_first_and_a_broken_one_changes_nothing(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db"), *backup = fs_join(f->dir, "backup");
	const char *const broken[] = { "CREATE TABLE extra (x); INSERT INTO extra VALUES (1);"
				       "INSERT INTO nowhere VALUES (1)", NULL };
	const char *const good[] = { "CREATE TABLE extra (x)", "INSERT INTO extra VALUES (3)", NULL };
	const char *steps[STEPS_MAX];
	const int64_t known = (int64_t)schema_n_steps;
	struct db *db = NULL;
	int copies = 0;

	assert_ok(db_open_plain(path, &db, err));
	assert_ok(setting_set(db, "k", "v", err));
	assert_err(schema_migrate(db, steps, with_more(steps, broken), backup, err), ERR_INTERNAL, "err_store_sql");
	assert_int_equal(number(db, "PRAGMA user_version"), known);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'"), 0);
	assert_ok(schema_migrate(db, steps, with_more(steps, good), backup, err));
	assert_int_equal(number(db, "PRAGMA user_version"), known + 2);
	assert_int_equal(number(db, "SELECT x FROM extra"), 3);
	assert_ok(fs_list(backup, 10, count_entry, &copies, err));
	assert_true(copies >= 1);
	db_close(db);
	mem_free(path);
	mem_free(backup);
}

static void a_migration_without_room_for_its_backup_does_not_begin(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db"), *backup = fs_join(f->dir, "assay.db/backup");
	const char *const more[] = { "CREATE TABLE extra (x)", NULL };
	const char *steps[STEPS_MAX];
	struct db *db = NULL;
	struct err why = { 0 };

	assert_ok(db_open_plain(path, &db, err));
	assert_int_not_equal(schema_migrate(db, steps, with_more(steps, more), backup, &why), ERR_OK);
	assert_int_equal(number(db, "PRAGMA user_version"), schema_n_steps);
	db_close(db);
	mem_free(path);
	mem_free(backup);
}

/* What the first version wrote is all there after every later step. */
static void a_database_of_the_first_version_is_migrated_with_its_rows(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct db old = { 0 }, *db = NULL;

	assert_int_equal(sqlite3_open(path, &old.conn), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old.conn, schema_steps[0], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old.conn, "PRAGMA user_version = 1; INSERT INTO setting VALUES ('k', 'v')", NULL,
				      NULL, NULL), SQLITE_OK);
	sqlite3_close(old.conn);
	assert_ok(db_open_plain(path, &db, err));
	assert_int_equal(number(db, "PRAGMA user_version"), schema_n_steps);
	assert_int_equal(number(db, "SELECT count(*) FROM setting WHERE name = 'k'"), 1);
	answer(db, cell_id_of(db, add_run_of(db, 1, 1), 0, 0), "an answer");
	db_close(db);
	mem_free(path);
}

static void older_entries_of_the_audit_say_what_and_to_what(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct arena *a = arena_new();
	struct db old = { 0 }, *db = NULL;
	struct audit_row *rows;
	size_t n;

	assert_int_equal(sqlite3_open(path, &old.conn), SQLITE_OK);
	for (int i = 0; i < 13; i++)
		assert_int_equal(sqlite3_exec(old.conn, schema_steps[i], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old.conn, "PRAGMA user_version = 13; INSERT INTO audit(at_ms, who, what, source) VALUES"
				      " (1, 'owner', 'login', 'loopback'), (2, 'owner', 'remove run', '7'),"
				      " (3, 'owner', 'key from a command', 'http://lab')", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(old.conn);
	assert_ok(db_open_plain(path, &db, err));
	assert_ok(audit_list(db, a, 0, 10, &rows, &n, err));
	assert_int_equal(n, 3);
	assert_string_equal(rows[0].what, "set_key");
	assert_string_equal(rows[0].subject, "http://lab: command");
	assert_string_equal(rows[1].what, "remove_run");
	assert_string_equal(rows[1].subject, "7");
	assert_string_equal(rows[1].source, "");
	assert_string_equal(rows[2].what, "login");
	assert_string_equal(rows[2].source, "loopback");
	db_close(db);
	arena_free(a);
	mem_free(path);
}

static void providers_elsewhere_get_the_limit_that_new_ones_have(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct db old = { 0 }, *db = NULL;

	assert_int_equal(sqlite3_open(path, &old.conn), SQLITE_OK);
	for (int i = 0; i < 16; i++)
		assert_int_equal(sqlite3_exec(old.conn, schema_steps[i], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old.conn, "PRAGMA user_version = 16; INSERT INTO provider(kind, name, url, concurrency, timeout_s,"
				      " created_ms) VALUES ('openai', 'far', 'https://203.0.113.7/v1', 4, 120, 1),"
				      " ('openai', 'near', 'http://127.0.0.1:8000/v1', 4, 120, 1)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(old.conn);
	assert_ok(db_open_plain(path, &db, err));
	assert_int_equal(number(db, "SELECT max_requests FROM provider WHERE name = 'far'"), LIMIT_REQUESTS_DEFAULT);
	assert_int_equal(number(db, "SELECT max_requests FROM provider WHERE name = 'near'"), 0);
	db_close(db);
	mem_free(path);
}

/* Each question with a like was rated, by whoever liked something of it. */
static void votes_of_an_older_version_are_ratings(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct db old = { 0 }, *db = NULL;

	assert_int_equal(sqlite3_open(path, &old.conn), SQLITE_OK);
	for (int i = 0; i < 14; i++)
		assert_int_equal(sqlite3_exec(old.conn, schema_steps[i], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old.conn, "PRAGMA user_version = 14;"
				      " INSERT INTO run VALUES (1, 'r', 0, 0, 3, 0, 0, 0, 1, '{}', 0, 2, 2, NULL);"
				      " INSERT INTO question(id, run_id, position, n_likes, line, text, reference, system, tags, source_id)"
				      " VALUES (1, 1, 0, 2, 0, 'a', '', '', '', ''), (2, 1, 1, 0, 0, 'b', '', '', '', '');"
				      " INSERT INTO cell(id, column_id, state) VALUES (64, 1, 1), (65, 2, 1), (128, 1, 1), (129, 2, 1);"
				      " INSERT INTO vote VALUES (64, 1, 50), (65, 1, 40)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(old.conn);
	assert_ok(db_open_plain(path, &db, err));
	assert_int_equal(number(db, "SELECT count(*) FROM rating"), 1);
	assert_int_equal(number(db, "SELECT rated_ms FROM rating WHERE question_id = 1 AND rater_id = 1"), 40);
	assert_int_equal(number(db, "SELECT n_ratings FROM question WHERE id = 1"), 1);
	assert_int_equal(number(db, "SELECT n_ratings FROM question WHERE id = 2"), 0);
	db_close(db);
	mem_free(path);
}

/* Questions of before have no record, and new ones beside them have. */
static void questions_of_an_older_version_have_no_record(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct db old = { 0 }, *db = NULL;

	assert_int_equal(sqlite3_open(path, &old.conn), SQLITE_OK);
	for (int i = 0; i < 15; i++)
		assert_int_equal(sqlite3_exec(old.conn, schema_steps[i], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old.conn, "PRAGMA user_version = 15;"
				      " INSERT INTO run VALUES (1, 'r', 0, 0, 3, 0, 0, 0, 1, '{}', 0, 1, 1, NULL);"
				      " INSERT INTO question(id, run_id, position, line, text, reference, system, tags, source_id)"
				      " VALUES (1, 1, 0, 0, 'a', '', '', '', 'k')", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(old.conn);
	assert_ok(db_open_plain(path, &db, err));
	assert_int_equal(number(db, "SELECT count(*) FROM question WHERE text = 'a' AND record IS NULL"), 1);
	struct question q = question_of("b", "");
	q.record = STR("{\"n\":1}");
	assert_ok(run_store_add_questions(db, 1, &q, 1, err));
	assert_int_equal(number(db, "SELECT record = '{\"n\":1}' FROM question WHERE run_id = 1 AND position = 1"), 1);
	db_close(db);
	mem_free(path);
}

/* Links of before are for rating, and what was rated by them stays. */
static void links_of_an_older_version_are_for_rating(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct db old = { 0 }, *db = NULL;
	struct arena *a = arena_new();
	struct panel_row panel;

	assert_int_equal(sqlite3_open(path, &old.conn), SQLITE_OK);
	for (int i = 0; i < 17; i++)
		assert_int_equal(sqlite3_exec(old.conn, schema_steps[i], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old.conn, "PRAGMA user_version = 17;"
				      " INSERT INTO run VALUES (1, 'r', 0, 0, 3, 0, 0, 0, 1, '{}', 0, 2, 2, NULL);"
				      " INSERT INTO panel(run_id, title, code_hash, max_raters, created_ms, expires_ms)"
				      " VALUES (1, 'Which?', 'one', 5, 10, 1000);"
				      " INSERT INTO rater(name, created_ms, panel_id) VALUES ('Ann', 20, 1)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(old.conn);
	assert_ok(db_open_plain(path, &db, err));
	assert_ok(panel_store_find(db, a, PANEL_RATE, "one", 500, &panel, err));
	assert_int_equal(panel.kind, PANEL_RATE);
	assert_string_equal(panel.title, "Which?");
	assert_int_equal(panel.n_viewers, 0);
	assert_int_equal(number(db, "SELECT count(*) FROM rater WHERE panel_id = 1"), 1);
	db_close(db);
	arena_free(a);
	mem_free(path);
}

/* Names that were the same until then. */
static void workspaces_get_names_of_their_own(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct db old = { 0 }, *db = NULL;

	assert_int_equal(sqlite3_open(path, &old.conn), SQLITE_OK);
	for (int i = 0; i < 6; i++)
		assert_int_equal(sqlite3_exec(old.conn, schema_steps[i], NULL, NULL, NULL), SQLITE_OK);
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "Bot", "Bot", "Bot-2", "Other" };
		char *sql = mem_printf("PRAGMA user_version = 6; INSERT INTO workspace(name, model_id, run_id, column_id, params,"
				       " n_passages, created_ms, updated_ms) VALUES ('%s', 1, 0, 0, '{}', 4, 0, %d)", names[i], -i);
		assert_int_equal(sqlite3_exec(old.conn, sql, NULL, NULL, NULL), SQLITE_OK);
		mem_free(sql);
	}
	sqlite3_close(old.conn);
	assert_ok(db_open_plain(path, &db, err));
	assert_int_equal(number(db, "SELECT count(DISTINCT api_name) FROM workspace WHERE api_name LIKE name || '%'"), 4);
	assert_int_equal(number(db, "SELECT id FROM workspace WHERE api_name = 'Bot'"), 1);
	assert_int_equal(number(db, "SELECT id FROM workspace WHERE api_name = 'Other'"), 4);
	db_close(db);
	mem_free(path);
}

/* The child is killed between the two statements of a step: the next start finds the old schema whole. */
static void a_migration_killed_midway_is_done_again(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct db *db = NULL;

	assert_ok(db_open_plain(path, &db, err));
	assert_ok(setting_set(db, "k", "v", err));
	db_close(db);
	pid_t child = fork();
	if (child == 0) {
		struct err err;
		if (db_open_plain(path, &db, &err) == ERR_OK && db_exec(db, "BEGIN IMMEDIATE", &err) == ERR_OK &&
		    db_exec(db, "CREATE TABLE extra (x); PRAGMA user_version = 99", &err) == ERR_OK)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	int status;
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_ok(db_open_plain(path, &db, err));
	assert_int_equal(number(db, "PRAGMA user_version"), schema_n_steps);
	assert_int_equal(number(db, "SELECT count(*) FROM setting"), 1);
	db_close(db);
	mem_free(path);
}

/* --- damage --- */

static void use_everything(struct db *db)
{
	struct err err;
	struct arena *a = arena_new();
	struct run_row *runs;
	struct run_row run;
	struct column_row *columns;
	struct run_question *rq;
	size_t n, n_columns;
	int64_t total, likes, column_likes;

	if (run_store_list(db, a, &(struct run_search){ "", -1, 0, 50 }, &runs, &n, &err) == ERR_OK)
		(void)!run_store_get(db, a, 1, &run, &columns, &n_columns, &err);
	for (int filter = RUN_ALL; filter <= RUN_FAILED; filter++)
		(void)!run_store_page(db, a, 1, (enum run_filter)filter, 0, 100, &rq, &n, &total, &err);
	(void)!vote_store_set(db, 64, 1, true, &likes, &column_likes, &err);
	(void)!run_store_cancel_waiting(db, 1, &err);
	(void)!run_store_remove(db, 1, &err);
	arena_free(a);
}

static void flipped_bytes_never_crash(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "good.db"), *copy = fs_join(f->dir, "copy.db");
	struct buf good = BUF_INIT(8 << 20);
	struct db *db = NULL;
	uint64_t random = 1;
	int refused = 0;

	assert_ok(db_open_plain(path, &db, err));
	int64_t id = add_run_of(db, 40, 3);
	for (int i = 0; i < 40; i++)
		answer(db, cell_id_of(db, id, i, (size_t)(i % 3)), "an answer of some length that fills its page a little");
	db_close(db);
	assert_ok(fs_read(path, &good, err));
	for (int i = 0; i < 200; i++) {
		char *data = mem_copy(good.ptr, good.len);
		uint64_t flips = 1 + seed_mix(random, 7) % 16;
		for (uint64_t k = 0; k < flips; k++) {
			random = seed_mix(random, k);
			/* half of them in the first page, where the header and the schema are */
			size_t at = (size_t)(random >> 8) % (random & 1 ? good.len : 4096);
			data[at] = (char)(random >> 40);
		}
		assert_ok(fs_write(copy, data, good.len, err));
		mem_free(data);
		struct err err = { 0 };
		db = NULL;
		if (db_open_plain(copy, &db, &err) == ERR_OK)
			use_everything(db);
		else
			refused++;
		db_close(db);
		char *wal = mem_printf("%s-wal", copy), *shm = mem_printf("%s-shm", copy);
		unlink(wal), unlink(shm);
		mem_free(wal), mem_free(shm);
	}
	assert_true(refused > 20);
	buf_release(&good);
	mem_free(path);
	mem_free(copy);
}

static void a_file_that_is_no_database_is_named_as_damaged(void **state)
{
	struct fixture *f = *state;
	char *path = fs_join(f->dir, "assay.db");
	struct store *s = NULL;
	char junk[8192];

	memset(junk, 'x', sizeof junk);
	assert_ok(fs_write(path, junk, sizeof junk, err));
	assert_err(store_open(f->dir, f->home, &s, err), ERR_DATA, "err_store_corrupt");
	mem_free(path);
}

static void the_same_statement_may_be_read_twice_at_a_time(void **state)
{
	(void)state;
	static const char sql[] = "SELECT value FROM json_each('[1,2]')";
	struct db *db = NULL;

	assert_ok(db_open_plain(":memory:", &db, err));
	struct query outer = query_start(db, NULL, sql, "");
	assert_true(query_next(&outer));
	struct query inner = query_start(db, NULL, sql, "");
	assert_true(query_next(&inner) && query_next(&inner));
	assert_int_equal(row_int(&inner, 0), 2);
	assert_int_equal(query_end(&inner), ERR_OK);
	assert_int_equal(row_int(&outer, 0), 1);
	assert_true(query_next(&outer));
	assert_false(query_next(&outer));
	assert_int_equal(query_end(&outer), ERR_OK);
	db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(written_settings_are_read_by_the_other_thread_and_survive),
		TEST(the_data_is_private),
		TEST(a_failed_task_is_undone_alone),
		TEST(a_cancelled_task_does_not_run),
		TEST(the_reader_cannot_write),
		TEST(what_was_posted_before_the_close_is_finished),
		TEST(a_second_server_on_the_same_data_is_refused_with_its_address),
		TEST(who_comes_while_the_holder_starts_is_told_its_name),
		TEST(of_many_parallel_starts_exactly_one_wins),
		TEST(a_newer_schema_is_refused_and_left_alone),
		TEST(a_migration_copies_first_and_a_broken_one_changes_nothing),
		TEST(a_migration_without_room_for_its_backup_does_not_begin),
		TEST(a_database_of_the_first_version_is_migrated_with_its_rows),
		TEST(votes_of_an_older_version_are_ratings),
		TEST(links_of_an_older_version_are_for_rating),
		TEST(workspaces_get_names_of_their_own),
		TEST(providers_elsewhere_get_the_limit_that_new_ones_have),
		TEST(older_entries_of_the_audit_say_what_and_to_what),
		TEST(questions_of_an_older_version_have_no_record),
		TEST(a_migration_killed_midway_is_done_again),
		TEST(flipped_bytes_never_crash),
		TEST(a_file_that_is_no_database_is_named_as_damaged),
		TEST(the_same_statement_may_be_read_twice_at_a_time),
	};
	log_set_quiet(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
