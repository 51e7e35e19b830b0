/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "server/app.h"

#define EXIT_INTERRUPTED 5

static volatile sig_atomic_t seen;
static _Atomic(struct app *) app_to_stop;

static void on_signal(int number)
{
	int old = errno;
	if (seen && number != SIGHUP) /* a terminal that closes may say so twice: nobody is in a hurry there */
		_exit(EXIT_INTERRUPTED);
	if (!seen)
		seen = number;
	struct app *app = atomic_load(&app_to_stop);
	if (app)
		app_stop(app);
	errno = old;
}

void interrupt_install(struct app *app)
{
	struct sigaction action = { .sa_handler = on_signal };
	atomic_store(&app_to_stop, app);
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	struct sigaction old;
	if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* nohup */
		sigaction(SIGHUP, &action, NULL);
}

bool interrupt_seen(void)
{
	return seen != 0;
}

int interrupt_take(void)
{
	int number = seen;
	seen = 0;
	return number;
}

void interrupt_block(bool block)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}
