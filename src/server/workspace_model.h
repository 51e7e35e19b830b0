/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace_model - what the models of workspaces are called.  Thread: store or reader. */
#ifndef ASSAY_SERVER_WORKSPACE_MODEL_H
#define ASSAY_SERVER_WORKSPACE_MODEL_H

#include "server/chat_view.h"

/* One for each of `n` workspaces, in the arena. */
MUST_USE enum err_code workspace_models(struct db *db, struct arena *a, const struct workspace_row *rows, size_t n,
					struct workspace_model **out, struct err *err);

#endif
