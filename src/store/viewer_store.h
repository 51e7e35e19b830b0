/* SPDX-License-Identifier: Apache-2.0
 *
 * viewer_store - browsers that see the results of a run by a link (a panel of PANEL_VIEW).  They have no name; of the two halves of
 * their session only the SHA-256 is kept. */
#ifndef ASSAY_STORE_VIEWER_STORE_H
#define ASSAY_STORE_VIEWER_STORE_H

#include "store/panel_store.h"

/* store: another viewer of the panel; `session->id` is set, and is the viewer's.  Of more than LIMIT_VIEWERS the one that came first
 * makes room: `*dropped` is its id, 0 where there was room. */
MUST_USE enum err_code viewer_store_add(struct db *db, int64_t panel_id, struct session_row *session, int64_t *dropped,
					struct err *err);
/* The panel that a viewer came by, while it is open.  ERR_DENIED "err_viewing_closed". */
MUST_USE enum err_code viewer_store_panel(struct db *db, struct arena *a, int64_t id, int64_t wall_ms, struct panel_row *out,
					  struct err *err);
/* Sessions of the viewers of panels that are open. */
MUST_USE enum err_code viewer_store_sessions(struct db *db, struct arena *a, int64_t wall_ms, struct session_row **rows, size_t *n,
					     struct err *err);

#endif
