/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/follow.h"
#include "cli/replay.h"
#include "cli/table.h"
#include "cli/term.h"

static const char *text_of(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));
	return text ? text : "";
}

static int64_t number_of(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

static void print_runs(const struct cli *cli, const json_t *runs)
{
	static const char *const heads[] = { "cli_head_id", "cli_head_name", "cli_head_state", "cli_head_questions",
					     "cli_head_answered" };
	struct table *t = table_new("rllrr");
	struct buf out = BUF_INIT(4 * MIB);
	const json_t *run;
	size_t i;

	for (i = 0; i < 5; i++)
		table_cell(t, msg_text(cli->lang, heads[i]));
	json_array_foreach(runs, i, run) {
		table_cellf(t, "%lld", (long long)number_of(run, "id"));
		table_cell(t, text_of(run, "name"));
		table_cell(t, text_of(run, "state"));
		table_cellf(t, "%lld", (long long)number_of(run, "n_questions"));
		table_cellf(t, "%lld/%lld", (long long)number_of(run, "n_done"), (long long)number_of(run, "n_cells"));
	}
	table_write(t, term_is_live(stdout) ? term_columns(stdout) : 0, &out);
	fwrite(buf_text(&out), 1, out.len, stdout);
	table_free(t);
	buf_release(&out);
}

static int exec_list(struct cli *cli)
{
	struct client *client = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;

	if (cli_connect(cli, &client, &err) != ERR_OK ||
	    client_call(client, "GET", "/runs?limit=1000", NULL, &reply, &err) != ERR_OK) {
		client_close(client);
		return cli_fail(cli, &err);
	}
	if (cli->json)
		cli_print_json(reply);
	else
		print_runs(cli, json_object_get(reply, "runs"));
	json_decref(reply);
	client_close(client);
	return EXIT_DONE;
}

/* Opens the client and calls METHOD /runs/ID+`tail`; `*client` stays open on success. */
static enum err_code call_run(struct cli *cli, const char *method, const char *tail, struct client **client, int64_t *id,
			      json_t **reply, struct err *err)
{
	*client = NULL;
	if (args_id(args_word(cli->args, 0), "ID", id, err) != ERR_OK || cli_connect(cli, client, err) != ERR_OK)
		return err->code;
	char *path = mem_printf("/runs/%lld%s", (long long)*id, tail);
	enum err_code code = client_call(*client, method, path, NULL, reply, err);
	mem_free(path);
	return code;
}

static int exec_show(struct cli *cli)
{
	struct client *client;
	struct err err = { 0 };
	json_t *run = NULL;
	int64_t id;
	int result = EXIT_DONE;

	if (call_run(cli, "GET", "", &client, &id, &run, &err) != ERR_OK)
		result = cli_fail(cli, &err);
	else if (cli->json)
		cli_print_json(run);
	else {
		printf("%s (%s)\n", text_of(run, "name"), text_of(run, "state"));
		follow_print(cli, run);
	}
	json_decref(run);
	client_close(client);
	return result;
}

static int exec_delete(struct cli *cli)
{
	struct client *client;
	struct err err = { 0 };
	int64_t id;
	int result = call_run(cli, "DELETE", "", &client, &id, NULL, &err) == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);

	client_close(client);
	return result;
}

static int exec_resume(struct cli *cli)
{
	struct client *client;
	struct err err = { 0 };
	json_t *run = NULL;
	int64_t id = 0;
	int result;

	enum err_code code = call_run(cli, "POST", "/resume", &client, &id, &run, &err);
	if (code == ERR_OK) {
		json_decref(run);
		code = follow_run(cli, client, id, &run, &err);
		if (code == ERR_CANCELLED)
			cli_say(cli, stderr, "cli_run_interrupted", "id=%lld", (long long)id);
	}
	if (code == ERR_OK && cli->json)
		cli_print_json(run);
	else if (code == ERR_OK)
		follow_print(cli, run);
	if (code == ERR_OK)
		result = follow_exit_code(cli, run, false);
	else
		result = code == ERR_CANCELLED ? EXIT_INTERRUPTED : cli_fail(cli, &err);
	json_decref(run);
	client_close(client);
	return result;
}

static int exec_export(struct cli *cli)
{
	struct client *client;
	struct err err = { 0 };
	json_t *run = NULL;
	int64_t id;

	enum err_code code = call_run(cli, "GET", "", &client, &id, &run, &err);
	if (code == ERR_OK)
		code = follow_export(cli, client, id, &err);
	json_decref(run);
	client_close(client);
	return code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
}

static int exec_replay(struct cli *cli)
{
	struct client *client = NULL;
	struct err err = { 0 };
	int64_t id;
	int result;

	if (args_id(args_word(cli->args, 0), "ID", &id, &err) != ERR_OK || cli_connect(cli, &client, &err) != ERR_OK)
		return cli_fail(cli, &err);
	if (replay_run(cli, client, id, &result, &err) != ERR_OK)
		result = cli_fail(cli, &err);
	client_close(client);
	return result;
}

static const struct arg_option *const export_tables[] = { export_options, NULL };
static const struct arg_option *const follow_tables[] = { machine_options, NULL };

static const struct command run_commands[] = {
	{ "list", "", "cli_runs_list_summary", NULL, NULL, 0, 0, exec_list, NULL },
	{ "show", "ID", "cli_runs_show_summary", NULL, NULL, 1, 1, exec_show, NULL },
	{ "resume", "ID", "cli_runs_resume_summary", NULL, follow_tables, 1, 1, exec_resume, NULL },
	{ "replay", "ID", "cli_runs_replay_summary", NULL, follow_tables, 1, 1, exec_replay, NULL },
	{ "export", "ID [--csv FILE] [--jsonl FILE] ...", "cli_runs_export_summary", NULL, export_tables, 1, 1, exec_export, NULL },
	{ "delete", "ID", "cli_runs_delete_summary", NULL, NULL, 1, 1, exec_delete, NULL },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL },
};

const struct command cmd_runs = { "runs", "COMMAND", "cli_runs_summary", NULL, NULL, 0, 0, NULL, run_commands };
