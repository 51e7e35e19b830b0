/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest - the name somebody probably meant.  Thread: any. */
#ifndef ASSAY_CLI_NEAREST_H
#define ASSAY_CLI_NEAREST_H

#include <stddef.h>

/* The name most like `given`, or NULL where none is near enough to be a slip of the fingers (about a third of its
 * letters; a name that begins with `given` always is).  Borrowed from `names`. */
const char *nearest_name(const char *given, const char *const *names, size_t n);

#endif
