/* SPDX-License-Identifier: Apache-2.0
 *
 * follow - waits for a run, shows how far it is, stops it on Ctrl-C, and says how it ended.  Thread: main. */
#ifndef ASSAY_CLI_FOLLOW_H
#define ASSAY_CLI_FOLLOW_H

#include "base/limits.h"
#include "cli/client.h"
#include "cli/command.h"

/* --strict */
extern const struct arg_option strict_options[];

struct followed {
	json_t *run;                   /* as it ended, with its columns */
	double seconds[LIMIT_COLUMNS]; /* that each column was seen answering, 0: never */
	int64_t looked_ms;             /* when `run` was read */
	bool interrupted;              /* by a signal to this process */
};

/* Called after each look at the run, while it goes on; may be NULL.  False ends the waiting. */
typedef bool (*follow_fn)(void *user, const json_t *run);

/* Polls until the run is done, stopped or interrupted.  `out` is released with followed_release() also after a failure. */
MUST_USE enum err_code follow_run(struct cli *cli, struct client *c, int64_t run_id, follow_fn each, void *user,
				  struct followed *out, struct err *err);
void followed_release(struct followed *f);

/* A table of the columns: answered, failed, likes, speed and, unless NULL, seconds. */
void follow_summary(const struct cli *cli, const json_t *run, const double *seconds, FILE *to);

/* Says on stderr why columns or answers of the run failed, if any did. */
void follow_explain(const struct cli *cli, struct client *c, const json_t *run);

/* follow_explain(), and gives the exit code: 4 where every answer failed, 1 where one did and `strict`, 5 where the
 * run was stopped before its end. */
int follow_verdict(const struct cli *cli, struct client *c, const struct followed *f, bool strict);

/* follow_run(), the files that were asked for, the summary (or the Run with --json), and the exit code. */
int follow_to_end(struct cli *cli, struct client *c, int64_t run_id);

#endif
