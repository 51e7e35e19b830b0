/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/show.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000 /* what the API gives at once */

static void print_entries(const struct cli *cli, const json_t *entries)
{
	static const char *const heads[] = { "cli_head_at", "cli_head_what", "cli_head_subject", "cli_head_from", NULL };
	const json_t *entry;
	size_t i;

	if (!json_array_size(entries)) {
		cli_say(cli, stderr, "cli_audit_none", NULL);
		return;
	}
	struct table *t = table_new("llll");
	show_heading(cli, t, heads);
	json_array_foreach(entries, i, entry) {
		char at[32];
		show_time(show_int(entry, "at_ms"), at);
		table_cell(t, at);
		table_cell(t, show_text(entry, "text"));
		table_cell(t, show_text(entry, "subject"));
		table_cell(t, show_text(entry, "from"));
	}
	show_table(t, stdout);
}

static int exec_audit(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;
	char path[64];
	int64_t limit = args_int(cli->args, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &err);
	enum err_code code = err.code == ERR_OK ? cli_connect(cli, &c, &err) : err.code;

	(void)str_format(path, sizeof path, "/audit?limit=%lld", (long long)limit);
	if (code == ERR_OK)
		code = client_call(c, "GET", path, NULL, &reply, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(reply);
	else if (code == ERR_OK)
		print_entries(cli, json_object_get(reply, "entries"));
	json_decref(reply);
	client_close(c);
	return result;
}

static const struct arg_option audit_options[] = {
	{ "limit", "N", "cli_opt_audit_limit", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const tables[] = { audit_options, NULL };

const struct command cmd_audit = { "audit", "[OPTION...]", "cli_audit_summary", "cli_audit_about", tables, 0, 0, exec_audit, NULL };
