/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/models_gpu.h"
#include "cli/show.h"
#include "store/recover.h"

static const char *state_word(const struct cli *cli, const char *state)
{
	static const char *const words[][2] = { { "ok", "cli_check_ok" }, { "warn", "cli_check_warn" }, { "fail", "cli_check_fail" } };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(state, words[i][0]) == 0)
			return msg_text(cli->lang, words[i][1]);
	return state;
}

static void print_checks(const struct cli *cli, const json_t *checks)
{
	struct table *t = table_new("ll");
	const json_t *check;
	size_t i;
	json_array_foreach(checks, i, check) {
		table_cell(t, state_word(cli, show_text(check, "state")));
		table_cell(t, show_text(check, "message"));
		if (*show_text(check, "hint")) {
			table_cell(t, "");
			table_cell(t, show_text(check, "hint"));
		}
	}
	struct buf out = BUF_INIT(1 << 20);
	table_write(t, 0, &out); /* sentences are not shortened */
	fwrite(buf_text(&out), 1, out.len, stdout);
	buf_release(&out);
	table_free(t);
}

static int recover_database(struct cli *cli)
{
	struct err err = { 0 };
	struct recovery r;
	char *dir = fs_data_dir(cli->data_dir);
	char made[32] = "";
	enum err_code code = store_recover(dir, &r, &err);
	bool is_damaged = r.problem.code != ERR_OK;
	if (is_damaged)
		clock_format_utc(r.made_ms, made);
	if (code == ERR_OK && cli->json) {
		json_t *reply = json_pack("{s:b}", "damaged", is_damaged);
		if (is_damaged)
			(void)json_object_update_new(reply, json_pack("{s:s, s:s, s:s}", "copy", r.copy, "made", made, "kept", r.kept));
		cli_print_json(reply);
		json_decref(reply);
	} else if (code == ERR_OK && is_damaged) {
		cli_say(cli, stdout, "cli_recovered", "copy=%s|made=%s|kept=%s", r.copy, made, r.kept);
	} else if (code == ERR_OK) {
		cli_say(cli, stdout, "cli_not_damaged", NULL);
	}
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	recovery_free(&r);
	mem_free(dir);
	return result;
}

static int exec_doctor(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;
	const json_t *check;
	int result = EXIT_DONE;
	size_t i;
	if (args_has(cli->args, "recover"))
		return recover_database(cli);
	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK && args_has(cli->args, "free")) {
		result = memory_free(cli, c);
		client_close(c);
		return result;
	}
	if (code == ERR_OK)
		code = client_call(c, "GET", "/doctor", NULL, &reply, &err);
	if (code != ERR_OK)
		result = cli_fail(cli, &err);
	else if (cli->json)
		cli_print_json(reply);
	else
		print_checks(cli, json_object_get(reply, "checks"));
	json_array_foreach(json_object_get(reply, "checks"), i, check)
		if (strcmp(show_text(check, "state"), "fail") == 0)
			result = EXIT_ENVIRONMENT;
	json_decref(reply);
	client_close(c);
	return result;
}

static const struct arg_option doctor_options[] = {
	{ "free", NULL, "cli_opt_free", false },
	{ "recover", NULL, "cli_opt_recover", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const tables[] = { doctor_options, machine_options, NULL };

const struct command cmd_doctor = { "doctor", "[OPTION...]", "cli_doctor_summary", "cli_doctor_about", tables, 0, 0,
				    exec_doctor, NULL };
