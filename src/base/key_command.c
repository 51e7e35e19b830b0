/* SPDX-License-Identifier: Apache-2.0 */
#include "base/key_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define RUN_MS 10000
#define KEEP_MS (5 * 60 * 1000)
#define OUTPUT_MAX (8 * KIB)
#define REASON_MAX 200
#define READS_MAX 64 /* KiB at a time: all that a pipe holds; whoever writes on keeps nobody from the loop */

extern char **environ;

/* One of the two outputs of a command. */
struct pipe_end {
	struct key_command *of;
	struct loop_fd *watch; /* NULL: closed */
	int fd;
	size_t len;
	char text[OUTPUT_MAX]; /* never copied: keys are wiped where they are */
};

struct key_wait {
	struct key_command *of;
	key_told_fn told;
	void *user;
	struct key_wait *next, **at;
};

struct key_command {
	struct key_commands *all;
	char *text, *key;         /* key NULL: none is known */
	pid_t pid;                /* 0: it does not run */
	int pidfd;
	struct loop_fd *pid_watch;
	struct loop_timer *timer; /* to the end of the run, or of the memory; or to its start */
	struct pipe_end out, problem;
	struct key_wait *waiting;
	struct key_command *next;
};

/* A process that was killed and has not ended yet. */
struct ending {
	struct key_commands *all;
	struct loop_fd *watch;
	pid_t pid;
	int pidfd;
	struct ending *next, **at;
};

struct key_commands {
	struct loop *loop;
	struct key_command_limits limits;
	struct key_command *commands;
	struct ending *endings;
};

struct key_command_limits key_command_limits_default(void)
{
	return (struct key_command_limits){ .run_ms = RUN_MS, .keep_ms = KEEP_MS };
}

/* --- ends --- */

static void wipe(struct pipe_end *p)
{
	explicit_bzero(p->text, p->len);
	p->len = 0;
}

static void forget_key(struct key_command *k)
{
	if (k->key)
		explicit_bzero(k->key, strlen(k->key));
	mem_free(k->key);
	k->key = NULL;
}

static void close_pipe(struct pipe_end *p)
{
	if (!p->watch)
		return;
	loop_remove_fd(p->watch);
	close(p->fd);
	p->watch = NULL;
}

static void ending_free(struct ending *e)
{
	*e->at = e->next;
	if (e->next)
		e->next->at = e->at;
	loop_remove_fd(e->watch);
	close(e->pidfd);
	mem_free(e);
}

static void on_ending(void *user, int events)
{
	struct ending *e = user;

	(void)events;
	if (waitpid(e->pid, NULL, WNOHANG) != 0)
		ending_free(e);
}

/* Kills the command with all that it has started; its end is waited for beside everything else. */
static void kill_command(struct key_command *k)
{
	struct ending *e = mem_alloc(sizeof *e);

	kill(-k->pid, SIGKILL);
	loop_remove_fd(k->pid_watch);
	*e = (struct ending){ .all = k->all, .pid = k->pid, .pidfd = k->pidfd, .next = k->all->endings, .at = &k->all->endings };
	if (e->next)
		e->next->at = &e->next;
	k->all->endings = e;
	e->watch = loop_add_fd(k->all->loop, e->pidfd, LOOP_READ, on_ending, e);
	k->pid = 0;
}

/* Nothing of the run is left; tells those who wait. */
static void finish(struct key_command *k, const struct err *why)
{
	struct key_wait *w;

	close_pipe(&k->out);
	close_pipe(&k->problem);
	wipe(&k->out);
	wipe(&k->problem);
	loop_timer_set(k->timer, k->key ? k->all->limits.keep_ms : -1);
	if (why->code != ERR_OK)
		log_warn("key", "a command told no key: %s", why->key);
	while ((w = k->waiting)) {
		k->waiting = w->next;
		if (w->next)
			w->next->at = &k->waiting;
		w->told(w->user, k->key, why);
		mem_free(w);
	}
}

static void fail(struct key_command *k, enum err_code code, const char *key, int64_t number)
{
	struct err why;

	err_set(&why, code, key, "limit=%lld", (long long)number);
	if (k->pid)
		kill_command(k);
	finish(k, &why);
}

/* --- what it says --- */

static struct str first_line(const struct pipe_end *p)
{
	struct str rest = { p->text, p->len };

	return str_trim(str_split(&rest, '\n'));
}

static bool is_key(struct str line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] <= ' ' || line.ptr[i] > '~')
			return false;
	return line.len > 0 && line.len <= LIMIT_KEY_BYTES;
}

/* The first line that it printed as a problem; what it printed as a key is not to be in it. */
static void reason_of(const struct key_command *k, char out[REASON_MAX + 1])
{
	struct str line = first_line(&k->problem), key = first_line(&k->out);

	line.len = utf8_whole((struct str){ line.ptr, line.len < REASON_MAX ? line.len : REASON_MAX });
	bool tells = key.len && memmem(k->problem.text, k->problem.len, key.ptr, key.len);
	(void)str_format(out, REASON_MAX + 1, "%.*s", tells ? 0 : (int)line.len, line.ptr ? line.ptr : "");
	utf8_clean(out, strlen(out), 0);
	if (!out[0])
		(void)str_format(out, REASON_MAX + 1, "?");
}

static void take_result(struct key_command *k, int status)
{
	struct str line = first_line(&k->out);
	char reason[REASON_MAX + 1];
	struct err why = { 0 };

	reason_of(k, reason);
	if (line.len) { /* also what a failed one has printed */
		char *secret = mem_printf("%.*s", (int)line.len, line.ptr);
		log_add_secret(secret);
		if (status == 0 && is_key(line))
			k->key = mem_strdup(secret);
		explicit_bzero(secret, line.len);
		mem_free(secret);
	}
	if (status != 0)
		err_set(&why, ERR_DENIED, "err_key_command_failed", "status=%d|reason=%s",
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), reason);
	else if (!line.len)
		err_set(&why, ERR_DENIED, "err_key_command_empty", "reason=%s", reason);
	else if (!k->key)
		err_set(&why, ERR_DENIED, "err_key_command_characters", "limit=%d", LIMIT_KEY_BYTES);
	finish(k, &why);
}

/* Takes what is there, the rest when the loop comes back; false where it is more than a key can be. */
static bool read_pipe(struct pipe_end *p)
{
	char block[KIB];

	for (int reads = 0; p->watch && reads < READS_MAX; reads++) {
		ssize_t n = read(p->fd, block, sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			close_pipe(p);
			return true;
		}
		size_t room = OUTPUT_MAX - p->len, taken = (size_t)n < room ? (size_t)n : room;
		memcpy(p->text + p->len, block, taken);
		p->len += taken;
		explicit_bzero(block, (size_t)n);
		if ((size_t)n > room && p == &p->of->out)
			return false;
	}
	return true;
}

static void on_pipe(void *user, int events)
{
	struct pipe_end *p = user;

	(void)events;
	if (!read_pipe(p))
		fail(p->of, ERR_DENIED, "err_key_command_long", (int64_t)(OUTPUT_MAX / KIB));
}

static void on_end(void *user, int events)
{
	struct key_command *k = user;
	int status = 0;

	(void)events;
	if (waitpid(k->pid, &status, WNOHANG) != k->pid)
		return;
	loop_remove_fd(k->pid_watch);
	close(k->pidfd);
	k->pid = 0;
	bool fits = read_pipe(&k->out);
	(void)read_pipe(&k->problem);
	if (fits)
		take_result(k, status);
	else
		fail(k, ERR_DENIED, "err_key_command_long", (int64_t)(OUTPUT_MAX / KIB));
}

/* --- running --- */

static int spawn(pid_t *pid, const char *text, int out, int problem)
{
	char shell[] = "sh", option[] = "-c", *command = mem_strdup(text);
	char *argv[] = { shell, option, command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGTERM);
	sigaddset(&usual, SIGHUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, problem, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	int why = posix_spawn(pid, "/bin/sh", &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	mem_free(command);
	return why;
}

static void open_pipe(struct key_command *k, struct pipe_end *p, int fd)
{
	p->of = k;
	p->fd = fd;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	p->watch = loop_add_fd(k->all->loop, fd, LOOP_READ, on_pipe, p);
}

/* Starts it; 0 or why not. */
static int start(struct key_command *k)
{
	int out[2] = { -1, -1 }, problem[2] = { -1, -1 }, why = 0;

	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(problem, O_CLOEXEC) != 0)
		why = errno;
	if (why == 0)
		why = spawn(&k->pid, k->text, out[1], problem[1]);
	if (why == 0 && (k->pidfd = (int)syscall(SYS_pidfd_open, k->pid, 0)) < 0) {
		why = errno;
		kill(-k->pid, SIGKILL);
		waitpid(k->pid, NULL, 0);
	}
	if (out[1] >= 0)
		close(out[1]);
	if (problem[1] >= 0)
		close(problem[1]);
	if (why == 0) {
		fcntl(k->pidfd, F_SETFD, FD_CLOEXEC);
		open_pipe(k, &k->out, out[0]);
		open_pipe(k, &k->problem, problem[0]);
		k->pid_watch = loop_add_fd(k->all->loop, k->pidfd, LOOP_READ, on_end, k);
		return 0;
	}
	k->pid = 0;
	if (out[0] >= 0)
		close(out[0]);
	if (problem[0] >= 0)
		close(problem[0]);
	return why;
}

static void on_timer(void *user)
{
	struct key_command *k = user;

	if (k->key) {
		forget_key(k);
	} else if (k->pid) {
		fail(k, ERR_DENIED, "err_key_command_slow", k->all->limits.run_ms / 1000);
	} else {
		int why = start(k);
		struct err err = { 0 };
		if (why) {
			err_set_errno(&err, why, "err_key_command_start", NULL);
			finish(k, &err);
		} else {
			loop_timer_set(k->timer, k->all->limits.run_ms);
		}
	}
}

/* --- for others --- */

static struct key_command *find(struct key_commands *all, const char *command)
{
	for (struct key_command *k = all->commands; k; k = k->next)
		if (strcmp(k->text, command) == 0)
			return k;
	return NULL;
}

const char *key_command_known(struct key_commands *all, const char *command)
{
	const struct key_command *k = find(all, command);
	return k ? k->key : NULL;
}

void key_command_forget(struct key_commands *all, const char *command, const char *key)
{
	struct key_command *k = find(all, command);

	if (k && k->key && strcmp(k->key, key) == 0) {
		forget_key(k);
		loop_timer_set(k->timer, -1);
	}
}

struct key_wait *key_command_ask(struct key_commands *all, const char *command, key_told_fn told, void *user)
{
	struct key_command *k = find(all, command);
	struct key_wait *w = mem_alloc(sizeof *w);

	if (!k) {
		k = mem_alloc(sizeof *k);
		*k = (struct key_command){ .all = all, .text = mem_strdup(command), .next = all->commands };
		k->timer = loop_timer_new(all->loop, on_timer, k);
		all->commands = k;
	}
	if (!k->pid && !k->waiting) {
		forget_key(k);
		loop_timer_set(k->timer, 0);
	}
	*w = (struct key_wait){ .of = k, .told = told, .user = user, .next = k->waiting, .at = &k->waiting };
	if (w->next)
		w->next->at = &w->next;
	k->waiting = w;
	return w;
}

void key_wait_cancel(struct key_wait *w)
{
	if (!w)
		return;
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	mem_free(w);
}

struct key_commands *key_commands_new(struct loop *loop, struct key_command_limits limits)
{
	struct key_commands *all = mem_alloc(sizeof *all);

	*all = (struct key_commands){ .loop = loop, .limits = limits };
	return all;
}

void key_commands_free(struct key_commands *all)
{
	if (!all)
		return;
	while (all->commands) {
		struct key_command *k = all->commands;
		all->commands = k->next;
		if (k->pid)
			kill_command(k);
		close_pipe(&k->out);
		close_pipe(&k->problem);
		wipe(&k->out);
		wipe(&k->problem);
		forget_key(k);
		loop_timer_free(k->timer);
		mem_free(k->text);
		mem_free(k);
	}
	while (all->endings) { /* who does not end at once is the system's */
		waitpid(all->endings->pid, NULL, WNOHANG);
		ending_free(all->endings);
	}
	mem_free(all);
}
