/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH 64
#define NOT_SET SIZE_MAX
#define SLOW_STEP_US 20000

struct loop_fd {
	struct loop *loop;
	int fd;
	loop_fd_fn fn;
	void *user;
	bool dead;
	struct loop_fd *next_dead;
};

struct loop_timer {
	struct loop *loop;
	loop_fn fn;
	void *user;
	int64_t due_us;
	uint64_t order; /* equal deadlines fire in the order in which they were set */
	size_t at;      /* index in the heap, or NOT_SET */
};

struct loop {
	int epoll;
	int wake;
	atomic_bool stop;
	bool in_turn;
	struct loop_fd *dead; /* removed in this turn; an event of the same batch may still point at them */
	struct loop_timer **heap;
	size_t count;
	size_t cap;
	uint64_t next_order;
	loop_prepare_fn prepare;
	void *prepare_user;
	int64_t max_step_us;
};

struct loop *loop_new(void)
{
	struct loop *l = mem_alloc(sizeof *l);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	if (l->epoll < 0 || l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &event) != 0)
		BUG("event loop: errno %d", errno);
	return l;
}

static void free_dead(struct loop *l)
{
	for (struct loop_fd *w = l->dead, *next; w; w = next) {
		next = w->next_dead;
		mem_free(w);
	}
	l->dead = NULL;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	free_dead(l);
	close(l->epoll);
	close(l->wake);
	mem_free(l->heap);
	mem_free(l);
}

void loop_stop(struct loop *l)
{
	/* Only calls that a signal handler may make; errno belongs to what it interrupted. */
	int saved = errno;
	const uint64_t one = 1;
	atomic_store(&l->stop, true);
	ssize_t written = write(l->wake, &one, sizeof one);
	(void)written; /* EAGAIN: it is awake already */
	errno = saved;
}

static uint32_t epoll_events(int events)
{
	return (events & LOOP_READ ? (uint32_t)EPOLLIN : 0) | (events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

struct loop_fd *loop_add_fd(struct loop *l, int fd, int events, loop_fd_fn fn, void *user)
{
	struct loop_fd *w = mem_alloc(sizeof *w);
	*w = (struct loop_fd){ .loop = l, .fd = fd, .fn = fn, .user = user };
	struct epoll_event event = { .events = epoll_events(events), .data.ptr = w };
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		BUG("cannot watch descriptor %d: errno %d", fd, errno);
	return w;
}

void loop_set_events(struct loop_fd *w, int events)
{
	struct epoll_event event = { .events = epoll_events(events), .data.ptr = w };
	if (!w->dead && epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &event) != 0)
		BUG("cannot watch descriptor %d: errno %d", w->fd, errno);
}

void loop_remove_fd(struct loop_fd *w)
{
	if (!w || w->dead)
		return;
	struct loop *l = w->loop;
	/* Fails only where the descriptor is closed already, and then nothing is left to remove. */
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->dead = true;
	w->next_dead = l->dead;
	l->dead = w;
	if (!l->in_turn)
		free_dead(l);
}

/* --- timers: a binary heap, the next one first --- */

static bool is_before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void heap_put(struct loop *l, size_t at, struct loop_timer *t)
{
	l->heap[at] = t;
	t->at = at;
}

static void heap_up(struct loop *l, size_t at)
{
	struct loop_timer *t = l->heap[at];
	while (at && is_before(t, l->heap[(at - 1) / 2])) {
		heap_put(l, at, l->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(l, at, t);
}

static void heap_down(struct loop *l, size_t at)
{
	struct loop_timer *t = l->heap[at];
	for (size_t child; (child = 2 * at + 1) < l->count; at = child) {
		if (child + 1 < l->count && is_before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!is_before(l->heap[child], t))
			break;
		heap_put(l, at, l->heap[child]);
	}
	heap_put(l, at, t);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
	size_t at = t->at;
	if (at == NOT_SET)
		return;
	t->at = NOT_SET;
	struct loop_timer *last = l->heap[--l->count];
	if (last == t)
		return;
	heap_put(l, at, last);
	heap_up(l, at);
	heap_down(l, last->at);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *user)
{
	struct loop_timer *t = mem_alloc(sizeof *t);
	*t = (struct loop_timer){ .loop = l, .fn = fn, .user = user, .at = NOT_SET };
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	struct loop *l = t->loop;
	heap_remove(l, t);
	if (delay_ms < 0)
		return;
	int64_t now = clock_mono_us(), delay_us;
	if (__builtin_mul_overflow(delay_ms, (int64_t)1000, &delay_us) ||
	    __builtin_add_overflow(now, delay_us, &t->due_us))
		t->due_us = INT64_MAX;
	t->order = l->next_order++;
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->heap = mem_grow(l->heap, l->cap * sizeof l->heap[0]);
	}
	heap_put(l, l->count++, t);
	heap_up(l, t->at);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	heap_remove(t->loop, t);
	mem_free(t);
}

/* --- one turn --- */

void loop_set_prepare(struct loop *l, loop_prepare_fn fn, void *user)
{
	l->prepare = fn;
	l->prepare_user = user;
}

int64_t loop_max_step_us(struct loop *l)
{
	int64_t step = l->max_step_us;
	l->max_step_us = 0;
	return step;
}

extern const char __executable_start; /* of the linker */

/* `handler`: what was called, told as its place in the program (addr2line knows its name). */
static void note_step(struct loop *l, int64_t started_us, const char *kind, uintptr_t handler)
{
	int64_t step = clock_mono_us() - started_us;
	if (step > l->max_step_us)
		l->max_step_us = step;
	if (step > SLOW_STEP_US)
		log_debug("loop", "a long step ms=%lld kind=%s handler=0x%llx", (long long)step / 1000, kind,
			  (unsigned long long)(handler - (uintptr_t)&__executable_start));
}

/* How long epoll may wait, in ms; -1 is for ever. */
static int wait_ms(struct loop *l)
{
	int64_t wait = -1;
	if (l->prepare) {
		int64_t started = clock_mono_us();
		wait = l->prepare(l->prepare_user);
		note_step(l, started, "prepare", (uintptr_t)l->prepare);
	}
	if (l->count) {
		int64_t left = l->heap[0]->due_us - clock_mono_us();
		/* Rounded up: waking a moment early would only mean another turn. */
		int64_t ms = left <= 0 ? 0 : (left - 1) / 1000 + 1;
		wait = wait < 0 || ms < wait ? ms : wait;
	}
	if (atomic_load(&l->stop))
		return 0;
	return wait > INT_MAX ? INT_MAX : (int)wait;
}

static void run_timers(struct loop *l)
{
	int64_t now = clock_mono_us();
	uint64_t newest = l->next_order; /* a timer that sets itself to 0 ms waits for the next turn */
	while (l->count && l->heap[0]->due_us <= now && l->heap[0]->order < newest) {
		struct loop_timer *t = l->heap[0];
		heap_remove(l, t);
		int64_t started = clock_mono_us();
		loop_fn fn = t->fn;
		fn(t->user); /* may free `t` */
		note_step(l, started, "timer", (uintptr_t)fn);
	}
}

static void run_event(struct loop *l, const struct epoll_event *event)
{
	struct loop_fd *w = event->data.ptr;
	if (!w) {
		uint64_t count;
		ssize_t got = read(l->wake, &count, sizeof count);
		(void)got; /* level-triggered: what is left wakes the next turn */
		return;
	}
	int events = (event->events & EPOLLIN ? LOOP_READ : 0) | (event->events & EPOLLOUT ? LOOP_WRITE : 0) |
		     (event->events & (EPOLLHUP | EPOLLERR) ? LOOP_HANGUP : 0);
	if (w->dead || !events)
		return;
	int64_t started = clock_mono_us();
	w->fn(w->user, events);
	note_step(l, started, "descriptor", (uintptr_t)w->fn);
}

static void turn(struct loop *l)
{
	struct epoll_event events[BATCH];
	l->in_turn = true;
	int count = epoll_wait(l->epoll, events, BATCH, wait_ms(l));
	if (count < 0 && errno != EINTR)
		BUG("epoll_wait: errno %d", errno);
	for (int i = 0; i < count; i++)
		run_event(l, &events[i]);
	run_timers(l);
	l->in_turn = false;
	free_dead(l);
}

void loop_run(struct loop *l)
{
	while (!atomic_load(&l->stop))
		turn(l);
	atomic_store(&l->stop, false);
}
