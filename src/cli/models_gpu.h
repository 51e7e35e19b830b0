/* SPDX-License-Identifier: Apache-2.0
 *
 * models_gpu - `assay models gpu`: what one model may use of GPUs, and whether it fits; and what `assay doctor --free` does.
 * Thread: main. */
#ifndef ASSAY_CLI_MODELS_GPU_H
#define ASSAY_CLI_MODELS_GPU_H

#include "cli/client.h"
#include "cli/command.h"

extern const struct arg_option *const models_gpu_tables[];
int models_exec_gpu(struct cli *cli);

/* Asks the Ollamas of this machine to let go of their memory, and says what came of it. */
int memory_free(struct cli *cli, struct client *c);

#endif
