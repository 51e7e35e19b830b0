/* SPDX-License-Identifier: Apache-2.0
 *
 * column_label - how a column or checkpoint is called in front of a person: "Kestrel bot · epoch 4", "Kestrel bot - 第 4 週期". */
#ifndef ASSAY_CLI_COLUMN_LABEL_H
#define ASSAY_CLI_COLUMN_LABEL_H

#include "cli/command.h"

/* `epoch` is the API's number, or null for what is no checkpoint.  Free with mem_free(). */
char *column_label(const struct cli *cli, const char *name, const json_t *epoch);

#endif
