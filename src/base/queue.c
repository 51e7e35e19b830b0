/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct task_list {
	struct task *first;
	struct task *last;
};

static void list_add(struct task_list *list, struct task *task)
{
	task->next = NULL;
	if (list->last)
		list->last->next = task;
	else
		list->first = task;
	list->last = task;
}

static struct task *list_take(struct task_list *list)
{
	struct task *task = list->first;
	if (!task)
		return NULL;
	list->first = task->next;
	if (!list->first)
		list->last = NULL;
	task->next = NULL;
	return task;
}

struct queue {
	pthread_mutex_t lock;
	struct task_list tasks;
	int fd;
};

struct queue *queue_new(void)
{
	struct queue *q = mem_alloc(sizeof *q);
	pthread_mutex_init(&q->lock, NULL);
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->fd < 0)
		BUG("eventfd: errno %d", errno);
	return q;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	close(q->fd);
	pthread_mutex_destroy(&q->lock);
	mem_free(q);
}

int queue_fd(const struct queue *q)
{
	return q->fd;
}

void queue_post(struct queue *q, struct task *task)
{
	const uint64_t one = 1;
	pthread_mutex_lock(&q->lock);
	bool was_empty = !q->tasks.first;
	list_add(&q->tasks, task);
	/* Under the lock: after it the owner may have taken the task and freed the queue. */
	if (was_empty && write(q->fd, &one, sizeof one) < 0 && errno != EAGAIN)
		BUG("eventfd write: errno %d", errno);
	pthread_mutex_unlock(&q->lock);
}

void queue_drain(struct queue *q)
{
	uint64_t count;
	pthread_mutex_lock(&q->lock);
	if (read(q->fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
		BUG("eventfd read: errno %d", errno);
	struct task_list tasks = q->tasks;
	q->tasks = (struct task_list){ 0 };
	pthread_mutex_unlock(&q->lock);
	for (struct task *task; (task = list_take(&tasks));)
		if (task->done)
			task->done(task);
}

struct executor {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct task_list tasks;
	bool stopping;
	void *context;
	struct executor_hooks hooks;
	struct queue *home;
	char name[16];
};

/* Waits for work; takes up to a batch of it.  An empty list means that the executor ends. */
static struct task_list next_batch(struct executor *e)
{
	struct task_list batch = { 0 };
	pthread_mutex_lock(&e->lock);
	while (!e->tasks.first && !e->stopping)
		pthread_cond_wait(&e->wake, &e->lock);
	for (int i = 0; i < e->hooks.max_batch && e->tasks.first; i++)
		list_add(&batch, list_take(&e->tasks));
	pthread_mutex_unlock(&e->lock);
	return batch;
}

static void run_batch(struct executor *e, struct task_list batch)
{
	struct err failed = { 0 };
	if (e->hooks.begin)
		e->hooks.begin(e->context);
	for (struct task *task = batch.first; task; task = task->next) {
		if (atomic_load(&task->cancelled))
			err_set(&task->err, ERR_CANCELLED, "err_cancelled", NULL);
		else
			task->run(task, e->context);
	}
	enum err_code code = e->hooks.end ? e->hooks.end(e->context, &failed) : ERR_OK;
	for (struct task *task; (task = list_take(&batch));) {
		if (code != ERR_OK)
			task->err = failed;
		queue_post(e->home, task);
	}
}

static void *executor_main(void *arg)
{
	struct executor *e = arg;
	pthread_setname_np(pthread_self(), e->name);
	for (;;) {
		struct task_list batch = next_batch(e);
		if (!batch.first)
			return NULL;
		run_batch(e, batch);
	}
}

struct executor *executor_start(const char *name, void *context, const struct executor_hooks *hooks, struct queue *home,
				struct err *err)
{
	struct executor *e = mem_alloc(sizeof *e);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->wake, NULL);
	e->context = context;
	e->home = home;
	if (hooks)
		e->hooks = *hooks;
	if (e->hooks.max_batch < 1)
		e->hooks.max_batch = 1;
	snprintf(e->name, sizeof e->name, "%.15s", name);
	/* Signals are for the loop's thread; a new thread inherits the mask of its maker. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int why = pthread_create(&e->thread, NULL, executor_main, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!why)
		return e;
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	mem_free(e);
	err_set_errno(err, why, "err_no_thread", "name=%s", name);
	return NULL;
}

void executor_post(struct executor *e, struct task *task)
{
	pthread_mutex_lock(&e->lock);
	if (e->stopping)
		BUG("%s: task posted after the stop", e->name);
	list_add(&e->tasks, task);
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
}

void executor_stop(struct executor *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->stopping = true;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	mem_free(e);
}
