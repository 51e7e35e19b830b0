/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/models_weights.h"

#include <string.h>

#include "base/json.h"
#include "cli/models_check.h"
#include "cli/show.h"
#include "model/weights.h"

void models_print_weights(const struct cli *cli, const json_t *model)
{
	double size = show_number(model, "size_bytes") / 1e9, as_q8 = show_number(model, "q8_size_bytes") / 1e9;

	if (as_q8 > 0)
		cli_say(cli, stdout, strcmp(show_text(model, "weights"), "q8_0") == 0 ? "cli_weights_q8" : "cli_weights_stored",
			"name=%s|type=%s|size=%.2f|then=%.2f", show_text(model, "name"), show_text(model, "file_type"), size, as_q8);
}

/* What the command names, and of an adapter what it stands on: that has the weights. */
static enum err_code find(struct client *c, const char *word, char path[64], struct err *err)
{
	json_t *model = NULL;
	enum err_code code = models_named(c, word, path, err);

	if (code != ERR_OK || str_starts(str_of(path), "/families/"))
		return code;
	code = models_fetch(c, path, &model, err);
	if (code == ERR_OK && strcmp(show_text(model, "kind"), "adapter") == 0 && show_int(model, "base_model_id") > 0)
		(void)str_format(path, 64, "/models/%lld", (long long)show_int(model, "base_model_id"));
	json_decref(model);
	return code;
}

/* Of a family the models whose weights it stands on. */
static enum err_code print_all(const struct cli *cli, struct client *c, const json_t *shown, struct err *err)
{
	const json_t *checkpoint;
	json_t *base = NULL;
	char path[64];
	size_t i;

	if (!json_object_get(shown, "checkpoints")) {
		models_print_weights(cli, shown);
		return ERR_OK;
	}
	json_array_foreach(json_object_get(shown, "checkpoints"), i, checkpoint)
		models_print_weights(cli, checkpoint);
	if (show_int(shown, "base_model_id") <= 0)
		return ERR_OK;
	(void)str_format(path, sizeof path, "/models/%lld", (long long)show_int(shown, "base_model_id"));
	enum err_code code = client_call(c, "GET", path, NULL, &base, err);
	models_print_weights(cli, base);
	json_decref(base);
	return code;
}

int models_exec_weights(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *shown = NULL;
	char path[64];
	enum weights weights = WEIGHTS_STORED;
	const char *choice = args_count(cli->args) > 1 ? args_word(cli->args, 1) : NULL;

	if (choice && !weights_named(choice, &weights)) {
		err_set(&err, ERR_INVALID, "err_setting_choice", "name=weights|choices=" WEIGHTS_NAMES "|found=%s", choice);
		return cli_fail(cli, &err);
	}
	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = find(c, args_word(cli->args, 0), path, &err);
	if (code == ERR_OK && choice) {
		json_t *body = json_pack("{s:s}", "weights", weights_name(weights));
		code = client_call(c, "PATCH", path, body, &shown, &err);
		json_decref(body);
	} else if (code == ERR_OK) {
		code = models_fetch(c, path, &shown, &err);
	}
	if (code == ERR_OK && cli->json)
		cli_print_json(shown);
	else if (code == ERR_OK)
		code = print_all(cli, c, shown, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	json_decref(shown);
	client_close(c);
	return result;
}
