/* SPDX-License-Identifier: Apache-2.0
 *
 * sse - the events of the server, kept once for all clients.
 *
 * The hub holds the newest LIMIT_SSE_QUEUE bytes of encoded events; a client is a cursor into them.  One that falls
 * further behind gets `resync` instead of what it missed, so a slow client costs nothing but its cursor.
 * Pure: no sockets, no clock.  Thread: loop. */
#ifndef ASSAY_SERVER_SSE_H
#define ASSAY_SERVER_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/msg.h"

struct hub;
struct hub_client;

/* Called when something waits for a client whose last hub_read() gave nothing. */
typedef void (*hub_wake_fn)(void *user);

/* Ids start after `first_id`; the time in ms keeps them growing over restarts. `limit`: bytes kept. Never NULL. */
struct hub *hub_new(int64_t first_id, size_t limit);
/* All clients must have left. */
void hub_free(struct hub *h);

/* The id of the newest event. */
int64_t hub_last_id(const struct hub *h);
/* Adds an event; `data` is one line of JSON.  `zh` has ptr NULL where the text is the same in both languages.  An event
 * of more than half the limit becomes `resync`.  Returns its id. */
int64_t hub_publish(struct hub *h, const char *event, struct str en, struct str zh);

/* A new client: `hello` first, then what follows `last_id` (0: what comes from now on; unknown: `resync`).
 * NULL if there are `LIMIT_SSE_CLIENTS` already. */
struct hub_client *hub_join(struct hub *h, enum lang lang, int64_t last_id, hub_wake_fn wake, void *user);
void hub_leave(struct hub_client *c);
size_t hub_count(const struct hub *h);
/* Writes up to `max` bytes of what waits; 0: nothing waits, and `wake` will be called. */
size_t hub_read(struct hub_client *c, char *out, size_t max);
/* A comment line for every client that is waiting: shows that the server lives and finds out who has gone. */
void hub_beat(struct hub *h);
/* Calls `each` for every client's user value; it may make clients leave. */
void hub_each(struct hub *h, hub_wake_fn each);

#endif
