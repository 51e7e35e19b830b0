/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/limits.h"
#include "cli/follow.h"
#include "cli/new_run.h"
#include "cli/output.h"
#include "cli/question_file.h"
#include "cli/resolve.h"
#include "cli/settings.h"

static enum err_code start(const struct cli *cli, struct client *c, const struct buf *data, int64_t *run_id,
			   struct err *err)
{
	int64_t set_id = 0;
	json_t *body = new_run_body(cli, c, err);
	if (!body)
		return err->code;
	enum err_code code = question_file_store(cli, c, args_word(cli->args, 0), data, &set_id, err);
	if (code == ERR_OK) {
		json_object_set_new(body, "question_set_id", json_integer(set_id));
		code = new_run_start(c, body, run_id, err);
	}
	json_decref(body);
	return code;
}

static int exec_run(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	struct buf data = BUF_INIT(LIMIT_UPLOAD);
	const char *file = args_word(cli->args, 0);
	int64_t run_id;
	enum err_code code = new_run_check(cli, &err);
	if (code == ERR_OK)
		code = output_check(cli, &err);
	if (code == ERR_OK)
		code = question_file_read(file, &data, &err);
	if (code == ERR_OK)
		code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = start(cli, c, &data, &run_id, &err);
	int result = code == ERR_OK ? follow_to_end(cli, c, run_id) : cli_fail(cli, &err);
	client_close(c);
	buf_release(&data);
	return result;
}

static const struct arg_option *const tables[] = { model_options,  setting_options, run_options, question_options,
						   output_options, strict_options,  machine_options, NULL };

const struct command cmd_run = { "run", "QUESTIONS --model SPEC [--model SPEC ...] [OPTION...]", "cli_run_summary",
				 "cli_run_about", tables, 1, 1, exec_run, NULL };
