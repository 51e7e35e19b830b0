/* SPDX-License-Identifier: Apache-2.0
 *
 * create_follow - waits for a job of `assay create`, shows its steps, cancels it on Ctrl-C.  Thread: main. */
#ifndef ASSAY_CLI_CREATE_FOLLOW_H
#define ASSAY_CLI_CREATE_FOLLOW_H

#include "cli/client.h"
#include "cli/command.h"

/* Polls until the job is over; `*creation` (the caller's) is how it ended. */
MUST_USE enum err_code create_follow(struct cli *cli, struct client *c, int64_t id, json_t **creation, struct err *err);

#endif
