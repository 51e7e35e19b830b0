/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "server/app.h"

static int exec_serve(struct cli *cli)
{
	struct app_options options;
	struct err err = { 0 };
	struct app *app;

	cli_log_level(false);
	cli_app_options(cli, &options, &err);
	options.tcp = true;
	options.port = (int)args_int(cli->args, "port", 1, 65535, 0, &err);
	if (err.code != ERR_OK || app_open(&options, &app, &err) != ERR_OK)
		return cli_fail(cli, &err);
	interrupt_install(app);
	char *link = app_login_link(app);
	if (cli->json) {
		json_t *out = json_pack("{s:s, s:s}", "url", app_url(app), "link", link);
		cli_print_json(out);
		json_decref(out);
	} else {
		printf("%s\n", link);
	}
	fflush(stdout);
	mem_free(link);
	cli_say(cli, stderr, "cli_serve_stop", NULL);
	app_run(app);
	app_close(app);
	return EXIT_DONE;
}

static const struct arg_option serve_options[] = {
	{ "port", "N", "cli_opt_port", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const serve_tables[] = { serve_options, machine_options, NULL };

const struct command cmd_serve = { "serve", "[OPTION...]", "cli_serve_summary", "cli_serve_about", serve_tables, 0, 0, exec_serve, NULL };
