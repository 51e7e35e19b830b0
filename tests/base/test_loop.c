/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/queue.h"

static struct loop *loop;
static char trace[200];

static void note(const char *what)
{
	size_t len = strlen(trace);
	snprintf(trace + len, sizeof trace - len, "%s ", what);
}

static int open_loop(void **state)
{
	(void)state;
	loop = loop_new();
	trace[0] = '\0';
	return 0;
}

static int close_loop(void **state)
{
	(void)state;
	clock_set_test(NULL, NULL);
	loop_free(loop);
	return 0;
}

static void stop_now(void *user)
{
	(void)user;
	loop_stop(loop);
}

/* Runs the loop until everything that is ready now has had its turn. */
static void run_once(void)
{
	struct loop_timer *stop = loop_timer_new(loop, stop_now, NULL);
	loop_timer_set(stop, 0);
	loop_run(loop);
	loop_timer_free(stop);
}

struct end {
	int fd;
	struct loop_fd *watch;
	struct loop_fd **other; /* removed by the callback */
	int events;
	int calls;
};

static void on_end(void *user, int events)
{
	struct end *end = user;
	end->events = events;
	end->calls++;
	if (end->other) {
		loop_remove_fd(*end->other);
		*end->other = NULL;
	}
}

static void make_pair(struct end ends[2], int events)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		ends[i] = (struct end){ .fd = fds[i] };
		ends[i].watch = loop_add_fd(loop, fds[i], events, on_end, &ends[i]);
	}
}

static void drop_pair(struct end ends[2])
{
	for (int i = 0; i < 2; i++) {
		loop_remove_fd(ends[i].watch);
		close(ends[i].fd);
	}
}

static void events_are_those_that_were_asked_for(void **state)
{
	(void)state;
	struct end ends[2];
	char c;
	make_pair(ends, LOOP_READ);
	run_once();
	assert_int_equal(ends[0].calls, 0);
	assert_int_equal(write(ends[1].fd, "x", 1), 1);
	run_once();
	assert_int_equal(ends[0].events, LOOP_READ);
	assert_int_equal(ends[1].calls, 0);
	loop_set_events(ends[0].watch, LOOP_READ | LOOP_WRITE);
	run_once();
	assert_int_equal(ends[0].events, LOOP_READ | LOOP_WRITE);
	assert_int_equal(read(ends[0].fd, &c, 1), 1);
	loop_set_events(ends[0].watch, 0);
	int calls = ends[0].calls;
	run_once();
	assert_int_equal(ends[0].calls, calls);
	loop_remove_fd(ends[1].watch);
	ends[1].watch = NULL;
	shutdown(ends[0].fd, SHUT_RDWR);
	shutdown(ends[1].fd, SHUT_RDWR);
	run_once();
	assert_int_equal(ends[0].events, LOOP_HANGUP);
	drop_pair(ends);
}

static void a_callback_may_remove_itself_and_others_of_the_same_batch(void **state)
{
	(void)state;
	struct end ends[2];
	make_pair(ends, LOOP_WRITE);
	/* Both are ready; whichever is called first removes the other and is the only one that is called. */
	ends[0].other = &ends[1].watch;
	ends[1].other = &ends[0].watch;
	run_once();
	assert_int_equal(ends[0].calls + ends[1].calls > 0, 1);
	assert_true(!ends[0].calls != !ends[1].calls);
	drop_pair(ends);
	make_pair(ends, LOOP_WRITE);
	ends[0].other = &ends[0].watch;
	ends[1].other = &ends[1].watch;
	run_once();
	run_once();
	assert_int_equal(ends[0].calls, 1);
	assert_int_equal(ends[1].calls, 1);
	drop_pair(ends);
	loop_remove_fd(NULL);
}

static void say(void *user)
{
	note(user);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
	(void)state;
	int64_t now = 1000000;
	clock_set_test(&now, NULL);
	static const struct {
		const char *name;
		int delay;
	} plan[] = { { "e", 50 }, { "b", 20 }, { "d", 40 }, { "a", 10 }, { "c", 20 }, { "f", 60 }, { "late", 61 }, { "never", 70 } };
	struct loop_timer *timers[8];
	for (int i = 0; i < 8; i++) {
		timers[i] = loop_timer_new(loop, say, (void *)plan[i].name);
		loop_timer_set(timers[i], plan[i].delay);
	}
	loop_timer_set(timers[7], -1);
	loop_timer_set(timers[2], 15);
	now += 60000;
	clock_set_test(&now, NULL);
	run_once();
	assert_string_equal(trace, "a d b c e f ");
	now += 1000;
	clock_set_test(&now, NULL);
	run_once();
	assert_string_equal(trace, "a d b c e f late ");
	for (int i = 0; i < 8; i++)
		loop_timer_free(timers[i]);
	loop_timer_free(NULL);
}

struct again {
	struct loop_timer *timer;
	int left;
};

static void set_again(void *user)
{
	struct again *a = user;
	if (a->left-- > 0) {
		loop_timer_set(a->timer, 0);
		return;
	}
	loop_timer_free(a->timer);
	loop_stop(loop);
}

static void a_timer_may_set_or_free_itself_and_does_not_starve_descriptors(void **state)
{
	(void)state;
	struct end ends[2];
	make_pair(ends, LOOP_WRITE);
	int64_t now = 5;
	clock_set_test(&now, NULL);
	struct again a = { .left = 5 };
	a.timer = loop_timer_new(loop, set_again, &a);
	loop_timer_set(a.timer, 0);
	loop_run(loop);
	assert_int_equal(a.left, -1);
	assert_int_equal(ends[0].calls, 6);
	drop_pair(ends);
}

static void a_very_long_delay_does_not_overflow(void **state)
{
	(void)state;
	struct loop_timer *t = loop_timer_new(loop, say, (void *)"no");
	loop_timer_set(t, INT64_MAX);
	run_once();
	assert_string_equal(trace, "");
	loop_timer_free(t);
}

static void a_short_timer_wakes_the_loop(void **state)
{
	(void)state;
	struct loop_timer *t = loop_timer_new(loop, stop_now, NULL);
	loop_timer_set(t, 3);
	loop_run(loop);
	loop_timer_free(t);
}

static void *stop_from_thread(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
	loop_stop(loop);
}

static int64_t raise_signal(void *user)
{
	bool *raised = user;
	if (!*raised)
		raise(SIGUSR1);
	*raised = true;
	return -1;
}

static void stopping_works_from_a_thread_a_signal_and_before_the_run(void **state)
{
	(void)state;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, loop), 0);
	loop_run(loop);
	pthread_join(thread, NULL);
	bool raised = false;
	signal(SIGUSR1, on_signal);
	loop_set_prepare(loop, raise_signal, &raised);
	loop_run(loop);
	loop_stop(loop);
	loop_run(loop);
	signal(SIGUSR1, SIG_DFL);
}

static int64_t stop_at_third(void *user)
{
	int *turns = user;
	if (++*turns == 3)
		loop_stop(loop);
	return 1;
}

static void prepare_runs_before_each_wait_and_bounds_it(void **state)
{
	(void)state;
	int turns = 0;
	loop_set_prepare(loop, stop_at_third, &turns);
	loop_run(loop);
	assert_int_equal(turns, 3);
}

static void move_the_clock(void *user)
{
	int64_t now = clock_mono_us() + *(int64_t *)user;
	clock_set_test(&now, NULL);
}

static void the_longest_step_is_measured_and_forgotten(void **state)
{
	(void)state;
	int64_t now = 100, step = 25000;
	clock_set_test(&now, NULL);
	struct loop_timer *t = loop_timer_new(loop, move_the_clock, &step);
	loop_timer_set(t, 0);
	run_once();
	assert_int_equal(loop_max_step_us(loop), 25000);
	assert_int_equal(loop_max_step_us(loop), 0);
	loop_timer_free(t);
}

static void a_step_that_is_too_long_is_told_and_others_are_not(void **state)
{
	(void)state;
	struct buf lines = BUF_INIT(1 * MIB);
	int64_t now = 100, step = 20000;
	clock_set_test(&now, NULL);
	log_set_level(LOG_DEBUG);
	log_set_quiet(true);
	struct loop_timer *t = loop_timer_new(loop, move_the_clock, &step);
	loop_timer_set(t, 0);
	run_once();
	log_recent(&lines);
	assert_null(strstr(buf_text(&lines), "a long step"));
	step = 26000;
	loop_timer_set(t, 0);
	run_once();
	log_recent(&lines);
	assert_non_null(strstr(buf_text(&lines), "a long step ms=26 kind=timer handler=0x"));
	log_set_level(LOG_INFO);
	log_set_quiet(false);
	loop_timer_free(t);
	buf_release(&lines);
}

static void on_queue(void *user, int events)
{
	(void)events;
	queue_drain(user);
}

static void work(struct task *task, void *context)
{
	(void)task;
	(*(int *)context)++;
}

static void stop_when_done(struct task *task)
{
	(void)task;
	loop_stop(loop);
}

static void finished_tasks_come_home_to_the_loop(void **state)
{
	(void)state;
	int worked = 0;
	struct queue *home = queue_new();
	struct loop_fd *watch = loop_add_fd(loop, queue_fd(home), LOOP_READ, on_queue, home);
	struct executor *e = executor_start("work", &worked, NULL, home, NULL);
	for (int i = 1; i <= 50; i++) {
		struct task task = { .run = work, .done = stop_when_done };
		executor_post(e, &task);
		loop_run(loop);
		assert_int_equal(worked, i);
	}
	executor_stop(e);
	loop_remove_fd(watch);
	queue_free(home);
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)
	const struct CMUnitTest tests[] = {
		LOOP_TEST(events_are_those_that_were_asked_for),
		LOOP_TEST(a_callback_may_remove_itself_and_others_of_the_same_batch),
		LOOP_TEST(timers_fire_in_the_order_of_their_deadlines),
		LOOP_TEST(a_timer_may_set_or_free_itself_and_does_not_starve_descriptors),
		LOOP_TEST(a_very_long_delay_does_not_overflow),
		LOOP_TEST(a_short_timer_wakes_the_loop),
		LOOP_TEST(stopping_works_from_a_thread_a_signal_and_before_the_run),
		LOOP_TEST(prepare_runs_before_each_wait_and_bounds_it),
		LOOP_TEST(the_longest_step_is_measured_and_forgotten),
		LOOP_TEST(a_step_that_is_too_long_is_told_and_others_are_not),
		LOOP_TEST(finished_tasks_come_home_to_the_loop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
