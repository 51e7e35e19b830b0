/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/follow.h"
#include "cli/output.h"
#include "cli/replay.h"
#include "cli/show.h"

#define PATH_SIZE 96
#define PAGE_RUNS 1000 /* what the API gives at once */

static void print_runs(const struct cli *cli, const json_t *runs)
{
	static const char *const heads[] = { "cli_head_id",        "cli_head_name",     "cli_head_created", "cli_head_state",
					     "cli_head_questions", "cli_head_answered", "cli_head_failed",  NULL };
	struct table *t;
	const json_t *run;
	size_t i;
	if (!json_array_size(runs)) {
		cli_say(cli, stderr, "cli_no_runs", NULL);
		return;
	}
	t = table_new("rlllrrr");
	show_heading(cli, t, heads);
	json_array_foreach(runs, i, run) {
		char created[32];
		show_time(show_int(run, "created_ms"), created);
		table_cellf(t, "%lld", (long long)show_int(run, "id"));
		table_cell(t, show_text(run, "name"));
		table_cell(t, created);
		table_cell(t, show_state(cli, show_text(run, "state")));
		table_cellf(t, "%lld", (long long)show_int(run, "n_questions"));
		table_cellf(t, "%lld/%lld", (long long)show_int(run, "n_done"), (long long)show_int(run, "n_cells"));
		table_cellf(t, "%lld", (long long)show_int(run, "n_failed"));
	}
	show_table(t, stdout);
}

/* All of them, page by page. */
static json_t *read_runs(struct client *c, struct err *err)
{
	json_t *all = json_array();
	size_t n = PAGE_RUNS;
	int64_t before = 0;
	while (n == PAGE_RUNS) {
		char path[PATH_SIZE];
		json_t *reply = NULL;
		snprintf(path, sizeof path, "/runs?limit=%d&before=%lld", PAGE_RUNS, (long long)before);
		if (client_call(c, "GET", path, NULL, &reply, err) != ERR_OK) {
			json_decref(all);
			return NULL;
		}
		const json_t *page = json_object_get(reply, "runs");
		n = json_array_size(page);
		before = show_int(json_array_get(page, n - 1), "id");
		json_array_extend(all, json_object_get(reply, "runs"));
		json_decref(reply);
	}
	return all;
}

static int exec_list(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	enum err_code code = cli_connect(cli, &c, &err);
	json_t *runs = code == ERR_OK ? read_runs(c, &err) : NULL;
	int result = runs ? EXIT_DONE : cli_fail(cli, &err);
	if (runs && cli->json) {
		json_t *reply = json_pack("{s:O}", "runs", runs);
		cli_print_json(reply);
		json_decref(reply);
	} else if (runs) {
		print_runs(cli, runs);
	}
	json_decref(runs);
	client_close(c);
	return result;
}

/* Opens the client and calls METHOD /runs/ID+`tail`, ID being the first word. */
static enum err_code call_run(struct cli *cli, const char *method, const char *tail, struct client **c, int64_t *id,
			      json_t **reply, struct err *err)
{
	char path[PATH_SIZE];
	enum err_code code = args_id(args_word(cli->args, 0), "ID", id, err);
	if (code == ERR_OK)
		code = cli_connect(cli, c, err);
	snprintf(path, sizeof path, "/runs/%lld%s", (long long)*id, tail);
	return code == ERR_OK ? client_call(*c, method, path, NULL, reply, err) : code;
}

static int exec_show(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *run = NULL;
	int64_t id = 0;
	enum err_code code = call_run(cli, "GET", "", &c, &id, &run, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json) {
		cli_print_json(run);
	} else if (code == ERR_OK) {
		cli_say(cli, stdout, "cli_run_line", "id=%lld|name=%s|state=%s|seed=%lld|mode=%s", (long long)id,
			show_text(run, "name"), show_state(cli, show_text(run, "state")), (long long)show_int(run, "seed"),
			msg_text(cli->lang, strcmp(show_text(run, "mode"), "fast") == 0 ? "cli_mode_fast" : "cli_mode_exact"));
		follow_summary(cli, run, NULL, stdout);
		follow_explain(cli, c, run);
	}
	json_decref(run);
	client_close(c);
	return result;
}

static int exec_delete(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	int64_t id = 0;
	enum err_code code = call_run(cli, "DELETE", "", &c, &id, NULL, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK)
		cli_say(cli, stderr, "cli_run_deleted", "id=%lld", (long long)id);
	client_close(c);
	return result;
}

static int exec_resume(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	int64_t id = 0;
	enum err_code code = output_check(cli, &err);
	if (code == ERR_OK)
		code = call_run(cli, "POST", "/resume", &c, &id, NULL, &err);
	int result = code == ERR_OK ? follow_to_end(cli, c, id) : cli_fail(cli, &err);
	client_close(c);
	return result;
}

static int exec_export(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *run = NULL;
	int64_t id = 0;
	enum err_code code = ERR_OK;
	if (output_count(cli->args) == 0)
		code = err_set(&err, ERR_INVALID, "err_cli_no_output", NULL);
	if (code == ERR_OK)
		code = output_check(cli, &err);
	if (code == ERR_OK)
		code = call_run(cli, "GET", "", &c, &id, &run, &err);
	if (code == ERR_OK)
		code = output_write(cli, c, id, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(run);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	json_decref(run);
	client_close(c);
	return result;
}

static int exec_replay(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	int64_t id;
	int result = EXIT_DONE;
	enum err_code code = args_id(args_word(cli->args, 0), "ID", &id, &err);
	if (code == ERR_OK)
		code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = replay_run(cli, c, id, &result, &err);
	if (code != ERR_OK)
		result = cli_fail(cli, &err);
	client_close(c);
	return result;
}

static const struct arg_option *const export_tables[] = { output_options, NULL };
static const struct arg_option *const resume_tables[] = { output_options, strict_options, machine_options, NULL };
static const struct arg_option *const replay_tables[] = { machine_options, NULL };

static const struct command run_commands[] = {
	{ "list", "", "cli_runs_list_summary", NULL, NULL, 0, 0, exec_list, NULL },
	{ "show", "ID", "cli_runs_show_summary", NULL, NULL, 1, 1, exec_show, NULL },
	{ "resume", "ID [OPTION...]", "cli_runs_resume_summary", "cli_runs_resume_about", resume_tables, 1, 1, exec_resume,
	  NULL },
	{ "replay", "ID [OPTION...]", "cli_runs_replay_summary", "cli_runs_replay_about", replay_tables, 1, 1, exec_replay,
	  NULL },
	{ "export", "ID [--csv FILE] [--jsonl FILE] ...", "cli_runs_export_summary", NULL, export_tables, 1, 1, exec_export,
	  NULL },
	{ "delete", "ID", "cli_runs_delete_summary", NULL, NULL, 1, 1, exec_delete, NULL },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL },
};

const struct command cmd_runs = { "runs", "COMMAND", "cli_runs_summary", NULL, NULL, 0, 0, NULL, run_commands };
