/* SPDX-License-Identifier: Apache-2.0
 *
 * fs - files: whole reads with a limit, publishing by rename, folders, free space.  Thread: any; calls block. */
#ifndef ASSAY_BASE_FS_H
#define ASSAY_BASE_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* The sentence for a call on `path` that failed with errno `why`: a full disk, a missing permission and what is not there have
 * one of their own, `key` ({path}, {reason}) is for the others.  Returns err->code. */
enum err_code fs_error(struct err *err, int why, const char *key, const char *path);

/* Reads all of `path` into `out` (whose maximum is the limit: ERR_LIMIT beyond it). */
MUST_USE enum err_code fs_read(const char *path, struct buf *out, struct err *err);

/* pread() of exactly `size` bytes; ERR_DATA with the offset when the file ends before. */
MUST_USE enum err_code fs_pread(int fd, void *out, size_t size, uint64_t offset, struct err *err);

/* Opens for reading, O_CLOEXEC, regular files only (symlinks are followed); `*size` is its size. Returns -1 on failure. */
MUST_USE int fs_open(const char *path, uint64_t *size, struct err *err);

/* Publishes bytes: writes NAME.<pid>.<n>.part beside it, fsync, rename, fsync of the folder.  Mode 0600. */
MUST_USE enum err_code fs_write(const char *path, const void *data, size_t len, struct err *err);

/* The same for a file that was written to `part_path` through `fd`: fsync, rename, fsync of the folder.  Closes `fd` in
 * every case, and removes the part where it fails.  Full disk: ERR_IO, err_disk_full. */
MUST_USE enum err_code fs_publish(int fd, const char *part_path, const char *path, struct err *err);
/* The same, but what lies at `path`, also since a moment ago, stays as it is: ERR_CONFLICT "err_file_exists" (field "path").
 * ERR_UNSUPPORTED "err_fs_no_guard" where the file system cannot promise that. */
MUST_USE enum err_code fs_publish_new(int fd, const char *part_path, const char *path, struct err *err);

/* mkdir -p, mode 0700 for what it makes. */
MUST_USE enum err_code fs_make_dirs(const char *path, struct err *err);

/* Calls `each` for the entries of a folder in byte order, without "." and ".."; stops when it returns false.
 * ERR_LIMIT above `max_entries`. */
typedef bool (*fs_entry_fn)(void *user, const char *name, bool is_dir);
MUST_USE enum err_code fs_list(const char *dir, size_t max_entries, fs_entry_fn each, void *user, struct err *err);

/* Whether something is there; symlinks are followed. */
bool fs_exists(const char *path);
/* Whether it is a folder; symlinks are followed.  Keeps errno. */
bool fs_is_dir(const char *path);

/* Removes a file, or a folder with all that is in it; symlinks are removed, not followed.  False with errno where something stays;
 * what is not there is fine. */
bool fs_remove_tree(const char *path);

/* Bytes that an ordinary user may still write where `path` is or would be; UINT64_MAX if unknown. */
uint64_t fs_free_space(const char *path);

/* "dir/name" into an owned string; the last part of a path (borrowed, never empty except for ""). */
char *fs_join(const char *dir, const char *name);
const char *fs_basename(const char *path);
/* Owned: the path without its last part ("." if there is none). */
char *fs_dirname(const char *path);

/* Owned data folder: `given`, or $XDG_DATA_HOME/assay, or ~/.local/share/assay. */
char *fs_data_dir(const char *given);

#endif
