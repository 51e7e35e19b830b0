/* SPDX-License-Identifier: Apache-2.0
 *
 * guard - time, memory and stack for a chat template, which is a program that a stranger wrote.
 *
 * Between guard_begin() and guard_end() the process ends itself with a MSG_FAILED on the stream (err_template_expensive)
 * when LIMIT_TEMPLATE_MS of wall-clock time are over or the stack overflows; private memory may grow by 512 MiB only
 * (the template then fails with "out of memory").  llama.cpp's template engine cannot be interrupted, so the process has
 * to go.
 *
 * It also sees to it that a process that ends for want of memory or threads says so: ggml and OpenMP abort or exit where they get
 * none.  Thread: the main thread; not nested. */
#ifndef ASSAY_WORKER_GUARD_H
#define ASSAY_WORKER_GUARD_H

#include "worker/link.h"

/* Once at the start: signal handlers and their stack. */
void guard_init(struct link *l);
/* `memory_limit`: what sandbox_limit_memory() is set to otherwise. */
void guard_begin(uint32_t stream, uint64_t memory_limit);
void guard_end(void);

#endif
