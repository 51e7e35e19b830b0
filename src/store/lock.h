/* SPDX-License-Identifier: Apache-2.0
 *
 * lock - private to the store: one server for one data directory, and room on its disk.
 *
 * The lock is held by an open file (flock and an OFD lock), so it ends with the process however that ends; its content
 * (pid, then the address) is only for the message of the next one that comes. */
#ifndef ASSAY_STORE_LOCK_H
#define ASSAY_STORE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

/* Takes DIR/LOCK.  Returns a descriptor to keep, or -1: ERR_BUSY "err_data_in_use" (pid, url), "err_data_in_use_by" (pid) or
 * "err_data_in_use_starting", by what the holder tells within two seconds, which this waits for; ERR_UNSUPPORTED
 * "err_data_network" on file systems whose locks cannot be trusted (ASSAY_NETWORK_FS=1 allows them), ERR_IO. */
MUST_USE int lock_take(const char *dir, struct err *err);
/* Writes the address that err_data_in_use shows; "": none, and nobody need wait for one. */
void lock_set_address(int fd, const char *url);

/* DIR/ballast: 16 MiB that are given up when the disk is full, so that votes still find room. */
void ballast_make(const char *dir);
/* True if there was one. */
bool ballast_release(const char *dir);
/* Removes what one who held the lock before had not finished writing when it died: NAME.part in DIR and DIR/backup.  Needs the lock. */
void parts_clear(const char *dir);

#endif
