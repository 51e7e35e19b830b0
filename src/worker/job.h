/* SPDX-License-Identifier: Apache-2.0
 *
 * job - what the long requests share: progress, cancelling, and paths that are what they should be.
 * Thread: the main thread. */
#ifndef ASSAY_WORKER_JOB_H
#define ASSAY_WORKER_JOB_H

#include "worker/link.h"

struct job {
	struct link *link;
	uint32_t stream;
	const char *step; /* "merge", ... */
	int64_t start_us, sent_us;
};

void job_begin(struct job *j, struct link *l, const struct request *r, const char *step);

/* Sends MSG_PROGRESS, four times a second at most; `detail` is borrowed for the call.  False once the request was
 * cancelled. */
bool job_tick(struct job *j, double fraction, const char *detail);

/* ERR_CANCELLED in `err`. */
enum err_code job_cancelled(struct err *err);

/* Microseconds since job_begin(). */
int64_t job_wall_us(const struct job *j);

/* The most memory the process ever held, mapped files included, in bytes. */
int64_t job_peak_rss(void);

/* An absolute path of the request, borrowed; "" where `optional` and absent, else fails with err_worker_request. */
MUST_USE enum err_code job_path(const json_t *body, const char *field, bool optional, const char **out, struct err *err);

/* Refuses an `output` that is the same file as `input` or one of its parts (ERR_INVALID err_job_same_file). */
MUST_USE enum err_code job_refuse_same(const char *output, const char *input, struct err *err);

/* Opens `path` for writing, emptied to `size` bytes, which are reserved where the file system can do that; -1 on failure
 * (err_disk_full where they do not fit). */
MUST_USE int job_open_output(const char *path, uint64_t size, struct err *err);

/* pwrite() of everything. */
MUST_USE enum err_code job_write(int fd, const char *path, const void *data, size_t len, uint64_t at, struct err *err);

#endif
