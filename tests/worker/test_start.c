/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts the real worker without a model: its sandbox, and what it does with wrong frames. */
#include "support/check.h"
#include "support/worker_client.h"

#define PROGRAM TEST_BIN "/assay-worker"

static void start(struct worker_client *w)
{
	if (!worker_client_start(w, PROGRAM, NULL))
		fail_msg("%s did not start", PROGRAM);
}

static json_t *self_test(void)
{
	struct buf text = BUF_INIT(64 * KIB);
	FILE *p = NULL;
	int out[2];
	assert_int_equal(pipe(out), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char *argv[] = { (char *)PROGRAM, (char *)"--self-test", NULL }, *env[] = { NULL };
		dup2(out[1], 1);
		execve(PROGRAM, argv, env);
		_exit(127);
	}
	close(out[1]);
	p = fdopen(out[0], "r");
	for (int c; (c = fgetc(p)) != EOF;)
		buf_add_char(&text, (char)c);
	fclose(p);
	waitpid(pid, NULL, 0);
	json_t *report = json_parse(buf_str(&text), "self-test", NULL);
	buf_release(&text);
	return report;
}

static void the_canary_is_refused_and_the_level_is_reported(void **state)
{
	(void)state;
	struct worker_client w;
	json_t *report = self_test();
	assert_non_null(report);
	const char *level = json_string_value(json_object_get(report, "sandbox"));
	json_t *refused = json_object_get(report, "refused");
	if (strcmp(level, "rlimit") != 0) {
		assert_true(json_is_true(json_object_get(refused, "socket")));
		assert_true(json_is_true(json_object_get(refused, "exec")));
	}
	if (strcmp(level, "full") == 0)
		assert_true(json_is_true(json_object_get(refused, "open")));
	else
		assert_true(strlen(json_string_value(json_object_get(report, "detail"))) > 0);
	start(&w);
	assert_string_equal(json_string_value(json_object_get(w.ready, "sandbox")), level);
	assert_int_equal(json_integer_value(json_object_get(w.ready, "version")), WORKER_PROTOCOL_VERSION);
	assert_int_equal(worker_client_stop(&w), 0);
	json_decref(report);
}

static void a_sandbox_that_is_off_says_so(void **state)
{
	(void)state;
	struct worker_client w;
	char *args[] = { (char *)"--no-sandbox", NULL };
	assert_true(worker_client_start(&w, PROGRAM, args));
	assert_string_equal(json_string_value(json_object_get(w.ready, "sandbox")), "none");
	worker_client_stop(&w);
}

static void the_worker_ends_when_the_socket_is_closed(void **state)
{
	(void)state;
	struct worker_client w;
	start(&w);
	int status = worker_client_stop(&w);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The worker must end itself with the exit code for protocol errors. */
static void check_refused(const void *bytes, size_t len)
{
	struct worker_client w;
	struct frame f;
	start(&w);
	worker_client_raw(&w, bytes, len);
	while (worker_client_next(&w, &f))
		;
	int status = worker_client_stop(&w);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 65);
}

static void check_frame_refused(uint8_t kind, uint32_t stream, const char *body)
{
	struct buf b = BUF_INIT(MIB);
	frame_write(&b, kind, stream, str_of(body));
	check_refused(b.ptr, b.len);
	buf_release(&b);
}

static void frames_outside_the_protocol_end_the_worker(void **state)
{
	(void)state;
	check_refused("\xff\xff\xff\xff garbage garbage", 20);
	check_frame_refused(REQ_LOAD, 0, "{}");
	check_frame_refused(0, 1, "{}");
	check_frame_refused(63, 1, "{}");
	check_frame_refused(MSG_READY, 1, "{}");
	check_frame_refused(REQ_GROUP, 1, "[]");
	check_frame_refused(REQ_GROUP, 1, "{\"cells\": [");
	check_frame_refused(REQ_GROUP, 1, "");
	check_frame_refused(REQ_GROUP, 1, "{\"a\":1,\"a\":2}");
}

static void a_cut_frame_ends_the_worker_quietly(void **state)
{
	(void)state;
	struct worker_client w;
	start(&w);
	worker_client_raw(&w, "\x20\0\0\0\x04", 5);
	assert_int_equal(worker_client_stop(&w), 0);
}

static void check_failure(uint8_t kind, json_t *body, int fd, const char *key)
{
	struct worker_client w;
	start(&w);
	struct worker_reply r = worker_client_wait(&w, worker_client_send(&w, kind, body, fd), 0);
	assert_int_equal(r.kind, MSG_FAILED);
	assert_string_equal(json_string_value(json_object_get(r.body, "key")), key);
	worker_reply_release(&r);
	worker_client_stop(&w);
}

static void requests_before_a_model_are_refused(void **state)
{
	(void)state;
	check_failure(REQ_GROUP, json_pack("{s:[]}", "cells"), -1, "err_worker_not_loaded");
	check_failure(REQ_RENDER, json_object(), -1, "err_worker_not_loaded");
	check_failure(REQ_CALIBRATE, json_object(), -1, "err_worker_not_loaded");
	check_failure(REQ_ADAPTER, json_pack("{s:i}", "adapter", 1), -1, "err_worker_not_loaded");
	check_failure(REQ_LOAD, json_object(), -1, "err_worker_request");
	check_failure(REQ_LOAD, json_pack("{s:s}", "n_threads", "two"), -1, "err_field_integer");
	check_failure(REQ_LOAD, json_pack("{s:[i]}", "paths", 1), -1, "err_worker_request");
}

static void a_file_that_is_no_model_is_refused_with_the_reason(void **state)
{
	(void)state;
	FILE *f = tmpfile();
	fputs("GGUF is what this is not", f);
	fflush(f);
	check_failure(REQ_LOAD, json_pack("{s:i, s:i}", "size", 24, "n_threads", 1), fileno(f), "err_model_load");
	check_failure(REQ_LOAD, json_pack("{s:i, s:i}", "size", 23, "n_threads", 1), fileno(f), "err_model_changed");
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_canary_is_refused_and_the_level_is_reported),
		cmocka_unit_test(a_sandbox_that_is_off_says_so),
		cmocka_unit_test(the_worker_ends_when_the_socket_is_closed),
		cmocka_unit_test(frames_outside_the_protocol_end_the_worker),
		cmocka_unit_test(a_cut_frame_ends_the_worker_quietly),
		cmocka_unit_test(requests_before_a_model_are_refused),
		cmocka_unit_test(a_file_that_is_no_model_is_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
