/* SPDX-License-Identifier: Apache-2.0
 *
 * downloads - models on their way from a hub, one after another, file by file.
 *
 * Nothing asks a hub unless downloads_start() or downloads_resume() was called.  What a dead or stopped program left is listed
 * as interrupted and continues where it was (hub_job.h).  The token is read when a download begins and forgotten at its end.
 * Thread: loop. */
#ifndef ASSAY_HUB_DOWNLOADS_H
#define ASSAY_HUB_DOWNLOADS_H

#include "base/http_client.h"
#include "base/loop.h"
#include "base/queue.h"
#include "hub/hub_job.h"

struct downloads;

enum download_state {
	DOWNLOAD_WAITING, /* for those before it */
	DOWNLOAD_RUNNING,
	DOWNLOAD_ADDING,  /* all is there, and becomes a model */
	DOWNLOAD_DONE,
	DOWNLOAD_FAILED,
	DOWNLOAD_CANCELLED,
	DOWNLOAD_INTERRUPTED, /* by the end of the program */
};

struct download {
	int64_t id;
	enum download_state state;
	const struct hub_job *job;
	const char *dir;
	uint64_t have, size;   /* bytes */
	size_t n_whole;        /* files that are there */
	const char *file;      /* the one under way, "" */
	double bytes_per_s;    /* 0: not known */
	struct err problem;    /* why it failed */
	struct err pause;      /* why it waits for another try; code ERR_OK: it does not */
	void *result;          /* the owner's, of downloads_added() */
};

struct downloads_options {
	struct loop *loop;
	struct queue *home;
	struct http_client *http_client;
	const char *data_dir;
	int64_t retry_ms; /* 0: half a second */
	int max_tries;    /* 0: 8 */
	void (*changed)(void *user, const struct download *d); /* numbers at most 4 times a second */
	/* All files of `d` are there, at `target` (hub_job_target()): call downloads_added() once. */
	void (*fetched)(void *user, const struct download *d, const char *target);
	void (*forget)(void *user, void *result); /* may be NULL */
	void *user;
};

/* Never NULL.  Looks what an earlier program left (blocks on the disk a little). */
struct downloads *downloads_new(const struct downloads_options *options);
/* Ends what is under way; its disk thread ends after what it has to write.  Drain the home queue afterwards, then free. */
void downloads_close(struct downloads *ds);
/* NULL is fine. */
void downloads_free(struct downloads *ds);

/* Begins `job` (copied; its id is chosen here), or continues what there is of it.  ERR_LIMIT "err_hub_downloads". */
MUST_USE enum err_code downloads_start(struct downloads *ds, const struct hub_job *job, const struct download **out, struct err *err);
/* NULL where there is none.  Borrowed until the next call that changes it. */
const struct download *downloads_get(const struct downloads *ds, int64_t id);
/* The `i`th, newest first; NULL after the last. */
const struct download *downloads_at(const struct downloads *ds, size_t i);
/* Puts one that is over, but not done, into the line again; ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_USE enum err_code downloads_resume(struct downloads *ds, int64_t id, const struct download **out, struct err *err);
/* It ends as cancelled, and what has come is kept; ERR_CONFLICT where it is neither waiting nor running. */
MUST_USE enum err_code downloads_cancel(struct downloads *ds, int64_t id, struct err *err);
/* Forgets it; of one that is not done, what has come is removed.  ERR_CONFLICT while it is under way. */
MUST_USE enum err_code downloads_remove(struct downloads *ds, int64_t id, struct err *err);
/* The answer to fetched(): `err` says why nothing could be added, ERR_OK that it is done.  Takes `result`. */
void downloads_added(struct downloads *ds, int64_t id, void *result, const struct err *err);

/* Whether it waits, runs or is added. */
bool download_is_active(const struct download *d);

#endif
