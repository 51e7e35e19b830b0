/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_preview - what an automatic validation would check answers by, what that allows, and how long it takes.
 * Thread: a lane's. */
#ifndef ASSAY_SERVER_SELECTION_PREVIEW_H
#define ASSAY_SERVER_SELECTION_PREVIEW_H

#include "base/msg.h"
#include "judge/plan.h"
#include "server/selection_wish.h"

struct selection_preview {
	struct plan_result plan;
	bool knows_time; /* everything that takes time was measured on this machine before */
};

/* From the speeds of earlier runs of these models, and of the judge's last exam. */
MUST_USE enum err_code selection_preview_make(struct db *db, struct arena *a, const struct selection_wish *wish,
					      struct selection_preview *out, struct err *err);

/* A SelectionPreview. */
void view_selection_preview(struct buf *b, enum lang lang, const struct selection_wish *wish, const struct selection_preview *p);

#endif
