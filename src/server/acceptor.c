/* SPDX-License-Identifier: Apache-2.0 */
#include "server/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define TURN 64 /* connections taken before others have their turn */
#define PAUSE_MS 100

struct acceptor {
	int fd, spare; /* spare: a descriptor for the moment in which there is no other, -1: none */
	struct acceptor_owner owner;
	struct loop_fd *watch;
	struct loop_timer *pause;
};

static int open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void resume(void *user)
{
	struct acceptor *a = user;

	loop_set_events(a->watch, LOOP_READ);
}

static void pause_taking(struct acceptor *a)
{
	loop_set_events(a->watch, 0);
	loop_timer_set(a->pause, PAUSE_MS);
}

/* False where even that fails. */
static bool send_one_away(struct acceptor *a)
{
	if (a->spare < 0)
		return false;
	close(a->spare);
	int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	a->spare = open_spare();
	log_debug("http", "no descriptor was left for a connection");
	return fd >= 0;
}

/* True: there may be more. */
static bool take_one(struct acceptor *a)
{
	struct sockaddr_storage from = { 0 };
	socklen_t size = sizeof from;

	if (a->spare < 0)
		a->spare = open_spare();
	if (!a->owner.has_room(a->owner.user)) {
		pause_taking(a);
		return false;
	}
	int fd = accept4(a->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		a->owner.take(a->owner.user, fd, (struct sockaddr *)&from, size);
		return true;
	}
	int why = errno;
	if (why == EAGAIN || why == EINTR || why == ECONNABORTED)
		return why != EAGAIN;
	if ((why == EMFILE || why == ENFILE) && send_one_away(a))
		return true;
	log_debug("http", "a connection was not taken: %s", strerror(why));
	pause_taking(a);
	return false;
}

static void on_waiting(void *user, int events)
{
	struct acceptor *a = user;

	(void)events;
	for (int n = 0; n < TURN && take_one(a); n++)
		;
}

struct acceptor *acceptor_new(struct loop *loop, int fd, const struct acceptor_owner *owner)
{
	struct acceptor *a = mem_alloc(sizeof *a);

	*a = (struct acceptor){ .fd = fd, .spare = open_spare(), .owner = *owner };
	a->watch = loop_add_fd(loop, fd, LOOP_READ, on_waiting, a);
	a->pause = loop_timer_new(loop, resume, a);
	return a;
}

void acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	loop_timer_free(a->pause);
	loop_remove_fd(a->watch);
	close(a->fd);
	if (a->spare >= 0)
		close(a->spare);
	mem_free(a);
}
