/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/resolve.h"
#include "cli/show.h"

static const char *state_of(const struct cli *cli, const json_t *provider)
{
	char key[48];

	(void)str_format(key, sizeof key, "cli_providers_%s", show_text(provider, "state"));
	return msg_text(cli->lang, key) ? msg_text(cli->lang, key) : "";
}

/* Where its key comes from, and whom its certificate is believed by. */
static void add_row(const struct cli *cli, struct table *t, const json_t *provider)
{
	const char *source = show_text(provider, "key_source"), *last4 = show_text(provider, "key_last4");
	const char *pin = show_text(provider, "pin_sha256"), *ca = show_text(provider, "ca_file");

	table_cellf(t, "%lld", (long long)show_int(provider, "id"));
	table_cell(t, show_text(provider, "name"));
	table_cell(t, show_text(provider, "url"));
	table_cell(t, state_of(cli, provider));
	if (strcmp(source, "file") == 0)
		table_cellf(t, "…%s", last4);
	else
		table_cell(t, source);
	table_cell(t, *pin ? pin : ca);
}

static void print_providers(const struct cli *cli, const json_t *list)
{
	static const char *const heads[] = { "cli_head_id",    "cli_head_name", "cli_head_address",
					     "cli_head_state", "cli_head_key",  "cli_head_trust", NULL };
	struct table *t = table_new("rlllll");
	const json_t *provider;
	size_t i;

	show_heading(cli, t, heads);
	json_array_foreach(list, i, provider)
		add_row(cli, t, provider);
	show_table(t, stdout);
	json_array_foreach(list, i, provider)
		show_problem(show_text(provider, "name"), json_object_get(provider, "problem"));
}

static int exec_list(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *reply = NULL;
	enum err_code code = cli_connect(cli, &c, &err);

	if (code == ERR_OK)
		code = client_call(c, "GET", "/providers", NULL, &reply, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(reply);
	else if (code == ERR_OK)
		print_providers(cli, json_object_get(reply, "providers"));
	json_decref(reply);
	client_close(c);
	return result;
}

/* The one that is called so, or has this number. */
static enum err_code find(struct client *c, const char *name, int64_t *id, struct err *err)
{
	json_t *reply = NULL;
	const json_t *provider;
	size_t i, n = 0;
	int64_t number = 0;
	enum err_code code = client_call(c, "GET", "/providers", NULL, &reply, err);

	if (!str_to_i64(str_of(name), &number))
		number = 0;
	json_array_foreach(json_object_get(reply, "providers"), i, provider) {
		if (strcasecmp(show_text(provider, "name"), name) != 0 && show_int(provider, "id") != number)
			continue;
		*id = show_int(provider, "id");
		n++;
	}
	json_decref(reply);
	if (code == ERR_OK && n != 1)
		code = err_set(err, ERR_NOT_FOUND, n ? "err_cli_provider_several" : "err_cli_provider", "name=%s", name);
	return code;
}

/* Changes the provider that the first word names, and shows what it is then.  Takes `body`. */
static int change(struct cli *cli, json_t *body)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *provider = NULL;
	char path[64];
	int64_t id = 0;
	enum err_code code = cli_connect(cli, &c, &err);

	if (code == ERR_OK)
		code = find(c, args_word(cli->args, 0), &id, &err);
	(void)str_format(path, sizeof path, "/providers/%lld", (long long)id);
	if (code == ERR_OK)
		code = client_call(c, "PATCH", path, body, &provider, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json) {
		cli_print_json(provider);
	} else if (code == ERR_OK) {
		cli_say(cli, stderr, "cli_providers_changed", "name=%s|state=%s", show_text(provider, "name"), state_of(cli, provider));
		show_problem("", json_object_get(provider, "problem"));
	}
	json_decref(provider);
	json_decref(body);
	client_close(c);
	return result;
}

/* The first line of standard input as a key. */
static json_t *read_key(struct err *err)
{
	char line[LIMIT_KEY_BYTES + 2] = "";
	struct str key = fgets(line, sizeof line, stdin) ? str_trim(str_of(line)) : (struct str){ 0 };
	json_t *body = key.len ? json_pack("{s:o}", "key", json_text(key)) : NULL;

	explicit_bzero(line, sizeof line);
	if (!body)
		err_set(err, ERR_INVALID, "err_cli_key_input", NULL);
	return body;
}

static int exec_key(struct cli *cli)
{
	const char *source = args_word(cli->args, 1);
	struct err err = { 0 };
	json_t *body = NULL;

	if (strcmp(source, "-") == 0)
		body = read_key(&err);
	else if (strcmp(source, "none") == 0)
		body = json_pack("{s:s}", "key", "");
	else if (strncmp(source, "env:", 4) == 0 || strncmp(source, "cmd:", 4) == 0)
		body = json_pack("{s:o}", "key_source", json_text(str_of(source)));
	else
		err_set(&err, ERR_INVALID, "err_cli_key_source", NULL); /* it may be a key: it is not repeated */
	return body ? change(cli, body) : cli_fail(cli, &err);
}

static int exec_trust(struct cli *cli)
{
	const char *ca = args_text(cli->args, "ca", NULL), *pin = args_text(cli->args, "pin", NULL);
	bool is_system = args_has(cli->args, "system");
	struct err err = { 0 };

	if (!ca + !pin + !is_system != 2) {
		err_set(&err, ERR_INVALID, "err_cli_trust_choice", NULL);
		return cli_fail(cli, &err);
	}
	char *path = ca ? resolve_path(ca) : NULL;
	json_t *body = json_pack("{s:o, s:o}", "ca_file", json_text(str_of(path ? path : "")), "pin_sha256",
				 json_text(str_of(pin ? pin : "")));
	mem_free(path);
	return change(cli, body);
}

static const struct arg_option trust_options[] = {
	{ "ca", "FILE", "cli_opt_trust_ca", false },
	{ "pin", "SHA256", "cli_opt_trust_pin", false },
	{ "system", NULL, "cli_opt_trust_system", false },
	{ NULL, NULL, NULL, false },
};
static const struct arg_option *const trust_tables[] = { trust_options, NULL };

static const struct command provider_commands[] = {
	{ "list", "", "cli_providers_list_summary", NULL, NULL, 0, 0, exec_list, NULL },
	{ "key", "NAME|ID env:NAME|cmd:COMMAND|-|none", "cli_providers_key_summary", "cli_providers_key_about", NULL, 2, 2, exec_key, NULL },
	{ "trust", "NAME|ID --ca FILE|--pin SHA256|--system", "cli_providers_trust_summary", "cli_providers_trust_about", trust_tables, 1, 1,
	  exec_trust, NULL },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL },
};

const struct command cmd_providers = { "providers", "COMMAND", "cli_providers_summary", NULL, NULL, 0, 0, NULL, provider_commands };
