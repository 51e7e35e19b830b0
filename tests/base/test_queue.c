/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/queue.h"

#define MANY 2000

struct job {
	struct task task;
	int number;
	struct world *world;
	bool ran;
	bool is_done;
	sigset_t mask;
};

/* Touched by the executor's thread while it runs and by the test before the post and after the stop. */
struct world {
	int order[MANY];
	int ran;
	int done;
	int batches;
	int ends;
	int open; /* tasks since begin() */
	int largest;
	bool fail_end;
};

static void job_run(struct task *task, void *context)
{
	struct job *job = (struct job *)task;
	struct world *world = context;
	world->order[world->ran++] = job->number;
	world->open++;
	pthread_sigmask(SIG_SETMASK, NULL, &job->mask);
	job->ran = true;
}

static void job_done(struct task *task)
{
	struct job *job = (struct job *)task;
	job->is_done = true;
	job->world->done++;
}

static struct job make_job(struct world *world, int number)
{
	return (struct job){ .task = { .run = job_run, .done = job_done }, .world = world, .number = number };
}

static bool is_readable(const struct queue *q)
{
	struct pollfd p = { .fd = queue_fd(q), .events = POLLIN };
	return poll(&p, 1, 0) == 1;
}

static void tasks_run_in_order_and_come_home(void **state)
{
	(void)state;
	struct world world = { 0 };
	struct queue *home = queue_new();
	struct executor *e = executor_start("a name that is far too long", &world, NULL, home, NULL);
	struct job *jobs = mem_array(MANY, sizeof *jobs);
	for (int i = 0; i < MANY; i++) {
		jobs[i] = make_job(&world, i);
		executor_post(e, &jobs[i].task);
	}
	executor_stop(e);
	assert_true(is_readable(home));
	assert_int_equal(world.ran, MANY);
	assert_int_equal(world.done, 0);
	queue_drain(home);
	assert_int_equal(world.done, MANY);
	assert_false(is_readable(home));
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(world.order[i], i);
		assert_int_equal(jobs[i].task.err.code, ERR_OK);
	}
	assert_int_equal(sigismember(&jobs[0].mask, SIGTERM), 1);
	mem_free(jobs);
	queue_free(home);
	executor_stop(NULL);
	queue_free(NULL);
}

static void a_task_cancelled_before_it_starts_never_runs(void **state)
{
	(void)state;
	struct world world = { 0 };
	struct queue *home = queue_new();
	struct job job = make_job(&world, 1);
	atomic_store(&job.task.cancelled, true);
	struct executor *e = executor_start("x", &world, NULL, home, NULL);
	executor_post(e, &job.task);
	executor_stop(e);
	queue_drain(home);
	assert_false(job.ran);
	assert_true(job.is_done);
	assert_int_equal(job.task.err.code, ERR_CANCELLED);
	assert_string_equal(job.task.err.key, "err_cancelled");
	queue_free(home);
}

static void batch_begin(void *context)
{
	struct world *world = context;
	world->batches++;
	world->open = 0;
}

static enum err_code batch_end(void *context, struct err *err)
{
	struct world *world = context;
	world->ends++;
	if (world->open > world->largest)
		world->largest = world->open;
	return world->fail_end ? err_set(err, ERR_IO, "err_disk_full", "what=%s", "x") : ERR_OK;
}

static void run_batches(struct world *world, struct job *jobs, int count, int max_batch)
{
	struct executor_hooks hooks = { .begin = batch_begin, .end = batch_end, .max_batch = max_batch };
	struct queue *home = queue_new();
	struct executor *e = executor_start("store", world, &hooks, home, NULL);
	for (int i = 0; i < count; i++) {
		jobs[i] = make_job(world, i);
		executor_post(e, &jobs[i].task);
	}
	executor_stop(e);
	queue_drain(home);
	queue_free(home);
}

static void batches_begin_and_end_and_are_never_too_large(void **state)
{
	(void)state;
	struct job jobs[100];
	struct world world = { 0 };
	run_batches(&world, jobs, 100, 7);
	assert_int_equal(world.done, 100);
	assert_int_equal(world.batches, world.ends);
	assert_true(world.batches >= 15); /* 100 / 7, rounded up */
	assert_in_range(world.largest, 1, 7);
	memset(&world, 0, sizeof world);
	run_batches(&world, jobs, 5, 0);
	assert_int_equal(world.batches, 5);
}

static void a_batch_that_fails_fails_all_its_tasks(void **state)
{
	(void)state;
	struct job jobs[20];
	struct world world = { .fail_end = true };
	run_batches(&world, jobs, 20, 8);
	for (int i = 0; i < 20; i++) {
		assert_true(jobs[i].ran && jobs[i].is_done);
		assert_int_equal(jobs[i].task.err.code, ERR_IO);
		assert_string_equal(jobs[i].task.err.key, "err_disk_full");
	}
}

struct poster {
	struct queue *home;
	struct job *jobs;
	pthread_t thread;
};

static void *post_all(void *arg)
{
	struct poster *p = arg;
	for (int i = 0; i < MANY; i++)
		queue_post(p->home, &p->jobs[i].task);
	return NULL;
}

static void several_threads_may_post_while_the_owner_drains(void **state)
{
	(void)state;
	struct world world = { 0 };
	struct poster posters[3];
	struct queue *home = queue_new();
	for (int p = 0; p < 3; p++) {
		posters[p] = (struct poster){ .home = home, .jobs = mem_array(MANY, sizeof(struct job)) };
		for (int i = 0; i < MANY; i++)
			posters[p].jobs[i] = make_job(&world, i);
		assert_int_equal(pthread_create(&posters[p].thread, NULL, post_all, &posters[p]), 0);
	}
	while (world.done < 3 * MANY) {
		struct pollfd wait = { .fd = queue_fd(home), .events = POLLIN };
		/* Without the right wake-ups this never ends, and the test runner's time limit says so. */
		poll(&wait, 1, -1);
		queue_drain(home);
	}
	for (int p = 0; p < 3; p++) {
		pthread_join(posters[p].thread, NULL);
		mem_free(posters[p].jobs);
	}
	queue_drain(home);
	assert_int_equal(world.done, 3 * MANY);
	queue_free(home);
}

struct repeat {
	struct task task;
	struct queue *home;
	int left;
};

static void post_again(struct task *task)
{
	struct repeat *r = (struct repeat *)task;
	if (r->left-- > 0)
		queue_post(r->home, task);
}

static void a_task_may_be_posted_again_from_done(void **state)
{
	(void)state;
	struct repeat r = { .task = { .done = post_again }, .home = queue_new(), .left = 3 };
	struct task silent = { 0 };
	queue_post(r.home, &r.task);
	queue_post(r.home, &silent);
	while (is_readable(r.home))
		queue_drain(r.home);
	assert_int_equal(r.left, -1);
	queue_free(r.home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_run_in_order_and_come_home),
		cmocka_unit_test(a_task_cancelled_before_it_starts_never_runs),
		cmocka_unit_test(batches_begin_and_end_and_are_never_too_large),
		cmocka_unit_test(a_batch_that_fails_fails_all_its_tasks),
		cmocka_unit_test(several_threads_may_post_while_the_owner_drains),
		cmocka_unit_test(a_task_may_be_posted_again_from_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
