/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/column_label.h"
#include "cli/models_check.h"
#include "cli/models_convert.h"
#include "cli/models_find.h"
#include "cli/models_get.h"
#include "cli/models_gpu.h"
#include "cli/models_template.h"
#include "cli/models_weights.h"
#include "cli/resolve.h"
#include "cli/show.h"

/* --- list --- */

static void add_row(const struct cli *cli, struct table *t, const json_t *model, const char *family)
{
	const json_t *problem = json_object_get(model, "problem");
	char size[32];
	const json_t *epoch = json_object_get(model, "epoch");
	char *label = !family		       ? mem_strdup(show_text(model, "name"))
		      : json_is_number(epoch) ? column_label(cli, family, epoch)
					       : mem_printf("%s/%s", family, show_text(model, "name"));
	show_bytes(show_int(model, "size_bytes"), size);
	table_cellf(t, "%lld", (long long)show_int(model, "id"));
	table_cell(t, label);
	table_cell(t, *show_text(model, "file_type") ? show_text(model, "file_type") : show_kind(cli, model));
	table_cell(t, size);
	table_cell(t, problem ? show_text(problem, "message") : show_text(model, "path"));
	mem_free(label);
}

static void print_list(const struct cli *cli, const json_t *list)
{
	static const char *const heads[] = { "cli_head_id",   "cli_head_name", "cli_head_kind",
					     "cli_head_size", "cli_head_path", NULL };
	const json_t *models = json_object_get(list, "models"), *families = json_object_get(list, "families");
	const json_t *item, *checkpoint;
	size_t i, k;
	if (!json_array_size(models) && !json_array_size(families)) {
		cli_say(cli, stderr, "cli_no_models", NULL);
		return;
	}
	struct table *t = table_new("rllrl");
	show_heading(cli, t, heads);
	json_array_foreach(models, i, item)
		add_row(cli, t, item, NULL);
	json_array_foreach(families, i, item)
		json_array_foreach(json_object_get(item, "checkpoints"), k, checkpoint)
			add_row(cli, t, checkpoint, show_text(item, "name"));
	show_table(t, stdout);
}

static int exec_list(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *list = NULL;
	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = client_call(c, "GET", "/models", NULL, &list, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(list);
	else if (code == ERR_OK)
		print_list(cli, list);
	json_decref(list);
	client_close(c);
	return result;
}

/* --- epochs that a trainer did not keep --- */

/* "3, 5–7" of sorted numbers; free with mem_free(). */
static char *ranges(const struct cli *cli, const json_t *numbers)
{
	struct buf text = BUF_INIT(4 * KIB);
	const char *comma = cli->lang == LANG_ZH_TW ? "、" : ", ";
	size_t n = json_array_size(numbers);
	for (size_t i = 0; i < n; i++) {
		int64_t from = json_integer_value(json_array_get(numbers, i)), to = from;
		while (i + 1 < n && json_integer_value(json_array_get(numbers, i + 1)) == to + 1) {
			to++;
			i++;
		}
		buf_printf(&text, "%s%lld", text.len ? comma : "", (long long)from);
		if (to > from)
			buf_printf(&text, "–%lld", (long long)to);
	}
	return buf_take(&text);
}

static void say_missing(const struct cli *cli, const json_t *family)
{
	const json_t *missing = json_object_get(family, "missing_epochs");
	if (!json_array_size(missing))
		return;
	char *list = ranges(cli, missing);
	cli_say(cli, stderr, json_array_size(missing) == 1 ? "cli_missing_epoch" : "cli_missing_epochs", "name=%s|list=%s",
		show_text(family, "name"), list);
	mem_free(list);
}

/* --- add --- */

/* --base is a model's number or SPEC, or a file that is added first. */
static enum err_code add(struct cli *cli, struct client *c, json_t **scan, struct err *err)
{
	const char *base = args_text(cli->args, "base", NULL);
	int64_t base_id = 0;
	enum err_code code = base ? resolve_text(c, base, &base_id, err) : ERR_OK;
	if (code != ERR_OK)
		return code;
	return resolve_add(c, args_word(cli->args, 0), base_id, args_text(cli->args, "name", NULL), scan, err);
}

static bool has_id(const json_t *ids, int64_t id)
{
	size_t i;
	const json_t *item;
	json_array_foreach(ids, i, item)
		if (json_integer_value(item) == id)
			return true;
	return false;
}

/* Tells which epochs are not there of what was just added, and asks for base models that are not known. */
static void tell_families(struct cli *cli, struct client *c, const json_t *family_ids)
{
	json_t *list = NULL;
	size_t i;
	const json_t *family;
	if (!json_array_size(family_ids) || client_call(c, "GET", "/models", NULL, &list, NULL) != ERR_OK)
		return;
	json_array_foreach(json_object_get(list, "families"), i, family) {
		const char *base = show_text(family, "base_name"), *first = show_text(
			json_array_get(json_object_get(family, "checkpoints"), 0), "kind");
		if (!has_id(family_ids, show_int(family, "id")))
			continue;
		say_missing(cli, family);
		if (show_int(family, "base_model_id") || strcmp(first, "adapter") != 0)
			continue;
		cli_say(cli, stderr, *base ? "cli_base_needed" : "cli_base_needed_nameless", "name=%s|base=%s",
			show_text(family, "name"), base);
	}
	json_decref(list);
}

static int exec_add(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *scan = NULL;
	const json_t *refusal;
	size_t i;
	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = add(cli, c, &scan, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	json_array_foreach(json_object_get(scan, "refusals"), i, refusal)
		show_problem(show_text(refusal, "path"), json_object_get(refusal, "problem"));
	if (code == ERR_OK && cli->json)
		cli_print_json(scan);
	else if (code == ERR_OK)
		cli_say(cli, stdout, "cli_added", "models=%zu|families=%zu", json_array_size(json_object_get(scan, "model_ids")),
			json_array_size(json_object_get(scan, "family_ids")));
	if (code == ERR_OK && !cli->json)
		tell_families(cli, c, json_object_get(scan, "family_ids"));
	json_decref(scan);
	client_close(c);
	return result;
}

/* --- show, remove --- */

enum err_code models_named(struct client *c, const char *word, char path[64], struct err *err)
{
	json_t *list = NULL;
	int64_t id;
	enum err_code code = client_call(c, "GET", "/models", NULL, &list, err);
	if (code != ERR_OK)
		return code;
	int64_t family = spec_match_family(word, list);
	json_decref(list);
	if (family > 0) {
		snprintf(path, 64, "/families/%lld", (long long)family);
		return ERR_OK;
	}
	code = resolve_text(c, word, &id, err);
	snprintf(path, 64, "/models/%lld", (long long)id);
	return code;
}

static void print_model(const struct cli *cli, const json_t *model)
{
	static const struct {
		const char *member, *head;
	} rows[] = { { "id", "cli_head_id" },           { "name", "cli_head_name" },
		     { "family_name", "cli_row_family" }, { "kind", "cli_head_kind" },
		     { "epoch", "cli_row_epoch" },      { "step", "cli_row_step" },
		     { "base_model_id", "cli_row_base" }, { "base_name", "cli_row_base_name" },
		     { "architecture", "cli_row_architecture" }, { "file_type", "cli_row_file_type" },
		     { "n_params", "cli_row_weights" }, { "n_ctx_train", "cli_row_context" },
		     { "rank", "cli_row_rank" },        { "train_loss", "cli_row_train_loss" },
		     { "eval_loss", "cli_row_eval_loss" }, { "path", "cli_head_path" } };
	struct table *t = table_new("ll");
	json_t *none = json_integer(0); /* not in the file */
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const json_t *value = json_object_get(model, rows[i].member);
		if (!value || json_is_null(value) || json_equal(value, none) ||
		    (json_is_string(value) && !*json_string_value(value)))
			continue;
		table_cell(t, msg_text(cli->lang, rows[i].head));
		if (json_is_string(value))
			table_cell(t, strcmp(rows[i].member, "kind") == 0 ? show_kind(cli, model) : json_string_value(value));
		else
			table_cellf(t, "%.12g", json_number_value(value));
	}
	json_decref(none);
	show_table(t, stdout);
	models_print_weights(cli, model);
	models_print_belonging(cli, model);
	models_print_template(cli, model);
	show_problem("", json_object_get(model, "problem"));
}

/* GET /families/ID is not in the API: a family is taken from the list. */
static json_t *family_in(const json_t *list, const char *path)
{
	size_t i;
	json_t *family;
	json_array_foreach(json_object_get(list, "families"), i, family) {
		char own[64];
		snprintf(own, sizeof own, "/families/%lld", (long long)show_int(family, "id"));
		if (strcmp(own, path) == 0)
			return json_incref(family);
	}
	return NULL;
}

enum err_code models_fetch(struct client *c, const char *path, json_t **out, struct err *err)
{
	json_t *list = NULL;
	if (strncmp(path, "/models/", 8) == 0)
		return client_call(c, "GET", path, NULL, out, err);
	enum err_code code = client_call(c, "GET", "/models", NULL, &list, err);
	*out = family_in(list, path);
	json_decref(list);
	return code;
}

static void print_family(const struct cli *cli, const json_t *family)
{
	json_t *list = json_pack("{s:[], s:[O]}", "models", "families", family);
	print_model(cli, family);
	fputc('\n', stdout);
	print_list(cli, list);
	say_missing(cli, family);
	json_decref(list);
}

static int exec_show(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *shown = NULL;
	char path[64];
	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = models_named(c, args_word(cli->args, 0), path, &err);
	if (code == ERR_OK)
		code = models_fetch(c, path, &shown, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(shown);
	else if (code == ERR_OK && json_object_get(shown, "checkpoints"))
		print_family(cli, shown);
	else if (code == ERR_OK)
		print_model(cli, shown);
	json_decref(shown);
	client_close(c);
	return result;
}

static void print_changes(const struct cli *cli, const json_t *found)
{
	size_t i;
	const json_t *name;
	cli_say(cli, stdout, "cli_changes", "n=%lld|m=%lld|name=%s", (long long)(show_int(found, "n_changed") + show_int(found, "n_added")),
		(long long)show_int(found, "n_tensors"), show_text(found, "against_name"));
	json_array_foreach(json_object_get(found, "changed"), i, name)
		printf("  %s\n", json_string_value(name));
	if (show_int(found, "n_changed") > (int64_t)json_array_size(json_object_get(found, "changed")))
		puts("  ...");
}

static int exec_changes(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *found = NULL;
	int64_t id = 0, against = 0;
	char path[96];
	const char *other = args_text(cli->args, "against", NULL);
	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = resolve_text(c, args_word(cli->args, 0), &id, &err);
	if (code == ERR_OK && other)
		code = resolve_text(c, other, &against, &err);
	snprintf(path, sizeof path, against ? "/models/%lld/changes?against=%lld" : "/models/%lld/changes", (long long)id, (long long)against);
	if (code == ERR_OK)
		code = client_call(c, "GET", path, NULL, &found, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(found);
	else if (code == ERR_OK)
		print_changes(cli, found);
	json_decref(found);
	client_close(c);
	return result;
}

static int exec_remove(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	char path[64];
	enum err_code code = cli_connect(cli, &c, &err);
	for (size_t i = 0; i < args_count(cli->args) && code == ERR_OK; i++) {
		code = models_named(c, args_word(cli->args, i), path, &err);
		if (code == ERR_OK)
			code = client_call(c, "DELETE", path, NULL, NULL, &err);
		if (code == ERR_OK)
			cli_say(cli, stderr, "cli_removed", "name=%s", args_word(cli->args, i));
	}
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	client_close(c);
	return result;
}

static const struct arg_option add_options[] = {
	{ "base", "FILE|SPEC|ID", "cli_opt_base", false },
	{ "name", "NAME", "cli_opt_name", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const add_tables[] = { add_options, NULL };
static const struct arg_option changes_options[] = {
	{ "against", "SPEC|ID", "cli_opt_against", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const changes_tables[] = { changes_options, NULL };
static const struct arg_option *const find_tables[] = { models_find_options, NULL };

static const struct arg_option *const get_tables[] = { models_get_options, NULL };

static const struct command model_commands[] = {
	{ "list", "", "cli_models_list_summary", NULL, NULL, 0, 0, exec_list, NULL },
	{ "add", "PATH [--base FILE|SPEC|ID] [--name NAME]", "cli_models_add_summary", "cli_models_add_about", add_tables, 1, 1,
	  exec_add, NULL },
	{ "find", "[--add NAME]... [--all]", "cli_models_find_summary", "cli_models_find_about", find_tables, 0, 0, models_find, NULL },
	{ "get", "ID[:FILE] [--revision REV] [--list]", "cli_models_get_summary", "cli_models_get_about", get_tables, 1, 1, models_get,
	  NULL },
	{ "show", "SPEC|FAMILY|ID", "cli_models_show_summary", NULL, NULL, 1, 1, exec_show, NULL },
	{ "convert", "DIR [--type NAME] [--out FILE] [--base PATH] [--replace] [--with-python]", "cli_models_convert_summary", "cli_models_convert_about",
	  models_convert_tables, 0, 1, models_convert_exec, NULL },
	{ "changes", "SPEC|ID [--against SPEC|ID]", "cli_models_changes_summary", "cli_models_changes_about", changes_tables, 1, 1,
	  exec_changes, NULL },
	{ "check", "FAMILY|SPEC", "cli_models_check_summary", "cli_models_check_about", models_check_tables, 1, 1, models_exec_check,
	  NULL },
	{ "template", "FAMILY|SPEC [CHOICE] [--question TEXT] [--file FILE]", "cli_models_template_summary", "cli_models_template_about", models_template_tables, 1, 2,
	  models_exec_template, NULL },
	{ "weights", "FAMILY|SPEC [stored|q8_0]", "cli_models_weights_summary", "cli_models_weights_about", NULL, 1, 2,
	  models_exec_weights, NULL },
	{ "gpu", "SPEC|ID [auto|none|LAYERS|default] [--device ID,ID...]", "cli_models_gpu_summary", "cli_models_gpu_about",
	  models_gpu_tables, 1, 2, models_exec_gpu, NULL },
	{ "remove", "SPEC|FAMILY|ID ...", "cli_models_remove_summary", NULL, NULL, 1, 100, exec_remove, NULL },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL },
};

const struct command cmd_models = { "models", "COMMAND", "cli_models_summary", NULL, NULL, 0, 0, NULL, model_commands };
