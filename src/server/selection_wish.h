/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_wish - an automatic validation that somebody asks for, looked up in the store: who the candidates are, what there is
 * to check answers by, and who compares them.  Thread: a lane's. */
#ifndef ASSAY_SERVER_SELECTION_WISH_H
#define ASSAY_SERVER_SELECTION_WISH_H

#include "server/selection_body.h"
#include "store/model_store.h"
#include "store/question_store.h"

struct selection_wish {
	const struct selection_body *body;
	struct run_row run;	 /* id 0: still to be stored */
	struct column_row columns[LIMIT_COLUMNS];
	struct model_row models[LIMIT_COLUMNS]; /* of the columns */
	size_t n_columns;
	size_t base;		 /* the column of the base model; n_columns or more: none */
	const char *family_name; /* "": the candidates are no family */
	struct gen_params shared; /* of a new run's columns */
	const char *set_name;	 /* "": the questions are the body's or the run's */
	struct question *questions; /* of the body */
	int64_t n_questions, n_references, n_rated, n_stored; /* n_stored: answers that are there */
	bool has_judge;
	struct model_row judge;
};

/* Everything belongs to the arena; errors name the field. */
MUST_USE enum err_code selection_wish_read(struct db *db, struct arena *a, const struct selection_body *body,
					   struct selection_wish *out, struct err *err);

/* store: the run, unless there is one, and the selection; `*id` is its number. */
MUST_USE enum err_code selection_wish_store(struct db *db, struct arena *a, struct selection_wish *wish, int64_t *id,
					    struct err *err);

#endif
