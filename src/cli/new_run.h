/* SPDX-License-Identifier: Apache-2.0
 *
 * new_run - what `run` and `ask` have in common: the run's columns and settings as the command line says them. */
#ifndef ASSAY_CLI_NEW_RUN_H
#define ASSAY_CLI_NEW_RUN_H

#include "cli/command.h"

/* --seed, --fast, --name. */
extern const struct arg_option run_options[];

/* Checks everything that needs no server, so that a slip is told at once: ERR_INVALID. */
MUST_USE enum err_code new_run_check(const struct cli *cli, struct err *err);

/* The body of POST /runs without its questions; NULL on failure. */
MUST_USE json_t *new_run_body(const struct cli *cli, struct client *client, struct err *err);

/* Starts it; `*run_id` is its number. */
MUST_USE enum err_code new_run_start(struct client *client, const json_t *body, int64_t *run_id, struct err *err);

#endif
