/* SPDX-License-Identifier: Apache-2.0
 *
 * standing - how the columns of a run stand by people's thumbs, against the base model where it is a column.
 *
 * A win is a question where more people liked the column's answer than the opponent's, a loss the reverse; where as many liked both
 * the question does not tell them apart.  A question counts once, however many people rated it: their opinions on one question are no
 * independent evidence.  Interval: Wilson, 95 % (E. B. Wilson, JASA 22, 1927), of wins among wins and losses.
 * Thread: reader. */
#ifndef ASSAY_DEPLOY_STANDING_H
#define ASSAY_DEPLOY_STANDING_H

#include "store/model_store.h"
#include "store/run_store.h"

struct standing_column {
	const struct column_row *column;
	bool is_base;     /* the model itself has full weights */
	int64_t n_wins, n_losses;
	double win_rate, low, high; /* NAN without wins and losses */
};

struct standing {
	struct standing_column *columns; /* in the run's order */
	size_t n_columns;
	int64_t n_raters;                           /* people who rated anything */
	const struct column_row *opponent;          /* NULL: none */
	const struct standing_column *recommended;  /* most liked; of equals the earliest epoch; NULL without any vote */
};

/* Everything belongs to the arena. */
MUST_USE enum err_code standing_read(struct db *db, struct arena *a, int64_t run_id, struct standing *out, struct err *err);

/* True for a checkpoint of a family that has a column here, but has none itself. */
bool standing_misses(const struct standing *s, const struct model_list *list, const struct model_row *model);

#endif
