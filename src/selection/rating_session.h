/* SPDX-License-Identifier: Apache-2.0
 *
 * rating_session - the questions of a run that a person should rate next: judge/rating.h over what is stored.  Thread: any. */
#ifndef ASSAY_SELECTION_RATING_SESSION_H
#define ASSAY_SELECTION_RATING_SESSION_H

#include "judge/rating.h"
#include "selection/material.h"
#include "selection/selection.h"

struct rating_question {
	int64_t id, position; /* in the run */
	int64_t row;	      /* its place where people read it: questions_reading_order() */
};

struct rating_session {
	struct rating_question questions[RATING_LIST_MAX]; /* the most telling first */
	size_t n, n_rated, n_more;			    /* rating.h */
};

/* `e` is material_evidence() of a scored material. */
struct rating_session rating_session_of(struct material *m, const struct evidence *e);

/* The thumbs and answers as they are now; what material_read() says. */
MUST_USE enum err_code rating_session_read(struct db *db, int64_t run_id, const struct selection_params *params,
					   struct rating_session *out, struct err *err);

#endif
