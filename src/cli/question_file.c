/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/question_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/show.h"

#define READ_PIECE 65536

const struct arg_option question_options[] = {
	{ "question-field", "NAME", "cli_opt_question_field", false },
	{ "reference-field", "NAME", "cli_opt_reference_field", false },
	{ NULL, NULL, NULL, false },
};
static enum err_code read_stdin(struct buf *out, struct err *err)
{
	for (;;) {
		char *at = buf_reserve(out, READ_PIECE);
		if (!at)
			return err_set(err, ERR_LIMIT, "err_fs_too_big", "path=-|found=%llu|limit=%llu",
				       (unsigned long long)out->max + 1, (unsigned long long)out->max);
		ssize_t n = read(STDIN_FILENO, at, READ_PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno, "err_fs_read_path", "path=-");
		if (n == 0)
			return ERR_OK;
		out->len += (size_t)n;
	}
}

enum err_code question_file_read(const char *file, struct buf *out, struct err *err)
{
	return strcmp(file, "-") == 0 ? read_stdin(out, err) : fs_read(file, out, err);
}

/* Rows that were not taken, and notes about those that were. */
static void show_problems(const struct cli *cli, const json_t *upload)
{
	size_t i, shown = json_array_size(json_object_get(upload, "problems"));
	int64_t all = show_int(upload, "n_problems");
	const json_t *problem;
	json_array_foreach(json_object_get(upload, "problems"), i, problem)
		show_problem("", problem);
	if (all > (int64_t)shown)
		cli_say(cli, stderr, "cli_more_problems", "n=%lld", (long long)(all - (int64_t)shown));
}

static void set_from_option(const struct cli *cli, json_t *body, const char *option, const char *member)
{
	const char *value = args_text(cli->args, option, NULL);
	if (value)
		json_object_set_new(body, member, json_text(str_of(value)));
}

static enum err_code add_set(const struct cli *cli, struct client *c, const json_t *upload, int64_t *set_id, struct err *err)
{
	json_t *set = NULL, *body = json_pack("{s:s}", "upload", show_text(upload, "upload")); /* it is called after its file */
	set_from_option(cli, body, "question-field", "question_field");
	set_from_option(cli, body, "reference-field", "reference_field");
	enum err_code code = client_call(c, "POST", "/question-sets", body, &set, err);
	*set_id = show_int(set, "id");
	if (code == ERR_OK && !cli->json)
		cli_say(cli, stderr, "cli_questions_read", "n=%lld|references=%lld", (long long)show_int(set, "n_questions"),
			(long long)show_int(set, "n_with_reference"));
	if (code == ERR_OK && !cli->json && show_int(upload, "n_conversations") > 0)
		cli_say(cli, stderr, "cli_conversations_read", "n=%lld|turns=%lld", (long long)show_int(upload, "n_conversations"),
			(long long)show_int(upload, "n_turns"));
	json_decref(body);
	json_decref(set);
	return code;
}

/* The preview with the fields that the user chose instead of those that were detected. */
static enum err_code preview_chosen(const struct cli *cli, struct client *c, json_t **upload, struct err *err)
{
	static const char *const fields[][2] = { { "question-field", "question_field" },
						 { "reference-field", "reference_field" } };
	struct buf path = BUF_INIT(64 * KIB);
	json_t *chosen = NULL;
	buf_printf(&path, "/uploads/%s", show_text(*upload, "upload"));
	char mark = '?';
	for (size_t i = 0; i < 2; i++) {
		const char *value = args_text(cli->args, fields[i][0], NULL);
		char *escaped = value ? client_escape(value) : NULL;
		if (escaped)
			buf_printf(&path, "%c%s=%s", mark, fields[i][1], escaped);
		mark = escaped ? '&' : mark;
		mem_free(escaped);
	}
	enum err_code code = mark == '?' ? ERR_OK : client_call(c, "GET", buf_text(&path), NULL, &chosen, err);
	if (chosen) {
		json_decref(*upload);
		*upload = chosen;
	}
	buf_release(&path);
	return code;
}

enum err_code question_file_store(const struct cli *cli, struct client *c, const char *file, const struct buf *data,
				  int64_t *set_id, struct err *err)
{
	const char *name = strcmp(file, "-") == 0 ? "stdin" : fs_basename(file);
	char *escaped = client_escape(name), *path = mem_printf("/uploads?name=%s", escaped);
	json_t *upload = NULL;
	enum err_code code = client_upload(c, path, buf_text(data), data->len, &upload, err);
	if (code == ERR_OK)
		code = preview_chosen(cli, c, &upload, err);
	if (code == ERR_OK) {
		/* Where nothing was read, what follows says why. */
		if (show_int(upload, "n_total") > 0)
			show_problems(cli, upload);
		code = add_set(cli, c, upload, set_id, err);
	}
	json_decref(upload);
	mem_free(path);
	mem_free(escaped);
	return code;
}
