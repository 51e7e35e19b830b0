/* SPDX-License-Identifier: Apache-2.0
 *
 * models_convert - `assay models convert`: a Hugging Face folder becomes a GGUF, without a server.  Thread: main. */
#ifndef ASSAY_CLI_MODELS_CONVERT_H
#define ASSAY_CLI_MODELS_CONVERT_H

#include "cli/command.h"

extern const struct arg_option *const models_convert_tables[];

/* Runs the command; returns its exit code. */
int models_convert_exec(struct cli *cli);

#endif
