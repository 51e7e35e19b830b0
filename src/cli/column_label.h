/* SPDX-License-Identifier: Apache-2.0
 *
 * column_label - how a column or checkpoint is called in front of a person: "Kestrel bot · epoch 4", "Kestrel bot - 第 4 週期". */
#ifndef ASSAY_CLI_COLUMN_LABEL_H
#define ASSAY_CLI_COLUMN_LABEL_H

#include "cli/command.h"

/* `epoch` is the API's number, or null for what is no checkpoint.  Free with mem_free(). */
char *column_label(const struct cli *cli, const char *name, const json_t *epoch);

/* The epoch of a model of the API as it is shown, "" where it has none. */
void column_epoch(const json_t *model, char out[32]);
/* Whether other checkpoints of its family are shown with the same epoch, and its step tells it from them. */
bool column_epoch_is_shared(const json_t *family, const json_t *model);

#endif
