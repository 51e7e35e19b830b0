/* SPDX-License-Identifier: Apache-2.0
 *
 * creation_feed - tells the page how jobs get on.  Thread: loop. */
#ifndef ASSAY_SERVER_CREATION_FEED_H
#define ASSAY_SERVER_CREATION_FEED_H

#include "server/app_private.h"

/* The feed to put at app->creation_feed; row_feed_free() frees it. */
struct row_feed *creation_feed_new(struct app *app);
/* A creation_listener_fn; `user` is the app. */
void creation_feed_changed(void *user, int64_t creation_id, bool artifacts_changed);

#endif
