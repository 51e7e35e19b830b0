/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/table.h"
#include "cli/term.h"

static const char *text_of(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));
	return text ? text : "";
}

static int show_checks(const json_t *checks)
{
	struct table *t = table_new("ll");
	struct buf out = BUF_INIT(1 * MIB);
	const json_t *check;
	size_t i;
	int result = EXIT_DONE;

	json_array_foreach(checks, i, check) {
		const char *state = text_of(check, "state"), *hint = text_of(check, "hint");
		table_cell(t, state);
		table_cell(t, text_of(check, "message"));
		if (hint[0]) {
			table_cell(t, "");
			table_cell(t, hint);
		}
		if (strcmp(state, "fail") == 0)
			result = EXIT_ENVIRONMENT;
	}
	table_write(t, 0, &out);
	fwrite(buf_text(&out), 1, out.len, stdout);
	table_free(t);
	buf_release(&out);
	return result;
}

static int exec_doctor(struct cli *cli)
{
	struct client *client = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;

	if (cli_connect(cli, &client, &err) != ERR_OK || client_call(client, "GET", "/doctor", NULL, &reply, &err) != ERR_OK) {
		client_close(client);
		return cli_fail(cli, &err);
	}
	if (cli->json)
		cli_print_json(reply);
	int result = cli->json ? EXIT_DONE : show_checks(json_object_get(reply, "checks"));
	json_decref(reply);
	client_close(client);
	return result;
}

static const struct arg_option *const doctor_tables[] = { machine_options, NULL };

const struct command cmd_doctor = { "doctor", "[OPTION...]", "cli_doctor_summary", NULL, doctor_tables, 0, 0, exec_doctor,
				    NULL };
