/* SPDX-License-Identifier: Apache-2.0 */
#include "server/home_path.h"

#include <stdlib.h>
#include <string.h>

const char *home_path(struct arena *a, const char *path, struct err *err)
{
	const char *home = getenv("HOME");
	if (!strcmp(path, "~") || !strncmp(path, "~/", 2))
		path = arena_printf(a, "%s%s", home ? home : "", path + 1);
	if (!*path)
		err_set(err, ERR_INVALID, "err_path_empty", "field=path");
	else if (path[0] != '/')
		err_set(err, ERR_INVALID, "err_path_absolute", "field=path|path=%s", path);
	return path;
}
