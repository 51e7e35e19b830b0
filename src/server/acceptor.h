/* SPDX-License-Identifier: Apache-2.0
 *
 * acceptor - takes the connections of a listening socket, and goes on doing so when descriptors or memory run out for a while.
 *
 * With no descriptor left those who wait are taken with a spare one and sent away: left waiting, they would wake the loop at once
 * again.  After any other failure, and while the owner has no room, they wait a tenth of a second.  Thread: loop. */
#ifndef ASSAY_SERVER_ACCEPTOR_H
#define ASSAY_SERVER_ACCEPTOR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/loop.h"

struct acceptor;

struct acceptor_owner {
	bool (*has_room)(void *user);
	/* Takes a connection over: `fd` is nonblocking and closed on exec, `from` is valid for the call. */
	void (*take)(void *user, int fd, const struct sockaddr *from, socklen_t size);
	void *user;
};

/* `fd` listens and is nonblocking; it is owned from here on.  `owner` is copied.  Never NULL. */
struct acceptor *acceptor_new(struct loop *loop, int fd, const struct acceptor_owner *owner);
/* Takes nothing more and closes the socket.  NULL is fine. */
void acceptor_free(struct acceptor *a);

#endif
