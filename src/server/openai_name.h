/* SPDX-License-Identifier: Apache-2.0
 *
 * openai_name - what workspaces and models are called in /v1: a workspace by its api_name, a base model by its name, a checkpoint
 * as on the command line: kestrel@4, or kestrel@step:48 where other steps are shown with the same epoch.  A model whose name is taken
 * has its number behind it.
 * Thread: reader. */
#ifndef ASSAY_SERVER_OPENAI_NAME_H
#define ASSAY_SERVER_OPENAI_NAME_H

#include "store/model_store.h"
#include "store/workspace_store.h"

struct openai_name {
	const char *name;
	int64_t workspace_id; /* 0: a model */
	int64_t model_id;
	int64_t created_ms;
	const char *exact; /* with the epoch as the trainer wrote it (kestrel@3.98), which is understood too; NULL: has none */
};

/* All of them: workspaces first. */
MUST_USE enum err_code openai_names(struct db *db, struct arena *a, struct openai_name **out, size_t *n, struct err *err);

/* The one of this name or of this exact epoch, or a workspace in the form of an address ("My Bot" as my-bot); ERR_NOT_FOUND "err_openai_model". */
MUST_USE enum err_code openai_name_find(struct db *db, struct arena *a, const char *name, struct openai_name *out,
					struct err *err);

#endif
