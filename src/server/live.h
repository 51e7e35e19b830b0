/* SPDX-License-Identifier: Apache-2.0
 *
 * live - turns what the engine reports into events for the page.
 *
 * Text of one loop turn is sent as one event a cell; runs and columns are read from the store (one read in flight for a
 * run) and sent with what only the engine knows.  Thread: loop. */
#ifndef ASSAY_SERVER_LIVE_H
#define ASSAY_SERVER_LIVE_H

#include "server/json_view.h"
#include "server/app_private.h"

struct live;

/* Starts to listen to app->engine. */
struct live *live_new(struct app *app);
/* No task of it may be under way: the home queue is drained. */
void live_free(struct live *l);
/* Sends what was gathered in this turn. */
void live_flush(struct live *l);
/* Flushes, then the id of the newest event: what a snapshot taken now contains. */
int64_t live_event_id(struct live *l);
/* What the engine knows of a run now. */
void live_run(const struct app *app, int64_t run_id, struct run_live *out);
/* The run's rows changed (by a request): sends them. */
void live_touch_run(struct live *l, int64_t run_id);

#endif
