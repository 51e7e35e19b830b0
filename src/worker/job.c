/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/gguf.h"
#include "worker/protocol.h"

#define PROGRESS_US 250000

void job_begin(struct job *j, struct link *l, const struct request *r, const char *step)
{
	*j = (struct job){ .link = l, .stream = r->stream, .step = step, .start_us = clock_mono_us() };
}

bool job_tick(struct job *j, double fraction, const char *detail)
{
	int64_t now = clock_mono_us();
	if (now - j->sent_us >= PROGRESS_US) {
		j->sent_us = now;
		link_send_json(j->link, MSG_PROGRESS, j->stream,
			       json_pack("{s:f, s:s, s:o}", "fraction", fraction < 1 ? fraction : 1.0, "step", j->step, "detail",
					 json_text(str_of(detail))));
		link_flush(j->link);
	}
	return !link_cancelled(j->link);
}

enum err_code job_cancelled(struct err *err)
{
	return err_set(err, ERR_CANCELLED, "err_cancelled", "%s", "");
}

int64_t job_wall_us(const struct job *j)
{
	return clock_mono_us() - j->start_us;
}

int64_t job_peak_rss(void)
{
	struct rusage usage = { 0 };
	getrusage(RUSAGE_SELF, &usage);
	return (int64_t)usage.ru_maxrss * 1024;
}

enum err_code job_path(const json_t *body, const char *field, bool optional, const char **out, struct err *err)
{
	*out = json_get_text(body, field, "", err);
	if (err->code == ERR_OK && (**out == '/' || (optional && !**out)))
		return ERR_OK;
	return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", field);
}

enum err_code job_refuse_same(const char *output, const char *input, struct err *err)
{
	struct stat out, in;
	char *part;
	if (stat(output, &out) != 0)
		return ERR_OK; /* not there yet */
	for (uint32_t no = 1; (part = gguf_part_path(input, no)); no++) {
		bool same = stat(part, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
		mem_free(part);
		if (same)
			return err_set(err, ERR_INVALID, "err_job_same_file", "path=%s", output);
	}
	return ERR_OK;
}

int job_open_output(const char *path, uint64_t size, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		fs_error(err, errno, "err_fs_write", path);
		return -1;
	}
	bool ok = ftruncate(fd, 0) == 0;
	if (ok && size > 0) {
		/* Not every file system can reserve; then a full disk shows later. */
		ok = fallocate(fd, 0, 0, (off_t)size) == 0 || (errno != ENOSPC && errno != EDQUOT && errno != EFBIG);
		ok = ok && ftruncate(fd, (off_t)size) == 0;
	}
	if (!ok) {
		fs_error(err, errno, "err_fs_write", path);
		close(fd);
		return -1;
	}
	return fd;
}

enum err_code job_write(int fd, const char *path, const void *data, size_t len, uint64_t at, struct err *err)
{
	const char *p = data;
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fs_error(err, n < 0 ? errno : EIO, "err_fs_write", path);
		p += n;
		at += (size_t)n;
		len -= (size_t)n;
	}
	return ERR_OK;
}
