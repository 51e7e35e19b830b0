/* SPDX-License-Identifier: Apache-2.0
 *
 * loop - epoll event loop: descriptors, timers, signals.  Everything registered is called on the thread of loop_run(). */
#ifndef ASSAY_BASE_LOOP_H
#define ASSAY_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

typedef void (*loop_fd_fn)(void *user, int events);
typedef void (*loop_fn)(void *user);

/* Never returns NULL. */
struct loop *loop_new(void);
/* Every watcher and timer is to be removed before.  NULL is fine. */
void loop_free(struct loop *l);
/* Returns after loop_stop(). */
void loop_run(struct loop *l);
/* Thread: any; also from a signal handler. */
void loop_stop(struct loop *l);

/* Watches `fd` (not owned; remove the watcher before the descriptor is closed).  `events`: LOOP_READ | LOOP_WRITE; LOOP_HANGUP is always reported. */
struct loop_fd *loop_add_fd(struct loop *l, int fd, int events, loop_fd_fn fn, void *user);
/* Watches for other events from now on; 0 leaves LOOP_HANGUP. */
void loop_set_events(struct loop_fd *w, int events);
/* Safe inside its own callback.  NULL is fine. */
void loop_remove_fd(struct loop_fd *w);

/* One-shot timer; loop_timer_set() (re)starts it, a negative delay stops it. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *user);
/* Starts the timer, also inside its own callback; 0 fires in the next turn. */
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
/* Safe inside its own callback.  NULL is fine. */
void loop_timer_free(struct loop_timer *t);

/* Called once before each wait: gives libraries that keep their own timeouts (libmicrohttpd, curl) a turn.
 * Returns the longest time in ms that the loop may sleep because of it, or -1. */
typedef int64_t (*loop_prepare_fn)(void *user);
void loop_set_prepare(struct loop *l, loop_prepare_fn fn, void *user);

/* Longest time in microseconds that one callback took since the last call (DESIGN: no step longer than 20 ms).
 * A longer one is also told in the log, at debug level. */
int64_t loop_max_step_us(struct loop *l);

#endif
