/* SPDX-License-Identifier: Apache-2.0
 *
 * run_make - what a new run is made of: its questions, their name, and what its columns are called.  Thread: a lane's. */
#ifndef ASSAY_SERVER_RUN_MAKE_H
#define ASSAY_SERVER_RUN_MAKE_H

#include <jansson.h>

#include "server/run_body.h"
#include "store/model_store.h"
#include "store/question_store.h"
#include "store/run_store.h"

/* Takes a snapshot of what the column's model is called, and refuses one that cannot answer; the error names `field`. */
MUST_USE enum err_code run_name_column(struct db *db, struct arena *a, const struct model_list *list, const char *field,
				       struct column_row *c, struct err *err);

/* What the column's model brings along (template, system prompt, stop texts, context, how weights are used), as far as it was not
 * `given`.  Not its sampling: models are compared under the same conditions. */
MUST_USE enum err_code run_fill_column(struct db *db, struct arena *a, unsigned given, struct column_row *c, struct err *err);

/* The model whose weights the column's answers are computed with. */
MUST_USE enum err_code run_column_base(struct db *db, struct arena *a, const struct column_row *c, int64_t *id, struct err *err);

/* One base has the same weights in all of its columns: ERR_INVALID "err_weights_mixed"; "err_weights_not" where no column can be
 * computed with those that the whole run asks for.  Afterwards `shared` says what all columns have in common. */
MUST_USE enum err_code run_share_weights(struct db *db, struct arena *a, struct gen_params *shared, const struct column_row *columns,
					 size_t n, struct err *err);

/* The first `limit` questions (0: all) of a set, or those of the body where there is no set.  None is ERR_INVALID. */
MUST_USE enum err_code run_questions(struct db *db, struct arena *a, int64_t set_id, const json_t *array, int64_t limit,
				     struct question **out, size_t *n, struct err *err);

/* Before anything is asked: ERR_LIMIT "err_provider_requests_known" where `n_questions` questions in these columns are more requests than
 * a provider of theirs may get in one validation. */
MUST_USE enum err_code run_check_requests(struct db *db, struct arena *a, const struct column_row *columns, size_t n, size_t n_questions,
					  struct err *err);

/* ERR_NOT_FOUND "err_question_set_not_found". */
MUST_USE enum err_code run_question_set(struct db *db, struct arena *a, int64_t set_id, struct question_set_row *out,
					struct err *err);

#endif
