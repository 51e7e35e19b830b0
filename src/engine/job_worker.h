/* SPDX-License-Identifier: Apache-2.0
 *
 * job_worker - an assay-worker for one job (merge, quantize, compare, judge): it is started, asked one thing after another, and ends.
 *
 * A cancelled or failed job ends the process; what it had written is in files that nobody was told of.  Thread: loop. */
#ifndef ASSAY_ENGINE_JOB_WORKER_H
#define ASSAY_ENGINE_JOB_WORKER_H

#include "base/json.h"
#include "base/loop.h"
#include "engine/worker_process.h"

struct job_worker;

struct job_worker_events {
	/* It runs in its sandbox and may be asked.  `build`: version of llama.cpp, borrowed. */
	void (*ready)(void *user, const char *build, bool has_gpu);
	/* A sign of life: {"fraction": 0..1, "detail": what is at hand, "step": ...}, each but the first optional. */
	void (*progress)(void *user, const json_t *body);
	/* About one cell or item of the request: MSG_ANSWER, MSG_COMPARED, MSG_LIKELIHOOD, MSG_JUDGED or MSG_CELL_FAILED. */
	void (*item)(void *user, uint8_t kind, const json_t *body);
	/* The answer to the request; the next one may be sent. */
	void (*reply)(void *user, uint8_t kind, const json_t *body);
	/* The request failed, or the process ended: it is of no use any more. */
	void (*failed)(void *user, const struct err *cause);
};

struct job_worker_options {
	struct loop *loop;
	struct worker_options worker;
	bool allow_unsandboxed;
	int64_t silence_ms; /* without a sign of life, then it is ended; 0: a minute */
};

/* NULL on failure.  job_worker_stop() is allowed in every callback, and needed at the end. */
MUST_USE struct job_worker *job_worker_start(const struct job_worker_options *options,
					     const struct job_worker_events *events, void *user, struct err *err);

/* Asks; the one before must have been answered.  Takes `body` and `fd` (-1: none). */
void job_worker_ask(struct job_worker *w, uint8_t kind, json_t *body, int fd);

/* Ends the process without any further callback, frees.  NULL is fine. */
void job_worker_stop(struct job_worker *w);

/* Resident bytes now, for the status page. */
int64_t job_worker_resident(const struct job_worker *w);

#endif
