/* SPDX-License-Identifier: Apache-2.0
 *
 * models_template - `assay models template`: how a model is asked, another way, and what a question then looks like; and what
 * `assay models show` says of it.  Thread: main. */
#ifndef ASSAY_CLI_MODELS_TEMPLATE_H
#define ASSAY_CLI_MODELS_TEMPLATE_H

#include <jansson.h>

#include "cli/command.h"

extern const struct arg_option *const models_template_tables[];

/* Where the chat template of a Model or Family is from, what its trainer left, what was noted, and that it has none. */
void models_print_template(const struct cli *cli, const json_t *model);

int models_exec_template(struct cli *cli);

#endif
