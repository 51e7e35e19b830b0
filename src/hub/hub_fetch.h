/* SPDX-License-Identifier: Apache-2.0
 *
 * hub_fetch - one file from a hub to the disk: continues what is there, tries again when the line breaks or the hub is busy,
 * begins anew when the file there is another one, and publishes it once its digest is right.
 *
 * The loop never waits for the disk: pieces go to `disk`, and the server waits when too many are on their way.
 * Thread: loop. */
#ifndef ASSAY_HUB_HUB_FETCH_H
#define ASSAY_HUB_HUB_FETCH_H

#include "base/http_client.h"
#include "base/loop.h"
#include "base/queue.h"
#include "hub/hub_list.h"

struct hub_fetch;

struct hub_fetch_options {
	struct loop *loop;
	struct http_client *http_client;
	struct executor *disk;
	const char *dir, *url, *bearer, *etag; /* copied; etag "": of the part that is there, not known */
	struct hub_file file;                  /* its path is copied */
	int64_t retry_ms;                      /* first pause after a failure; then twice as long each time, 30 s at most */
	int max_tries;                         /* without a byte of progress */
	/* `have` bytes are there or on their way to the disk.  `why` (NULL: all is well) is what made it wait for another try. */
	void (*progress)(void *user, uint64_t have, const struct err *why);
	/* What the server calls the file whose first byte has come. */
	void (*etag_known)(void *user, const char *etag);
	/* The sentence for a status that is no success. */
	void (*refuse)(void *user, const struct http_reply *reply, struct err *err);
	/* Once, never inside hub_fetch_start() or hub_fetch_cancel().  ERR_CANCELLED after a cancel: what came is kept. */
	void (*done)(void *user, const struct err *err);
	void *user;
};

/* Never NULL.  Frees itself after done(). */
struct hub_fetch *hub_fetch_start(const struct hub_fetch_options *options);
/* Soon done() says so; nothing new goes to `disk` from now on. */
void hub_fetch_cancel(struct hub_fetch *f);
/* For a loop that runs no more, after `disk` has ended and come home: frees it without done().  NULL is fine. */
void hub_fetch_free(struct hub_fetch *f);

#endif
