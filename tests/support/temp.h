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

#include "base/fs.h"
#include "base/mem.h"

struct temp {
	char dir[256];
	char path[4][1024]; /* the last four paths handed out */
	unsigned next;
};

static inline void temp_open(struct temp *t)
{
	const char *root = getenv("TMPDIR");
	memset(t, 0, sizeof(*t));
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
}

/* Absolute path of `name` in the folder; valid for the next three calls. */
static inline const char *temp_path(struct temp *t, const char *name)
{
	char *out = t->path[t->next++ % 4];
	char dir[sizeof(t->dir)]; /* snprintf() must not read what it writes to */
	memcpy(dir, t->dir, sizeof(dir));
	snprintf(out, sizeof(t->path[0]), "%s/%s", dir, name);
	return out;
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
