/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve - from what a person writes to the API's model numbers; files are added to the models on the way. */
#ifndef ASSAY_CLI_RESOLVE_H
#define ASSAY_CLI_RESOLVE_H

#include "cli/command.h"

/* Adds a file or folder as given on the command line (relative paths are made absolute).  `*reply` is the ScanResult. */
MUST_USE enum err_code resolve_add(struct client *client, const char *path, int64_t base_id, const char *name, json_t **reply,
				   struct err *err);

/* One SPEC as an element of a run's `columns`: {model_id, params?}.  NULL on failure. */
MUST_USE json_t *resolve_column(struct client *client, const char *spec, struct err *err);

#endif
