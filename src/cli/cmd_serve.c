/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/url.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "server/app.h"

/* Tells systemd, where it started us, that requests are answered now (sd_notify(3): one datagram). */
static void tell_ready(const char *path)
{
	static const char ready[] = "READY=1";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (!path || !str_format(address.sun_path, sizeof address.sun_path, "%s", path))
		return;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (address.sun_path[0] == '@') /* an abstract name */
		address.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, ready, sizeof ready - 1, MSG_NOSIGNAL, (struct sockaddr *)&address, size);
	close(fd);
}

/* Where systemd listens, so that no child does; NULL: nowhere.  Before there are threads: they read the environment. */
static char *take_notify_socket(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	char *copy = path ? mem_strdup(path) : NULL;
	unsetenv("NOTIFY_SOCKET");
	return copy;
}

static int exec_serve(struct cli *cli)
{
	struct app_options options;
	struct url_parts ollama;
	struct err err = { 0 };
	struct app *app;
	char *notify = take_notify_socket();

	mem_stay_small();
	cli_log_level(false);
	cli_app_options(cli, &options, &err);
	options.tcp = true;
	options.port = (int)args_int(cli->args, "port", 1, 65535, 0, &err);
	options.listen = args_text(cli->args, "listen", NULL);
	options.lan = args_text(cli->args, "lan", NULL);
	if (err.code == ERR_OK && (options.ollama = args_text(cli->args, "ollama", NULL)))
		(void)!url_parse(options.ollama, &ollama, &err);
	if (err.code != ERR_OK || app_open(&options, &app, &err) != ERR_OK) {
		mem_free(notify);
		return cli_fail(cli, &err);
	}
	interrupt_install(app);
	char *link = app_login_link(app);
	if (cli->json) {
		json_t *out = json_pack("{s:s, s:s}", "url", app_url(app), "link", link);
		if (*app_lan_url(app))
			json_object_set_new(out, "lan_url", json_string(app_lan_url(app)));
		cli_print_json(out);
		json_decref(out);
	} else {
		printf("%s\n", link);
	}
	fflush(stdout);
	mem_free(link);
	if (*app_lan_url(app))
		cli_say(cli, stderr, "core_lan", "url=%s", app_lan_url(app));
	tell_ready(notify);
	mem_free(notify);
	cli_say(cli, stderr, "cli_serve_stop", NULL);
	app_run(app);
	app_close(app);
	return EXIT_DONE;
}

static const struct arg_option serve_options[] = {
	{ "port", "N", "cli_opt_port", false },
	{ "listen", "ADDRESS", "cli_opt_listen", false },
	{ "lan", "ADDRESS", "cli_opt_lan", false },
	{ "ollama", "URL", "cli_opt_ollama", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const serve_tables[] = { serve_options, machine_options, NULL };

const struct command cmd_serve = { "serve", "[OPTION...]", "cli_serve_summary", "cli_serve_about", serve_tables, 0, 0, exec_serve, NULL };
