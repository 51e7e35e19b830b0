/* SPDX-License-Identifier: Apache-2.0
 *
 * new_run - a run from the options of a command: columns from --model, settings, seed, mode. */
#ifndef ASSAY_CLI_NEW_RUN_H
#define ASSAY_CLI_NEW_RUN_H

#include "cli/command.h"

/* --model, --seed, --fast, --name. */
extern const struct arg_option run_options[];

/* The body of POST /runs without its questions.  NULL on failure. */
MUST_USE json_t *new_run_body(const struct cli *cli, struct client *client, struct err *err);

/* Stores and starts it; `*run_id` is its number. */
MUST_USE enum err_code new_run_start(struct client *client, const json_t *body, int64_t *run_id, struct err *err);

#endif
