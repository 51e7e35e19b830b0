/* SPDX-License-Identifier: Apache-2.0
 *
 * remote - what every request to a provider has in common: its address, its limits, and its failures as sentences.
 * Thread: any (pure). */
#ifndef ASSAY_ENGINE_REMOTE_H
#define ASSAY_ENGINE_REMOTE_H

#include "base/arena.h"
#include "base/http_client.h"
#include "base/json.h"
#include "store/provider_store.h"

/* A provider that can be asked now: its row and its key (NULL: none, or a command tells it). */
struct remote {
	struct provider_row row;
	const char *key;
	bool is_plain; /* it refused fields that only some servers know: they are left out */
};

/* Gives a request what this provider is to be shown and believed: its key, or the command that tells it, and its certificate.
 * The request borrows from `remote`. */
void remote_introduce(const struct remote *remote, struct http_request *request);

/* For a request whose answer has at most `max_tokens` tokens: the provider's own time to the first byte, room for what stands around
 * each token, and an end for a server that only drips: five seconds for each token are more than any machine takes that is of use. */
struct http_limits remote_limits(const struct remote *remote, int64_t max_tokens);

/* ERR_LIMIT "err_provider_requests" where `n_asked` requests are all that this provider may get in one validation. */
MUST_USE enum err_code remote_may_ask(const struct remote *remote, int64_t n_asked, struct err *err);

/* The reason that a server gave, cleaned for printing: {"error":"..."}, {"error":{"message":"..."}}, {"message":...}, or the
 * beginning of plain text. */
void remote_reason(struct str body, char *out, size_t out_size);

/* The sentence for a whole reply whose status is not 2xx: wrong key, wrong host, busy, missing, other. */
enum err_code remote_fail(const struct remote *remote, const struct http_reply *reply, struct err *err);

/* A well-formed reply that is not what this kind of server says. */
enum err_code remote_wrong(const struct remote *remote, const char *what, struct err *err);

/* The body as a JSON object (a new reference), or NULL with the failure: not 2xx, no JSON, {"error":...} inside a 200. */
MUST_USE json_t *remote_json(const struct remote *remote, const struct http_reply *reply, struct err *err);

/* Keeps what a server says printable and short: control characters and direction marks go.  In the arena. */
const char *remote_text(struct arena *a, const char *text, size_t max);

#endif
