/* SPDX-License-Identifier: Apache-2.0
 *
 * replay - runs a validation again (same questions, columns, settings, seed, mode) and compares the tokens of every answer. */
#ifndef ASSAY_CLI_REPLAY_H
#define ASSAY_CLI_REPLAY_H

#include "cli/command.h"

/* Prints the verdict; `*result` is the exit code: 0 identical, 1 drifted, 5 interrupted. */
MUST_USE enum err_code replay_run(struct cli *cli, struct client *client, int64_t run_id, int *result, struct err *err);

#endif
