/* SPDX-License-Identifier: Apache-2.0
 *
 * match_answers - which answers a check of an adapter's base is made with: of a file that was uploaded, else of the newest validation
 * of the family with references, else of the newest question set with references. */
#ifndef ASSAY_SERVER_MATCH_ANSWERS_H
#define ASSAY_SERVER_MATCH_ANSWERS_H

#include "server/request.h"
#include "store/run_store.h"

struct match_answers {
	const char *upload; /* NULL: none */
	const char *question_field, *reference_field; /* of the upload, NULL: found out */

	const struct run_question *questions; /* at most MATCH_ANSWERS_MAX, spread over what there is */
	size_t n_questions;
	const char *source; /* its name */
};

/* Is that the name of an upload? */
bool match_answers_is_upload(const char *name);

/* Reads the upload; failures also go to request_err(r).  Thread: work. */
MUST_USE enum err_code match_answers_read(struct request *r, struct arena *a, struct match_answers *out);

/* Finds questions where no upload was read.  ERR_INVALID "err_match_no_answers" where there are none with a reference.  Thread: a
 * lane's. */
MUST_USE enum err_code match_answers_load(struct db *db, struct arena *a, int64_t family_id, struct match_answers *out, struct err *err);

#endif
