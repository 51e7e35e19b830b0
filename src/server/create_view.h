/* SPDX-License-Identifier: Apache-2.0
 *
 * create_view - jobs and the files that they made, as the JSON of docs/openapi.yaml.  Thread: any. */
#ifndef ASSAY_SERVER_CREATE_VIEW_H
#define ASSAY_SERVER_CREATE_VIEW_H

#include "server/json_view.h"
#include "store/artifact_store.h"

/* A job with what its row only names. */
struct creation_whole {
	struct creation_row row;
	const char *label; /* of the model it is about */
	double epoch;
	struct artifact_row artifact; /* id 0: none yet */
	bool is_there; /* its file */
};

/* Reads it all.  Texts belong to the arena. */
MUST_USE enum err_code creation_load(struct db *db, struct arena *a, int64_t id, struct creation_whole *out, struct err *err);
/* Completes a row that was listed; `list`: all models. */
MUST_USE enum err_code creation_complete(struct db *db, struct arena *a, const struct model_list *list,
					 struct creation_whole *out, struct err *err);

/* `steps`: of a job in the line or at work, which its row does not know yet; ptr NULL for others. */
void view_creation(struct buf *b, const char *name, enum lang lang, const struct creation_whole *c, struct str steps);
void view_artifact(struct buf *b, const char *name, enum lang lang, const struct artifact_row *row, bool is_there);

#endif
