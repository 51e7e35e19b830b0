/* SPDX-License-Identifier: Apache-2.0
 *
 * download_feed - what the server does with downloads from a hub: tells the page how they get on, adds what has arrived to the
 * models, and shows them as the API does.  Thread: loop. */
#ifndef ASSAY_SERVER_DOWNLOAD_FEED_H
#define ASSAY_SERVER_DOWNLOAD_FEED_H

#include "hub/downloads.h"
#include "server/app_private.h"

/* The downloads to put at app->downloads; needs all the app's threads but http. */
struct downloads *download_feed_new(struct app *app);

/* A Download. */
void view_download(struct buf *b, const char *name, enum lang lang, const struct download *d);

#endif
