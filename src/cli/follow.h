/* SPDX-License-Identifier: Apache-2.0
 *
 * follow - waits for a run with a progress bar (plain lines where stderr is no terminal), sums it up, writes its files. */
#ifndef ASSAY_CLI_FOLLOW_H
#define ASSAY_CLI_FOLLOW_H

#include "cli/command.h"

/* Polls until the run is over; a signal stops the run, waits for that and returns ERR_CANCELLED.  `*run` is the caller's. */
MUST_USE enum err_code follow_run(const struct cli *cli, struct client *client, int64_t run_id, json_t **run, struct err *err);

/* Prints the table of columns (or the run with --json). */
void follow_print(const struct cli *cli, const json_t *run);

/* --csv, --csv-plain, --jsonl, --html, --junit: writes what was asked for ("-" is stdout). */
extern const struct arg_option export_options[];
MUST_USE enum err_code follow_export(const struct cli *cli, struct client *client, int64_t run_id, struct err *err);
/* True if one of them goes to stdout. */
bool follow_uses_stdout(const struct cli *cli);

/* 0, or 4 when every answer failed, or 1 with `strict` when any did (says so on stderr). */
int follow_exit_code(const struct cli *cli, const json_t *run, bool strict);

#endif
