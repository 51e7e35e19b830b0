/* SPDX-License-Identifier: Apache-2.0
 *
 * api_events - see api_events.c.  Thread: loop. */
#ifndef ASSAY_SERVER_API_EVENTS_H
#define ASSAY_SERVER_API_EVENTS_H

#include "server/app_private.h"

/* Ends the streams of browsers that have gone and of sessions that have ended; all of them while the app closes. */
void events_check(struct app *app);

#endif
