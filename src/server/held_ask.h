/* SPDX-License-Identifier: Apache-2.0
 *
 * held_ask - a handler asks the Ollamas of this machine what they hold in memory.  All of it lives in the request's arena. */
#ifndef ASSAY_SERVER_HELD_ASK_H
#define ASSAY_SERVER_HELD_ASK_H

#include "engine/held.h"
#include "server/provider_calls.h"

struct held_server {
	struct remote remote;
	struct provider_call call;
	struct held held;
	struct err problem; /* it answered, but not with what it holds; one that does not answer holds nothing that we know of */
};

struct held_ask {
	struct provider_calls calls;
	struct held_server *servers;
	size_t n;
	int64_t bytes, gpu_bytes; /* of all */
};

/* Which there are.  Thread: a lane's with a database. */
void held_ask_read(struct request *r, struct db *db, struct held_ask *ask);
/* Asks them (3 s at most), then `done` with what they said.  Thread: loop. */
void held_ask_start(struct request *r, struct held_ask *ask, request_fn done);
/* Reads what came; call it first in `done`. */
void held_ask_take(struct request *r, struct held_ask *ask);

/* "llama3:8b (5.2 GB), ...": the first few; for sentences.  Thread: any. */
void held_ask_names(const struct held_ask *ask, char *out, size_t size);
/* The field "held".  Thread: any. */
void view_held(struct buf *b, enum lang lang, const struct held_ask *ask);

#endif
