/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "convert/child_rights.h"

#define LOOK_MS 100
#define GRACE_MS 2000 /* between the wish that it ends and its end */
#define LINE_MAX_BYTES 2000

struct listener {
	const struct child_options *o;
	struct child_end *end;
	char line[LINE_MAX_BYTES];
	size_t len;
};

char *child_find(const char *name)
{
	struct str rest = str_of(getenv("PATH"));
	while (rest.len > 0) {
		struct str dir = str_split(&rest, ':');
		char *path = mem_printf("%.*s/%s", (int)dir.len, dir.len ? dir.ptr : "", name);
		struct stat st;
		if (dir.len > 0 && dir.ptr[0] == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
			return path;
		mem_free(path);
	}
	return NULL;
}

/* --- what it says --- */

static void end_line(struct listener *l)
{
	struct str line = { l->line, utf8_clean(l->line, l->len, 0) };
	line = str_trim(line);
	l->len = 0;
	if (line.len == 0)
		return;
	str_format(l->end->last, sizeof l->end->last, "%.*s", (int)line.len, line.ptr);
	struct str kept = str_of(l->end->last);
	l->end->last[utf8_whole(kept)] = 0;
	if (l->o->line)
		l->o->line(l->o->user, line);
}

static void hear(struct listener *l, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r')
			end_line(l);
		else if (l->len < sizeof l->line)
			l->line[l->len++] = bytes[i];
	}
}

/* --- its life --- */

static _Noreturn void become(const struct child_options *o, int out)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	child_rights_humble();
	if (dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(127);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	if (o->write_dir && chdir(o->write_dir) != 0)
		_exit(127);
	if (o->write_dir)
		child_rights_drop(o->write_dir);
	execve(o->argv[0], (char **)(uintptr_t)o->argv, o->env);
	_exit(127);
}

static bool has_ended(pid_t pid, int *status, bool wait)
{
	pid_t got;
	while ((got = waitpid(pid, status, wait ? 0 : WNOHANG)) < 0 && errno == EINTR)
		;
	return got != 0;
}

/* True while there may be more to hear. */
static bool listen_once(struct listener *l, int fd)
{
	char bytes[8192];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	if (poll(&p, 1, LOOK_MS) <= 0)
		return true;
	ssize_t n = read(fd, bytes, sizeof bytes);
	if (n > 0)
		hear(l, bytes, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static void stop(pid_t pid, int fd, struct listener *l, int *status)
{
	int64_t until = clock_mono_ms() + GRACE_MS;
	bool ended = false;
	kill(-pid, SIGTERM);
	while (!ended && clock_mono_ms() < until) {
		if (!listen_once(l, fd))
			usleep(LOOK_MS * 1000);
		ended = has_ended(pid, status, false);
	}
	kill(-pid, SIGKILL);
	if (!ended)
		(void)has_ended(pid, status, true);
}

static bool is_cancelled(const struct child_options *o)
{
	return o->cancel && atomic_load_explicit(o->cancel, memory_order_relaxed);
}

static enum err_code follow(const struct child_options *o, pid_t pid, int fd, struct child_end *end, struct err *err)
{
	struct listener *l = mem_alloc(sizeof *l);
	int status = 0;
	bool more = true, ended = false, cancelled = false;
	*l = (struct listener){ .o = o, .end = end };
	/* What its own children hold open does not keep us. */
	while (!ended && !(cancelled = is_cancelled(o))) {
		more = more && listen_once(l, fd);
		if (!more)
			usleep(LOOK_MS * 1000 / 10);
		ended = has_ended(pid, &status, false);
	}
	if (cancelled)
		stop(pid, fd, l, &status);
	kill(-pid, SIGKILL); /* what it has left behind would talk on */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (more && !cancelled) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		more = poll(&p, 1, 0) > 0 && listen_once(l, fd);
	}
	end_line(l);
	mem_free(l);
	end->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return cancelled ? err_set(err, ERR_CANCELLED, "err_cancelled", NULL) : ERR_OK;
}

enum err_code child_run(const struct child_options *o, struct child_end *end, struct err *err)
{
	int ends[2];
	*end = (struct child_end){ .exit_code = -1 };
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set_errno(err, errno, "err_child_start", "path=%s", o->argv[0]);
	pid_t pid = fork();
	if (pid == 0)
		become(o, ends[1]);
	close(ends[1]);
	int saved = errno;
	if (pid > 0)
		(void)!setpgid(pid, pid); /* here too: whoever is first */
	enum err_code code = pid > 0 ? follow(o, pid, ends[0], end, err) :
				       err_set_errno(err, saved, "err_child_start", "path=%s", o->argv[0]);
	close(ends[0]);
	return code;
}
