/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"

#define LIFE_MS (24 * 60 * 60 * 1000LL)
#define NAME_SUFFIX ".name" /* beside the upload: what the user's file was called */
#define FILES_MAX 100000

char *upload_path(const char *data_dir, const char *upload)
{
	return mem_printf("%s/uploads/%s", data_dir, upload);
}

int upload_create(struct request *r, struct err *err)
{
	const char *dir = store_data_dir(r->app->store);
	char *folder = fs_join(dir, "uploads");
	int fd = -1;
	if (fs_make_dirs(folder, err) == ERR_OK) {
		r->upload = arena_printf(r->arena, "%016llx%016llx", (unsigned long long)random_u64(),
					 (unsigned long long)random_u64());
		char *path = upload_path(dir, r->upload);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			(void)!fs_error(err, errno, "err_fs_write", path);
		mem_free(path);
	}
	mem_free(folder);
	return fd;
}

enum err_code upload_write(int fd, const char *data_dir, const void *data, size_t len, struct err *err)
{
	const char *at = data;
	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			char *folder = fs_join(data_dir, "uploads");
			enum err_code code = fs_error(err, errno, "err_fs_write", folder);
			mem_free(folder);
			return code;
		}
		at += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

void upload_remove(const char *data_dir, const char *upload)
{
	char *path = upload_path(data_dir, upload);
	char *name = mem_printf("%s" NAME_SUFFIX, path);
	(void)unlink(path);
	(void)unlink(name);
	mem_free(name);
	mem_free(path);
}

void upload_abandon(struct request *r, int fd, bool keep)
{
	close(fd);
	if (!keep)
		upload_remove(store_data_dir(r->app->store), r->upload);
}

enum err_code upload_read(const char *data_dir, const char *upload, struct arena *a, struct buf *out, const char **name,
			  struct err *err)
{
	struct buf title = BUF_INIT(4 * KIB);
	char *path = upload_path(data_dir, upload);
	char *name_path = mem_printf("%s" NAME_SUFFIX, path);
	enum err_code code = fs_exists(path) ? fs_read(path, out, err)
					     : err_set(err, ERR_NOT_FOUND, "err_upload_not_found", "upload=%s", upload);
	*name = fs_read(name_path, &title, NULL) == ERR_OK ? arena_strdup(a, buf_text(&title)) : "";
	buf_release(&title);
	mem_free(name_path);
	mem_free(path);
	return code;
}

struct sweep {
	const char *data_dir;
	const char *folder;
};

static bool remove_old(void *user, const char *name, bool is_dir)
{
	const struct sweep *sweep = user;
	struct stat st;
	char *path = fs_join(sweep->folder, name);
	if (!is_dir && lstat(path, &st) == 0 && clock_wall_ms() - (int64_t)st.st_mtime * 1000 > LIFE_MS)
		(void)unlink(path);
	mem_free(path);
	return true;
}

void upload_clean(const char *data_dir)
{
	char *folder = fs_join(data_dir, "uploads");
	struct sweep sweep = { data_dir, folder };
	if (fs_is_dir(folder) && fs_list(folder, FILES_MAX, remove_old, &sweep, NULL) != ERR_OK)
		errno = 0; /* the next hour tries again */
	mem_free(folder);
}
