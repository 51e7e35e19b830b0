/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/column_label.h"
#include "cli/resolve.h"
#include "cli/table.h"
#include "cli/term.h"

static const char *text_of(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));
	return text ? text : "";
}

static void add_row(const struct cli *cli, struct table *t, const json_t *model, const char *family)
{
	char *label = family ? column_label(cli, family, json_object_get(model, "epoch")) : mem_strdup(text_of(model, "name"));

	table_cellf(t, "%lld", (long long)json_integer_value(json_object_get(model, "id")));
	table_cell(t, label);
	table_cell(t, text_of(model, "file_type")[0] ? text_of(model, "file_type") : text_of(model, "kind"));
	table_cellf(t, "%.0f", (double)json_integer_value(json_object_get(model, "size_bytes")) / 1e6);
	table_cell(t, text_of(model, "path"));
	mem_free(label);
}

static void print_list(const struct cli *cli, const json_t *list)
{
	static const char *const heads[] = { "cli_head_id", "cli_head_name", "cli_head_kind", "cli_head_size", "cli_head_path" };
	struct table *t = table_new("rllrl");
	struct buf out = BUF_INIT(16 * MIB);
	const json_t *item, *checkpoint;
	size_t i, k;

	for (i = 0; i < 5; i++)
		table_cell(t, msg_text(cli->lang, heads[i]));
	json_array_foreach(json_object_get(list, "models"), i, item)
		add_row(cli, t, item, NULL);
	json_array_foreach(json_object_get(list, "families"), i, item) {
		json_array_foreach(json_object_get(item, "checkpoints"), k, checkpoint)
			add_row(cli, t, checkpoint, text_of(item, "name"));
	}
	table_write(t, term_is_live(stdout) ? term_columns(stdout) : 0, &out);
	fwrite(buf_text(&out), 1, out.len, stdout);
	table_free(t);
	buf_release(&out);
}

/* Calls one address and prints the reply (as JSON, or by `print`). */
static int call_and_print(struct cli *cli, const char *method, const char *path,
			  void (*print)(const struct cli *, const json_t *))
{
	struct client *client = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;

	if (cli_connect(cli, &client, &err) != ERR_OK || client_call(client, method, path, NULL, &reply, &err) != ERR_OK) {
		client_close(client);
		return cli_fail(cli, &err);
	}
	if (reply && (cli->json || !print))
		cli_print_json(reply);
	else if (reply)
		print(cli, reply);
	json_decref(reply);
	client_close(client);
	return EXIT_DONE;
}

static int exec_list(struct cli *cli)
{
	return call_and_print(cli, "GET", "/models", print_list);
}

static int by_id(struct cli *cli, const char *method)
{
	struct err err = { 0 };
	char path[64];
	int64_t id;

	if (args_id(args_word(cli->args, 0), "ID", &id, &err) != ERR_OK)
		return cli_fail(cli, &err);
	(void)str_format(path, sizeof path, "/models/%lld", (long long)id);
	return call_and_print(cli, method, path, NULL);
}

static int exec_show(struct cli *cli)
{
	return by_id(cli, "GET");
}

static int exec_remove(struct cli *cli)
{
	return by_id(cli, "DELETE");
}

/* --base is a model's number, or a file that is added first. */
static enum err_code base_id(struct client *client, const char *base, int64_t *id, struct err *err)
{
	uint64_t number;
	json_t *reply = NULL;

	*id = 0;
	if (!base)
		return ERR_OK;
	if (str_to_u64(str_of(base), &number)) {
		*id = (int64_t)number;
		return ERR_OK;
	}
	if (resolve_add(client, base, 0, NULL, &reply, err) != ERR_OK)
		return err->code;
	*id = json_integer_value(json_array_get(json_object_get(reply, "model_ids"), 0));
	json_decref(reply);
	return *id > 0 ? ERR_OK : err_set(err, ERR_NOT_FOUND, "err_scan_nothing", "path=%s", base);
}

static int exec_add(struct cli *cli)
{
	struct client *client = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;
	const json_t *refusal;
	int64_t base;
	size_t i;

	if (cli_connect(cli, &client, &err) != ERR_OK ||
	    base_id(client, args_text(cli->args, "base", NULL), &base, &err) != ERR_OK ||
	    resolve_add(client, args_word(cli->args, 0), base, args_text(cli->args, "name", NULL), &reply, &err) != ERR_OK) {
		client_close(client);
		return cli_fail(cli, &err);
	}
	size_t models = json_array_size(json_object_get(reply, "model_ids"));
	if (cli->json)
		cli_print_json(reply);
	else
		cli_say(cli, stdout, "cli_added", "models=%zu|families=%zu", models,
			json_array_size(json_object_get(reply, "family_ids")));
	json_array_foreach(json_object_get(reply, "refusals"), i, refusal)
		cli_say(cli, stderr, "cli_refused", "path=%s|message=%s", text_of(refusal, "path"),
			text_of(json_object_get(refusal, "problem"), "message"));
	json_decref(reply);
	client_close(client);
	return models > 0 ? EXIT_DONE : EXIT_DATA;
}

static const struct arg_option add_options[] = {
	{ "base", "FILE|ID", "cli_opt_base", false },
	{ "name", "NAME", "cli_opt_name", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const add_tables[] = { add_options, NULL };

static const struct command model_commands[] = {
	{ "list", "", "cli_models_list_summary", NULL, NULL, 0, 0, exec_list, NULL },
	{ "add", "PATH [--base FILE] [--name NAME]", "cli_models_add_summary", NULL, add_tables, 1, 1, exec_add, NULL },
	{ "show", "ID", "cli_models_show_summary", NULL, NULL, 1, 1, exec_show, NULL },
	{ "remove", "ID", "cli_models_remove_summary", NULL, NULL, 1, 1, exec_remove, NULL },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL },
};

const struct command cmd_models = { "models", "COMMAND", "cli_models_summary", NULL, NULL, 0, 0, NULL, model_commands };
