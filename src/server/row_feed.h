/* SPDX-License-Identifier: Apache-2.0
 *
 * row_feed - tells the page how something long gets on whose row changes often: however often that is, one read of the store is
 * in flight for each row, and the newest is sent.  Thread: loop. */
#ifndef ASSAY_SERVER_ROW_FEED_H
#define ASSAY_SERVER_ROW_FEED_H

#include "base/arena.h"
#include "server/app_private.h"

struct row_feed;

/* Reads row `id` with all that belongs to it, into the arena; NULL where it failed.  Thread: the reader's. */
typedef void *(*row_load_fn)(struct db *db, struct arena *a, int64_t id, struct err *err);
/* Sends what was read. */
typedef void (*row_send_fn)(struct app *app, const void *row);

/* Never NULL. */
struct row_feed *row_feed_new(struct app *app, row_load_fn load, row_send_fn send);
/* No task of it may be under way: the home queue is drained.  NULL is fine. */
void row_feed_free(struct row_feed *f);
/* Row `id` is not what it was. */
void row_feed_changed(struct row_feed *f, int64_t id);

#endif
