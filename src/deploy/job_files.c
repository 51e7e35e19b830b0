/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/job_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/reaper.h"

#define COPY_CHUNK (4 * MIB)
#define SAME_NAMES_MAX 10000

static void remove_all(const char *path)
{
	if (!fs_remove_tree(path))
		log_warn("deploy", "not removed path=%s errno=%d", path, errno);
}

enum err_code job_dir_make(const char *path, struct err *err)
{
	remove_all(path);
	return fs_make_dirs(path, err);
}

struct removal {
	struct task task;
	char *path;
};

static void run_removal(struct task *task, void *context)
{
	(void)context;
	(void)reaper_await(REAPER_AWAIT_MS); /* a worker's last write; what comes later is removed by the next start */
	remove_all(((struct removal *)task)->path);
}

static void removal_done(struct task *task)
{
	struct removal *r = (struct removal *)task;

	mem_free(r->path);
	mem_free(r);
}

void job_dir_remove_later(struct executor *work, const char *path)
{
	struct removal *r = mem_alloc(sizeof *r);

	*r = (struct removal){ .task = { .run = run_removal, .done = removal_done }, .path = mem_strdup(path) };
	executor_post(work, &r->task);
}

/* --- names --- */

static bool is_good_byte(unsigned char c)
{
	return c > 0x20 && c != 0x7f && !strchr("/\\:*?\"<>|$`'&;()[]{}!#~", c);
}

char *artifact_file_name(struct arena *a, const char *name, const char *format)
{
	char clean[128];
	size_t n = 0;

	for (; *name && n + 1 < sizeof clean; name++) {
		unsigned char c = (unsigned char)*name;
		if (is_good_byte(c))
			clean[n++] = (char)c;
		else if (n > 0 && clean[n - 1] != '-')
			clean[n++] = '-';
	}
	n = utf8_whole((struct str){ clean, n }); /* no half character at the end */
	while (n > 0 && (clean[n - 1] == '-' || clean[n - 1] == '.'))
		n--;
	clean[n] = 0;
	const char *from = clean;
	while (*from == '.' || *from == '-')
		from++;
	if (!*from)
		from = "model";
	return strcasestr(from, format) ? arena_printf(a, "%s.gguf", from) : arena_printf(a, "%s.%s.gguf", from, format);
}

char *artifact_free_path(struct arena *a, const char *data_dir, const char *file)
{
	char *path = arena_printf(a, "%s/artifacts/%s", data_dir, file);
	int stem = (int)(strlen(file) - strlen(".gguf"));

	for (int i = 2; fs_exists(path) && i < SAME_NAMES_MAX; i++)
		path = arena_printf(a, "%s/artifacts/%.*s-%d.gguf", data_dir, stem, file, i);
	return path;
}

/* --- publishing --- */

static enum err_code copy_bytes(int in, int out, const char *path, const atomic_bool *cancel, struct err *err)
{
	char *chunk = mem_alloc(COPY_CHUNK);
	enum err_code code = ERR_OK;
	ssize_t n = 0;

	while (code == ERR_OK && (n = read(in, chunk, COPY_CHUNK)) > 0) {
		for (ssize_t at = 0, m; at < n && code == ERR_OK; at += m) {
			m = write(out, chunk + at, (size_t)(n - at));
			if (m < 0 && errno == EINTR)
				m = 0;
			else if (m < 0)
				code = fs_error(err, errno, "err_fs_write", path);
		}
		if (code == ERR_OK && atomic_load(cancel))
			code = err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	}
	if (code == ERR_OK && n < 0)
		code = fs_error(err, errno, "err_fs_read", path);
	mem_free(chunk);
	return code;
}

char *artifact_part_path(const char *path)
{
	return mem_printf("%s.%ld.part", path, (long)getpid());
}

/* What has come to `path` since it was checked is nobody's leave to replace it. */
static enum err_code put(int fd, const char *part, const char *path, bool replace, struct err *err)
{
	return replace ? fs_publish(fd, part, path, err) : fs_publish_new(fd, part, path, err);
}

/* The copy lies beside the target until it is whole. */
static enum err_code copy_file(const char *from, const char *path, bool replace, const atomic_bool *cancel, struct err *err)
{
	char *beside = artifact_part_path(path);
	uint64_t size;
	int in = fs_open(from, &size, err), out = -1;
	enum err_code code = in < 0 ? err->code : ERR_OK;

	if (code == ERR_OK) {
		out = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (out < 0)
			code = fs_error(err, errno, "err_fs_write", beside);
	}
	if (code == ERR_OK)
		code = copy_bytes(in, out, path, cancel, err);
	if (code == ERR_OK)
		code = put(out, beside, path, replace, err);
	else if (out >= 0) {
		close(out);
		(void)unlink(beside);
	}
	if (in >= 0)
		close(in);
	mem_free(beside);
	return code;
}

static bool same_file_system(const char *part, const char *path)
{
	struct stat a, b;
	char *dir = fs_dirname(path);
	bool same = stat(part, &a) == 0 && stat(dir, &b) == 0 && a.st_dev == b.st_dev;

	mem_free(dir);
	return same;
}

static enum err_code check_target(const char *path, bool replace, struct err *err)
{
	char *dir = fs_dirname(path);
	enum err_code code = fs_make_dirs(dir, err);

	mem_free(dir);
	if (code == ERR_OK && !replace && fs_exists(path))
		code = err_set(err, ERR_CONFLICT, "err_file_exists", "field=path|path=%s", path);
	return code;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;
	return b && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether the folder `dir` is `top` or lies in it, links resolved. */
static bool lies_in(const char *dir, const char *top)
{
	char *a = realpath(dir, NULL), *b = realpath(top, NULL);
	size_t len = b ? strlen(b) : 0;
	bool inside = a && b && strncmp(a, b, len) == 0 && (a[len] == 0 || a[len] == '/');

	free(a);
	free(b);
	return inside;
}

enum err_code artifact_check_target(const char *path, bool replace, const char *data_dir, const char *base,
				    const char *adapter, struct err *err)
{
	char *dir = fs_dirname(path), *ours = mem_printf("%s/artifacts", data_dir);
	enum err_code code = fs_exists(dir) || strcmp(dir, ours) == 0 ?
				     check_target(path, replace, err) :
				     err_set(err, ERR_NOT_FOUND, "err_create_no_folder", "field=path|path=%s", dir);

	if (code == ERR_OK && fs_is_dir(path))
		code = err_set(err, ERR_INVALID, "err_fs_is_folder", "field=path|path=%s", path);
	else if (code == ERR_OK && lies_in(dir, data_dir) && !lies_in(dir, ours))
		code = err_set(err, ERR_INVALID, "err_path_is_ours", "field=path|path=%s", path);
	else if (code == ERR_OK && (same_file(path, base) || same_file(path, adapter)))
		code = err_set(err, ERR_CONFLICT, "err_path_is_model", "field=path|path=%s", path);
	else if (code == ERR_OK && access(dir, W_OK | X_OK) != 0)
		code = fs_error(err, errno, "err_fs_write", dir);
	mem_free(dir);
	mem_free(ours);
	return code;
}

enum err_code artifact_copy(const char *from, const char *path, bool replace, const atomic_bool *cancel, struct err *err)
{
	if (check_target(path, replace, err) != ERR_OK)
		return err->code;
	return copy_file(from, path, replace, cancel, err);
}

enum err_code artifact_publish(const char *part, const char *path, bool replace, const atomic_bool *cancel, struct err *err)
{
	if (check_target(path, replace, err) != ERR_OK)
		return err->code;
	if (!same_file_system(part, path)) {
		enum err_code code = copy_file(part, path, replace, cancel, err);
		if (code == ERR_OK)
			(void)unlink(part);
		return code;
	}
	int fd = open(part, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fs_error(err, errno, "err_fs_read", part);
	return put(fd, part, path, replace, err);
}
