/* SPDX-License-Identifier: Apache-2.0
 *
 * models_find - `assay models find`: models that other programs of this machine keep, and adding them.  Thread: main. */
#ifndef ASSAY_CLI_MODELS_FIND_H
#define ASSAY_CLI_MODELS_FIND_H

#include "cli/command.h"

/* --add NAME, --all. */
extern const struct arg_option models_find_options[];

/* Runs the command; returns its exit code. */
int models_find(struct cli *cli);

#endif
