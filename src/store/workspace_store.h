/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace_store - workspaces: a model with its settings, around which chats and documents gather.  Rows belong to the arena
 * given; writers are for the store thread. */
#ifndef ASSAY_STORE_WORKSPACE_STORE_H
#define ASSAY_STORE_WORKSPACE_STORE_H

#include "store/run_store.h"

#define WORKSPACE_PASSAGES 4 /* of documents given with a question unless the user chooses another number */

struct workspace_row {
	int64_t id;
	const char *name;
	const char *api_name;      /* in OpenAI's API: no two have the same, and it changes with the name only; filled by reads */
	int64_t model_id;
	int64_t artifact_id;       /* the file that assay made for it, 0: none */
	int64_t run_id, column_id; /* where the model was chosen, 0: nowhere; may be gone */
	struct gen_params params;
	int64_t n_passages;
	int64_t created_ms, updated_ms;
	int64_t n_chats, n_documents; /* filled by reads */
};

/* What a workspace starts with: an answer may be longer than in a validation, and is not always the same. */
struct gen_params workspace_params_default(void);

/* The last used first. */
MUST_USE enum err_code workspace_store_list(struct db *db, struct arena *a, struct workspace_row **rows, size_t *n,
					    struct err *err);
/* ERR_NOT_FOUND "err_workspace_not_found". */
MUST_USE enum err_code workspace_store_get(struct db *db, struct arena *a, int64_t id, struct workspace_row *out,
					   struct err *err);
/* store: sets id and times; the model must be there (ERR_NOT_FOUND "err_model_not_found"), and the artifact where one is
 * given. */
MUST_USE enum err_code workspace_store_add(struct db *db, struct workspace_row *row, struct err *err);
/* store: name, model, artifact, params and n_passages; sets updated_ms. */
MUST_USE enum err_code workspace_store_set(struct db *db, struct workspace_row *row, struct err *err);
/* store: with its chats and documents. */
MUST_USE enum err_code workspace_store_remove(struct db *db, int64_t id, struct err *err);

#endif
