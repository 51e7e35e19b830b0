/* SPDX-License-Identifier: Apache-2.0
 *
 * temp - a folder for one test that is gone afterwards, and small files in it. */
#ifndef ASSAY_TESTS_TEMP_H
#define ASSAY_TESTS_TEMP_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/mem.h"

struct temp {
	char dir[256];
	struct arena *arena; /* of the paths handed out */
};

static inline void temp_open(struct temp *t)
{
	const char *root = getenv("TMPDIR");
	t->arena = arena_new();
	snprintf(t->dir, sizeof(t->dir), "%s/assay-test-XXXXXX", root && *root ? root : "/tmp");
	if (!mkdtemp(t->dir))
		BUG("no temporary folder %s", t->dir);
}

static inline int temp_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline void temp_close(struct temp *t)
{
	nftw(t->dir, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_free(t->arena);
}

/* Absolute path of `name` in the folder; valid until temp_close(). */
static inline const char *temp_path(struct temp *t, const char *name)
{
	return arena_printf(t->arena, "%s/%s", t->dir, name);
}

/* Writes a file, making the folders of its name. */
static inline const char *temp_file(struct temp *t, const char *name, const void *data, size_t len)
{
	const char *path = temp_path(t, name);
	char *dir = fs_dirname(path);
	if (fs_make_dirs(dir, NULL) != ERR_OK)
		BUG("cannot make %s", dir);
	mem_free(dir);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		BUG("cannot write %s", path);
	return path;
}

static inline const char *temp_text(struct temp *t, const char *name, const char *text)
{
	return temp_file(t, name, text, strlen(text));
}

/* A descriptor over bytes in memory; the caller closes it. */
static inline int temp_memory(const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	if (fd < 0 || (len > 0 && pwrite(fd, data, len, 0) != (ssize_t)len))
		BUG("no memory file");
	return fd;
}

#endif
