/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/limits.h"
#include "worker/protocol.h"
#include "worker/sandbox.h"

#define TEMPLATE_MEMORY (512 * MIB)

/* All that the signal handlers touch; the frame is written before the timer starts. */
static struct {
	int fd;
	struct link *link;
	struct buf last_words;
	volatile sig_atomic_t armed;
	uint64_t memory_limit;
} guard;

static char handler_stack[64 * KIB];

static void on_signal(int signal_number)
{
	if (guard.armed) {
		ssize_t n = send(guard.fd, guard.last_words.ptr, guard.last_words.len, MSG_NOSIGNAL);
		(void)n;
		_exit(WORKER_EXIT_TEMPLATE);
	}
	if (signal_number == SIGSEGV) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
}

static void on_abort(int signal_number)
{
	if (sandbox_memory_is_short())
		_exit(WORKER_EXIT_MEMORY);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void *end_at_once(void *user)
{
	return user;
}

static bool threads_are_short(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_at_once, NULL) != 0)
		return true;
	pthread_join(thread, NULL);
	return false;
}

static void on_end(int status, void *user)
{
	(void)user;
	if (status != EXIT_FAILURE)
		return;
	if (sandbox_memory_is_short())
		_exit(WORKER_EXIT_MEMORY);
	if (threads_are_short())
		_exit(WORKER_EXIT_THREADS);
}

void guard_init(struct link *l)
{
	guard.link = l;
	guard.fd = link_fd(l);
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
	sigaltstack(&stack, NULL);
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	action.sa_handler = on_abort;
	sigaction(SIGABRT, &action, NULL);
	on_exit(on_end, NULL);
}

static void set_timer(int64_t ms)
{
	struct itimerval t = { .it_value = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 } };
	setitimer(ITIMER_REAL, &t, NULL);
}

void guard_begin(uint32_t stream, uint64_t memory_limit)
{
	/* Nothing may be half sent when the handler writes. */
	link_flush(guard.link);
	buf_release(&guard.last_words);
	guard.last_words = BUF_INIT(KIB);
	struct buf body = BUF_INIT(KIB);
	buf_printf(&body, "{\"code\":\"%s\",\"key\":\"err_template_expensive\",\"args\":\"ms=%d\"}", err_code_name(ERR_LIMIT),
		   LIMIT_TEMPLATE_MS);
	frame_write(&guard.last_words, MSG_FAILED, stream, buf_str(&body));
	buf_release(&body);
	guard.memory_limit = memory_limit;
	uint64_t used = sandbox_memory_used(), most = used + TEMPLATE_MEMORY;
	if (used > 0 && (memory_limit == 0 || most < memory_limit))
		sandbox_limit_memory(most);
	guard.armed = 1;
	set_timer(LIMIT_TEMPLATE_MS);
}

void guard_end(void)
{
	guard.armed = 0;
	set_timer(0);
	sandbox_limit_memory(guard.memory_limit);
}
