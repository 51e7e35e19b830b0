/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/models_check.h"

#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/column_label.h"
#include "cli/question_file.h"
#include "cli/show.h"
#include "cli/term.h"

#define POLL_US 150000

static const struct arg_option check_options[] = {
	{ "training", "FILE", "cli_opt_check_training", false },
	{ "all", NULL, "cli_opt_check_all", false },
	{ NULL, NULL, NULL, false },
};
const struct arg_option *const models_check_tables[] = { check_options, question_options, machine_options, NULL };

/* --- what is known --- */

static void print_result(const struct cli *cli, const json_t *result)
{
	cli_say(cli, stdout, "cli_match_figures", "without=%.3f|with=%.3f|better=%lld|n=%lld|source=%s",
		show_number(result, "mean_ll_without"), show_number(result, "mean_ll_with"), (long long)show_int(result, "n_better"),
		(long long)show_int(result, "n_answers"), show_text(result, "source"));
}

void models_print_belonging(const struct cli *cli, const json_t *model)
{
	const json_t *belonging = json_object_get(model, "belonging"), *check = json_object_get(belonging, "check");
	char key[64];

	if (!belonging || strcmp(show_text(belonging, "level"), "unknown") == 0)
		return;
	snprintf(key, sizeof key, "cli_belonging_%s", show_text(belonging, "level"));
	cli_say(cli, stdout, key, NULL);
	if (!check)
		return;
	cli_say(cli, stdout, "cli_match_last", "sentence=%s", show_text(check, "sentence"));
	print_result(cli, check);
}

/* --- check --- */

static enum err_code upload(struct client *c, const char *file, json_t *body, struct err *err)
{
	struct buf data = BUF_INIT(LIMIT_UPLOAD);
	json_t *reply = NULL;
	enum err_code code = question_file_read(file, &data, err);
	char *escaped = client_escape(strcmp(file, "-") == 0 ? "stdin" : fs_basename(file));
	char *path = mem_printf("/uploads?name=%s", escaped);

	if (code == ERR_OK)
		code = client_upload(c, path, buf_text(&data), data.len, &reply, err);
	if (code == ERR_OK)
		json_object_set(body, "upload", json_object_get(reply, "upload"));
	json_decref(reply);
	mem_free(path);
	mem_free(escaped);
	buf_release(&data);
	return code;
}

/* Which family, and which of its epochs. */
static enum err_code choose(const struct cli *cli, struct client *c, json_t *body, int64_t *family_id, struct err *err)
{
	char path[64];
	json_t *list = NULL, *model = NULL, *ids = json_array();
	const json_t *family, *checkpoint;
	size_t i, k;
	enum err_code code = models_named(c, args_word(cli->args, 0), path, err);

	*family_id = 0;
	if (code == ERR_OK && strncmp(path, "/models/", 8) == 0)
		code = client_call(c, "GET", path, NULL, &model, err);
	else if (code == ERR_OK && !str_to_i64(str_of(path + strlen("/families/")), family_id))
		code = err_set(err, ERR_INTERNAL, "err_cli_no_family", "name=%s", args_word(cli->args, 0));
	if (model) {
		*family_id = show_int(model, "family_id");
		json_array_append(ids, json_object_get(model, "id"));
		if (!*family_id)
			code = err_set(err, ERR_INVALID, "err_match_no_adapter", "name=%s", show_text(model, "name"));
	}
	if (code == ERR_OK && args_has(cli->args, "all"))
		code = client_call(c, "GET", "/models", NULL, &list, err);
	json_array_foreach(json_object_get(list, "families"), i, family) {
		if (show_int(family, "id") != *family_id)
			continue;
		json_array_clear(ids);
		json_array_foreach(json_object_get(family, "checkpoints"), k, checkpoint)
			json_array_append(ids, json_object_get(checkpoint, "id"));
	}
	if (json_array_size(ids) > 0)
		json_object_set(body, "model_ids", ids);
	json_decref(ids);
	json_decref(model);
	json_decref(list);
	return code;
}

static bool is_over(const json_t *check)
{
	return strcmp(show_text(check, "state"), "waiting") != 0 && strcmp(show_text(check, "state"), "running") != 0;
}

static enum err_code follow(const struct cli *cli, struct client *c, const char *path, json_t **check, struct err *err)
{
	bool live = !cli->json && term_is_live(stderr);
	enum err_code code = ERR_OK;

	while (code == ERR_OK && !is_over(*check)) {
		if (live)
			fprintf(stderr, "\r\033[K%.0f%%", 100 * show_number(*check, "fraction"));
		usleep(POLL_US);
		json_decref(*check);
		*check = NULL;
		code = client_call(c, "GET", path, NULL, check, err);
	}
	if (live)
		fputs("\r\033[K", stderr);
	if (code == ERR_CANCELLED) { /* the server need not go on with it */
		struct err ignored = { 0 };
		client_finish(c);
		(void)!client_call(c, "DELETE", path, NULL, NULL, &ignored);
	}
	return code;
}

/* EXIT_GATE where one does not fit, and where nothing can be told. */
static int report(const struct cli *cli, const json_t *check)
{
	const json_t *items = json_object_get(check, "items"), *item;
	bool fits = true;
	size_t i;

	if (cli->json)
		cli_print_json(check);
	json_array_foreach(items, i, item) {
		const json_t *result = json_object_get(item, "result");
		fits &= strcmp(show_text(result, "verdict"), "fits") == 0;
		if (cli->json)
			continue;
		char *label = column_label(cli, show_text(item, "name"), json_object_get(item, "epoch"));
		cli_say(cli, stdout, "cli_match_item", "name=%s|sentence=%s", label, show_text(result, "sentence"));
		print_result(cli, result);
		mem_free(label);
	}
	return fits ? EXIT_DONE : EXIT_GATE;
}

int models_exec_check(struct cli *cli)
{
	struct client *c = NULL;
	struct err err = { 0 };
	json_t *check = NULL, *body = json_object();
	char path[64];
	const char *training = args_text(cli->args, "training", NULL);
	static const char *const fields[][2] = { { "question-field", "question_field" }, { "reference-field", "reference_field" } };
	int64_t family_id = 0;
	int result;

	enum err_code code = cli_connect(cli, &c, &err);
	for (size_t i = 0; i < 2; i++)
		if (args_text(cli->args, fields[i][0], NULL))
			json_object_set_new(body, fields[i][1], json_text(str_of(args_text(cli->args, fields[i][0], NULL))));
	if (code == ERR_OK)
		code = choose(cli, c, body, &family_id, &err);
	if (code == ERR_OK && training)
		code = upload(c, training, body, &err);
	(void)str_format(path, sizeof path, "/families/%lld/match", (long long)family_id);
	if (code == ERR_OK)
		code = client_call(c, "POST", path, body, &check, &err);
	if (code == ERR_OK)
		code = follow(cli, c, path, &check, &err);
	if (code != ERR_OK) {
		result = cli_fail(cli, &err);
	} else if (strcmp(show_text(check, "state"), "done") == 0) {
		result = report(cli, check);
	} else {
		show_problem("", json_object_get(check, "problem"));
		result = EXIT_ENVIRONMENT;
	}
	json_decref(body);
	json_decref(check);
	client_close(c);
	return result;
}
