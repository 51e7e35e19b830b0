/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"

#define READ_STEP ((size_t)64 * 1024)

enum err_code fs_error(struct err *err, int why, const char *key, const char *path)
{
	switch (why) {
	case ENOENT:
	case ENOTDIR:
		return err_set(err, ERR_NOT_FOUND, "err_fs_not_found", "path=%s", path);
	case EACCES:
	case EPERM:
	case EROFS:
		return err_set(err, ERR_DENIED, "err_fs_denied", "path=%s", path);
	case ENAMETOOLONG:
		return err_set(err, ERR_INVALID, "err_fs_name_long", "path=%s", path);
	case ELOOP:
		return err_set(err, ERR_DATA, "err_fs_loop", "path=%s", path);
	case ENOSPC:
	case EDQUOT: {
		uint64_t left = fs_free_space(path);
		return err_set(err, ERR_IO, "err_disk_full", "what=%s|path=%s|free=%llu", fs_basename(path), path,
			left == UINT64_MAX ? 0ULL : (unsigned long long)(left / MIB));
	}
	default:
		return err_set_errno(err, why, key, "path=%s", path);
	}
}

int fs_open(const char *path, uint64_t *size, struct err *err)
{
	struct stat st;
	/* O_NONBLOCK: opening a pipe must not wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		fs_error(err, errno, "err_fs_open", path);
		return -1;
	}
	if (fstat(fd, &st) != 0) {
		fs_error(err, errno, "err_fs_open", path);
		goto fail;
	}
	if (S_ISDIR(st.st_mode)) {
		err_set(err, ERR_DATA, "err_fs_is_folder", "path=%s", path);
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_DATA, "err_fs_not_file", "path=%s", path);
		goto fail;
	}
	if (size)
		*size = (uint64_t)st.st_size;
	return fd;
fail:
	close(fd);
	return -1;
}

static enum err_code too_big(struct err *err, const char *path, size_t limit, uint64_t found)
{
	return err_set(err, ERR_LIMIT, "err_fs_too_big", "path=%s|limit=%zu|found=%llu", path, limit,
		(unsigned long long)found);
}

/* Until the end, not until the size that stat() told: files of /proc say 0, others may grow. */
static enum err_code read_to_end(int fd, const char *path, struct buf *out, struct err *err)
{
	for (;;) {
		char probe; /* one byte more than allowed tells that there is too much */
		size_t room = out->max - out->len;
		size_t want = !room ? 1 : room < READ_STEP ? room : READ_STEP;
		void *to = room ? buf_reserve(out, want) : &probe;
		if (!to)
			return err_set(err, ERR_LIMIT, "err_fs_memory", "path=%s", path);
		ssize_t got = read(fd, to, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fs_error(err, errno, "err_fs_read_path", path);
		if (got == 0)
			return ERR_OK;
		if (!room)
			return too_big(err, path, out->max, (uint64_t)out->max + 1);
		out->len += (size_t)got;
	}
}

enum err_code fs_read(const char *path, struct buf *out, struct err *err)
{
	uint64_t size = 0;
	struct err why = { 0 };
	int fd = fs_open(path, &size, &why);
	if (fd >= 0) {
		if (size > out->max - out->len)
			too_big(&why, path, out->max - out->len, size);
		else
			(void)read_to_end(fd, path, out, &why);
		close(fd);
	}
	if (err && why.code != ERR_OK)
		*err = why;
	return why.code;
}

enum err_code fs_pread(int fd, void *out, size_t size, uint64_t offset, struct err *err)
{
	char *to = out;
	size_t done = 0;
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return err_set(err, ERR_DATA, "err_fs_ends", "at=%llu|need=%zu", (unsigned long long)offset, size);
	while (done < size) {
		ssize_t got = pread(fd, to + done, size - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(err, errno, "err_fs_read", "at=%llu", (unsigned long long)(offset + done));
		if (got == 0)
			return err_set(err, ERR_DATA, "err_fs_ends", "at=%llu|need=%zu",
				(unsigned long long)(offset + done), size - done);
		done += (size_t)got;
	}
	return ERR_OK;
}

static enum err_code write_all(int fd, const char *path, const char *data, size_t len, struct err *err)
{
	while (len) {
		ssize_t done = write(fd, data, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fs_error(err, errno, "err_fs_write", path);
		data += done;
		len -= (size_t)done;
	}
	return ERR_OK;
}

static enum err_code sync_folder_of(const char *path, struct err *err)
{
	enum err_code code = ERR_OK;
	char *dir = fs_dirname(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* EINVAL: a file system without fsync for folders; its renames are as durable as they get. */
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		code = fs_error(err, errno, "err_fs_write", path);
	if (fd >= 0)
		close(fd);
	mem_free(dir);
	return code;
}

/* rename(); 0 or errno. */
static int move_over(const char *part_path, const char *path)
{
	return rename(part_path, path) == 0 ? 0 : errno;
}

/* The same where nothing is at `path`; EEXIST otherwise.  EOPNOTSUPP: not possible here. */
static int move_beside(const char *part_path, const char *path)
{
	if (renameat2(AT_FDCWD, part_path, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return errno;
	/* A second name is given to one that is free only, by every file system that knows second names. */
	if (link(part_path, path) == 0) {
		(void)unlink(part_path);
		return 0;
	}
	return errno == EPERM || errno == ENOSYS || errno == EMLINK ? EOPNOTSUPP : errno;
}

static enum err_code publish(int fd, const char *part_path, const char *path, int (*move)(const char *, const char *),
			     struct err *err)
{
	/* A failed fsync is final: the kernel may have dropped the pages, and a second call would then succeed. */
	int why = fsync(fd) != 0 ? errno : 0;
	if (close(fd) != 0 && !why && errno != EINTR)
		why = errno;
	if (!why)
		why = move(part_path, path);
	if (!why)
		return sync_folder_of(path, err);
	unlink(part_path);
	if (why == EEXIST)
		return err_set(err, ERR_CONFLICT, "err_file_exists", "field=path|path=%s", path);
	if (why == EOPNOTSUPP)
		return err_set(err, ERR_UNSUPPORTED, "err_fs_no_guard", "field=path|path=%s", path);
	return fs_error(err, why, "err_fs_write", path);
}

enum err_code fs_publish(int fd, const char *part_path, const char *path, struct err *err)
{
	return publish(fd, part_path, path, move_over, err);
}

enum err_code fs_publish_new(int fd, const char *part_path, const char *path, struct err *err)
{
	return publish(fd, part_path, path, move_beside, err);
}

enum err_code fs_write(const char *path, const void *data, size_t len, struct err *err)
{
	static atomic_uint counter;
	char *part = mem_printf("%s.%ld.%u.part", path, (long)getpid(), atomic_fetch_add(&counter, 1));
	enum err_code code;
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		code = fs_error(err, errno, "err_fs_write", path);
		goto out;
	}
	code = write_all(fd, path, data, len, err);
	if (code == ERR_OK) {
		code = fs_publish(fd, part, path, err);
	} else {
		close(fd);
		unlink(part);
	}
out:
	mem_free(part);
	return code;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

bool fs_remove_tree(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT;
}

enum err_code fs_make_dirs(const char *path, struct err *err)
{
	enum err_code code = ERR_OK;
	char *copy = mem_strdup(path);
	for (char *at = copy; *at && code == ERR_OK;) {
		at += strspn(at, "/");
		at += strcspn(at, "/");
		char end = *at;
		*at = '\0';
		if (mkdir(copy, 0700) != 0 && !fs_is_dir(copy))
			code = errno == EEXIST ? err_set(err, ERR_CONFLICT, "err_fs_not_folder", "path=%s", copy)
					       : fs_error(err, errno, "err_fs_make_folder", copy);
		*at = end;
	}
	mem_free(copy);
	return code;
}

struct entry {
	char *name;
	bool is_dir;
};

struct entries {
	struct entry *items;
	size_t count;
	size_t cap;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static bool entry_is_dir(DIR *folder, const struct dirent *e)
{
	struct stat st;
	if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dirfd(folder), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static enum err_code collect(DIR *folder, const char *dir, size_t max, struct entries *all, struct err *err)
{
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(folder);
		if (!e)
			return errno ? fs_error(err, errno, "err_fs_read_path", dir) : ERR_OK;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (all->count == max)
			return err_set(err, ERR_LIMIT, "err_fs_too_many", "path=%s|limit=%zu", dir, max);
		if (all->count == all->cap) {
			all->cap = all->cap ? all->cap * 2 : 64;
			all->items = mem_grow(all->items, all->cap * sizeof all->items[0]);
		}
		all->items[all->count++] = (struct entry){ mem_strdup(e->d_name), entry_is_dir(folder, e) };
	}
}

enum err_code fs_list(const char *dir, size_t max_entries, fs_entry_fn each, void *user, struct err *err)
{
	struct entries all = { 0 };
	DIR *folder = opendir(dir);
	if (!folder)
		return errno == ENOTDIR ? err_set(err, ERR_DATA, "err_fs_not_folder", "path=%s", dir)
					: fs_error(err, errno, "err_fs_open", dir);
	enum err_code code = collect(folder, dir, max_entries, &all, err);
	closedir(folder);
	if (code == ERR_OK && all.count) {
		qsort(all.items, all.count, sizeof all.items[0], by_name);
		for (size_t i = 0; i < all.count && each(user, all.items[i].name, all.items[i].is_dir); i++)
			;
	}
	for (size_t i = 0; i < all.count; i++)
		mem_free(all.items[i].name);
	mem_free(all.items);
	return code;
}

bool fs_exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

bool fs_is_dir(const char *path)
{
	/* Callers look at errno of what they tried before. */
	int saved = errno;
	struct stat st;
	bool is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	errno = saved;
	return is_dir;
}

uint64_t fs_free_space(const char *path)
{
	struct statvfs vfs;
	uint64_t space = UINT64_MAX;
	char *at = mem_strdup(path);
	for (;;) {
		if (statvfs(at, &vfs) == 0) {
			space = (uint64_t)vfs.f_bavail * vfs.f_frsize;
			break;
		}
		if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
			break;
		char *parent = fs_dirname(at);
		mem_free(at);
		at = parent;
	}
	mem_free(at);
	return space;
}

char *fs_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);
	return mem_printf("%s%s%s", dir, len && dir[len - 1] != '/' ? "/" : "", name);
}

/* Length of `path` without the slashes at its end; at least 1 for "/". */
static size_t trimmed_length(const char *path)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

static size_t last_part(const char *path)
{
	size_t at = trimmed_length(path);
	if (at == 1 && path[0] == '/')
		return 0;
	while (at && path[at - 1] != '/')
		at--;
	return at;
}

const char *fs_basename(const char *path)
{
	return path + last_part(path);
}

char *fs_dirname(const char *path)
{
	size_t len = last_part(path);
	if (!len)
		return mem_strdup(path[0] == '/' ? "/" : ".");
	while (len > 1 && path[len - 1] == '/')
		len--;
	return mem_printf("%.*s", (int)len, path);
}

static char *home_dir(void)
{
	const char *home = getenv("HOME");
	if (home && home[0] == '/')
		return mem_strdup(home);
	struct passwd entry, *found = NULL;
	char text[4096];
	if (getpwuid_r(getuid(), &entry, text, sizeof text, &found) == 0 && found && found->pw_dir)
		return mem_strdup(found->pw_dir);
	return mem_strdup(".");
}

char *fs_data_dir(const char *given)
{
	if (given && given[0])
		return mem_strdup(given);
	/* The XDG base directory specification: relative paths are to be ignored. */
	const char *data = getenv("XDG_DATA_HOME");
	if (data && data[0] == '/')
		return fs_join(data, "assay");
	char *home = home_dir();
	char *dir = fs_join(home, ".local/share/assay");
	mem_free(home);
	return dir;
}
