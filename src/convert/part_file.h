/* SPDX-License-Identifier: Apache-2.0
 *
 * part_file - how a converted model comes to its place: written as PATH.part, renamed when it is whole.
 *
 * The part is removed on failure; one that a killed process left is written over, one that another process is writing is not
 * touched.  The room on the disk is looked at, and taken, first.  Thread: any; blocks on the disk. */
#ifndef ASSAY_CONVERT_PART_FILE_H
#define ASSAY_CONVERT_PART_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

#define PART_FILE_SPARE (64 * MIB) /* that stay free on the disk */

/* Writes all of the file to `fd`, which stands at its start. */
typedef enum err_code (*part_fill_fn)(void *user, int fd, struct err *err);

/* `size`: of the whole file; `replace`: what lies at `path` gives way.  ERR_IO "err_convert_space" and others of the disk,
 * ERR_CONFLICT "err_file_exists", ERR_BUSY "err_convert_running", and what `fill` says. */
MUST_USE enum err_code part_file_write(const char *path, uint64_t size, bool replace, part_fill_fn fill, void *user,
				       struct err *err);

#endif
