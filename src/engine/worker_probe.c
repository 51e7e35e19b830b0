/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/worker_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/worker_environment.h"

char *worker_program(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? n : 0] = 0;
	char *dir = fs_dirname(self), *prefix = fs_dirname(dir);
	char *path = fs_join(dir, "assay-worker"), *installed = fs_join(prefix, "lib/assay/assay-worker");
	if (access(path, X_OK) != 0 && access(installed, X_OK) == 0) {
		char *other = path;
		path = installed;
		installed = other;
	}
	mem_free(installed);
	mem_free(prefix);
	mem_free(dir);
	return path;
}

static void exec_program(const char *program, bool cpu_only, int out)
{
	char flag[] = "--self-test", cpu[] = "--cpu";
	char *argv[] = { (char *)program, flag, cpu_only ? cpu : NULL, NULL }, *env[WORKER_ENV_MAX + 1];

	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	worker_environment(env);
	dup2(out, STDOUT_FILENO);
	dup2(null, STDERR_FILENO); /* what it says there is for people who start it by hand */
	execve(program, argv, env);
	_exit(127);
}

/* Its standard output; nothing else of this process stays open in it. */
static void run(const char *program, bool cpu_only, struct buf *text)
{
	char chunk[4096];
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	pid_t pid = fork();
	if (pid == 0)
		exec_program(program, cpu_only, ends[1]);
	close(ends[1]);
	while (pid > 0 && ((n = read(ends[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			buf_add(text, chunk, (size_t)n);
	close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

bool worker_probe(const char *program, bool cpu_only, struct worker_facts *out)
{
	struct buf text = BUF_INIT(64 * KIB);
	struct err err = { 0 };

	*out = (struct worker_facts){ .sandbox = "" };
	if (access(program, X_OK) == 0)
		run(program, cpu_only, &text);
	json_t *report = json_parse(buf_str(&text), "self-test", &err);
	bool says = json_is_object(report);
	if (says) {
		str_format(out->sandbox, sizeof out->sandbox, "%s", json_get_text(report, "sandbox", "", &err));
		str_format(out->build, sizeof out->build, "%s", json_get_text(report, "build", "", &err));
		out->has_gpu_backend = json_get_bool(report, "gpu_backend", false, &err);
		(void)!devices_read(json_object_get(report, "devices"), &out->devices, &err);
	}
	json_decref(report);
	buf_release(&text);
	return says;
}
