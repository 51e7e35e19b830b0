/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

/* Opens the part and keeps it from other processes; -1 with `err`.  One that a killed process left is taken over. */
static int open_part(const char *part, const char *out_path, struct err *err)
{
	struct stat by_name = { 0 }, by_fd = { 0 };
	int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		fs_error(err, errno, "err_gguf_write", part);
		return -1;
	}
	/* The name may have been given to the finished file of another process in between. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && stat(part, &by_name) == 0 && fstat(fd, &by_fd) == 0 &&
	    by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev && ftruncate(fd, 0) == 0)
		return fd;
	close(fd);
	err_set(err, ERR_BUSY, "err_convert_running", "path=%s", out_path);
	return -1;
}

/* Looks at the free space and then takes it, so that a long conversion does not end in a full disk. */
static enum err_code take_space(int fd, const char *out_path, uint64_t size, struct err *err)
{
	uint64_t room = fs_free_space(out_path);
	bool full = room != UINT64_MAX && room < size + PART_FILE_SPARE;
	if (!full && fallocate(fd, 0, 0, (off_t)size) != 0)
		full = errno == ENOSPC || errno == EDQUOT; /* others: the file system cannot do it */
	if (!full)
		return ERR_OK;
	return err_set(err, ERR_IO, "err_convert_space", "path=%s|need=%llu|free=%llu", out_path,
		       (unsigned long long)((size + PART_FILE_SPARE) / MIB + 1), (unsigned long long)(fs_free_space(out_path) / MIB));
}

enum err_code part_file_write(const char *path, uint64_t size, bool replace, part_fill_fn fill, void *user, struct err *err)
{
	char *part = mem_printf("%s.part", path);
	int fd = open_part(part, path, err);
	enum err_code rc = fd < 0 ? err->code : take_space(fd, path, size, err);
	if (rc == ERR_OK)
		rc = fill(user, fd, err);
	if (rc == ERR_OK) {
		rc = replace ? fs_publish(fd, part, path, err) : fs_publish_new(fd, part, path, err);
	} else if (fd >= 0) {
		unlink(part);
		close(fd);
	}
	mem_free(part);
	return rc;
}
