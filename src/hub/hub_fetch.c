/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_fetch.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/hub_request.h"
#include "hub/hub_sink.h"

#define PIECE_BYTES ((size_t)1 * MIB)
#define PIECE_MS 200 /* a slow line's bytes are not kept in memory longer */
#define QUEUE_HIGH (8 * MIB) /* on their way to the disk: the server waits */
#define QUEUE_LOW (4 * MIB)
#define RETRY_MAX_MS 30000
#define ETAG_MAX 200

struct hub_fetch {
	struct hub_fetch_options o;
	char *path;
	char *etag;
	struct hub_sink *sink;      /* the disk's while n_disk > 0 */
	struct http_call *call;
	struct loop_timer *timer;   /* of the next try, or of the end */
	atomic_bool stop;           /* for what reads the part */
	struct buf gathered;
	uint64_t have;              /* on the disk or on the way there */
	uint64_t have_at_try;
	uint64_t queued;            /* bytes on their way */
	size_t n_disk;              /* tasks there */
	int64_t flushed_ms;
	int tries;
	bool joined;                /* not all of it came in one piece: if its digest is wrong, it may be right when taken anew */
	bool taken_anew;
	bool wants_restart;         /* the call under way is of no use: from nothing, with another one */
	bool is_cancelled, is_over, is_held;
	struct err err;             /* why it ends */
};

/* What goes to the disk: bytes, or (data NULL) something to do. */
struct piece {
	struct task task;
	struct hub_fetch *fetch;
	char *data;
	size_t len;
};

static void start_call(struct hub_fetch *f);

/* --- ends --- */

static void flush(struct hub_fetch *f);

static void end(struct hub_fetch *f, const struct err *err)
{
	flush(f);
	if (f->err.code == ERR_OK && err)
		f->err = *err; /* ERR_OK: it is there */
	if (f->err.code == ERR_OK && f->is_cancelled)
		err_set(&f->err, ERR_CANCELLED, "err_cancelled", NULL);
	http_call_cancel(f->call);
	f->call = NULL;
	f->is_over = true;
	loop_timer_set(f->timer, f->n_disk == 0 ? 0 : -1);
}

/* Nothing of it is at work any more. */
static void bury(struct hub_fetch *f)
{
	struct err err = f->err;
	void (*done)(void *, const struct err *) = f->o.done;
	void *user = f->o.user;

	hub_fetch_free(f);
	done(user, &err);
}

void hub_fetch_free(struct hub_fetch *f)
{
	if (!f)
		return;
	if (f->n_disk)
		BUG("a fetch is freed while the disk has it");
	http_call_cancel(f->call);
	hub_sink_close(f->sink);
	loop_timer_free(f->timer);
	buf_release(&f->gathered);
	mem_free((char *)f->o.dir);
	mem_free((char *)f->o.url);
	if (f->o.bearer)
		explicit_bzero((char *)f->o.bearer, strlen(f->o.bearer));
	mem_free((char *)f->o.bearer);
	mem_free(f->etag);
	mem_free(f->path);
	mem_free(f);
}

void hub_fetch_cancel(struct hub_fetch *f)
{
	if (f->is_cancelled || f->is_over)
		return;
	f->is_cancelled = true;
	atomic_store(&f->stop, true);
	end(f, NULL);
}

/* A disk task has come home. */
static void disk_done(struct hub_fetch *f, const struct err *err)
{
	f->n_disk--;
	if (err->code != ERR_OK && !f->is_over)
		end(f, err);
	if (f->is_over && f->n_disk == 0)
		loop_timer_set(f->timer, 0);
}

static void post(struct hub_fetch *f, void (*run)(struct task *, void *), void (*done)(struct task *), char *data, size_t len)
{
	struct piece *p = mem_alloc(sizeof *p);

	*p = (struct piece){ .task = { .run = run, .done = done }, .fetch = f, .data = data, .len = len };
	f->n_disk++;
	executor_post(f->o.disk, &p->task);
}

static struct hub_fetch *fetch_of(struct task *task)
{
	return ((struct piece *)task)->fetch;
}

static void progress(struct hub_fetch *f, const struct err *why)
{
	f->o.progress(f->o.user, f->have, why);
}

/* --- the disk --- */

static void run_open(struct task *task, void *context)
{
	struct hub_fetch *f = fetch_of(task);
	(void)context;
	f->sink = hub_sink_open(f->o.dir, &f->o.file, &f->have, &f->stop, &task->err);
}

static void run_finish(struct task *task, void *context)
{
	(void)context;
	(void)!hub_sink_finish(fetch_of(task)->sink, &task->err);
}

static void finished(struct task *task);

static void finish(struct hub_fetch *f)
{
	post(f, run_finish, finished, NULL, 0);
}

static void opened(struct task *task)
{
	struct hub_fetch *f = fetch_of(task);

	disk_done(f, &task->err);
	mem_free(task);
	if (f->is_over)
		return;
	f->joined = f->have > 0;
	progress(f, NULL);
	if (f->have < f->o.file.size)
		start_call(f);
	else
		finish(f);
}

static void run_restart(struct task *task, void *context)
{
	(void)context;
	(void)!hub_sink_restart(fetch_of(task)->sink, &task->err);
}

static void restarted(struct task *task)
{
	disk_done(fetch_of(task), &task->err);
	mem_free(task);
}

static void call_again(struct task *task)
{
	struct hub_fetch *f = fetch_of(task);

	restarted(task);
	if (!f->is_over)
		start_call(f);
}

/* What came is of no use: from nothing.  What is posted after this goes to the empty file. */
static void restart(struct hub_fetch *f, void (*done)(struct task *))
{
	buf_clear(&f->gathered);
	f->have = f->have_at_try = 0;
	f->joined = false;
	progress(f, NULL);
	mem_free(f->etag);
	f->etag = mem_strdup("");
	post(f, run_restart, done, NULL, 0);
}

static void finished(struct task *task)
{
	struct hub_fetch *f = fetch_of(task);
	struct err none = { 0 }, why = task->err;

	mem_free(task);
	disk_done(f, &none);
	if (f->is_over)
		return;
	if (strcmp(why.key, "err_hub_digest") != 0) {
		end(f, &why);
		return;
	}
	/* Parts may be of different things; what was wrong in one piece will be wrong again. */
	bool once_more = f->joined && !f->taken_anew;
	log_warn("hub", "digest differs path=%s once_more=%d", f->path, once_more);
	f->taken_anew = true;
	restart(f, once_more ? call_again : restarted);
	if (!once_more)
		end(f, &why);
}

static void run_piece(struct task *task, void *context)
{
	struct piece *p = (struct piece *)task;
	(void)context;
	(void)!hub_sink_write(p->fetch->sink, p->data, p->len, &task->err);
}

static void piece_done(struct task *task)
{
	struct piece *p = (struct piece *)task;
	struct hub_fetch *f = p->fetch;

	struct err err = task->err;

	f->queued -= p->len;
	mem_free(p->data);
	mem_free(p);
	disk_done(f, &err);
	if (!f->is_over && f->is_held && f->queued < QUEUE_LOW && f->call) {
		f->is_held = false;
		http_call_hold(f->call, false);
	}
}

static void flush(struct hub_fetch *f)
{
	if (f->gathered.len == 0 || f->is_over)
		return;
	size_t len = f->gathered.len;
	f->flushed_ms = clock_mono_ms();
	f->queued += len;
	post(f, run_piece, piece_done, buf_take(&f->gathered), len);
}

/* --- the hub --- */

/* Whether the reply continues at `have`: "bytes 5-9/10". */
static bool is_continued(const struct hub_fetch *f, const struct http_reply *reply)
{
	unsigned long long from, to, total;
	char range[80];
	int end_at = 0;

	(void)http_reply_header(reply, "content-range", range, sizeof range);
	return sscanf(range, "bytes %20llu-%20llu/%20llu%n", &from, &to, &total, &end_at) == 3 && end_at > 0 && !range[end_at] &&
	       from == f->have && total == f->o.file.size && to < total;
}

static void wrong_size(struct hub_fetch *f, unsigned long long found)
{
	err_set(&f->err, ERR_DATA, "err_hub_size", "file=%s|size=%llu|found=%llu", f->path, (unsigned long long)f->o.file.size, found);
}

/* A new file begins: what it is called, if that tells one content from another. */
static void note_etag(struct hub_fetch *f, const struct http_reply *reply)
{
	char etag[ETAG_MAX + 2];

	(void)http_reply_header(reply, "etag", etag, sizeof etag);
	if (etag[0] != '"' || strlen(etag) > ETAG_MAX)
		etag[0] = 0;
	mem_free(f->etag);
	f->etag = mem_strdup(etag);
	f->o.etag_known(f->o.user, etag);
}

static bool on_head(void *user, const struct http_reply *reply)
{
	struct hub_fetch *f = user;
	char length[32];
	uint64_t n;

	if (reply->status == 206 && f->have > 0 && is_continued(f, reply))
		return true;
	if (reply->status == 206) {
		f->wants_restart = true; /* not what was asked for */
		return false;
	}
	if (http_reply_header(reply, "content-length", length, sizeof length) && str_to_u64(str_of(length), &n) &&
	    n != f->o.file.size) {
		wrong_size(f, n);
		return false;
	}
	if (f->have > 0)
		restart(f, restarted); /* another file than the part is of, or a server that knows no parts */
	note_etag(f, reply);
	return true;
}

static bool on_data(void *user, struct str data)
{
	struct hub_fetch *f = user;

	if (data.len > f->o.file.size - f->have) {
		wrong_size(f, (unsigned long long)f->have + data.len);
		return false;
	}
	buf_add_str(&f->gathered, data);
	f->have += data.len;
	if (f->gathered.len >= PIECE_BYTES || clock_mono_ms() - f->flushed_ms >= PIECE_MS)
		flush(f);
	if (f->queued >= QUEUE_HIGH && !f->is_held) {
		f->is_held = true;
		http_call_hold(f->call, true);
	}
	progress(f, NULL);
	return true;
}

/* Once more in a while, or not any more. */
static void try_later(struct hub_fetch *f, const struct err *why, int64_t retry_after_ms)
{
	int64_t pause = f->o.retry_ms;

	if (f->have > f->have_at_try)
		f->tries = 0;
	if (++f->tries >= f->o.max_tries) {
		end(f, why);
		return;
	}
	for (int i = 1; i < f->tries && pause < RETRY_MAX_MS; i++)
		pause *= 2;
	pause = pause > RETRY_MAX_MS ? RETRY_MAX_MS : pause;
	pause = retry_after_ms > pause ? retry_after_ms : pause;
	log_info("hub", "try again path=%s ms=%lld why=%s", f->path, (long long)pause, why->key);
	progress(f, why);
	f->joined = f->have > 0;
	loop_timer_set(f->timer, pause);
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct hub_fetch *f = user;
	bool good = err->code == ERR_OK && reply->status >= 200 && reply->status < 300;
	struct err why = *err;

	f->call = NULL;
	f->is_held = false;
	if (f->is_over)
		return;
	flush(f);
	if (f->err.code != ERR_OK) {
		end(f, NULL);
	} else if (f->wants_restart || (err->code == ERR_OK && reply->status == 416)) {
		err_set(&why, ERR_DATA, "err_hub_range", "file=%s", f->path);
		if (++f->tries >= f->o.max_tries)
			end(f, &why);
		else
			restart(f, call_again);
	} else if (good && f->have == f->o.file.size) {
		finish(f);
	} else if (good) {
		err_set(&why, ERR_IO, "err_hub_short", "path=%s|have=%llu|size=%llu", f->path, (unsigned long long)f->have,
			(unsigned long long)f->o.file.size);
		try_later(f, &why, -1);
	} else {
		if (err->code == ERR_OK)
			f->o.refuse(f->o.user, reply, &why);
		if (hub_is_passing(reply, err))
			try_later(f, &why, reply->retry_after_ms);
		else
			end(f, &why);
	}
}

static void start_call(struct hub_fetch *f)
{
	char range[64], condition[ETAG_MAX + 16];
	const char *headers[4] = { "Accept-Encoding: identity", NULL };
	struct http_request request = {
		.method = "GET",
		.url = f->o.url,
		.bearer = f->o.bearer,
		.headers = headers,
		.redirects = HUB_REDIRECTS,
		.limits = hub_limits(INT64_MAX / 2),
		.on_head = on_head,
		.on_data = on_data,
		.done = on_done,
		.user = f,
	};

	f->wants_restart = false;
	f->have_at_try = f->have;
	if (f->have > 0) {
		snprintf(range, sizeof range, "Range: bytes=%llu-", (unsigned long long)f->have);
		headers[1] = range;
		if (str_format(condition, sizeof condition, "If-Range: %s", f->etag) && *f->etag)
			headers[2] = condition;
	}
	f->call = http_client_start(f->o.http_client, &request);
}

static void on_timer(void *user)
{
	struct hub_fetch *f = user;

	if (f->is_over)
		bury(f);
	else
		start_call(f);
}

struct hub_fetch *hub_fetch_start(const struct hub_fetch_options *options)
{
	struct hub_fetch *f = mem_alloc(sizeof *f);

	f->o = *options;
	f->o.dir = mem_strdup(options->dir);
	f->o.url = mem_strdup(options->url);
	f->o.bearer = mem_strdup(options->bearer);
	f->etag = mem_strdup(options->etag);
	f->o.etag = NULL;
	f->path = mem_strdup(options->file.path);
	f->o.file.path = f->path;
	f->gathered = BUF_INIT(PIECE_BYTES + 1 * MIB);
	f->timer = loop_timer_new(options->loop, on_timer, f);
	post(f, run_open, opened, NULL, 0);
	return f;
}
