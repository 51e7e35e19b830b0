/* SPDX-License-Identifier: Apache-2.0
 *
 * reaper - the ends of processes that were told to die, waited for beside the loop.  A process that is stuck in a slow disk's
 * write keeps its memory and its files until that is over, and nobody can hurry it. */
#ifndef ASSAY_ENGINE_REAPER_H
#define ASSAY_ENGINE_REAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define REAPER_AWAIT_MS 10000 /* what who needs the memory or the files has patience for */

/* Kills a child and waits for it on a thread of its own; owns `pidfd` from now on.  Thread: any. */
void reaper_take(pid_t pid, int pidfd);

/* Waits until every process that was taken has ended, at most limit_ms; false where one lives on.  Thread: any but the loop's,
 * unless the loop has ended. */
bool reaper_await(int64_t limit_ms);

/* Before a fork(): copies of the pidfds of those that live on, at most `max`, to be closed by the caller.  Returns how many. */
size_t reaper_living(int *pidfds, size_t max);

#endif
