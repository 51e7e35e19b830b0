/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that tell keys, and requests that are sent with them. */
#include "support/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/key_command.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/temp.h"

#define KEY "sk-planted-by-a-command"

static struct temp temp;
static struct loop *loop;
static struct key_commands *all;
static char told[LIMIT_KEY_BYTES + 1];
static int n_told, n_wanted;
static struct err why;

static int open_all(void **state)
{
	(void)state;
	temp_open(&temp);
	loop = loop_new();
	all = key_commands_new(loop, key_command_limits_default());
	n_told = 0;
	n_wanted = 1;
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	key_commands_free(all);
	loop_free(loop);
	temp_close(&temp);
	return 0;
}

static void on_told(void *user, const char *key, const struct err *err)
{
	(void)user;
	n_told++;
	why = *err;
	(void)str_format(told, sizeof told, "%s", key ? key : "");
	if (n_told == n_wanted)
		loop_stop(loop);
}

/* Runs a command to its end: the key, or "" with `why`. */
static const char *run(const char *command)
{
	n_told = 0;
	key_command_ask(all, command, on_told, NULL);
	assert_int_equal(n_told, 0);
	loop_run(loop);
	assert_int_equal(n_told, 1);
	return told;
}

/* A command that appends a line to a file each time it runs and then does `rest`. */
static char *counted(const char *rest)
{
	return mem_printf("echo x >> %s/count; %s", temp.dir, rest);
}

static long count(void)
{
	struct stat st;
	char *path = fs_join(temp.dir, "count");
	long n = stat(path, &st) == 0 ? (long)st.st_size / 2 : 0;
	mem_free(path);
	return n;
}

static void the_first_line_is_the_key_and_it_is_remembered(void **state)
{
	char *command = counted("echo '" KEY "'; echo more");
	(void)state;
	assert_null(key_command_known(all, command));
	assert_string_equal(run(command), KEY);
	assert_err(&why, "");
	assert_string_equal(key_command_known(all, command), KEY);
	assert_string_equal(run("printf 'with-a-return\\r\\n'"), "with-a-return");
	assert_string_equal(run("printf no-line-end"), "no-line-end");
	assert_int_equal(count(), 1);
	key_command_forget(all, command, "another");
	assert_string_equal(key_command_known(all, command), KEY);
	key_command_forget(all, command, KEY);
	assert_null(key_command_known(all, command));
	assert_string_equal(run(command), KEY);
	assert_int_equal(count(), 2);
	mem_free(command);
}

static void all_who_wait_share_one_run(void **state)
{
	char *command = counted("echo " KEY);
	(void)state;
	n_wanted = 3;
	for (int i = 0; i < 3; i++)
		key_command_ask(all, command, on_told, NULL);
	key_wait_cancel(key_command_ask(all, command, on_told, NULL));
	loop_run(loop);
	assert_int_equal(n_told, 3);
	assert_int_equal(count(), 1);
	mem_free(command);
}

static void a_command_that_fails_says_why_and_never_the_key(void **state)
{
	static const struct {
		const char *command, *key, *reason;
	} cases[] = {
		{ "echo 'no such entry' >&2; echo more >&2; exit 3", "err_key_command_failed", "no such entry" },
		{ "kill -9 $$", "err_key_command_failed", "?" },
		{ "assay-no-such-program", "err_key_command_failed", NULL },
		{ "true", "err_key_command_empty", "?" },
		{ "echo; echo " KEY, "err_key_command_empty", "?" },
		{ "echo locked >&2", "err_key_command_empty", "locked" },
		{ "echo two words", "err_key_command_characters", NULL },
		{ "printf '\\303\\251t\\303\\251-key\\n'", "err_key_command_characters", NULL },
		{ "echo " KEY "; echo 'could not lock " KEY "' >&2; exit 1", "err_key_command_failed", "?" },
		{ "head -c 9000 /dev/zero | tr '\\0' k", "err_key_command_long", NULL },
		{ "head -c 5000 /dev/zero | tr '\\0' k", "err_key_command_characters", NULL },
		{ "read line && echo \"$line\"", "err_key_command_failed", "?" }, /* there is no input */
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_string_equal(run(cases[i].command), "");
		assert_err(&why, cases[i].key);
		assert_int_equal(why.code, ERR_DENIED);
		assert_null(strstr(why.args, KEY));
		if (cases[i].reason)
			assert_arg(&why, "reason", cases[i].reason);
		assert_null(key_command_known(all, cases[i].command));
	}
	assert_string_equal(run("exit 3"), "");
	assert_arg(&why, "status", "3");
}

static void much_that_is_no_key_is_left_out(void **state)
{
	(void)state;
	assert_string_equal(run("head -c 100000 /dev/zero | tr '\\0' n >&2; echo " KEY), KEY);
}

/* Whoever says things without an end keeps nobody from the loop. */
static void what_is_said_without_an_end_does_not_hold_the_loop(void **state)
{
	(void)state;
	key_commands_free(all);
	all = key_commands_new(loop, (struct key_command_limits){ .run_ms = 1000, .keep_ms = 60000 });
	assert_string_equal(run("yes no-key >&2"), "");
	assert_err(&why, "err_key_command_slow");
	assert_string_equal(run("yes no-key >&2 & echo " KEY), KEY);
}

/* Waits until no process of the group is left. */
static bool group_ends(pid_t group)
{
	for (int i = 0; i < 2000 && kill(-group, 0) == 0; i++) {
		struct loop_timer *t = loop_timer_new(loop, (loop_fn)loop_stop, loop);
		loop_timer_set(t, 5);
		loop_run(loop); /* who was killed is waited for there */
		loop_timer_free(t);
	}
	return kill(-group, 0) != 0;
}

static void a_command_that_does_not_end_is_ended_with_all_that_it_started(void **state)
{
	char *path = fs_join(temp.dir, "pid"), *command = mem_printf("echo $$ > %s; sleep 100 & sleep 100; echo " KEY, path);
	struct buf text = BUF_INIT(100);
	struct err err = { 0 };
	(void)state;
	key_commands_free(all);
	all = key_commands_new(loop, (struct key_command_limits){ .run_ms = 1000, .keep_ms = 60000 });
	assert_string_equal(run(command), "");
	assert_err(&why, "err_key_command_slow");
	assert_ok(fs_read(path, &text, &err));
	uint64_t group = 0;
	assert_true(str_to_u64(str_trim(buf_str(&text)), &group) && group > 1);
	assert_true(group_ends((pid_t)group));
	assert_int_not_equal(getpgrp(), (pid_t)group); /* and it was none of ours */
	buf_release(&text);
	mem_free(command);
	mem_free(path);
}

static void what_goes_on_behind_a_command_does_not_hold_it_up(void **state)
{
	(void)state;
	assert_string_equal(run("sleep 5 & echo " KEY), KEY);
}

static void a_key_is_forgotten_after_a_while(void **state)
{
	struct loop_timer *later = loop_timer_new(loop, (loop_fn)loop_stop, loop);
	(void)state;
	key_commands_free(all);
	all = key_commands_new(loop, (struct key_command_limits){ .run_ms = 10000, .keep_ms = 1 });
	assert_string_equal(run("echo " KEY), KEY);
	loop_timer_set(later, 20);
	loop_run(loop);
	assert_null(key_command_known(all, "echo " KEY));
	loop_timer_free(later);
}

static void the_log_knows_neither_the_key_nor_the_command(void **state)
{
	struct buf lines = BUF_INIT(LIMIT_JSON_BODY);
	(void)state;
	log_set_level(LOG_DEBUG);
	run("echo planted-and-printed-4711; exit 1");
	run("echo planted-and-told-4712");
	log_info("test", "a line with planted-and-printed-4711 and planted-and-told-4712");
	log_recent(&lines);
	assert_non_null(strstr(buf_text(&lines), "err_key_command_failed"));
	assert_null(strstr(buf_text(&lines), "planted-and"));
	buf_release(&lines);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_line_is_the_key_and_it_is_remembered),
		TEST(all_who_wait_share_one_run),
		TEST(a_command_that_fails_says_why_and_never_the_key),
		TEST(much_that_is_no_key_is_left_out),
		TEST(what_is_said_without_an_end_does_not_hold_the_loop),
		TEST(a_command_that_does_not_end_is_ended_with_all_that_it_started),
		TEST(what_goes_on_behind_a_command_does_not_hold_it_up),
		TEST(a_key_is_forgotten_after_a_while),
		TEST(the_log_knows_neither_the_key_nor_the_command),
	};
	return cmocka_run_group_tests_name("key_command", tests, NULL, NULL);
}
