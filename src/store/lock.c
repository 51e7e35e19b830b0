/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define BALLAST_BYTES (16 * MIB)
#define HOLDER_MAX 512
#define HOLDER_WAIT_MS 2000
#define HOLDER_POLL_US 5000
#define CIFS_MAGIC 0xFF534D42U

/* WAL needs shared memory and locks that work between processes; over a network neither is certain. */
static bool is_network(const char *dir)
{
	struct statfs info;

	if (statfs(dir, &info) != 0)
		return false;
	switch ((unsigned long)info.f_type & 0xffffffffUL) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case CIFS_MAGIC:
	case V9FS_MAGIC:
	case FUSE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static bool try_lock(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

/* What the holder wrote: its pid in a line, and once it is open to others its address (or nothing) in a second one. */
static bool read_holder(int fd, char text[HOLDER_MAX], struct str *pid, struct str *url)
{
	ssize_t got = pread(fd, text, HOLDER_MAX, 0);
	struct str rest = { text, got > 0 ? (size_t)got : 0 };

	*pid = str_split(&rest, '\n');
	bool is_whole = rest.ptr && memchr(rest.ptr, '\n', rest.len);
	*url = str_split(&rest, '\n');
	return is_whole;
}

/* Takes `text`. */
static void write_holder(int fd, char *text)
{
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
		log_warn("store", "cannot write the lock file: its holder will not be named");
	mem_free(text);
}

/* A holder that is only starting is given a moment to name itself. */
static void say_holder(int fd, const char *dir, struct err *err)
{
	char text[HOLDER_MAX];
	struct str pid, url;
	int64_t until = clock_mono_ms() + HOLDER_WAIT_MS;

	while (!read_holder(fd, text, &pid, &url) && clock_mono_ms() < until)
		usleep(HOLDER_POLL_US);
	if (url.len > 0)
		err_set(err, ERR_BUSY, "err_data_in_use", "path=%s|pid=%.*s|url=%.*s", dir, (int)pid.len, pid.ptr, (int)url.len,
			url.ptr);
	else if (pid.len > 0)
		err_set(err, ERR_BUSY, "err_data_in_use_by", "path=%s|pid=%.*s", dir, (int)pid.len, pid.ptr);
	else
		err_set(err, ERR_BUSY, "err_data_in_use_starting", "path=%s", dir);
}

int lock_take(const char *dir, struct err *err)
{
	const char *allow = getenv("ASSAY_NETWORK_FS");

	if (is_network(dir) && (!allow || strcmp(allow, "1") != 0)) {
		err_set(err, ERR_UNSUPPORTED, "err_data_network", "path=%s", dir);
		return -1;
	}
	char *path = fs_join(dir, "LOCK");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		err_set_errno(err, errno, "err_data_lock", "path=%s", path);
	} else if (!try_lock(fd)) {
		say_holder(fd, dir, err);
		close(fd);
		fd = -1;
	} else {
		write_holder(fd, mem_printf("%ld\n", (long)getpid()));
	}
	mem_free(path);
	return fd;
}

void lock_set_address(int fd, const char *url)
{
	write_holder(fd, mem_printf("%ld\n%s\n", (long)getpid(), url));
}

void ballast_make(const char *dir)
{
	struct stat info;
	char *path = fs_join(dir, "ballast");
	int fd = -1;

	bool whole = stat(path, &info) == 0 && (uint64_t)info.st_blocks * 512 >= BALLAST_BYTES;
	if (!whole && fs_free_space(dir) > 4 * BALLAST_BYTES)
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0) {
		if (posix_fallocate(fd, 0, (off_t)BALLAST_BYTES) != 0)
			unlink(path);
		close(fd);
	}
	mem_free(path);
}

bool ballast_release(const char *dir)
{
	char *path = fs_join(dir, "ballast");
	bool was_there = unlink(path) == 0;

	mem_free(path);
	return was_there;
}

/* NAME.part, and what SQLite keeps beside it: NAME.part-journal. */
static bool is_part(const char *name)
{
	const char *end = strstr(name, ".part");

	return end && (end[5] == '\0' || end[5] == '-');
}

static bool clear_part(void *user, const char *name, bool is_dir)
{
	const char *const *dir = user;
	char *path = fs_join(*dir, name);

	if (!is_dir && is_part(name) && unlink(path) != 0)
		log_warn("store", "cannot remove path=%s: %s", path, strerror(errno));
	mem_free(path);
	return true;
}

static void clear_parts_of(const char *dir)
{
	struct err err = { 0 };

	if (fs_is_dir(dir) && fs_list(dir, LIMIT_FOLDER_ENTRIES, clear_part, &dir, &err) != ERR_OK)
		log_warn("store", "unfinished files were not looked for: %s", err.args);
}

void parts_clear(const char *dir)
{
	char *copies = fs_join(dir, "backup");

	clear_parts_of(dir);
	clear_parts_of(copies);
	mem_free(copies);
}
