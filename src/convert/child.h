/* SPDX-License-Identifier: Apache-2.0
 *
 * child - runs another program to its end, at low priority, and hears what it says line by line.
 *
 *     const char *argv[] = { "/usr/bin/python3", "-m", "venv", dir, NULL };
 *     struct child_options o = { .argv = argv, .line = on_line, .user = me, .cancel = &stop };
 *     rc = child_run(&o, &end, err);
 *
 * Thread: any that may block as long as the program runs; the child dies with that thread. */
#ifndef ASSAY_CONVERT_CHILD_H
#define ASSAY_CONVERT_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* A line of its output or of its errors, also one that ends with CR alone; at most 2000 bytes of it. */
typedef void (*child_line_fn)(void *user, struct str line);

struct child_options {
	const char *const *argv; /* ended by NULL; the first is the program's path */
	char *const *env;        /* ended by NULL */
	const char *write_dir;   /* it may write there alone and has no network (child_rights.h); NULL: as this process */
	child_line_fn line;      /* may be NULL */
	void *user;
	const atomic_bool *cancel; /* may be NULL */
};

struct child_end {
	int exit_code;  /* -1: a signal ended it */
	int signal;     /* 0: none */
	char last[400]; /* the last line that was not empty, safe to print */
};

/* ERR_OK with `*end` once it has ended, however; ERR_CANCELLED with all its processes gone; ERR_IO "err_child_start". */
MUST_USE enum err_code child_run(const struct child_options *o, struct child_end *end, struct err *err);

/* The program of that name on PATH, owned; NULL where there is none. */
char *child_find(const char *name);

#endif
