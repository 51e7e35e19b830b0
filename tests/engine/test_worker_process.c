/* SPDX-License-Identifier: Apache-2.0
 *
 * One process: what it is told, what it says, and the sentence for its end. */
#include "engine/worker_process.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "engine/reaper.h"
#include "support/check.h"
#include "support/temp.h"
#include "worker/protocol.h"

#define FAKE_WORKER TEST_BIN "/../tests/engine_fake_worker"

static struct {
	struct temp temp;
	struct loop *loop;
	struct loop_timer *timeout;
	struct worker_process *process;
	int n_frames, last_kind, n_deaths;
	uint8_t stop_at; /* kind: the loop stops there */
	uint8_t free_at; /* kind: the listener stops the worker there */
	struct err cause;
} t;

static void on_frame(void *user, const struct frame *f)
{
	(void)user;
	t.n_frames++;
	t.last_kind = f->kind;
	if (f->kind == t.free_at) {
		worker_process_stop(t.process);
		t.process = NULL;
		loop_stop(t.loop);
	} else if (f->kind == t.stop_at) {
		loop_stop(t.loop);
	}
}

static void on_died(void *user, const struct err *cause)
{
	(void)user;
	t.n_deaths++;
	t.cause = *cause;
	loop_stop(t.loop);
}

static const struct worker_events events = { on_frame, on_died };

static void on_timeout(void *user)
{
	(void)user;
	fail_msg("nothing happened");
}

static int setup(void **state)
{
	struct buf program = BUF_INIT(64 * MIB);
	struct err err = { 0 };

	(void)state;
	memset(&t, 0, sizeof t);
	log_set_quiet(true);
	temp_open(&t.temp);
	assert_ok(fs_read(FAKE_WORKER, &program, &err));
	chmod(temp_file(&t.temp, "fake", program.ptr, program.len), 0700);
	buf_release(&program);
	t.loop = loop_new();
	t.timeout = loop_timer_new(t.loop, on_timeout, NULL);
	loop_timer_set(t.timeout, 60000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	worker_process_stop(t.process);
	loop_timer_free(t.timeout);
	loop_free(t.loop);
	temp_close(&t.temp);
	return 0;
}

static void start(const char *script)
{
	struct worker_options options = { .program = temp_path(&t.temp, "fake") };
	struct err err = { 0 };

	temp_text(&t.temp, "script", script);
	t.process = worker_process_start(t.loop, &options, &events, NULL, &err);
	assert_non_null(t.process);
}

static void turn_until(uint8_t kind)
{
	t.stop_at = kind;
	loop_run(t.loop);
}

/* Starts a worker that ends so, and gives the cause. */
static void check_end(const char *script, const char *key)
{
	start(script);
	while (t.n_deaths == 0)
		loop_run(t.loop);
	assert_err(&t.cause, key);
	assert_int_equal(t.n_deaths, 1);
	worker_process_stop(t.process);
	t.process = NULL;
	t.n_deaths = 0;
}

static void a_worker_says_hello_and_answers(void **state)
{
	(void)state;
	start("");
	turn_until(MSG_READY);
	worker_process_send(t.process, REQ_RENDER, 7, json_object(), -1);
	turn_until(MSG_PROMPT);
	assert_int_equal(t.last_kind, MSG_PROMPT);
	assert_int_equal(t.n_deaths, 0);
}

static void descriptors_arrive_with_their_frames(void **state)
{
	(void)state;
	start("");
	turn_until(MSG_READY);
	for (uint32_t i = 1; i <= 20; i++)
		worker_process_send(t.process, REQ_ADAPTER, i, json_object(), temp_memory("x", 1));
	while (t.n_frames < 21)
		turn_until(MSG_OK);
	assert_int_equal(t.n_deaths, 0);
}

static void large_requests_leave_in_pieces(void **state)
{
	struct buf big = BUF_INIT(16 * MIB);

	(void)state;
	start("");
	turn_until(MSG_READY);
	for (size_t i = 0; i < 8 * MIB; i++)
		buf_add_char(&big, 'a');
	for (uint32_t i = 1; i <= 3; i++)
		worker_process_send(t.process, REQ_RENDER, i, json_pack("{s:o}", "system", json_text(buf_str(&big))), -1);
	while (t.n_frames < 4)
		turn_until(MSG_PROMPT);
	buf_release(&big);
}

static void every_end_has_its_sentence(void **state)
{
	static const struct {
		const char *script, *key;
	} ends[] = {
		{ "* ready signal 6\n", "err_worker_crashed" },  { "* ready signal 11\n", "err_worker_crashed" },
		{ "* ready signal 7\n", "err_worker_file" },  { "* ready signal 4\n", "err_worker_cpu" },
		{ "* ready signal 8\n", "err_worker_crashed" },  { "* ready signal 31\n", "err_worker_crashed" },
		{ "* ready signal 15\n", "err_worker_crashed" }, { "* ready signal 9\n", "err_worker_killed" },
		{ "* ready exit 65\n", "err_worker_exit" },      { "* ready exit 0\n", "err_worker_exit" },
		{ "* ready exit 71\n", "err_worker_cpu" },    { "* ready exit 72\n", "err_worker_memory" },
		{ "* ready long\n", "err_frame_too_long" },        { "* ready garbage\n", "err_frame_too_long" },
		{ "* ready close\n", "err_worker_protocol" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		check_end(ends[i].script, ends[i].key);
}

static void the_sentence_names_signal_status_and_last_message(void **state)
{
	struct buf text = BUF_INIT(4096);

	(void)state;
	check_end("* ready signal 11\n", "err_worker_crashed");
	assert_arg(&t.cause, "log", "GGML_ASSERT(false) failed");
	err_message(&text, LANG_EN, &t.cause);
	assert_non_null(strstr(buf_text(&text), "Segmentation fault"));
	check_end("* ready exit 70\n", "err_worker_exit");
	assert_arg(&t.cause, "status", "70");
	assert_arg(&t.cause, "log", "giving up");
	buf_release(&text);
}

static void a_worker_that_is_ended_by_us_has_our_cause(void **state)
{
	struct err cause;

	(void)state;
	start("* ready hang\n");
	err_set(&cause, ERR_IO, "err_worker_silent", "seconds=%d", 60);
	worker_process_kill(t.process, &cause);
	loop_run(t.loop);
	assert_err(&t.cause, "err_worker_silent");
}

static void after_it_was_told_to_die_nothing_it_says_counts(void **state)
{
	struct err cause;

	(void)state;
	start("");
	err_set(&cause, ERR_IO, "err_worker_silent", "seconds=%d", 60);
	usleep(200000); /* its hello waits in the socket, most likely */
	worker_process_kill(t.process, &cause);
	loop_run(t.loop);
	assert_int_equal(t.n_deaths, 1);
	assert_int_equal(t.n_frames, 0);
}

static void what_it_said_before_it_died_counts(void **state)
{
	(void)state;
	start("* render exit 1\n");
	turn_until(MSG_READY);
	for (uint32_t i = 1; i <= 5; i++)
		worker_process_send(t.process, REQ_ADAPTER, i, json_object(), temp_memory("x", 1));
	worker_process_send(t.process, REQ_RENDER, 6, json_object(), -1);
	t.stop_at = 0;
	loop_run(t.loop);
	assert_int_equal(t.n_deaths, 1);
	assert_int_equal(t.n_frames, 6);
}

static void a_listener_may_stop_the_worker_it_hears(void **state)
{
	(void)state;
	t.free_at = MSG_READY;
	start("");
	loop_run(t.loop);
	assert_null(t.process);
	assert_int_equal(t.n_deaths, 0);
}

static void a_stopped_worker_leaves_no_process_behind(void **state)
{
	(void)state;
	start("* render hang\n");
	turn_until(MSG_READY);
	pid_t pid = worker_process_pid(t.process);
	worker_process_stop(t.process);
	t.process = NULL;
	assert_true(reaper_await(60000));
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A process that holds `pid` at the door when it dies, as a disk does that does not answer.  -1: not allowed here. */
static pid_t hold_at_its_end(pid_t pid)
{
	int ready[2];
	char says = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t holder = fork();
	if (holder == 0) {
		says = ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT) == 0;
		if (write(ready[1], &says, 1) == 1)
			for (;;)
				pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &says, 1), 1);
	close(ready[0]);
	close(ready[1]);
	if (says)
		return holder;
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	return -1;
}

static void let_go(void *user)
{
	pid_t *holder = user;

	assert_int_equal(t.n_frames, 0); /* the new worker has not begun */
	kill(*holder, SIGKILL);
	waitpid(*holder, NULL, 0);
}

static void one_that_cannot_die_yet_keeps_nobody_waiting_but_the_next(void **state)
{
	(void)state;
	start("* render hang\n");
	turn_until(MSG_READY);
	pid_t pid = worker_process_pid(t.process), holder = hold_at_its_end(pid);
	if (holder < 0)
		skip();
	struct loop_timer *release = loop_timer_new(t.loop, let_go, &holder);
	worker_process_stop(t.process); /* comes back although the process is there */
	assert_int_equal(kill(pid, 0), 0);
	assert_false(reaper_await(1));
	t.n_frames = 0;
	start("* render hang\n");
	loop_timer_set(release, 100);
	turn_until(MSG_READY);
	assert_int_equal(t.n_frames, 1);
	assert_true(reaper_await(60000));
	assert_int_equal(kill(pid, 0), -1);
	loop_timer_free(release);
}

static void a_missing_or_unusable_program_is_an_error(void **state)
{
	struct worker_options options = { .program = "/nowhere/worker" };
	struct err err = { 0 };

	(void)state;
	assert_null(worker_process_start(t.loop, &options, &events, NULL, &err));
	assert_err(&err, "err_worker_start");
	temp_text(&t.temp, "text", "no program");
	options.program = temp_path(&t.temp, "text");
	assert_null(worker_process_start(t.loop, &options, &events, NULL, &err));
	assert_err(&err, "err_worker_start");
	/* Executable, but no program: execve() fails in the child. */
	chmod(options.program, 0700);
	temp_file(&t.temp, "text", "\x7f" "ELF", 4);
	t.process = worker_process_start(t.loop, &options, &events, NULL, &err);
	assert_non_null(t.process);
	loop_run(t.loop);
	assert_err(&t.cause, "err_worker_exit");
	assert_arg(&t.cause, "status", "127");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_worker_says_hello_and_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors_arrive_with_their_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(large_requests_leave_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(every_end_has_its_sentence, setup, teardown),
		cmocka_unit_test_setup_teardown(the_sentence_names_signal_status_and_last_message, setup, teardown),
		cmocka_unit_test_setup_teardown(a_worker_that_is_ended_by_us_has_our_cause, setup, teardown),
		cmocka_unit_test_setup_teardown(after_it_was_told_to_die_nothing_it_says_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_said_before_it_died_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_listener_may_stop_the_worker_it_hears, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stopped_worker_leaves_no_process_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_cannot_die_yet_keeps_nobody_waiting_but_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_or_unusable_program_is_an_error, setup, teardown),
	};
	return cmocka_run_group_tests_name("engine/worker_process", tests, NULL, NULL);
}
