/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/models_template.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/models_check.h"
#include "cli/settings.h"
#include "cli/show.h"

static const struct arg_option template_options[] = {
	{ "question", "TEXT", "cli_opt_template_question", false },
	{ "file", "FILE", "cli_opt_template_file", false },
	{ NULL, NULL, NULL, false },
};
const struct arg_option *const models_template_tables[] = { template_options, NULL };

/* --- shown --- */

/* What the trainer said of stops, context and sampling, under the names of the settings. */
static void print_settings(const struct cli *cli, const json_t *chat)
{
	json_t *all = json_deep_copy(json_object_get(chat, "sampling"));
	struct buf text = BUF_INIT(64 * KIB);

	if (json_array_size(json_object_get(chat, "stops")) > 0)
		json_object_set(all, "stop", json_object_get(chat, "stops"));
	if (show_int(chat, "num_ctx") > 0)
		json_object_set(all, "num_ctx", json_object_get(chat, "num_ctx"));
	if (json_object_size(all) > 0) {
		json_write(&text, all);
		cli_say(cli, stdout, "cli_template_settings", "text=%s", buf_text(&text));
	}
	json_decref(all);
	buf_release(&text);
}

void models_print_template(const struct cli *cli, const json_t *model)
{
	const json_t *chat = json_object_get(model, "chat"), *note;
	const char *source = show_text(chat, "source");
	char key[64];
	size_t i;

	if (!chat)
		return;
	if (strcmp(source, "none") == 0) {
		cli_say(cli, stderr, "cli_no_template", NULL);
	} else if (strcmp(source, "unknown") != 0) {
		snprintf(key, sizeof key, "cli_template_%s", source);
		cli_say(cli, stdout, key, "preset=%s|path=%s", show_text(chat, "preset"), show_text(chat, "path"));
	}
	if (json_is_true(json_object_get(chat, "differs")))
		cli_say(cli, stdout, "cli_template_differs", NULL);
	if (*show_text(chat, "system"))
		cli_say(cli, stdout, "cli_template_system", "text=%s", show_text(chat, "system"));
	print_settings(cli, chat);
	json_array_foreach(json_object_get(chat, "notes"), i, note)
		show_problem("", note);
}

/* --- tried --- */

/* The model that answers for what was named: of a fine-tuned model its last epoch. */
static int64_t model_of(const json_t *shown)
{
	const json_t *checkpoints = json_object_get(shown, "checkpoints");
	size_t n = json_array_size(checkpoints);

	return show_int(n > 0 ? json_array_get(checkpoints, n - 1) : shown, "id");
}

static enum err_code try_prompt(struct client *c, const struct args *args, const json_t *shown, json_t **prompt, struct err *err)
{
	const char *file = args_text(args, "file", NULL), *question = args_text(args, "question", "What can you do?");
	json_t *params = json_object();
	char path[64];

	enum err_code code = file ? setting_put(params, STR("template"), str_of(file), err) : ERR_OK;
	(void)str_format(path, sizeof path, "/models/%lld/prompt", (long long)model_of(shown));
	json_t *body = json_pack("{s:o, s:o}", "question", json_text(str_of(question)), "params", params);
	if (code == ERR_OK)
		code = client_call(c, "POST", path, body, prompt, err);
	json_decref(body);
	return code;
}

/* --- chosen --- */

/* "auto" takes a choice back; with "own" goes the text of a file, which the server has tried before it is stored. */
static json_t *choice_body(const struct args *args, const char *choice, struct err *err)
{
	const char *file = args_text(args, "file", NULL);
	json_t *body = json_pack("{s:o}", "choice", json_text(str_of(strcmp(choice, "auto") == 0 ? "" : choice)));
	json_t *read = json_object();

	if (strcmp(choice, "own") == 0 && !file)
		err_set(err, ERR_INVALID, "err_template_own_file", NULL);
	else if (strcmp(choice, "own") == 0 && setting_put(read, STR("template"), str_of(file), err) == ERR_OK)
		json_object_set(body, "text", json_object_get(read, "template"));
	json_decref(read);
	return body;
}

/* Without a choice it is shown. */
int models_exec_template(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *shown = NULL, *prompt = NULL, *body;
	char path[64], full[96];
	const char *choice = args_count(cli->args) > 1 ? args_word(cli->args, 1) : NULL;
	bool is_own = choice && strcmp(choice, "own") == 0;
	bool is_tried = args_has(cli->args, "question") || (args_has(cli->args, "file") && !is_own);

	enum err_code code = cli_connect(cli, &c, &err);
	if (code == ERR_OK)
		code = models_named(c, args_word(cli->args, 0), path, &err);
	if (code == ERR_OK && choice) {
		(void)str_format(full, sizeof full, "%s/template", path);
		body = choice_body(cli->args, choice, &err);
		code = err.code == ERR_OK ? client_call(c, "PUT", full, body, &shown, &err) : err.code;
		json_decref(body);
	} else if (code == ERR_OK) {
		code = models_fetch(c, path, &shown, &err);
	}
	if (code == ERR_OK && is_tried)
		code = try_prompt(c, cli->args, shown, &prompt, &err);
	int result = code == ERR_OK ? EXIT_DONE : cli_fail(cli, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(prompt ? prompt : json_object_get(shown, "chat"));
	else if (prompt)
		puts(show_text(prompt, "prompt"));
	else if (code == ERR_OK)
		models_print_template(cli, shown);
	json_decref(shown);
	json_decref(prompt);
	client_close(c);
	return result;
}
