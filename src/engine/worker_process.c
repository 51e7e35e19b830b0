/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/machine.h"
#include "engine/reaper.h"
#include "engine/worker_environment.h"
#include "worker/protocol.h"

#define READ_CHUNK (64 * KIB)
#define READS_A_TURN 16
#define OUT_MAX (256 * MIB)
#define FDS_MAX 32
#define FAREWELL_MS 1000
#define LIVING_MAX 8
#define PARENT_MS 1000 /* between looks at who waits for us */

/* A descriptor that leaves with the byte at this offset of the output. */
struct outgoing_fd {
	size_t at;
	int fd;
};

struct worker_process {
	struct loop *loop;
	const struct worker_events *events;
	void *user;
	pid_t pid;
	int socket, pidfd;
	struct loop_fd *watch, *pid_watch;
	struct frame_reader *reader;
	struct buf out;
	struct outgoing_fd fds[FDS_MAX];
	size_t n_fds;
	int64_t heard_ms;
	struct err cause; /* why we killed it */
	char last_log[240];
	bool broken, ended, reaped;
	int64_t oom_kills;            /* of the machine when it started */
	struct loop_timer *farewell;  /* from the end of the socket to the end of the process */
	int busy;     /* callbacks of this worker that are running */
	bool stopped; /* stopped by one of them: freed when it returns */
};

/* --- out --- */

static ssize_t send_part(struct worker_process *w)
{
	size_t len = w->out.len;
	bool with_fd = w->n_fds > 0 && w->fds[0].at == 0;
	size_t next = with_fd ? 1 : 0;

	if (w->n_fds > next && w->fds[next].at < len)
		len = w->fds[next].at;
	if (!with_fd)
		return send(w->socket, w->out.ptr, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { w->out.ptr, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof control.bytes };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &w->fds[0].fd, sizeof(int));
	return sendmsg(w->socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void flush(struct worker_process *w)
{
	while (w->out.len > 0 && !w->broken) {
		ssize_t n = send_part(w);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0) {
			w->broken = true; /* its end is coming; the pidfd tells */
			break;
		}
		if (w->n_fds > 0 && w->fds[0].at == 0) {
			close(w->fds[0].fd);
			memmove(w->fds, w->fds + 1, --w->n_fds * sizeof w->fds[0]);
		}
		for (size_t i = 0; i < w->n_fds; i++)
			w->fds[i].at -= (size_t)n;
		buf_consume(&w->out, (size_t)n);
	}
	if (w->watch)
		loop_set_events(w->watch, LOOP_READ | (w->out.len > 0 && !w->broken ? LOOP_WRITE : 0));
}

void worker_process_send(struct worker_process *w, uint8_t kind, uint32_t stream, json_t *body, int fd)
{
	struct buf text = BUF_INIT(LIMIT_FRAME);

	if (fd >= 0 && (w->ended || w->n_fds == FDS_MAX)) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		w->fds[w->n_fds++] = (struct outgoing_fd){ w->out.len, fd };
	if (body)
		json_write(&text, body);
	else
		buf_add_text(&text, "{}");
	json_decref(body);
	if (text.overflow) { /* who asks sees to it; if not, the worker refuses what says nothing, and nothing else ends */
		log_error("engine", "a request of kind %d is longer than a frame", (int)kind);
		buf_clear(&text);
		buf_add_text(&text, "{}");
	}
	if (!w->ended)
		frame_write(&w->out, kind, stream, buf_str(&text));
	buf_release(&text);
	flush(w);
}

/* --- in --- */

static void keep_log(struct worker_process *w, struct str line)
{
	struct str text = str_trim(line);

	if (text.len == 0)
		return;
	str_format(w->last_log, sizeof w->last_log, "%.*s", (int)(text.len > 200 ? 200 : text.len), text.ptr);
	log_debug("worker", "pid=%d %s", (int)w->pid, w->last_log);
}

static void read_frames(struct worker_process *w)
{
	struct frame f;
	bool got = true;
	struct err err;

	/* A worker that was told to die has nothing more to say. */
	while (!w->ended && w->cause.code == ERR_OK && got) {
		if (frame_reader_next(w->reader, &f, &got, &err) != ERR_OK) {
			worker_process_kill(w, &err);
			return;
		}
		if (!got)
			return;
		if (f.kind == MSG_LOG && f.stream == 0)
			keep_log(w, f.body);
		else
			w->events->frame(w->user, &f);
	}
}

/* False when nothing more can come. */
static bool read_socket(struct worker_process *w, int reads)
{
	static char chunk[READ_CHUNK];

	for (int i = 0; i < reads; i++) {
		ssize_t n = recv(w->socket, chunk, sizeof chunk, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n <= 0)
			return false;
		w->heard_ms = clock_mono_ms();
		frame_reader_feed(w->reader, chunk, (size_t)n);
		read_frames(w);
		if (w->stopped)
			return true;
	}
	return true;
}

static void release(struct worker_process *w)
{
	frame_reader_free(w->reader);
	buf_release(&w->out);
	mem_free(w);
}

/* A listener may stop the worker whose frame or end it is told of. */
static void enter(struct worker_process *w)
{
	w->busy++;
}

static void leave(struct worker_process *w)
{
	if (--w->busy == 0 && w->stopped)
		release(w);
}

static void end_of_socket(struct worker_process *w)
{
	/* The other end is closed, so the process should be ending, and its status will tell of what. */
	loop_remove_fd(w->watch);
	w->watch = NULL;
	w->broken = true;
	loop_timer_set(w->farewell, FAREWELL_MS);
}

/* One that lives on without its socket is of no use. */
static void on_farewell(void *user)
{
	struct err cause;

	err_set(&cause, ERR_INTERNAL, "err_worker_protocol", "what=%s", "a closed socket");
	worker_process_kill(user, &cause);
}

static void on_socket(void *user, int events)
{
	struct worker_process *w = user;

	if (events & LOOP_WRITE)
		flush(w);
	if (!(events & (LOOP_READ | LOOP_HANGUP)))
		return;
	enter(w);
	bool open = read_socket(w, READS_A_TURN);
	if (!open && !w->stopped)
		end_of_socket(w);
	leave(w);
}

/* --- its end --- */

static void describe_end(struct worker_process *w, int status, struct err *cause)
{
	if (w->cause.code != ERR_OK) {
		*cause = w->cause;
		return;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		bool by_kernel = machine_oom_kills() > w->oom_kills;
		err_set(cause, ERR_IO, by_kernel ? "err_worker_memory" : "err_worker_killed", NULL);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_MEMORY) {
		err_set(cause, ERR_IO, "err_worker_memory", NULL);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_THREADS) {
		err_set(cause, ERR_IO, "err_worker_threads", NULL);
		return;
	}
	/* Where the build's own look at the processor did not see it coming, the first such instruction does. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_CPU) {
		err_set(cause, ERR_IO, "err_worker_cpu", "what=%s", w->last_log);
		return;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGILL) {
		err_set(cause, ERR_IO, "err_worker_cpu", "what=%s", strsignal(SIGILL));
		return;
	}
	/* Its file is mapped: this is what the pages say that are no longer there. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) {
		err_set(cause, ERR_IO, "err_worker_file", NULL);
		return;
	}
	if (WIFSIGNALED(status)) {
		err_set(cause, ERR_IO, "err_worker_crashed", "signal=%s|log=%s", strsignal(WTERMSIG(status)), w->last_log);
		return;
	}
	err_set(cause, ERR_IO, "err_worker_exit", "status=%d|log=%s", WEXITSTATUS(status), w->last_log);
}

static void on_process_end(void *user, int events)
{
	struct worker_process *w = user;
	struct err cause = { 0 };
	int status = 0;

	(void)events;
	if (w->ended || waitpid(w->pid, &status, WNOHANG) != w->pid)
		return;
	w->reaped = true;
	enter(w);
	loop_remove_fd(w->pid_watch);
	w->pid_watch = NULL;
	/* What it still said counts: an answer that arrived is an answer. */
	while (w->watch && !w->ended && read_socket(w, 1)) {
		int waiting = 0;
		if (recv(w->socket, &waiting, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
			break;
	}
	if (!w->stopped) {
		loop_remove_fd(w->watch);
		w->watch = NULL;
		w->ended = true;
		describe_end(w, status, &cause);
		log_warn("engine", "worker ended pid=%d %s log=%s", (int)w->pid, cause.key, w->last_log);
		w->events->died(w->user, &cause);
	}
	leave(w);
}

void worker_process_kill(struct worker_process *w, const struct err *cause)
{
	if (w->ended || w->cause.code != ERR_OK)
		return;
	w->cause = *cause;
	if (!w->reaped) /* else the number may be another process's by now */
		kill(w->pid, SIGKILL);
}

/* --- start and stop --- */

/* In the child: workers before this one have ended, so that their memory is free when this one begins. */
static void outwait(const int *living, size_t n, pid_t parent)
{
	for (size_t i = 0; i < n; i++) {
		struct pollfd end = { .fd = living[i], .events = POLLIN };
		while (poll(&end, 1, PARENT_MS) <= 0)
			if (getppid() != parent)
				_exit(127);
	}
}

_Noreturn static void exec_worker(const struct worker_options *o, int socket)
{
	char *argv[2 * WORKER_READ_MAX + 7];
	char read_dir[] = "--read-dir", write_dir[] = "--write-dir", no_sandbox[] = "--no-sandbox", cpu[] = "--cpu", no_backtrace[] = "GGML_NO_BACKTRACE=1";
	/* A thread that waits for the others sleeps after some microseconds of spinning instead of milliseconds.  Costs nothing on an
	 * idle machine; beside one other busy program a run takes 1.3 to 2 times as long instead of 7 times. */
	char spin[] = "GOMP_SPINCOUNT=3000";
	char *env[WORKER_ENV_MAX + 3] = { no_backtrace, spin };
	int n = 0;
	worker_environment(env + 2);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	int null = open("/dev/null", O_RDWR);
	/* Descriptor 3 may be the one we were given, or in use by something else. */
	int high = fcntl(socket, F_DUPFD, 10);
	if (null < 0 || high < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    dup2(high, WORKER_SOCKET_FD) < 0 || chdir("/") != 0)
		_exit(127);
	syscall(SYS_close_range, WORKER_SOCKET_FD + 1, ~0U, 0);
	argv[n++] = (char *)(uintptr_t)o->program;
	for (int i = 0; i < WORKER_READ_MAX && o->read[i]; i++) {
		argv[n++] = read_dir;
		argv[n++] = (char *)(uintptr_t)o->read[i];
	}
	if (o->write_dir) {
		argv[n++] = write_dir;
		argv[n++] = (char *)(uintptr_t)o->write_dir;
	}
	if (o->cpu_only)
		argv[n++] = cpu;
	if (o->no_sandbox)
		argv[n++] = no_sandbox;
	argv[n] = NULL;
	execve(o->program, argv, env);
	_exit(127);
}

struct worker_process *worker_process_start(struct loop *loop, const struct worker_options *options,
					    const struct worker_events *events, void *user, struct err *err)
{
	int pair[2];

	if (access(options->program, X_OK) != 0) {
		err_set_errno(err, errno, "err_worker_start", "path=%s", options->program);
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		err_set_errno(err, errno, "err_worker_room", "path=%s", options->program);
		return NULL;
	}
	int living[LIVING_MAX];
	size_t n_living = reaper_living(living, LIVING_MAX);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		outwait(living, n_living, parent);
		exec_worker(options, pair[1]);
	}
	int saved = errno;
	close(pair[1]);
	for (size_t i = 0; i < n_living; i++)
		close(living[i]);
	int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd < 0) {
		if (pid > 0) {
			saved = errno;
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
		close(pair[0]);
		err_set_errno(err, saved, "err_worker_room", "path=%s", options->program);
		return NULL;
	}
	struct worker_process *w = mem_alloc(sizeof *w);
	*w = (struct worker_process){ .loop = loop, .events = events, .user = user, .pid = pid, .socket = pair[0],
				      .pidfd = pidfd, .out = BUF_INIT(OUT_MAX), .heard_ms = clock_mono_ms() };
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	w->oom_kills = machine_oom_kills();
	w->farewell = loop_timer_new(loop, on_farewell, w);
	w->reader = frame_reader_new(LIMIT_FRAME);
	w->watch = loop_add_fd(loop, w->socket, LOOP_READ, on_socket, w);
	w->pid_watch = loop_add_fd(loop, pidfd, LOOP_READ, on_process_end, w);
	return w;
}

void worker_process_stop(struct worker_process *w)
{
	if (!w)
		return;
	loop_remove_fd(w->watch);
	loop_remove_fd(w->pid_watch);
	w->watch = w->pid_watch = NULL;
	loop_timer_free(w->farewell);
	w->farewell = NULL;
	for (size_t i = 0; i < w->n_fds; i++)
		close(w->fds[i].fd);
	close(w->socket);
	if (!w->ended && !w->reaped)
		reaper_take(w->pid, w->pidfd);
	else
		close(w->pidfd);
	w->ended = w->stopped = true;
	if (!w->busy)
		release(w);
}

pid_t worker_process_pid(const struct worker_process *w)
{
	return w->pid;
}

void worker_process_listen(struct worker_process *w)
{
	w->heard_ms = clock_mono_ms();
}

int64_t worker_process_silent_ms(const struct worker_process *w)
{
	return clock_mono_ms() - w->heard_ms;
}

void failure_read(const json_t *body, struct err *out)
{
	struct err err = { 0 };
	const char *code = json_get_text(body, "code", "internal", &err);
	const char *key = json_get_text(body, "key", "err_worker_protocol", &err);
	const char *args = json_get_text(body, "args", "", &err);

	if (err.code != ERR_OK || strncmp(key, "err_", 4) != 0 || !msg_text(LANG_EN, key) ||
	    err_code_from_name(code) == ERR_OK)
		err_set(out, ERR_INTERNAL, "err_worker_protocol", "what=%s", "a failure without a known reason");
	else
		err_restore(out, err_code_from_name(code), key, args);
}
