/* SPDX-License-Identifier: Apache-2.0
 *
 * system - what this machine has: memory, disk, graphics devices; the status of the server.  Thread: loop. */
#ifndef ASSAY_SERVER_SYSTEM_H
#define ASSAY_SERVER_SYSTEM_H

#include "server/app_private.h"

/* Bytes of memory of the machine or of our control group, and what is free of it.  0 if unknown. */
void system_memory(int64_t *total, int64_t *available);

/* True if there is a graphics device that a llama.cpp with its backend could use. */
bool system_has_gpu(void);

/* Appends the Status object. */
void system_status(struct app *app, struct buf *out);

#endif
