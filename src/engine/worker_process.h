/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_process - one assay-worker: its start, its frames, its end and what it died of.
 *
 * The program runs with nothing in its environment but what its GPU drivers need (worker_environment.h), its end of a socket pair as descriptor 3 and nothing else.  Every frame it
 * sends is handed on as it comes; a stream that breaks the framing is ended.  Thread: loop. */
#ifndef ASSAY_ENGINE_WORKER_PROCESS_H
#define ASSAY_ENGINE_WORKER_PROCESS_H

#include <sys/types.h>

#include "base/frame.h"
#include "base/json.h"
#include "base/loop.h"

struct worker_process;

struct worker_events {
	/* One frame; `f` is borrowed.  The receiver may call worker_process_kill() or worker_process_stop(). */
	void (*frame)(void *user, const struct frame *f);
	/* Called once, when the process has ended by itself or by worker_process_kill(); then only _stop() is allowed. */
	void (*died)(void *user, const struct err *cause);
};

#define WORKER_READ_MAX 4

struct worker_options {
	const char *program;
	const char *read[WORKER_READ_MAX]; /* files and folders the worker may read by their paths; NULL ends the list */
	const char *write_dir;             /* the one folder it may write to, NULL: none */
	bool no_sandbox;
	bool cpu_only; /* it looks for no GPU, whose driver would need a wider sandbox */
};

/* Begins when the workers that were stopped before have ended (the memory is theirs until then).  NULL on failure: ERR_IO
 * "err_worker_start", or "err_worker_room" where the machine has no process or descriptor left. */
MUST_USE struct worker_process *worker_process_start(struct loop *loop, const struct worker_options *options,
						     const struct worker_events *events, void *user, struct err *err);

/* Queues a frame.  Takes `body` (may be NULL: no body) and `fd` (-1: none; closed after it was sent).  A body longer than LIMIT_FRAME is
 * sent as {}, which the worker refuses. */
void worker_process_send(struct worker_process *w, uint8_t kind, uint32_t stream, json_t *body, int fd);

/* Ends it at once with this cause; died() follows from the loop. */
void worker_process_kill(struct worker_process *w, const struct err *cause);

/* Closes the socket, kills, frees.  No callback, and no wait for the end: reaper_await().  NULL is fine. */
void worker_process_stop(struct worker_process *w);

pid_t worker_process_pid(const struct worker_process *w);

/* From now on something is expected of it. */
void worker_process_listen(struct worker_process *w);

/* Milliseconds since the last byte from it or since worker_process_listen(). */
int64_t worker_process_silent_ms(const struct worker_process *w);

/* Reads a failure of the protocol; what is none becomes err_worker_protocol. */
void failure_read(const json_t *body, struct err *out);

#endif
