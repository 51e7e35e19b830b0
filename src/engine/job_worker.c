/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_worker.h"

#include "base/mem.h"
#include "engine/devices.h"
#include "engine/machine.h"
#include "worker/protocol.h"

#define SILENCE_MS 60000
#define WATCH_PARTS 12

struct job_worker {
	struct job_worker_options options;
	const struct job_worker_events *events;
	void *user;
	struct worker_process *process;
	struct loop_timer *watchdog;
	uint32_t stream; /* of the request that is open, 0: none */
	uint32_t next_stream;
	bool is_ready;
	int busy;     /* callbacks that are running */
	bool stopped; /* by one of them: freed when it returns */
};

static void release(struct job_worker *w)
{
	worker_process_stop(w->process);
	loop_timer_free(w->watchdog);
	mem_free(w);
}

static void leave(struct job_worker *w)
{
	if (--w->busy == 0 && w->stopped)
		release(w);
}

static void fail(struct job_worker *w, const struct err *cause)
{
	struct err copy = *cause;

	loop_timer_set(w->watchdog, -1);
	w->stream = 0;
	if (!w->stopped)
		w->events->failed(w->user, &copy);
}

static void distrust(struct job_worker *w, const char *what)
{
	struct err cause;

	err_set(&cause, ERR_INTERNAL, "err_worker_protocol", "what=%s", what);
	worker_process_kill(w->process, &cause);
}

static void on_ready(struct job_worker *w, const json_t *body)
{
	struct err err = { 0 };
	const char *sandbox = json_get_text(body, "sandbox", "none", &err);
	const char *build = json_get_text(body, "build", "", &err);
	int64_t version = json_get_int(body, "version", 0, 1000, 0, &err);
	struct devices devices;

	(void)!devices_read(json_object_get(body, "devices"), &devices, &err);
	if (err.code != ERR_OK || w->is_ready || version != WORKER_PROTOCOL_VERSION) {
		distrust(w, "version");
		return;
	}
	bool contained = strcmp(sandbox, "full") == 0 || strcmp(sandbox, "seccomp") == 0;
	if (!contained && !w->options.allow_unsandboxed) {
		err_set(&err, ERR_DENIED, "err_unsandboxed", "level=%s", sandbox);
		worker_process_kill(w->process, &err);
		return;
	}
	w->is_ready = true;
	w->events->ready(w->user, build, devices_have_gpu(&devices));
}

static void on_answer(struct job_worker *w, const struct frame *f, const json_t *body)
{
	struct err cause = { 0 };

	if (f->kind == MSG_PROGRESS) {
		w->events->progress(w->user, body);
		return;
	}
	if (f->kind == MSG_COMPARED || f->kind == MSG_LIKELIHOOD || f->kind == MSG_JUDGED || f->kind == MSG_CELL_FAILED ||
	    f->kind == MSG_ANSWER) {
		w->events->item(w->user, f->kind, body);
		return;
	}
	w->stream = 0;
	if (f->kind != MSG_FAILED) {
		w->events->reply(w->user, f->kind, body);
		return;
	}
	failure_read(body, &cause);
	fail(w, &cause);
}

static void on_frame(void *user, const struct frame *f)
{
	struct job_worker *w = user;
	struct err err = { 0 };

	if (f->kind == MSG_TEXT)
		return; /* MSG_ANSWER has it all */
	json_t *body = json_parse_frame(f->body, &err);
	w->busy++;
	if (w->stopped)
		; /* the callback before this one has ended it */
	else if (!json_is_object(body))
		distrust(w, "frame");
	else if (f->stream == 0 && f->kind == MSG_READY)
		on_ready(w, body);
	else if (f->stream != 0 && f->stream == w->stream)
		on_answer(w, f, body);
	else
		distrust(w, "stream");
	json_decref(body);
	leave(w);
}

static void on_died(void *user, const struct err *cause)
{
	struct job_worker *w = user;

	w->busy++;
	fail(w, cause);
	leave(w);
}

static int64_t patience(const struct job_worker *w)
{
	return w->options.silence_ms > 0 ? w->options.silence_ms : SILENCE_MS;
}

static void on_watch(void *user)
{
	struct job_worker *w = user;

	if ((w->stream || !w->is_ready) && worker_process_silent_ms(w->process) > patience(w)) {
		struct err cause;
		err_set(&cause, ERR_IO, "err_worker_silent", "seconds=%lld", (long long)(patience(w) + 999) / 1000);
		worker_process_kill(w->process, &cause);
	}
	loop_timer_set(w->watchdog, patience(w) / WATCH_PARTS);
}

static const struct worker_events worker_events = { on_frame, on_died };

struct job_worker *job_worker_start(const struct job_worker_options *options, const struct job_worker_events *events,
				    void *user, struct err *err)
{
	struct job_worker *w = mem_alloc(sizeof *w);

	*w = (struct job_worker){ .options = *options, .events = events, .user = user, .next_stream = 1 };
	w->process = worker_process_start(options->loop, &options->worker, &worker_events, w, err);
	if (!w->process) {
		mem_free(w);
		return NULL;
	}
	w->options.worker = (struct worker_options){ 0 }; /* its texts are the caller's */
	w->watchdog = loop_timer_new(options->loop, on_watch, w);
	worker_process_listen(w->process);
	loop_timer_set(w->watchdog, patience(w) / WATCH_PARTS);
	return w;
}

void job_worker_ask(struct job_worker *w, uint8_t kind, json_t *body, int fd)
{
	w->stream = w->next_stream++;
	worker_process_listen(w->process);
	worker_process_send(w->process, kind, w->stream, body, fd);
}

void job_worker_stop(struct job_worker *w)
{
	if (!w)
		return;
	loop_timer_set(w->watchdog, -1);
	w->stopped = true;
	if (w->busy == 0)
		release(w);
}

int64_t job_worker_resident(const struct job_worker *w)
{
	return machine_resident(worker_process_pid(w->process));
}
