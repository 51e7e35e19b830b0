/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/lock.h"
#include "store/schema.h"
#include "store/sql.h"

#define BATCH_MAX 256
#define LOW_SPACE (32 * MIB)
#define ENOUGH_SPACE (96 * MIB)
#define LARGEST_VALUE ((int)(64 * MIB))

struct store {
	char *dir;
	int lock_fd;
	struct queue *home;
	struct db *writer, *reader;
	struct executor *write_thread, *read_thread;
	atomic_bool low_space;
};

/* --- connections --- */

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->n_statements; i++)
		sqlite3_finalize(db->statements[i].stmt);
	if (sqlite3_close(db->conn) != SQLITE_OK)
		log_error("store", "closed with open statements: %s", sqlite3_errmsg(db->conn));
	mem_free(db->statements);
	mem_free(db);
}

/* Makes the file private before SQLite makes it with the umask; its -wal and -shm then inherit the mode. */
static void make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

static enum err_code db_configure(struct db *db, struct err *err)
{
	sqlite3_extended_result_codes(db->conn, 1);
	sqlite3_busy_timeout(db->conn, 5000);
	sqlite3_db_config(db->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->conn, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_limit(db->conn, SQLITE_LIMIT_LENGTH, LARGEST_VALUE);
	sqlite3_limit(db->conn, SQLITE_LIMIT_ATTACHED, 0);
	return db_exec(db,
		       db->is_writer ? "PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
				       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-4096;"
				       "PRAGMA journal_size_limit=16777216"
				     : "PRAGMA cell_size_check=ON; PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;"
				       "PRAGMA cache_size=-4096",
		       err);
}

enum err_code db_open_file(const char *path, bool is_writer, struct db **out, struct err *err)
{
	struct db *db = mem_alloc(sizeof *db);
	int flags = SQLITE_OPEN_NOMUTEX | (is_writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);

	db->is_writer = is_writer;
	*out = NULL;
	if (is_writer && path[0] != ':')
		make_private(path);
	int rc = sqlite3_open_v2(path, &db->conn, flags, NULL);
	if (!db->conn) {
		mem_free(db);
		return err_set(err, ERR_IO, "err_store_open", "reason=%s", sqlite3_errstr(rc));
	}
	enum err_code code = rc == SQLITE_OK ? db_configure(db, err) : db_error(db, rc, err);
	if (code != ERR_OK) {
		db_close(db);
		return code;
	}
	*out = db;
	return ERR_OK;
}

static enum err_code db_open_migrated(const char *path, const char *backup_dir, struct db **out, struct err *err)
{
	enum err_code code = db_open_file(path, true, out, err);

	if (code == ERR_OK)
		code = schema_migrate(*out, schema_steps, schema_n_steps, backup_dir, err);
	if (code == ERR_OK)
		code = schema_check(*out, err);
	if (code != ERR_OK) {
		db_close(*out);
		*out = NULL;
	}
	return code;
}

enum err_code db_open_plain(const char *path, struct db **out, struct err *err)
{
	return db_open_migrated(path, NULL, out, err);
}

/* --- the store thread: one transaction a batch, one savepoint a task --- */

/* Gives up the reserve when the disk is nearly full and makes it again when there is room. */
static void look_at_space(struct store *s)
{
	uint64_t space = fs_free_space(s->dir);

	if (space < LOW_SPACE && !s->writer->low_space) {
		log_warn("store", "disk nearly full free=%llu", (unsigned long long)space);
		ballast_release(s->dir);
		s->writer->low_space = true;
	} else if (space > ENOUGH_SPACE && s->writer->low_space) {
		ballast_make(s->dir);
		s->writer->low_space = false;
	}
	atomic_store(&s->low_space, s->writer->low_space);
}

static void write_begin(void *context)
{
	struct store *s = context;
	struct db *db = s->writer;

	look_at_space(s);
	db->batch = db->failed;
	if (db->batch.code == ERR_OK)
		(void)!db_exec(db, "BEGIN IMMEDIATE", &db->batch);
}

static enum err_code write_end(void *context, struct err *err)
{
	struct store *s = context;
	struct db *db = s->writer;
	struct err ignored;

	if (db->batch.code == ERR_OK)
		(void)!db_exec(db, "COMMIT", &db->batch);
	if (db->batch.code == ERR_OK)
		return ERR_OK;
	if (!sqlite3_get_autocommit(db->conn) && db_exec(db, "ROLLBACK", &ignored) != ERR_OK)
		log_error("store", "rollback failed: %s", ignored.args);
	if (strcmp(db->batch.key, "err_disk_full") == 0) {
		ballast_release(s->dir);
		db->low_space = true;
	}
	*err = db->batch;
	return err->code;
}

static void read_begin(void *context)
{
	struct store *s = context;

	s->reader->batch = (struct err){ 0 };
	(void)!db_exec(s->reader, "BEGIN", &s->reader->batch);
}

static enum err_code read_end(void *context, struct err *err)
{
	struct store *s = context;

	if (!sqlite3_get_autocommit(s->reader->conn) && db_exec(s->reader, "COMMIT", err) != ERR_OK)
		log_error("store", "end of reading failed: %s", err->args);
	return ERR_OK;
}

/* A task on its way to a thread and home again, with the savepoint around it. */
struct call {
	struct task task;
	struct task *inner;
	struct err *result; /* of the blocking forms, else NULL */
	bool *finished;
};

static void run_in_savepoint(struct db *db, struct task *inner)
{
	struct err err = { 0 };

	if (db->batch.code == ERR_OK)
		(void)!db_run(db, &db->batch, "SAVEPOINT task", "");
	if (db->batch.code != ERR_OK) {
		inner->err = db->batch;
		return;
	}
	inner->run(inner, db);
	/* Some errors (disk full, I/O) make SQLite roll back everything: then nothing of the batch stands. */
	if (sqlite3_get_autocommit(db->conn)) {
		db->batch = db->failed.code != ERR_OK ? db->failed : inner->err;
		if (db->batch.code == ERR_OK)
			err_set(&db->batch, ERR_INTERNAL, "err_store_sql", "reason=%s", "transaction ended");
		return;
	}
	if (inner->err.code != ERR_OK)
		(void)!db_run(db, &err, "ROLLBACK TO task", "");
	if (err.code == ERR_OK)
		(void)!db_run(db, &err, "RELEASE task", "");
	if (err.code != ERR_OK)
		db->batch = err;
	if (db->failed.code != ERR_OK)
		db->batch = db->failed;
}

static void call_run(struct task *task, void *context)
{
	struct call *call = (struct call *)task;
	struct store *s = context;
	struct task *inner = call->inner;

	inner->err = (struct err){ 0 };
	if (atomic_load(&inner->cancelled))
		err_set(&inner->err, ERR_CANCELLED, "err_cancelled", NULL);
	else
		run_in_savepoint(s->writer, inner);
}

static void call_read(struct task *task, void *context)
{
	struct call *call = (struct call *)task;
	struct store *s = context;
	struct task *inner = call->inner;

	inner->err = s->reader->batch;
	if (atomic_load(&inner->cancelled))
		err_set(&inner->err, ERR_CANCELLED, "err_cancelled", NULL);
	else if (inner->err.code == ERR_OK)
		inner->run(inner, s->reader);
}

static void call_done(struct task *task)
{
	struct call *call = (struct call *)task;
	struct task *inner = call->inner;

	if (task->err.code != ERR_OK)
		inner->err = task->err;
	if (call->finished) {
		*call->result = inner->err;
		*call->finished = true;
	}
	if (inner->done)
		inner->done(inner);
	mem_free(call);
}

static struct call *call_new(struct task *inner, bool writes)
{
	struct call *call = mem_alloc(sizeof *call);

	call->task.run = writes ? call_run : call_read;
	call->task.done = call_done;
	call->inner = inner;
	return call;
}

void store_write(struct store *s, struct task *task)
{
	executor_post(s->write_thread, &call_new(task, true)->task);
}

void store_read(struct store *s, struct task *task)
{
	executor_post(s->read_thread, &call_new(task, false)->task);
}

static enum err_code wait_for(struct store *s, struct task *task, bool writes, struct err *err)
{
	struct call *call = call_new(task, writes);
	struct err result = { 0 };
	bool finished = false;

	call->result = &result;
	call->finished = &finished;
	executor_post(writes ? s->write_thread : s->read_thread, &call->task);
	while (!finished) {
		struct pollfd ready = { .fd = queue_fd(s->home), .events = POLLIN };
		poll(&ready, 1, -1);
		queue_drain(s->home);
	}
	if (result.code != ERR_OK && err)
		*err = result;
	return result.code;
}

enum err_code store_write_now(struct store *s, struct task *task, struct err *err)
{
	return wait_for(s, task, true, err);
}

enum err_code store_read_now(struct store *s, struct task *task, struct err *err)
{
	return wait_for(s, task, false, err);
}

/* --- the data directory --- */

static enum err_code open_both(struct store *s, struct err *err)
{
	char *path = fs_join(s->dir, "assay.db");
	char *backup_dir = fs_join(s->dir, "backup");

	enum err_code code = db_open_migrated(path, backup_dir, &s->writer, err);
	if (code == ERR_OK)
		code = db_open_file(path, false, &s->reader, err);
	mem_free(path);
	mem_free(backup_dir);
	return code;
}

enum err_code store_open(const char *data_dir, struct queue *home, struct store **out, struct err *err)
{
	const struct executor_hooks write_hooks = { write_begin, write_end, BATCH_MAX };
	const struct executor_hooks read_hooks = { read_begin, read_end, 1 };

	*out = NULL;
	enum err_code code = fs_make_dirs(data_dir, err);
	if (code != ERR_OK) { /* it is the machine that does not allow it: nobody's data are wrong */
		if (err)
			err->code = ERR_IO;
		return ERR_IO;
	}
	struct store *s = mem_alloc(sizeof *s);
	s->dir = mem_strdup(data_dir);
	s->home = home;
	struct err why = { 0 };
	s->lock_fd = lock_take(data_dir, &why);
	if (s->lock_fd >= 0)
		parts_clear(data_dir);
	code = s->lock_fd < 0 ? why.code : open_both(s, &why);
	if (code != ERR_OK) {
		if (err)
			*err = why;
		store_close(s);
		return code;
	}
	ballast_make(data_dir);
	s->write_thread = executor_start("store", s, &write_hooks, home, err);
	s->read_thread = s->write_thread ? executor_start("reader", s, &read_hooks, home, err) : NULL;
	if (!s->read_thread) {
		store_close(s);
		return ERR_IO;
	}
	*out = s;
	return ERR_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	executor_stop(s->write_thread);
	executor_stop(s->read_thread);
	db_close(s->reader);
	db_close(s->writer);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	mem_free(s->dir);
	mem_free(s);
}

const char *store_data_dir(const struct store *s)
{
	return s->dir;
}

void store_set_address(struct store *s, const char *url)
{
	lock_set_address(s->lock_fd, url);
}

bool store_low_space(const struct store *s)
{
	return atomic_load(&s->low_space);
}

enum err_code store_open_reader(const struct store *s, struct db **out, struct err *err)
{
	char *path = fs_join(s->dir, "assay.db");
	enum err_code code = db_open_file(path, false, out, err);

	if (code == ERR_OK)
		code = db_exec(*out, "BEGIN", err);
	if (code != ERR_OK && *out) {
		db_close(*out);
		*out = NULL;
	}
	mem_free(path);
	return code;
}
