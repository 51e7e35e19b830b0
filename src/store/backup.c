/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/sql.h"

#define WEEK_MS (7 * 24 * 60 * 60 * 1000LL)
#define PREFIX "assay-week-"
#define SUFFIX ".db"
#define NAME_BYTES 64
#define FOLDER_ENTRIES 10000
#define STEP_PAGES 512 /* then whoever else wants the disk has a turn */
#define STEP_PAUSE_US 2000
#define SPARE (256 * MIB)

static enum err_code failed(int rc, const char *path, struct err *err)
{
	if ((rc & 0xff) == SQLITE_FULL)
		return fs_error(err, ENOSPC, "err_store_backup", path);
	return err_set(err, ERR_IO, "err_store_backup", "path=%s|reason=%s", path, sqlite3_errstr(rc));
}

static enum err_code copy_pages(struct db *db, struct db *copy, const char *path, const atomic_bool *stop, struct err *err)
{
	sqlite3_backup *backup = sqlite3_backup_init(copy->conn, "main", db->conn, "main");
	int rc = SQLITE_OK;

	if (!backup)
		return failed(sqlite3_errcode(copy->conn), path, err);
	while (rc == SQLITE_OK && !(stop && atomic_load(stop))) {
		rc = sqlite3_backup_step(backup, STEP_PAGES);
		if (rc == SQLITE_OK && stop)
			usleep(STEP_PAUSE_US);
	}
	int ended = sqlite3_backup_finish(backup);
	if (rc == SQLITE_DONE && ended == SQLITE_OK) /* a file of its own: no journal appears beside it when it is read */
		ended = sqlite3_exec(copy->conn, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	if (rc == SQLITE_DONE)
		return ended == SQLITE_OK ? ERR_OK : failed(ended, path, err);
	return rc == SQLITE_OK ? err_set(err, ERR_CANCELLED, "err_cancelled", NULL) : failed(rc, path, err);
}

enum err_code backup_write(struct db *db, const char *path, const atomic_bool *stop, struct err *err)
{
	char *part = mem_printf("%s.part", path);
	struct db copy = { 0 };
	int fd;

	(void)unlink(part);
	fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* private before SQLite writes there */
	if (fd >= 0)
		close(fd);
	int rc = sqlite3_open_v2(part, &copy.conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	enum err_code code = rc == SQLITE_OK ? copy_pages(db, &copy, path, stop, err) : failed(rc, path, err);
	sqlite3_close(copy.conn);
	if (code == ERR_OK) {
		fd = open(part, O_RDWR | O_CLOEXEC);
		code = fd >= 0 ? fs_publish(fd, part, path, err) : fs_error(err, errno, "err_store_backup", path);
	}
	if (code != ERR_OK)
		(void)unlink(part);
	mem_free(part);
	return code;
}

/* --- the weekly ones --- */

/* Visits a folder for the newest copy that is not newer than `before_ms`. */
struct search {
	int64_t before_ms, found_ms; /* found_ms -1: none */
	bool weekly;                 /* only these */
	char name[NAME_BYTES];
};

/* "assay-week-MS.db", or "assay-vVERSION-MS.db" from before an update. */
static bool time_of(const char *name, bool weekly, int64_t *ms)
{
	struct str text = str_of(name);
	const char *time = strrchr(name, '-');

	if (!time || !str_starts(text, weekly ? PREFIX : "assay-") || !str_ends(text, SUFFIX) || text.len >= NAME_BYTES)
		return false;
	text = str_of(time + 1);
	text.len -= strlen(SUFFIX);
	return str_to_i64(text, ms) && *ms >= 0;
}

static bool look_at(void *user, const char *name, bool is_dir)
{
	struct search *search = user;
	int64_t ms;

	if (!is_dir && time_of(name, search->weekly, &ms) && ms <= search->before_ms && ms > search->found_ms) {
		search->found_ms = ms;
		(void)str_format(search->name, sizeof search->name, "%s", name);
	}
	return true;
}

static char *newest(const char *data_dir, bool weekly, int64_t before_ms, int64_t *made_ms)
{
	char *dir = fs_join(data_dir, "backup");
	struct search search = { .before_ms = before_ms, .found_ms = -1, .weekly = weekly };
	struct err ignored;

	if (fs_list(dir, FOLDER_ENTRIES, look_at, &search, &ignored) != ERR_OK)
		log_debug("store", "no backups yet in %s", dir);
	char *path = search.found_ms < 0 ? NULL : fs_join(dir, search.name);
	mem_free(dir);
	*made_ms = search.found_ms;
	return path;
}

char *backup_newest(const char *data_dir, int64_t before_ms, int64_t *made_ms)
{
	return newest(data_dir, true, before_ms, made_ms);
}

char *backup_newest_of_all(const char *data_dir, int64_t before_ms, int64_t *made_ms)
{
	return newest(data_dir, false, before_ms, made_ms);
}

bool backup_is_due(const char *data_dir, int64_t wall_ms)
{
	int64_t made_ms;

	/* One from the future (the clock was wrong) does not count. */
	mem_free(backup_newest(data_dir, wall_ms, &made_ms));
	return made_ms < 0 || wall_ms - made_ms >= WEEK_MS;
}

static void remove_old(const char *data_dir)
{
	int64_t before = INT64_MAX;
	char *path;

	for (int n = 1; (path = backup_newest(data_dir, before, &before)) != NULL; n++) {
		if (n > BACKUPS_KEPT && unlink(path) != 0) {
			log_warn("store", "an old backup could not be removed path=%s", path);
			mem_free(path);
			return;
		}
		mem_free(path);
		if (before-- == 0)
			return;
	}
}

static enum err_code check_room(const char *data_dir, struct err *err)
{
	char *path = fs_join(data_dir, "assay.db");
	struct stat st;
	uint64_t size = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	enum err_code code = fs_free_space(data_dir) >= 2 * size + SPARE ? ERR_OK : fs_error(err, ENOSPC, "err_store_backup", path);

	mem_free(path);
	return code;
}

enum err_code backup_make(const struct store *s, int64_t wall_ms, const atomic_bool *stop, struct err *err)
{
	const char *data_dir = store_data_dir(s);
	char *dir = fs_join(data_dir, "backup");
	char *path = mem_printf("%s/" PREFIX "%lld" SUFFIX, dir, (long long)wall_ms);
	struct db *db = NULL;

	enum err_code code = check_room(data_dir, err);
	if (code == ERR_OK)
		code = fs_make_dirs(dir, err);
	if (code == ERR_OK)
		code = store_open_reader(s, &db, err);
	if (code == ERR_OK)
		code = backup_write(db, path, stop, err);
	if (code == ERR_OK) {
		log_info("store", "backup path=%s", path);
		remove_old(data_dir);
	}
	db_close(db);
	mem_free(path);
	mem_free(dir);
	return code;
}
