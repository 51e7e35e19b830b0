/* SPDX-License-Identifier: Apache-2.0
 *
 * creation_feed - tells the page how jobs get on: one read of the store in flight for each.  Thread: loop. */
#ifndef ASSAY_SERVER_CREATION_FEED_H
#define ASSAY_SERVER_CREATION_FEED_H

#include "server/app_private.h"

struct creation_feed;

struct creation_feed *creation_feed_new(struct app *app);
/* No task of it may be under way: the home queue is drained.  NULL is fine. */
void creation_feed_free(struct creation_feed *f);
/* A creation_listener_fn; `user` is the feed. */
void creation_feed_changed(void *user, int64_t creation_id, bool artifacts_changed);

#endif
