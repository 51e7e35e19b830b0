/* SPDX-License-Identifier: Apache-2.0
 *
 * key_command - keys that a command of the user tells ("pass show lab"), run beside the loop and remembered for a while.
 *
 * /bin/sh runs the command without input, in a process group of its own, within 10 s; the first line of its output is the key.
 * What it tells stays in memory: neither the key nor the command stands in an error or in the log.  Thread: loop, everything. */
#ifndef ASSAY_BASE_KEY_COMMAND_H
#define ASSAY_BASE_KEY_COMMAND_H

#include "base/err.h"
#include "base/loop.h"

struct key_commands; /* all commands of one loop */
struct key_wait;     /* somebody who waits for a key; gone when it is told or after key_wait_cancel() */

struct key_command_limits {
	int64_t run_ms;  /* how long a command may run */
	int64_t keep_ms; /* how long a key is remembered */
};
/* 10 s, 5 min. */
struct key_command_limits key_command_limits_default(void);

/* Never NULL. */
struct key_commands *key_commands_new(struct loop *loop, struct key_command_limits limits);
/* Ends what runs; nobody may wait.  NULL is fine. */
void key_commands_free(struct key_commands *all);

/* The key that the command told a while ago, NULL: none is remembered.  Borrowed until the next call of anything here. */
const char *key_command_known(struct key_commands *all, const char *command);
/* A server refused this key: the next one is asked for again, unless another is known by now. */
void key_command_forget(struct key_commands *all, const char *command, const char *key);

/* Either `key` (borrowed) is told, or `key` is NULL and `err` says why: "err_key_command_*". */
typedef void (*key_told_fn)(void *user, const char *key, const struct err *err);
/* Runs the command, or waits for the run that is under way.  `told` is called once, never inside this. */
struct key_wait *key_command_ask(struct key_commands *all, const char *command, key_told_fn told, void *user);
/* `told` will not be called; the command runs on for the next who asks.  NULL is fine. */
void key_wait_cancel(struct key_wait *wait);

#endif
