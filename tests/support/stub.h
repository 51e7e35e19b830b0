/* SPDX-License-Identifier: Apache-2.0
 *
 * stub - a Python stub server of tests/support for one test program: start, set, ask what it saw, end. */
#ifndef ASSAY_TESTS_STUB_H
#define ASSAY_TESTS_STUB_H

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/mem.h"

extern char **environ;

struct stub {
	pid_t pid;
	int input;
	int port;
	char url[64];
};

/* Starts tests/support/`program`; its first line of output is its port. */
static inline void stub_start(struct stub *s, const char *program)
{
	int in[2], out[2];
	char line[32] = "", *path = mem_printf("%s/tests/support/%s", TEST_ROOT, program);
	char *argv[] = { (char *)"python3", path, NULL };
	posix_spawn_file_actions_t actions;

	if (pipe(in) != 0 || pipe(out) != 0)
		BUG("no pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_addclose(&actions, in[1]);
	posix_spawn_file_actions_addclose(&actions, out[0]);
	if (posix_spawnp(&s->pid, "python3", &actions, NULL, argv, environ) != 0)
		BUG("python3 cannot be started");
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	for (size_t n = 0; n < sizeof line - 1 && read(out[0], line + n, 1) == 1 && line[n] != '\n'; n++)
		;
	close(out[0]);
	s->input = in[1];
	if (sscanf(line, "%d", &s->port) != 1)
		BUG("%s did not say its port", program);
	(void)str_format(s->url, sizeof s->url, "http://127.0.0.1:%d", s->port);
	mem_free(path);
}

static inline void stub_end(struct stub *s)
{
	close(s->input);
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
}

struct stub_answer {
	struct loop *loop;
	json_t *json;
};

static inline void stub_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct stub_answer *a = user;

	if (err->code == ERR_OK)
		a->json = json_loadb(reply->body.ptr ? reply->body.ptr : "", reply->body.len, 0, NULL);
	loop_stop(a->loop);
}

/* Asks the stub; returns its answer (a new reference).  Takes `json`.  Runs the loop until then. */
static inline json_t *stub_ask(const struct stub *s, struct loop *loop, const char *path, json_t *json)
{
	struct stub_answer answer = { .loop = loop };
	struct buf body = BUF_INIT(1 << 20);
	char *url = mem_printf("%s%s", s->url, path);
	struct http_client *client = http_client_new(loop);
	struct http_request request = { .method = json ? "POST" : "GET", .url = url, .limits = http_limits_default(),
					.done = stub_done, .user = &answer };
	for (int tries = 0; tries < 50 && !answer.json; tries++) { /* it may be down on purpose */
		buf_clear(&body);
		if (json)
			json_write(&body, json);
		request.json = buf_str(&body);
		http_client_start(client, &request);
		loop_run(loop);
		if (!answer.json)
			usleep(20000);
	}
	http_client_free(client);
	json_decref(json);
	buf_release(&body);
	mem_free(url);
	return answer.json;
}

#endif
