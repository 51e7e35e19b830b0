/* SPDX-License-Identifier: Apache-2.0
 *
 * progress - how far a run or another work is, on stderr: one line that is redrawn on a terminal, a line for each change elsewhere,
 * nothing with --json.  Thread: main. */
#ifndef ASSAY_CLI_PROGRESS_H
#define ASSAY_CLI_PROGRESS_H

#include <jansson.h>

#include "cli/command.h"

struct progress;

/* Never NULL. */
struct progress *progress_new(const struct cli *cli);
/* Clears the redrawn line.  NULL is fine. */
void progress_free(struct progress *p);

/* Shows a Run with its columns. */
void progress_show(struct progress *p, const json_t *run);

/* Shows how far something else is: `share` from 0 to 1, with a sentence; as often as is worth it. */
void progress_share(struct progress *p, double share, const char *sentence);

#endif
