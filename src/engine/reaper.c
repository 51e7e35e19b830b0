/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

struct ending {
	pid_t pid;
	int pidfd;
	struct ending *next;
};

/* Of the process, as its children are. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_less = PTHREAD_COND_INITIALIZER;
static struct ending *endings;

static void *reap(void *argument)
{
	struct ending *e = argument, **at = &endings;

	while (waitpid(e->pid, NULL, 0) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&lock);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	close(e->pidfd);
	pthread_cond_broadcast(&one_less);
	pthread_mutex_unlock(&lock);
	mem_free(e);
	return NULL;
}

void reaper_take(pid_t pid, int pidfd)
{
	struct ending *e = mem_alloc(sizeof *e);
	sigset_t all, before;
	pthread_t thread;

	kill(pid, SIGKILL); /* it holds nothing that is not ours: no reason to ask */
	*e = (struct ending){ .pid = pid, .pidfd = pidfd };
	pthread_mutex_lock(&lock);
	e->next = endings;
	endings = e;
	pthread_mutex_unlock(&lock);
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int why = pthread_create(&thread, NULL, reap, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (why == 0) {
		pthread_detach(thread);
		return;
	}
	log_warn("engine", "no thread to wait for pid=%d errno=%d", (int)pid, why);
	(void)reap(e);
}

bool reaper_await(int64_t limit_ms)
{
	struct timespec until;
	int why = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += limit_ms / 1000;
	until.tv_nsec += limit_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&lock);
	while (endings && why == 0)
		why = pthread_cond_clockwait(&one_less, &lock, CLOCK_MONOTONIC, &until);
	bool none = !endings;
	pthread_mutex_unlock(&lock);
	return none;
}

size_t reaper_living(int *pidfds, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&lock);
	for (const struct ending *e = endings; e && n < max; e = e->next) {
		int copy = fcntl(e->pidfd, F_DUPFD_CLOEXEC, 0);
		if (copy >= 0)
			pidfds[n++] = copy;
	}
	pthread_mutex_unlock(&lock);
	return n;
}
