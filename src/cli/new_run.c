/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/new_run.h"

#include "cli/resolve.h"
#include "cli/settings.h"

const struct arg_option run_options[] = {
	{ "model", "SPEC", "cli_opt_model", true }, { "seed", "S", "cli_opt_seed", false },
	{ "fast", NULL, "cli_opt_fast", false },    { "name", "NAME", "cli_opt_name", false },
	{ NULL, NULL, NULL, false },
};

static json_t *columns_of(const struct cli *cli, struct client *client, struct err *err)
{
	json_t *columns = json_array();
	const char *spec;

	for (size_t i = 0; (spec = args_nth(cli->args, "model", i)); i++) {
		json_t *column = resolve_column(client, spec, err);
		if (!column) {
			json_decref(columns);
			return NULL;
		}
		json_array_append_new(columns, column);
	}
	if (json_array_size(columns) > 0)
		return columns;
	json_decref(columns);
	err_set(err, ERR_INVALID, "err_args_required", "option=%s", "--model");
	return NULL;
}

json_t *new_run_body(const struct cli *cli, struct client *client, struct err *err)
{
	const char *name = args_text(cli->args, "name", NULL);
	int64_t seed = args_int(cli->args, "seed", 0, 4294967295LL, -1, err);
	json_t *params = err->code == ERR_OK ? settings_from_args(cli->args, err) : NULL;
	json_t *columns = params ? columns_of(cli, client, err) : NULL;

	if (!columns) {
		json_decref(params);
		return NULL;
	}
	json_t *body = json_pack("{s:o, s:o, s:s}", "columns", columns, "params", params, "mode",
				 args_has(cli->args, "fast") ? "fast" : "exact");
	if (seed >= 0)
		json_object_set_new(body, "seed", json_integer(seed));
	if (name)
		json_object_set_new(body, "name", json_string(name));
	return body;
}

enum err_code new_run_start(struct client *client, const json_t *body, int64_t *run_id, struct err *err)
{
	json_t *run = NULL;
	enum err_code code = client_call(client, "POST", "/runs", body, &run, err);

	if (code == ERR_OK)
		*run_id = json_integer_value(json_object_get(run, "id"));
	json_decref(run);
	return code;
}
