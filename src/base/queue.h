/* SPDX-License-Identifier: Apache-2.0
 *
 * queue - how threads talk: tasks that run on another thread and come home.
 *
 * A task is a struct that its owner embeds in a larger one.  It is posted to an executor (one thread), runs there, and
 * then `done` is called on the thread that owns the home queue (the loop).  Between post and done the poster must not
 * touch the struct, apart from setting `cancelled`.  Nothing else is shared between threads.
 *
 * An executor may group tasks (the store commits a batch with one fsync): `begin` is called before the first task of a
 * batch and `end` after the last one; only then are the tasks sent home, so an acknowledged write is on the disk. */
#ifndef ASSAY_BASE_QUEUE_H
#define ASSAY_BASE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"

struct task {
	void (*run)(struct task *task, void *context); /* on the executor's thread */
	void (*done)(struct task *task);               /* at home; frees or reuses the task; NULL: nothing */
	atomic_bool cancelled;                         /* set by the poster; long runs look at it every 10 ms */
	struct err err;                                /* filled by run() or by a failed batch */
	struct task *next;                             /* private */
};

/* --- home: where finished tasks and messages arrive --- */
struct queue;

/* Never returns NULL. */
struct queue *queue_new(void);
/* Drain it before: tasks that still wait are forgotten.  NULL is fine. */
void queue_free(struct queue *q);
/* Readable when something waits; give it to a loop. */
int queue_fd(const struct queue *q);
/* Thread: any. */
void queue_post(struct queue *q, struct task *task);
/* Calls done() of everything that waits.  Thread: the owner. */
void queue_drain(struct queue *q);

/* --- executor: one thread that runs tasks in order --- */
struct executor;

struct executor_hooks {
	void (*begin)(void *context);             /* may be NULL */
	/* Returns ERR_OK when all the batch stands; otherwise every task of it gets this error.  May be NULL. */
	enum err_code (*end)(void *context, struct err *err);
	int max_batch;                            /* tasks in a batch; 1 without hooks */
};

/* Starts the thread.  `context` is passed to every run(); `home` receives the finished tasks.  NULL: ERR_IO "err_no_thread". */
MUST_USE struct executor *executor_start(const char *name, void *context, const struct executor_hooks *hooks, struct queue *home,
					 struct err *err);
/* Thread: any. */
void executor_post(struct executor *e, struct task *task);
/* Runs what was posted, then ends the thread and frees it.  Finished tasks are in the home queue: drain it afterwards.  NULL is fine. */
void executor_stop(struct executor *e);

#endif
