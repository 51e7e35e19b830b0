/* SPDX-License-Identifier: Apache-2.0
 *
 * output - the files of a run: --csv, --csv-plain, --jsonl, --html, --junit, each a path or "-" for stdout.
 * Thread: main. */
#ifndef ASSAY_CLI_OUTPUT_H
#define ASSAY_CLI_OUTPUT_H

#include "cli/client.h"
#include "cli/command.h"

extern const struct arg_option output_options[];

/* How many of these options were given. */
size_t output_count(const struct args *args);
/* Whether one of them goes to stdout. */
bool output_to_stdout(const struct args *args);

/* Before any work is done: ERR_INVALID "err_cli_stdout_twice" where two things want stdout, ERR_IO where a file could not
 * be written. */
MUST_USE enum err_code output_check(const struct cli *cli, struct err *err);

/* Writes all that were asked for; a file appears whole or not at all. */
MUST_USE enum err_code output_write(const struct cli *cli, struct client *c, int64_t run_id, struct err *err);

/* Could a file be written there?  "-" can. */
MUST_USE enum err_code output_check_path(const char *path, struct err *err);
/* What the API sends for `api_path`, as a file that appears whole or not at all; "-" is stdout. */
MUST_USE enum err_code output_write_file(struct client *c, const char *api_path, const char *path, struct err *err);

#endif
