/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/url.h"
#include "cli/column_label.h"
#include "cli/resolve.h"
#include "cli/show.h"
#include "cli/step_follow.h"
#include "cli/term.h"

static const struct arg_option create_options[] = {
	{ "run", "ID", "cli_opt_create_run", false },
	{ "column", "N", "cli_opt_create_column", false },
	{ "model", "SPEC", "cli_opt_create_model", false },
	{ "format", "NAME", "cli_opt_create_format", false },
	{ "to", "TARGET", "cli_opt_create_to", false },
	{ "ollama", "URL", "cli_opt_create_ollama", false },
	{ "name", "NAME", "cli_opt_create_name", false },
	{ "out", "FILE", "cli_opt_create_out", false },
	{ "imatrix", NULL, "cli_opt_create_imatrix", false },
	{ "no-proof", NULL, "cli_opt_create_no_proof", false },
	{ "replace", NULL, "cli_opt_create_replace", false },
	{ "strict", NULL, "cli_opt_create_strict", false },
	{ NULL, NULL, NULL, false },
};

/* --- what it is made of --- */

/* The column at position `n` (from 1), or with 0 the one that people liked most. */
static enum err_code choose_column(struct client *c, int64_t run_id, int64_t n, json_t *body, const char **name,
				   json_t **standing, struct err *err)
{
	char path[64];
	snprintf(path, sizeof path, "/runs/%lld/standing", (long long)run_id);
	if (client_call(c, "GET", path, NULL, standing, err) != ERR_OK)
		return err->code;
	const json_t *columns = json_object_get(*standing, "columns"), *column = NULL;
	size_t count = json_array_size(columns);
	int64_t recommended = show_int(*standing, "recommended_column_id");
	for (size_t i = 0; i < count; i++) {
		const json_t *each = json_array_get(columns, i);
		if (n ? (int64_t)i + 1 == n : recommended && show_int(each, "column_id") == recommended)
			column = each;
	}
	if (!column && n)
		return err_set(err, ERR_NOT_FOUND, "err_create_no_column", "n=%lld|count=%zu", (long long)n, count);
	if (!column)
		return err_set(err, ERR_INVALID, "err_create_no_votes", "id=%lld", (long long)run_id);
	json_object_set_new(body, "run_id", json_integer(run_id));
	json_object_set(body, "column_id", json_object_get(column, "column_id"));
	json_object_set(body, "model_id", json_object_get(column, "model_id"));
	*name = show_text(column, "label");
	return ERR_OK;
}

/* "Kestrel bot", 8 -> "kestrel-bot-epoch8", with the step where other steps are shown with that epoch; letters of all languages
 * stay. */
static char *default_name(const json_t *families, const json_t *model)
{
	const char *named = show_text(model, "family_name"), *label = *named ? named : show_text(model, "name");
	char epoch[32], step[32] = "";
	const json_t *family;
	size_t i;
	column_epoch(model, epoch);
	json_array_foreach(families, i, family) {
		if (show_int(family, "id") == show_int(model, "family_id") && column_epoch_is_shared(family, model))
			snprintf(step, sizeof step, "-step%lld", (long long)show_int(model, "step"));
	}
	char *name = mem_printf("%s%s%s%s", label, *epoch ? "-epoch" : "", epoch, step);
	for (char *p = name; *p; p++)
		*p = *p == ' ' ? '-' : (char)tolower((unsigned char)*p);
	return name;
}

static enum err_code set_name(const struct cli *cli, struct client *c, json_t *body, struct err *err)
{
	const char *given = args_text(cli->args, "name", NULL);
	char path[64];
	json_t *model = NULL, *list = NULL;
	if (given) {
		json_object_set_new(body, "name", json_text(str_of(given)));
		return ERR_OK;
	}
	snprintf(path, sizeof path, "/models/%lld", (long long)show_int(body, "model_id"));
	if (client_call(c, "GET", path, NULL, &model, err) == ERR_OK && client_call(c, "GET", "/models", NULL, &list, err) == ERR_OK) {
		char *name = default_name(json_object_get(list, "families"), model);
		json_object_set_new(body, "name", json_text(str_of(name)));
		mem_free(name);
	}
	json_decref(model);
	json_decref(list);
	return err->code;
}

static enum err_code choose(const struct cli *cli, struct client *c, json_t *body, struct err *err)
{
	const char *spec = args_text(cli->args, "model", NULL), *name = NULL;
	int64_t run_id = 0, model_id = 0;
	json_t *standing = NULL;
	enum err_code code;
	if (spec) {
		code = resolve_text(c, spec, &model_id, err);
		if (code == ERR_OK)
			json_object_set_new(body, "model_id", json_integer(model_id));
	} else {
		code = args_id(args_text(cli->args, "run", ""), "ID", &run_id, err);
		int64_t n = args_int(cli->args, "column", 1, LIMIT_COLUMNS, 0, err);
		if (code == ERR_OK && err->code == ERR_OK)
			code = choose_column(c, run_id, n, body, &name, &standing, err);
		if (code == ERR_OK && name && !args_has(cli->args, "column") && !cli->json)
			cli_say(cli, stderr, "cli_create_chosen", "name=%s", name);
	}
	json_decref(standing);
	return code == ERR_OK ? set_name(cli, c, body, err) : code;
}

static enum err_code check_options(const struct cli *cli, struct err *err)
{
	bool run = args_has(cli->args, "run"), model = args_has(cli->args, "model");
	const char *to = args_text(cli->args, "to", "file");
	if (run == model)
		return err_set(err, ERR_INVALID, "err_create_source", NULL);
	if (args_has(cli->args, "column") && !run)
		return err_set(err, ERR_INVALID, "err_create_column_alone", NULL);
	if (args_has(cli->args, "strict") && (model || args_has(cli->args, "no-proof")))
		return err_set(err, ERR_INVALID, "err_create_strict", NULL);
	if (strcmp(to, "file") != 0 && strcmp(to, "workspace") != 0 && strcmp(to, "ollama") != 0)
		return err_set(err, ERR_INVALID, "err_cli_choice", "option=--to|choices=file, workspace, ollama|found=%s", to);
	const char *ollama = args_text(cli->args, "ollama", NULL);
	struct url_parts url;
	if (ollama && strcmp(to, "ollama") != 0)
		return err_set(err, ERR_INVALID, "err_create_ollama_alone", NULL);
	if (ollama && url_parse(ollama, &url, err) != ERR_OK)
		return err->code;
	(void)args_int(cli->args, "column", 1, LIMIT_COLUMNS, 0, err);
	return err->code;
}

/* The AI provider at the address of --ollama, whichever server of assay does the work: added where it is none yet. */
static enum err_code choose_ollama(const struct cli *cli, struct client *c, json_t *body, struct err *err)
{
	const char *text = args_text(cli->args, "ollama", NULL);
	const json_t *each, *found = NULL;
	json_t *list = NULL, *added = NULL;
	struct url_parts url;
	size_t i;
	if (!text)
		return ERR_OK;
	if (url_parse(text, &url, err) != ERR_OK || client_call(c, "GET", "/providers", NULL, &list, err) != ERR_OK)
		return err->code;
	json_array_foreach(json_object_get(list, "providers"), i, each)
		if (!found && strcmp(show_text(each, "kind"), "ollama") == 0 && strcmp(show_text(each, "url"), url.text) == 0)
			found = each;
	if (!found) {
		json_t *wish = json_pack("{s:s, s:s}", "kind", "ollama", "url", url.text);
		if (client_call(c, "POST", "/providers", wish, &added, err) == ERR_OK)
			found = added;
		json_decref(wish);
	}
	if (found)
		json_object_set(body, "provider_id", json_object_get(found, "id"));
	json_decref(added);
	json_decref(list);
	return err->code;
}

static json_t *make_body(const struct cli *cli)
{
	const char *out = args_text(cli->args, "out", NULL);
	json_t *body = json_pack("{s:s, s:s, s:b, s:b, s:b}", "target", args_text(cli->args, "to", "file"), "format",
				 args_text(cli->args, "format", "Q4_K_M"), "imatrix", args_has(cli->args, "imatrix"), "prove",
				 !args_has(cli->args, "no-proof"), "replace", args_has(cli->args, "replace"));
	if (out) {
		char *path = resolve_path(out);
		json_object_set_new(body, "path", json_text(str_of(path)));
		mem_free(path);
	}
	return body;
}

/* --- how it ended --- */

static int tell_result(struct cli *cli, const json_t *creation)
{
	const json_t *artifact = json_object_get(creation, "artifact"), *proof = json_object_get(artifact, "proof");
	const char *path = show_text(json_object_get(creation, "result"), "path"), *verdict = show_text(proof, "verdict");
	char size[32];
	show_bytes(show_int(artifact, "size_bytes"), size);
	if (cli->json) {
		cli_print_json(creation);
	} else {
		if (*path) {
			term_print(stdout, str_of(path));
			fputc('\n', stdout);
		}
		cli_say(cli, stderr, "cli_create_size", "format=%s|size=%s", show_text(artifact, "format"), size);
		show_problem("", json_object_get(json_object_get(creation, "result"), "proof_problem"));
		if (*verdict) {
			term_print(stderr, str_of(show_text(proof, "advice")));
			fputc('\n', stderr);
		}
	}
	bool kept = strcmp(verdict, "same") == 0 || strcmp(verdict, "slightly_different") == 0;
	return !kept && args_has(cli->args, "strict") ? EXIT_GATE : EXIT_DONE;
}

static int finish(struct cli *cli, const json_t *creation)
{
	const char *state = show_text(creation, "state");
	const json_t *problem = json_object_get(creation, "problem");
	if (strcmp(state, "done") == 0)
		return tell_result(cli, creation);
	if (cli->json)
		cli_print_json(creation);
	if (strcmp(state, "cancelled") == 0) {
		if (!cli->json)
			cli_say(cli, stderr, "cli_create_cancelled", NULL);
		return EXIT_INTERRUPTED;
	}
	show_problem("", problem);
	return cli_exit_code(err_code_from_name(show_text(problem, "code")));
}

static int exec_create(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *body = make_body(cli), *creation = NULL;
	enum err_code code = check_options(cli, &err);
	if (code == ERR_OK)
		code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = choose(cli, c, body, &err);
	if (code == ERR_OK)
		code = choose_ollama(cli, c, body, &err);
	if (code == ERR_OK)
		code = client_call(c, "POST", "/creations", body, &creation, &err);
	int64_t id = show_int(creation, "id");
	json_decref(creation);
	creation = NULL;
	if (code == ERR_OK)
		code = step_follow(cli, c, &(struct step_job){ "/creations", id, "cancel", "create_step_" }, &creation, &err);
	int result = code == ERR_OK ? finish(cli, creation) : cli_fail(cli, &err);
	json_decref(creation);
	json_decref(body);
	client_close(c);
	return result;
}

static const struct arg_option *const tables[] = { create_options, machine_options, NULL };

const struct command cmd_create = { "create", "--run ID [--column N] | --model SPEC [OPTION...]", "cli_create_summary",
				    "cli_create_about", tables, 0, 0, exec_create, NULL };
