/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

struct hub_sink {
	struct hub_file file;
	char *path, *part;
	int fd;
	uint64_t have;
	struct hash *hash; /* NULL: the hub said nothing to compare with */
};

static struct hash *new_hash(const struct hub_file *file)
{
	return *file->sha256 ? hash_new() : *file->git ? hash_new_git(file->size) : NULL;
}

static enum err_code read_part(struct hub_sink *s, const atomic_bool *cancel, struct err *err)
{
	struct stat st;

	if (fstat(s->fd, &st) != 0)
		return fs_error(err, errno, "err_fs_read_path", s->part);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_DATA, "err_fs_not_file", "path=%s", s->part);
	if ((uint64_t)st.st_size > s->file.size)
		return hub_sink_restart(s, err);
	s->have = (uint64_t)st.st_size;
	return s->hash ? hash_add_file(s->hash, s->fd, cancel, err) : ERR_OK;
}

struct hub_sink *hub_sink_open(const char *dir, const struct hub_file *file, uint64_t *have, const atomic_bool *cancel,
			       struct err *err)
{
	struct hub_sink *s = mem_alloc(sizeof *s);

	*s = (struct hub_sink){ .file = *file, .path = fs_join(dir, file->path), .fd = -1, .hash = new_hash(file) };
	s->part = mem_printf("%s.part", s->path);
	s->file.path = s->path;
	char *folder = fs_dirname(s->path);
	enum err_code code = fs_make_dirs(folder, err);
	mem_free(folder);
	if (code == ERR_OK) {
		s->fd = open(s->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		code = s->fd < 0 ? fs_error(err, errno, "err_fs_write", s->part) : read_part(s, cancel, err);
	}
	*have = s->have;
	if (code == ERR_OK)
		return s;
	hub_sink_close(s);
	return NULL;
}

enum err_code hub_sink_write(struct hub_sink *s, const void *data, size_t len, struct err *err)
{
	const char *at = data;

	for (size_t left = len; left > 0;) {
		ssize_t n = pwrite(s->fd, at, left, (off_t)s->have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fs_error(err, errno, "err_fs_write", s->part);
		if (s->hash)
			hash_add(s->hash, at, (size_t)n);
		at += n;
		left -= (size_t)n;
		s->have += (uint64_t)n;
	}
	return ERR_OK;
}

enum err_code hub_sink_restart(struct hub_sink *s, struct err *err)
{
	hash_free(s->hash);
	s->hash = new_hash(&s->file);
	s->have = 0;
	return ftruncate(s->fd, 0) == 0 ? ERR_OK : fs_error(err, errno, "err_fs_write", s->part);
}

static enum err_code compare(struct hub_sink *s, struct err *err)
{
	const char *wanted = *s->file.sha256 ? s->file.sha256 : s->file.git;
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];

	if (s->have != s->file.size)
		return err_set(err, ERR_DATA, "err_hub_short", "path=%s|have=%llu|size=%llu", s->path,
			       (unsigned long long)s->have, (unsigned long long)s->file.size);
	if (!s->hash)
		return ERR_OK;
	hash_finish(s->hash, digest);
	s->hash = NULL;
	hash_hex(digest, hex);
	hex[strlen(wanted)] = 0;
	return strcmp(hex, wanted) == 0 ? ERR_OK : err_set(err, ERR_DATA, "err_hub_digest", "path=%s|found=%s|wanted=%s",
							    fs_basename(s->path), hex, wanted);
}

enum err_code hub_sink_finish(struct hub_sink *s, struct err *err)
{
	if (compare(s, err) != ERR_OK)
		return ERR_DATA;
	int fd = s->fd;
	s->fd = -1;
	return fs_publish(fd, s->part, s->path, err);
}

void hub_sink_close(struct hub_sink *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	hash_free(s->hash);
	mem_free(s->path);
	mem_free(s->part);
	mem_free(s);
}
