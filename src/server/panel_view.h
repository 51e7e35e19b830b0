/* SPDX-License-Identifier: Apache-2.0
 *
 * panel_view - what the owner's and the raters' side of a panel share. */
#ifndef ASSAY_SERVER_PANEL_VIEW_H
#define ASSAY_SERVER_PANEL_VIEW_H

#include "server/request.h"
#include "store/panel_store.h"
#include "store/run_store.h"

/* Tells the owner's browsers of a vote; `cell` is as it is after it.  Thread: loop. */
void vote_publish(struct app *app, const struct cell_row *cell, int64_t column_likes);

/* Tells them that something about the raters of a run changed.  Thread: loop. */
void panel_changed(struct request *r, int64_t run_id);

/* The order of `n` answers for a rater, the same for all turns of a conversation, whose first turn is at position `root`:
 * order[slot] is a column's position.  Without the salt nobody can tell which slot is which.  Thread: any. */
void panel_order(const char *salt, int64_t root, size_t n, size_t *order);

#endif
