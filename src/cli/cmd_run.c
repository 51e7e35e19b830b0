/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/follow.h"
#include "cli/new_run.h"
#include "cli/settings.h"
#include "cli/term.h"

/* Uploads the file and makes a question set of it. */
static enum err_code question_set(struct client *client, const char *file, int64_t *set_id, struct err *err)
{
	struct buf data = BUF_INIT(LIMIT_UPLOAD);
	json_t *upload = NULL, *set = NULL;
	char *name = client_escape(fs_basename(file)), *path = mem_printf("/uploads?name=%s", name);

	enum err_code code = fs_read(file, &data, err);
	if (code == ERR_OK)
		code = client_upload(client, path, buf_text(&data), data.len, &upload, err);
	if (code == ERR_OK) {
		json_t *body = json_pack("{s:O, s:s}", "upload", json_object_get(upload, "upload"), "name", fs_basename(file));
		code = client_call(client, "POST", "/question-sets", body, &set, err);
		json_decref(body);
	}
	if (code == ERR_OK)
		*set_id = json_integer_value(json_object_get(set, "id"));
	const json_t *problem;
	size_t i;
	json_array_foreach(json_object_get(upload, "problems"), i, problem) {
		const char *message = json_string_value(json_object_get(problem, "message"));
		term_print(stderr, str_of(message));
		fputc('\n', stderr);
	}
	json_decref(upload);
	json_decref(set);
	mem_free(name);
	mem_free(path);
	buf_release(&data);
	return code;
}

static enum err_code start(const struct cli *cli, struct client *client, int64_t *run_id, struct err *err)
{
	int64_t set_id = 0;
	json_t *body = new_run_body(cli, client, err);
	enum err_code code = body ? question_set(client, args_word(cli->args, 0), &set_id, err) : err->code;

	if (code == ERR_OK) {
		json_object_set_new(body, "question_set_id", json_integer(set_id));
		code = new_run_start(client, body, run_id, err);
	}
	json_decref(body);
	return code;
}

static int exec_run(struct cli *cli)
{
	struct client *client = NULL;
	struct err err = { 0 };
	json_t *run = NULL;
	int64_t run_id = 0;
	int result;

	enum err_code code = cli_connect(cli, &client, &err);
	if (code == ERR_OK)
		code = start(cli, client, &run_id, &err);
	if (code == ERR_OK)
		code = follow_run(cli, client, run_id, &run, &err);
	if (code == ERR_CANCELLED && run_id > 0)
		cli_say(cli, stderr, "cli_run_interrupted", "id=%lld", (long long)run_id);
	if (code == ERR_OK)
		code = follow_export(cli, client, run_id, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(run);
	else if (code == ERR_OK)
		follow_print(cli, run);
	if (code == ERR_OK)
		result = follow_exit_code(cli, run, args_has(cli->args, "strict"));
	else
		result = code == ERR_CANCELLED && run_id > 0 ? EXIT_INTERRUPTED : cli_fail(cli, &err);
	json_decref(run);
	client_close(client);
	return result;
}

static const struct arg_option strict_options[] = {
	{ "strict", NULL, "cli_opt_strict", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const tables[] = { run_options, setting_options, export_options, strict_options,
						   machine_options, NULL };

const struct command cmd_run = { "run", "QUESTIONS --model SPEC [--model SPEC ...] [OPTION...]", "cli_run_summary",
				 "cli_run_about", tables, 1, 1, exec_run, NULL };
