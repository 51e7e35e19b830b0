/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "cli/command.h"
#include "cli/completion.h"

#define SCRIPT_MAX (1 * MIB)

static int exec_completion(struct cli *cli)
{
	struct buf script = BUF_INIT(SCRIPT_MAX);
	enum shell shell = shell_named(args_word(cli->args, 0));
	struct err err = { 0 };
	if (shell == SHELL_COUNT) {
		err_set(&err, ERR_INVALID, "err_cli_shell", "found=%s", args_word(cli->args, 0));
		return cli_fail(cli, &err);
	}
	completion_script(&script, shell, cli->lang);
	fwrite(buf_text(&script), 1, script.len, stdout);
	buf_release(&script);
	return EXIT_DONE;
}

const struct command cmd_completion = { "completion", "bash|zsh|fish", "cli_completion_summary", "cli_completion_about", NULL, 1, 1,
					exec_completion, NULL };
