/* SPDX-License-Identifier: Apache-2.0
 *
 * link - the worker's end of the socket: frames in with their descriptors, frames out.
 *
 * The supervisor is the only reason to live: when it closes the socket, sends what is no frame of the protocol, or more
 * than may wait, the process ends here (WORKER_EXIT_*), so no function reports an error.  Thread: the main thread. */
#ifndef ASSAY_WORKER_LINK_H
#define ASSAY_WORKER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

enum {
	WORKER_EXIT_OK = 0,        /* the supervisor closed the socket */
	WORKER_EXIT_PROTOCOL = 65, /* it sent what is not in protocol.h */
	WORKER_EXIT_TEMPLATE = 70, /* a chat template took too long or crashed */
};

struct link;

struct request {
	uint8_t kind; /* enum worker_request */
	uint32_t stream;
	int fd;       /* came with it, or -1; owned */
	json_t *body; /* an object; owned */
	size_t bytes;
	struct request *next;
};

/* Takes over the socket `fd`. */
struct link *link_new(int fd);
void link_free(struct link *l);

/* Reads what has arrived, waiting up to `timeout_ms` (-1: for ever) where nothing has.  REQ_CANCEL is dealt with here. */
void link_pump(struct link *l, int timeout_ms);

/* Takes the oldest waiting request, or NULL.  It becomes the active stream. */
struct request *link_take(struct link *l);
void request_free(struct request *r);

/* True once the active stream was cancelled.  Reads the socket at most every 5 ms. */
bool link_cancelled(struct link *l);

/* Queues a frame; sent by link_flush() or when much has gathered.  Blocks while the supervisor does not read. */
void link_send(struct link *l, uint8_t kind, uint32_t stream, struct str body);
/* As link_send(); takes over `body`. */
void link_send_json(struct link *l, uint8_t kind, uint32_t stream, json_t *body);
void link_flush(struct link *l);

/* Sends `err` as MSG_FAILED, or as MSG_CELL_FAILED with "cell" in link_fail_cell(). */
void link_fail(struct link *l, uint32_t stream, const struct err *err);
void link_fail_cell(struct link *l, uint32_t stream, uint64_t cell, const struct err *err);

/* Flushes, says why on the log stream and ends the process. */
_Noreturn void link_die(struct link *l, int exit_code, const char *why);

int link_fd(const struct link *l);

#endif
