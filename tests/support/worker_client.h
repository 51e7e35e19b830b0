/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_client - starts the real assay-worker and speaks worker/protocol.h with it, blocking; for tests and
 * benches. */
#ifndef ASSAY_TESTS_WORKER_CLIENT_H
#define ASSAY_TESTS_WORKER_CLIENT_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "worker/protocol.h"

struct worker_client {
	pid_t pid;
	int fd;
	struct frame_reader *reader;
	uint32_t streams;
	json_t *ready;	 /* body of MSG_READY */
	struct buf log;	 /* MSG_LOG lines */
	int exit_status; /* of waitpid(), once `gone` */
	bool gone;
};

/* What a request gave.  Release with worker_reply_release(). */
struct worker_reply {
	uint8_t kind; /* the final frame; 0: the worker went away */
	json_t *body;
	json_t *cells;	  /* array of {"kind", "body"} of MSG_ANSWER, MSG_COMPARED, MSG_LIKELIHOOD, MSG_JUDGED and MSG_CELL_FAILED */
	json_t *streamed; /* object: cell id as text -> all its MSG_TEXT together; "ID thinking" -> those of its thinking */
	int n_progress;
};

static inline bool worker_client_next(struct worker_client *w, struct frame *out)
{
	static char chunk[65536];
	for (;;) {
		bool got = false;
		if (w->gone || frame_reader_next(w->reader, out, &got, NULL) != ERR_OK)
			return false;
		if (got)
			return true;
		ssize_t n = read(w->fd, chunk, sizeof(chunk));
		if (n <= 0) {
			waitpid(w->pid, &w->exit_status, 0);
			w->gone = true;
			return false;
		}
		frame_reader_feed(w->reader, chunk, (size_t)n);
	}
}

/* `args`: NULL-terminated, without argv[0]; may be NULL.  False when the worker sent no MSG_READY. */
static inline bool worker_client_start(struct worker_client *w, const char *program, char **args)
{
	int pair[2];
	*w = (struct worker_client){ .fd = -1, .log = BUF_INIT(1 << 24) };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	w->pid = fork();
	if (w->pid == 0) {
		char *argv[16] = { (char *)program }, spin[] = "GOMP_SPINCOUNT=3000", *env[] = { spin, NULL }; /* as assay starts it */
		for (int i = 0; args && args[i] && i < 14; i++)
			argv[i + 1] = args[i];
		int fd = fcntl(pair[1], F_DUPFD, 10);
		dup2(fd, WORKER_SOCKET_FD);
		execve(program, argv, env);
		_exit(127);
	}
	close(pair[1]);
	w->fd = pair[0];
	w->reader = frame_reader_new(LIMIT_FRAME);
	struct frame f;
	if (!worker_client_next(w, &f) || f.kind != MSG_READY)
		return false;
	w->ready = json_parse_python(f.body, "ready", NULL);
	return w->ready != NULL;
}

/* Closes the socket; returns the exit status as of waitpid(). */
static inline int worker_client_stop(struct worker_client *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (!w->gone && w->pid > 0)
		waitpid(w->pid, &w->exit_status, 0);
	json_decref(w->ready);
	buf_release(&w->log);
	frame_reader_free(w->reader);
	return w->exit_status;
}

static inline void worker_client_raw(struct worker_client *w, const void *data, size_t len)
{
	ssize_t n = send(w->fd, data, len, MSG_NOSIGNAL);
	(void)n;
}

/* Sends a request (takes over `body`) and, where `fd` >= 0, a descriptor with it.  Returns its stream. */
static inline uint32_t worker_client_send(struct worker_client *w, uint8_t kind, json_t *body, int fd)
{
	struct buf text = BUF_INIT(LIMIT_FRAME), frame = BUF_INIT(LIMIT_FRAME + 64);
	uint32_t stream = ++w->streams;
	json_write(&text, body);
	json_decref(body);
	frame_write(&frame, kind, stream, buf_str(&text));
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { frame.ptr, frame.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ssize_t sent = sendmsg(w->fd, &msg, MSG_NOSIGNAL);
	if (sent > 0 && (size_t)sent < frame.len)
		worker_client_raw(w, frame.ptr + sent, frame.len - (size_t)sent);
	buf_release(&text);
	buf_release(&frame);
	return stream;
}

static inline void worker_client_cancel(struct worker_client *w, uint32_t stream)
{
	struct buf frame = BUF_INIT(64);
	frame_write(&frame, REQ_CANCEL, stream, STR("{}"));
	worker_client_raw(w, frame.ptr, frame.len);
	buf_release(&frame);
}

static inline void worker_client_keep_text(struct worker_reply *r, struct str body)
{
	char key[40];
	uint64_t cell = 0;
	if (body.len <= TEXT_HEAD_SIZE)
		return;
	memcpy(&cell, body.ptr, sizeof(cell));
	snprintf(key, sizeof(key), "%llu%s", (unsigned long long)cell, body.ptr[sizeof(cell)] ? " thinking" : "");
	const char *old = json_string_value(json_object_get(r->streamed, key));
	struct buf all = BUF_INIT(LIMIT_ANSWER_BYTES);
	buf_add_text(&all, old ? old : "");
	buf_add(&all, body.ptr + TEXT_HEAD_SIZE, body.len - TEXT_HEAD_SIZE);
	/* json_stringn() refuses what is not UTF-8: a test then sees the text missing. */
	json_object_set_new(r->streamed, key, json_stringn(buf_text(&all), all.len));
	buf_release(&all);
}

/* Reads until the final frame of `stream`.  `after_text` > 0: cancels after so many MSG_TEXT. */
static inline struct worker_reply worker_client_wait(struct worker_client *w, uint32_t stream, int after_text)
{
	struct worker_reply r = { .cells = json_array(), .streamed = json_object() };
	struct frame f;
	while (worker_client_next(w, &f)) {
		if (f.kind == MSG_LOG) {
			buf_add_str(&w->log, f.body);
			buf_add_char(&w->log, '\n');
		}
		if (f.stream != stream)
			continue;
		if (f.kind == MSG_TEXT) {
			worker_client_keep_text(&r, f.body);
			if (after_text > 0 && --after_text == 0)
				worker_client_cancel(w, stream);
			continue;
		}
		if (f.kind == MSG_PROGRESS) {
			r.n_progress++;
			continue;
		}
		json_t *body = json_parse_python(f.body, "frame", NULL);
		if (f.kind == MSG_ANSWER || f.kind == MSG_CELL_FAILED || f.kind == MSG_COMPARED || f.kind == MSG_LIKELIHOOD ||
		    f.kind == MSG_JUDGED) {
			json_array_append_new(r.cells, json_pack("{s:i, s:o}", "kind", f.kind, "body", body));
			continue;
		}
		r.kind = f.kind;
		r.body = body;
		return r;
	}
	return r;
}

static inline void worker_reply_release(struct worker_reply *r)
{
	json_decref(r->body);
	json_decref(r->cells);
	json_decref(r->streamed);
}

/* The answer (or failure) of a cell, borrowed; NULL if it has none. */
static inline json_t *worker_reply_cell(const struct worker_reply *r, int64_t cell, int *kind)
{
	size_t i;
	json_t *item;
	json_array_foreach(r->cells, i, item)
	{
		json_t *body = json_object_get(item, "body");
		if (json_integer_value(json_object_get(body, "cell")) != cell)
			continue;
		if (kind)
			*kind = (int)json_integer_value(json_object_get(item, "kind"));
		return body;
	}
	return NULL;
}

/* Layers on the GPU: none, unless ASSAY_TEST_GPU_LAYERS says otherwise (-1: as many as fit). */
static inline int worker_client_layers(void)
{
	const char *text = getenv("ASSAY_TEST_GPU_LAYERS");
	int64_t layers = 0;
	return text && str_to_i64(str_of(text), &layers) ? (int)layers : 0;
}

/* REQ_LOAD of a file. */
static inline struct worker_reply worker_client_load(struct worker_client *w, const char *path, int n_threads)
{
	struct stat st = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		fstat(fd, &st);
	json_t *body = json_pack("{s:I, s:i, s:i, s:b}", "size", (json_int_t)st.st_size, "n_threads",
				 n_threads, "n_gpu_layers", worker_client_layers(), "use_mmap", 1);
	uint32_t stream = worker_client_send(w, REQ_LOAD, body, fd);
	if (fd >= 0)
		close(fd);
	return worker_client_wait(w, stream, 0);
}

#endif
