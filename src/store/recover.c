/* SPDX-License-Identifier: Apache-2.0 */
#include "store/recover.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backup.h"
#include "store/lock.h"
#include "store/schema.h"
#include "store/sql.h"

/* ERR_OK: all of it can be read. */
static enum err_code look_at(const char *path, struct err *problem)
{
	struct db *db = NULL;
	enum err_code code = db_open_file(path, false, &db, problem);

	if (code == ERR_OK)
		code = schema_check_all(db, problem);
	db_close(db);
	return code;
}

/* The newest copy that is whole, of every kind; NULL: none. */
static char *find_copy(const char *data_dir, int64_t *made_ms)
{
	int64_t before = INT64_MAX;
	struct err problem;
	char *path;

	while ((path = backup_newest_of_all(data_dir, before, made_ms)) != NULL) {
		if (look_at(path, &problem) == ERR_OK)
			return path;
		log_warn("store", "this copy is damaged too path=%s", path);
		mem_free(path);
		if (*made_ms == 0)
			break;
		before = *made_ms - 1;
	}
	return NULL;
}

static const char *const files[] = { "assay.db", "assay.db-wal", "assay.db-shm" };
#define N_FILES (sizeof files / sizeof *files)

/* The damaged files get a second name each, so that they are in `dir` before anything is in their place. */
static enum err_code keep(const char *data_dir, const char *dir, struct err *err)
{
	enum err_code code = fs_make_dirs(dir, err);

	for (size_t i = 0; i < N_FILES && code == ERR_OK; i++) {
		char *from = fs_join(data_dir, files[i]), *to = fs_join(dir, files[i]);
		if (link(from, to) != 0 && errno != ENOENT)
			code = fs_error(err, errno, "err_fs_write", to);
		mem_free(from);
		mem_free(to);
	}
	return code;
}

/* What a journal has belongs to the file it was written for: it goes before the copy comes. */
static enum err_code put(const char *data_dir, const char *copy, struct err *err)
{
	char *path = fs_join(data_dir, files[0]);
	struct db *db = NULL;

	enum err_code code = db_open_file(copy, false, &db, err);
	for (size_t i = 1; i < N_FILES && code == ERR_OK; i++) {
		char *journal = fs_join(data_dir, files[i]);
		if (unlink(journal) != 0 && errno != ENOENT)
			code = fs_error(err, errno, "err_fs_write", journal);
		mem_free(journal);
	}
	if (code == ERR_OK)
		code = backup_write(db, path, NULL, err);
	db_close(db);
	mem_free(path);
	return code;
}

static enum err_code recover(const char *data_dir, struct recovery *out, struct err *err)
{
	char *path = fs_join(data_dir, files[0]);
	bool exists = fs_exists(path);
	enum err_code code = exists ? ERR_OK : err_set(err, ERR_NOT_FOUND, "err_fs_not_found", "path=%s", path);

	if (code == ERR_OK && look_at(path, &out->problem) != ERR_OK) {
		out->copy = find_copy(data_dir, &out->made_ms);
		out->kept = mem_printf("%s/damaged-%lld", data_dir, (long long)clock_wall_ms());
		if (!out->copy)
			code = err_set(err, ERR_DATA, "err_store_no_copy", "path=%s", data_dir);
		if (code == ERR_OK)
			code = keep(data_dir, out->kept, err);
		if (code == ERR_OK)
			code = put(data_dir, out->copy, err);
	}
	mem_free(path);
	return code;
}

enum err_code store_recover(const char *data_dir, struct recovery *out, struct err *err)
{
	*out = (struct recovery){ 0 };
	if (!fs_is_dir(data_dir))
		return err_set(err, ERR_NOT_FOUND, "err_fs_not_found", "path=%s", data_dir);
	int lock = lock_take(data_dir, err);
	if (lock < 0)
		return err->code;
	enum err_code code = recover(data_dir, out, err);
	close(lock);
	return code;
}

void recovery_free(struct recovery *r)
{
	mem_free(r->copy);
	mem_free(r->kept);
	*r = (struct recovery){ 0 };
}
