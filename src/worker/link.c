/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/frame.h"
#include "base/limits.h"
#include "base/mem.h"
#include "worker/protocol.h"

#define READ_CHUNK (64 * KIB)
#define OUT_FLUSH (256 * KIB)
#define OUT_MAX (64 * MIB)
#define WAITING_MAX 256
#define WAITING_BYTES_MAX (64 * MIB)
#define FDS_MAX 16
#define CANCEL_POLL_US 5000

struct link {
	int fd;
	struct frame_reader *reader;
	struct buf out;
	struct request *first, **last;
	int n_waiting;
	size_t waiting_bytes;
	int fds[FDS_MAX]; /* arrived, not yet claimed by a frame */
	int n_fds;
	uint32_t active;
	bool cancelled;
	int64_t polled_us;
};

struct link *link_new(int fd)
{
	struct link *l = mem_alloc(sizeof(*l));
	l->fd = fd;
	l->reader = frame_reader_new(LIMIT_FRAME);
	l->out = BUF_INIT(OUT_MAX);
	l->last = &l->first;
	return l;
}

void link_free(struct link *l)
{
	for (struct request *r; (r = link_take(l));)
		request_free(r);
	for (int i = 0; i < l->n_fds; i++)
		close(l->fds[i]);
	frame_reader_free(l->reader);
	buf_release(&l->out);
	close(l->fd);
	mem_free(l);
}

int link_fd(const struct link *l)
{
	return l->fd;
}

void request_free(struct request *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	json_decref(r->body);
	mem_free(r);
}

/* _exit(): nothing to tidy up, and exit handlers of llama.cpp's back ends may wait for threads. */
_Noreturn void link_die(struct link *l, int exit_code, const char *why)
{
	if (exit_code != WORKER_EXIT_OK && why) {
		frame_write(&l->out, MSG_LOG, 0, str_of(why));
		size_t sent = 0;
		while (sent < l->out.len) {
			ssize_t n = send(l->fd, l->out.ptr + sent, l->out.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n <= 0)
				break;
			sent += (size_t)n;
		}
	}
	_exit(exit_code);
}

void link_flush(struct link *l)
{
	size_t sent = 0;
	while (sent < l->out.len) {
		ssize_t n = send(l->fd, l->out.ptr + sent, l->out.len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(WORKER_EXIT_OK);
		sent += (size_t)n;
	}
	buf_clear(&l->out);
}

void link_send(struct link *l, uint8_t kind, uint32_t stream, struct str body)
{
	frame_write(&l->out, kind, stream, body);
	if (l->out.len > OUT_FLUSH)
		link_flush(l);
}

void link_send_json(struct link *l, uint8_t kind, uint32_t stream, json_t *body)
{
	struct buf text = BUF_INIT(LIMIT_FRAME);
	json_write(&text, body);
	json_decref(body);
	if (text.overflow)
		link_die(l, WORKER_EXIT_PROTOCOL, "an answer is longer than a frame may be");
	link_send(l, kind, stream, buf_str(&text));
	buf_release(&text);
}

static json_t *failure(const struct err *err)
{
	return json_pack("{s:s, s:s, s:o}", "code", err_code_name(err->code), "key", err->key, "args",
			 json_text(str_of(err->args)));
}

void link_fail(struct link *l, uint32_t stream, const struct err *err)
{
	link_send_json(l, MSG_FAILED, stream, failure(err));
	link_flush(l);
}

void link_fail_cell(struct link *l, uint32_t stream, uint64_t cell, const struct err *err)
{
	json_t *body = failure(err);
	json_object_set_new(body, "cell", json_integer((json_int_t)cell));
	link_send_json(l, MSG_CELL_FAILED, stream, body);
}

/* --- in --- */

static void cancel(struct link *l, uint32_t stream)
{
	if (stream == l->active) {
		l->cancelled = true;
		return;
	}
	for (struct request **at = &l->first; *at; at = &(*at)->next) {
		struct request *r = *at;
		if (r->stream != stream)
			continue;
		*at = r->next;
		if (!*at)
			l->last = at;
		l->n_waiting--;
		l->waiting_bytes -= r->bytes;
		struct err err;
		err_set(&err, ERR_CANCELLED, "err_cancelled", "%s", "");
		link_fail(l, stream, &err);
		request_free(r);
		return;
	}
}

static void accept_frame(struct link *l, const struct frame *f)
{
	if (f->stream == 0)
		link_die(l, WORKER_EXIT_PROTOCOL, "protocol: a request without a stream");
	if (f->kind == REQ_CANCEL) {
		cancel(l, f->stream);
		return;
	}
	if ((f->kind < REQ_LOAD || f->kind > REQ_JUDGE) && f->kind != REQ_CHAT)
		link_die(l, WORKER_EXIT_PROTOCOL, "protocol: a frame of an unknown kind");
	/* Frames may be longer than json_parse() allows for bodies from the network. */
	struct err err = { 0 };
	json_t *body = json_parse_python(f->body, "frame", &err);
	if (!json_is_object(body))
		link_die(l, WORKER_EXIT_PROTOCOL, "protocol: a request that is no JSON object");
	struct request *r = mem_alloc(sizeof(*r));
	*r = (struct request){ .kind = f->kind, .stream = f->stream, .fd = -1, .body = body, .bytes = f->body.len };
	if ((r->kind == REQ_LOAD || r->kind == REQ_ADAPTER || r->kind == REQ_COMPARE) && l->n_fds > 0) {
		r->fd = l->fds[0];
		memmove(l->fds, l->fds + 1, sizeof(l->fds[0]) * (size_t)--l->n_fds);
	}
	*l->last = r;
	l->last = &r->next;
	l->waiting_bytes += r->bytes;
	if (++l->n_waiting > WAITING_MAX || l->waiting_bytes > WAITING_BYTES_MAX)
		link_die(l, WORKER_EXIT_PROTOCOL, "protocol: too many waiting requests");
}

/* Descriptors that came with the bytes just read. */
static void keep_fds(struct link *l, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (l->n_fds == FDS_MAX)
				link_die(l, WORKER_EXIT_PROTOCOL, "protocol: too many descriptors");
			l->fds[l->n_fds++] = fd;
		}
	}
}

/* Reads once; false where nothing was there. */
static bool read_some(struct link *l)
{
	static char chunk[READ_CHUNK];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov = { chunk, sizeof(chunk) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(l->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (n <= 0)
		_exit(WORKER_EXIT_OK);
	keep_fds(l, &msg);
	frame_reader_feed(l->reader, chunk, (size_t)n);
	return true;
}

void link_pump(struct link *l, int timeout_ms)
{
	l->polled_us = clock_mono_us();
	if (timeout_ms != 0) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		(void)poll(&p, 1, timeout_ms);
	}
	while (read_some(l)) {
		for (bool got = true; got;) {
			struct frame f;
			if (frame_reader_next(l->reader, &f, &got, NULL) != ERR_OK)
				link_die(l, WORKER_EXIT_PROTOCOL, "protocol: a frame that is too long");
			if (got)
				accept_frame(l, &f);
		}
	}
}

struct request *link_take(struct link *l)
{
	struct request *r = l->first;
	l->active = r ? r->stream : 0;
	l->cancelled = false;
	if (!r)
		return NULL;
	l->first = r->next;
	if (!l->first)
		l->last = &l->first;
	l->n_waiting--;
	l->waiting_bytes -= r->bytes;
	r->next = NULL;
	return r;
}

bool link_cancelled(struct link *l)
{
	if (!l->cancelled && clock_mono_us() - l->polled_us >= CANCEL_POLL_US)
		link_pump(l, 0);
	return l->cancelled;
}
