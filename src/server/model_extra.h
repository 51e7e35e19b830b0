/* SPDX-License-Identifier: Apache-2.0
 *
 * model_extra - what the store knows of a model beyond its row, for the page: how it is asked, and how sure it is that an adapter
 * belongs to its base.
 *
 * Thread: a lane's, with its connection; looks whether files are what they were.  Results belong to the arena given. */
#ifndef ASSAY_SERVER_MODEL_EXTRA_H
#define ASSAY_SERVER_MODEL_EXTRA_H

#include "base/msg.h"
#include "store/match_store.h"
#include "store/template_store.h"

enum belonging_level { BELONGS_UNKNOWN, BELONGS_SHAPE_ONLY, BELONGS_SAME_NAME, BELONGS_VERIFIED };

struct belonging {
	enum belonging_level level;
	bool by_run;		/* verified by what a validation has measured */
	struct match_row check; /* the last one; checked_ms 0: none */
	struct match_row run;	/* what that validation has measured */
};

struct model_extra {
	struct template_use chat;
	int64_t convert_ms; /* that its conversion takes about, 0: none or not known */
	bool is_adapter;
	struct belonging belonging; /* of an adapter */
};

/* Fills `extra` of all rows of the list. */
MUST_USE enum err_code model_extra_fill(struct db *db, struct arena *a, const char *data_dir, struct model_list *list, struct err *err);
/* Of one row. */
MUST_USE enum err_code model_extra_fill_one(struct db *db, struct arena *a, const char *data_dir, struct model_row *row, struct err *err);

/* Fields "chat" and, of an adapter, "belonging". */
void view_model_extra(struct buf *b, enum lang lang, const struct model_row *m);
/* The same of a family: of its last epoch, and the best that is known of any. */
void view_family_extra(struct buf *b, enum lang lang, int64_t family_id, const struct model_list *all);
/* One outcome: a value of an array or a field. */
void view_match(struct buf *b, const char *name, enum lang lang, const struct match_row *m);

#endif
