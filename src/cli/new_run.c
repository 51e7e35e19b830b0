/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/new_run.h"

#include "base/json.h"
#include "cli/resolve.h"
#include "cli/settings.h"
#include "cli/show.h"

#define SEED_MAX 4294967295LL

const struct arg_option run_options[] = {
	{ "seed", "N", "cli_opt_seed", false },
	{ "fast", NULL, "cli_opt_fast", false },
	{ "name", "NAME", "cli_opt_run_name", false },
	{ NULL, NULL, NULL, false },
};

static json_t *settings_body(const struct cli *cli, struct err *err)
{
	const char *name = args_name(cli->args, err);
	int64_t seed = args_int(cli->args, "seed", 0, SEED_MAX, -1, err);
	json_t *params = err->code == ERR_OK ? settings_from_args(cli->args, err) : NULL;
	if (!params)
		return NULL;
	json_t *body = json_pack("{s:o, s:s}", "params", params, "mode", args_has(cli->args, "fast") ? "fast" : "exact");
	if (seed >= 0)
		json_object_set_new(body, "seed", json_integer(seed));
	if (name)
		json_object_set_new(body, "name", json_text(str_of(name)));
	return body;
}

enum err_code new_run_check(const struct cli *cli, struct err *err)
{
	json_t *body = settings_body(cli, err);
	if (!body)
		return err->code;
	json_decref(body);
	return resolve_check(cli->args, err);
}

json_t *new_run_body(const struct cli *cli, struct client *client, struct err *err)
{
	json_t *body = settings_body(cli, err), *columns;
	if (!body)
		return NULL;
	if (resolve_columns(client, cli->args, &columns, err) != ERR_OK) {
		json_decref(body);
		return NULL;
	}
	json_object_set_new(body, "columns", columns);
	return body;
}

enum err_code new_run_start(struct client *client, const json_t *body, int64_t *run_id, struct err *err)
{
	json_t *run = NULL;
	enum err_code code = client_call(client, "POST", "/runs", body, &run, err);
	*run_id = show_int(run, "id");
	json_decref(run);
	return code;
}
