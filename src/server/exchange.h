/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange - private to http.c and exchange.c: one request as libmicrohttpd sees it.  Thread: loop. */
#ifndef ASSAY_SERVER_EXCHANGE_H
#define ASSAY_SERVER_EXCHANGE_H

#include <microhttpd.h>
#include <netinet/in.h>

#include "base/loop.h"
#include "server/http.h"

#define LISTENERS_MAX 4

struct conn {
	int fd;
	bool is_unix, is_stranger; /* another user's process on the unix socket */
	bool is_lan;
	int64_t deadline_ms;       /* for what the client must send now; 0: it waits for us */
	uint64_t body_bytes;       /* received of the current body: each buys time */
	char from[INET6_ADDRSTRLEN]; /* the client's address; "" on the unix socket */
	uint64_t from_digest;        /* of `from`: whose requests are counted */
	struct conn *next;
};

struct listener {
	struct http *http;
	struct MHD_Daemon *daemon;
	struct loop_fd *watch;
	struct acceptor *acceptor;
	int fd; /* that listens, until the acceptor owns it: -1 */
	bool is_unix, is_lan;
};

struct http {
	struct app *app;
	int port;
	struct listener listeners[LISTENERS_MAX];
	size_t n_listeners;
	bool must_run; /* a connection was resumed in this turn */
	struct loop_timer *sweeper;
	struct conn *conns;
	size_t n_conns, max_conns; /* of all listeners */
	struct buckets *guests, *addresses; /* how often those who were invited, and those on the network, may ask */
	struct exchange *exchanges;
};

enum MHD_Result exchange_on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
				    const char *version, const char *data, size_t *size, void **slot);
void exchange_on_completed(void *cls, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode why);
/* Before a daemon stops: none of its connections may sleep. */
void exchange_resume_all(struct http *h, struct MHD_Daemon *daemon);

#endif
