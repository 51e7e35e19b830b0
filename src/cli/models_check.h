/* SPDX-License-Identifier: Apache-2.0
 *
 * models_check - `assay models check`, and what `assay models show` says of it.  Thread: main. */
#ifndef ASSAY_CLI_MODELS_CHECK_H
#define ASSAY_CLI_MODELS_CHECK_H

#include "cli/client.h"
#include "cli/command.h"

extern const struct arg_option *const models_check_tables[];

/* The API path of what the word names: a model, or (without @) a fine-tuned model. */
MUST_USE enum err_code models_named(struct client *c, const char *word, char path[64], struct err *err);

/* The Model or Family of such a path; NULL where the family has gone. */
MUST_USE enum err_code models_fetch(struct client *c, const char *path, json_t **out, struct err *err);

/* How sure it is that a Model or Family belongs to its base; nothing of what has none. */
void models_print_belonging(const struct cli *cli, const json_t *model);

int models_exec_check(struct cli *cli);

#endif
