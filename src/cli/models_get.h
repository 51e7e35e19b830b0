/* SPDX-License-Identifier: Apache-2.0
 *
 * models_get - `assay models get`: what a hub has of a model, or a download from there until it is added.  Thread: main. */
#ifndef ASSAY_CLI_MODELS_GET_H
#define ASSAY_CLI_MODELS_GET_H

#include "cli/command.h"

/* --revision, --list. */
extern const struct arg_option models_get_options[];

/* The command; returns its exit code. */
int models_get(struct cli *cli);

#endif
