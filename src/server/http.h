/* SPDX-License-Identifier: Apache-2.0
 *
 * http - libmicrohttpd on our event loop: listeners, connections with deadlines, the gate before every request.
 *
 * Thread: loop, everything. */
#ifndef ASSAY_SERVER_HTTP_H
#define ASSAY_SERVER_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "server/request.h"

struct http;
struct exchange; /* the transport's part of one request */

/* Listens on the unix socket and, with options->tcp, on 127.0.0.1 and [::1] or on options->listen, and for raters and viewers on
 * options->lan. */
MUST_USE enum err_code http_open(struct app *app, const struct app_options *options, const char *socket_path, struct http **out,
				 struct err *err);
int http_port(const struct http *h);
/* Gives the library its turn; returns how long the loop may sleep in ms, or -1. */
int64_t http_prepare(struct http *h);
/* Takes no more connections. */
void http_quiesce(struct http *h);
/* Requests that are being answered, streams not counted. */
size_t http_in_flight(const struct http *h);
/* Sets the cancel flag of every request that another thread works on. */
void http_cancel(struct http *h);
/* Ends what is left.  No request may be on another thread.  NULL is fine. */
void http_close(struct http *h);

/* --- for request.c and the page --- */
void http_reply(struct exchange *x, int status, const char *content_type, struct str body);
/* Constant bytes with a gzip encoding, an ETag and a Cache-Control. */
void http_reply_asset(struct exchange *x, const char *content_type, struct str gzip, const char *etag, const char *cache);
void http_stream(struct exchange *x, const char *content_type, const struct body_source *source);
void http_wake(struct exchange *x);
const char *http_query(struct exchange *x, const char *name);
const char *http_header(struct exchange *x, const char *name);
/* True if the peer closed its end of a sleeping connection. */
bool http_peer_gone(struct exchange *x);

#endif
