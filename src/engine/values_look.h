/* SPDX-License-Identifier: Apache-2.0
 *
 * values_look - whether the weights of a file are numbers (model/finite.h), found out while a worker loads it.
 *
 * It reads the whole file, which the first tokens do as well; once, for as long as the file stays as it is.  What cannot be read
 * is left to the worker, which says more about it.  Thread: loop; the reading is on a thread of its own. */
#ifndef ASSAY_ENGINE_VALUES_LOOK_H
#define ASSAY_ENGINE_VALUES_LOOK_H

#include "engine/engine.h"

struct values_look;

/* `err`: ERR_OK, or ERR_DATA "err_values". */
typedef void (*values_look_fn)(void *user, const struct err *err);

/* `stamp` is the file's now, `known` the one that it had when it was last hashed (it was looked at before that).  NULL where it
 * need not be looked at; else `done` follows once, not before this returns, and the look is freed then. */
struct values_look *values_look_start(struct engine *e, const char *path, const char *stamp, const char *known, values_look_fn done,
				      void *user);
/* How far it is, 0 to 1. */
double values_look_progress(const struct values_look *look);
/* Without a word.  NULL is fine. */
void values_look_cancel(struct values_look *look);

#endif
