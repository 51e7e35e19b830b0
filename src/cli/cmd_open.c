/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/interrupt.h"

/* A page that leads to the link, readable by this user alone: the code is then in no process list. */
static char *write_redirect(const struct cli *cli, const char *url, struct err *err)
{
	struct buf page = BUF_INIT(64 * KIB);
	char *path = fs_join(cli->data_dir, "open.html");

	buf_printf(&page, "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=%s\">", url);
	if (fs_write(path, page.ptr, page.len, err) != ERR_OK) {
		mem_free(path);
		path = NULL;
	}
	buf_release(&page);
	return path;
}

static void open_browser(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		char program[] = "xdg-open";
		char *argv[] = { program, mem_strdup(path), NULL };
		int null = open("/dev/null", O_RDWR);
		setsid();
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(program, argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, WNOHANG);
}

static int exec_open(struct cli *cli)
{
	struct client *client = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;

	log_set_quiet(true);
	interrupt_install(NULL);
	if (client_open(cli->data_dir, cli->lang, NULL, &client, &err) != ERR_OK ||
	    client_call(client, "POST", "/session/code", NULL, &reply, &err) != ERR_OK) {
		client_close(client);
		return cli_fail(cli, &err);
	}
	const char *url = json_string_value(json_object_get(reply, "url"));
	if (cli->json)
		cli_print_json(reply);
	else
		printf("%s\n", url ? url : "");
	if (url && !cli->json && (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY"))) {
		char *path = write_redirect(cli, url, &err);
		if (path)
			open_browser(path);
		mem_free(path);
	}
	json_decref(reply);
	client_close(client);
	return EXIT_DONE;
}

const struct command cmd_open = { "open", "", "cli_open_summary", NULL, NULL, 0, 0, exec_open, NULL };
