/* SPDX-License-Identifier: Apache-2.0
 *
 * step_follow - waits for something that goes step by step, shows how far it is, and ends it on Ctrl-C.  Thread: main. */
#ifndef ASSAY_CLI_STEP_FOLLOW_H
#define ASSAY_CLI_STEP_FOLLOW_H

#include "cli/client.h"
#include "cli/command.h"

struct step_job {
	const char *path; /* of the API: "/creations" */
	int64_t id;
	const char *end;      /* what is posted on Ctrl-C: "cancel" */
	const char *step_key; /* message keys of steps begin with this: "create_step_" */
};

/* `*whole`: as the API shows it at its end. */
MUST_USE enum err_code step_follow(struct cli *cli, struct client *c, const struct step_job *job, json_t **whole, struct err *err);

#endif
