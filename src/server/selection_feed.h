/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_feed - tells the page how automatic validations get on.  Thread: loop. */
#ifndef ASSAY_SERVER_SELECTION_FEED_H
#define ASSAY_SERVER_SELECTION_FEED_H

#include "server/app_private.h"

/* The feed to put at app->selection_feed; row_feed_free() frees it. */
struct row_feed *selection_feed_new(struct app *app);
/* A selection_listener_fn; `user` is the app. */
void selection_feed_changed(void *user, int64_t selection_id, bool list_changed);

#endif
