/* SPDX-License-Identifier: Apache-2.0
 *
 * home_path - a path as people type it.  Thread: any. */
#ifndef ASSAY_SERVER_HOME_PATH_H
#define ASSAY_SERVER_HOME_PATH_H

#include "base/arena.h"
#include "base/err.h"

#define PATH_LIMIT 4096 /* bytes */

/* "~" and "~/..." become the home folder; what is not absolute then sets ERR_INVALID "err_path_absolute",
 * nothing "err_path_empty" (field "path").
 * May be borrowed from `path`, else belongs to the arena. */
const char *home_path(struct arena *a, const char *path, struct err *err);

#endif
