/* SPDX-License-Identifier: Apache-2.0
 *
 * provider_calls - a handler's requests to providers: several at once, then one continuation.  Thread: loop. */
#ifndef ASSAY_SERVER_PROVIDER_CALLS_H
#define ASSAY_SERVER_PROVIDER_CALLS_H

#include "engine/remote.h"
#include "server/request.h"

/* One request and, once it is over, what came of it.  Lives in the arena of its handler's request. */
struct provider_call {
	struct provider_calls *calls;
	const struct remote *remote;
	struct http_reply reply; /* body copied into the arena */
	struct err err;          /* of the transport; a reply of any status is none */
	int64_t started_ms, ms;
};

struct provider_calls {
	struct request *r;
	request_fn done;
	size_t n_open;
	bool all_started;
};

/* For what answers at once: 3 s to connect, 8 s in all. */
struct http_limits provider_limits_quick(void);
/* For answers: the provider's own time to the first byte. */
struct http_limits provider_limits_answer(const struct provider_row *row);

void provider_calls_init(struct provider_calls *calls, struct request *r, request_fn done);
/* Asks `remote` for `path` below its address.  Takes `json` (NULL: no body). */
void provider_call_start(struct provider_calls *calls, struct provider_call *call, const struct remote *remote,
			 const char *method, const char *path, json_t *json, const struct http_limits *limits);
/* After the last start: `done` runs on the loop when all are over, also where none was started. */
void provider_calls_wait(struct provider_calls *calls);

/* For the lanes: reads a provider and its key; false with request_err() set.  A key that cannot be had is an error where
 * `key_err` is NULL. */
bool provider_read(struct request *r, struct db *db, int64_t id, struct remote *out, struct err *key_err);

#endif
