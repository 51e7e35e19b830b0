/* SPDX-License-Identifier: Apache-2.0
 *
 * models_weights - `assay models weights`: whether the weights of a model are used as they are stored or as 8-bit.  Thread: main. */
#ifndef ASSAY_CLI_MODELS_WEIGHTS_H
#define ASSAY_CLI_MODELS_WEIGHTS_H

#include "cli/command.h"

/* What a Model says of it; nothing of one that could not be smaller. */
void models_print_weights(const struct cli *cli, const json_t *model);

int models_exec_weights(struct cli *cli);

#endif
