/* SPDX-License-Identifier: Apache-2.0
 *
 * system - what this machine has: memory, disk, graphics devices; the status of the server.  Thread: loop. */
#ifndef ASSAY_SERVER_SYSTEM_H
#define ASSAY_SERVER_SYSTEM_H

#include "server/app_private.h"

/* Why a GPU of this machine computes nothing: "build" (this program has no backend for it), "driver" (the backend finds none),
 * "off" (the settings); "" where one is in use or none is there. */
const char *system_idle_gpu(struct app *app);

/* Appends the field "gpus": those that models can be placed on, with the memory that the last worker found. */
void system_gpus(struct app *app, struct buf *out);

/* Appends the Status object. */
void system_status(struct app *app, struct buf *out);

#endif
