/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/models_find.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/resolve.h"
#include "cli/show.h"
#include "cli/table.h"

const struct arg_option models_find_options[] = {
	{ "add", "NAME", "cli_opt_find_add", true },
	{ "all", NULL, "cli_opt_find_all", false },
	{ NULL, NULL, NULL, false },
};

/* --- showing --- */

static void add_row(const struct cli *cli, struct table *t, const json_t *find)
{
	const json_t *problem = json_object_get(find, "problem");
	int64_t epochs = show_int(find, "n_checkpoints");
	char size[32];
	char *kind = epochs ? cli_text(cli, "cli_find_epochs", "n=%lld", (long long)epochs)
			    : mem_strdup(show_text(find, "file_type"));
	show_bytes(show_int(find, "size_bytes"), size);
	table_cell(t, show_text(find, "place_name"));
	table_cell(t, show_text(find, "name"));
	table_cell(t, kind);
	table_cell(t, show_int(find, "size_bytes") ? size : "");
	table_cell(t, problem					     ? show_text(problem, "message")
		      : json_is_true(json_object_get(find, "added")) ? msg_text(cli->lang, "cli_find_added")
								     : "");
	mem_free(kind);
}

/* Where nothing is, the reader may know better where to look. */
static void print_nothing(const struct cli *cli, const json_t *reply)
{
	size_t i;
	const json_t *place;
	cli_say(cli, stderr, "cli_find_nothing", NULL);
	json_array_foreach(json_object_get(reply, "places"), i, place)
		if (strcmp(show_text(place, "state"), "unreadable") != 0)
			cli_say(cli, stderr, "cli_find_looked", "place=%s|path=%s", show_text(place, "place_name"),
				show_text(place, "path"));
}

static void print_finds(const struct cli *cli, const json_t *reply)
{
	static const char *const heads[] = { "cli_head_place", "cli_head_name",	 "cli_head_kind",
					     "cli_head_size",  "cli_head_state", NULL };
	const json_t *found = json_object_get(reply, "found"), *item;
	size_t i, n_new = 0;
	json_array_foreach(json_object_get(reply, "places"), i, item)
		show_problem("", json_object_get(item, "problem"));
	if (json_array_size(found) == 0) {
		print_nothing(cli, reply);
		return;
	}
	struct table *t = table_new("lllrl");
	show_heading(cli, t, heads);
	json_array_foreach(found, i, item) {
		add_row(cli, t, item);
		n_new += !json_object_get(item, "problem") && !json_is_true(json_object_get(item, "added"));
	}
	show_table(t, stdout);
	json_array_foreach(found, i, item)
		if (json_object_get(item, "problem") && *show_text(json_object_get(item, "problem"), "hint"))
			cli_say(cli, stderr, "cli_find_hint", "name=%s|hint=%s", show_text(item, "name"),
				show_text(json_object_get(item, "problem"), "hint"));
	if (n_new > 0)
		cli_say(cli, stderr, "cli_find_how", "n=%zu", n_new);
}

/* --- adding --- */

/* By its name, one of its other names, or its path. */
static bool is_named(const json_t *find, const char *word)
{
	struct str also = str_of(show_text(find, "also"));
	if (strcasecmp(show_text(find, "name"), word) == 0 || strcmp(show_text(find, "path"), word) == 0)
		return true;
	while (also.ptr && also.len > 0)
		if (str_eq_nocase(str_trim(str_split(&also, ',')), word))
			return true;
	return false;
}

static void extend(json_t *all, const json_t *scan, const char *member)
{
	size_t i;
	json_t *id;
	json_array_foreach(json_object_get(scan, member), i, id)
		json_array_append(json_object_get(all, member), id);
}

static enum err_code add_one(struct client *c, const json_t *find, json_t *all, struct err *err)
{
	json_t *scan = NULL;
	const json_t *problem = json_object_get(find, "problem");
	if (problem)
		return err_set(err, ERR_DATA, "err_server_says", "message=%s|hint=%s", show_text(problem, "message"),
			       show_text(problem, "hint"));
	enum err_code code = resolve_add(c, show_text(find, "path"), 0, NULL, &scan, err);
	extend(all, scan, "model_ids");
	extend(all, scan, "family_ids");
	json_decref(scan);
	return code;
}

static enum err_code add_named(struct client *c, const json_t *found, const char *word, json_t *all, struct err *err)
{
	size_t i, n = 0;
	const json_t *find;
	enum err_code code = ERR_OK;
	json_array_foreach(found, i, find) {
		if (code == ERR_OK && is_named(find, word)) {
			code = add_one(c, find, all, err);
			n++;
		}
	}
	return code == ERR_OK && n == 0 ? err_set(err, ERR_NOT_FOUND, "err_cli_not_found_there", "name=%s", word) : code;
}

static enum err_code add_all(struct client *c, const json_t *found, json_t *all, struct err *err)
{
	size_t i;
	const json_t *find;
	enum err_code code = ERR_OK;
	json_array_foreach(found, i, find)
		if (code == ERR_OK && !json_object_get(find, "problem") && !json_is_true(json_object_get(find, "added")))
			code = add_one(c, find, all, err);
	return code;
}

static enum err_code add_wanted(const struct cli *cli, struct client *c, const json_t *reply, struct err *err)
{
	json_t *all = json_pack("{s:[], s:[]}", "model_ids", "family_ids");
	const json_t *found = json_object_get(reply, "found");
	enum err_code code = ERR_OK;
	const char *word;
	for (size_t i = 0; code == ERR_OK && (word = args_nth(cli->args, "add", i)); i++)
		code = add_named(c, found, word, all, err);
	if (code == ERR_OK && args_has(cli->args, "all"))
		code = add_all(c, found, all, err);
	if (code == ERR_OK && cli->json)
		cli_print_json(all);
	else if (code == ERR_OK)
		cli_say(cli, stdout, "cli_added", "models=%zu|families=%zu", json_array_size(json_object_get(all, "model_ids")),
			json_array_size(json_object_get(all, "family_ids")));
	json_decref(all);
	return code;
}

int models_find(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;
	bool adds = args_has(cli->args, "add") || args_has(cli->args, "all");
	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = client_call(c, "POST", "/models/find", NULL, &reply, &err);
	if (code == ERR_OK && adds)
		code = add_wanted(cli, c, reply, &err);
	else if (code == ERR_OK && cli->json)
		cli_print_json(reply);
	else if (code == ERR_OK)
		print_finds(cli, reply);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	json_decref(reply);
	client_close(c);
	return result;
}
