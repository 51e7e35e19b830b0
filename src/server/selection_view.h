/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_view - automatic validations as the JSON of docs/openapi.yaml.  Thread: any. */
#ifndef ASSAY_SERVER_SELECTION_VIEW_H
#define ASSAY_SERVER_SELECTION_VIEW_H

#include "selection/rating_session.h"
#include "selection/selection.h"
#include "server/json_view.h"

/* One with what its row only names. */
struct selection_whole {
	struct selection_row row;
	struct selection_params params;
	struct run_row run;
	struct column_row *columns; /* the candidates */
	size_t n_columns;
	size_t base;		    /* which of them is the base model; n_columns or more: none, or the result says it */
	const char *judge_name;	    /* "" without a judge */
	int64_t n_references, n_rated; /* of the run's questions */
};

/* What is known of one in the line or at work beyond its row. */
struct selection_now {
	bool is_live;
	struct selection_live live;
	struct str steps; /* JSON */
};

/* Reads it all.  Texts belong to the arena. */
MUST_USE enum err_code selection_whole_load(struct db *db, struct arena *a, int64_t id, struct selection_whole *out, struct err *err);
/* Completes one whose row was read. */
MUST_USE enum err_code selection_whole_complete(struct db *db, struct arena *a, struct selection_whole *out, struct err *err);

/* A Selection. */
void view_selection(struct buf *b, const char *name, enum lang lang, const struct selection_whole *s,
		    const struct selection_now *now);

/* SelectionQuestions: one page of `total`; answers in column order. */
void view_selection_questions(struct buf *b, const struct column_row *columns, size_t n_columns,
			      const struct selection_finding *findings, size_t n, int64_t total);
/* SelectionRating. */
void view_selection_rating(struct buf *b, const struct rating_session *s);

#endif
