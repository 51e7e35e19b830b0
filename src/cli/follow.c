/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/column_label.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "cli/term.h"

#define POLL_US 250000
#define BAR 30
#define PATH_SIZE 128

const struct arg_option export_options[] = {
	{ "csv", "FILE", "cli_opt_csv", false },       { "csv-plain", "FILE", "cli_opt_csv_plain", false },
	{ "jsonl", "FILE", "cli_opt_jsonl", false },   { "html", "FILE", "cli_opt_html", false },
	{ "junit", "FILE", "cli_opt_junit", false },   { NULL, NULL, NULL, false },
};

static const struct {
	const char *option, *format;
} formats[] = { { "csv", "csv-excel" }, { "csv-plain", "csv" }, { "jsonl", "jsonl" }, { "html", "html" }, { "junit", "junit" } };
#define N_FORMATS (sizeof formats / sizeof formats[0])

static int64_t number_of(const json_t *obj, const char *key)
{
	return json_integer_value(json_object_get(obj, key));
}

static void show_progress(const struct cli *cli, const json_t *run, bool live, int64_t *shown)
{
	int64_t total = number_of(run, "n_cells"), done = number_of(run, "n_done") + number_of(run, "n_failed");

	if (cli->json || done == *shown)
		return;
	if (live) {
		int filled = total > 0 ? (int)(BAR * done / total) : 0;
		char *text = cli_text(cli, "cli_run_progress", "done=%lld|total=%lld", (long long)done, (long long)total);
		fprintf(stderr, "\r[%.*s%*s] %s ", filled, "==============================", BAR - filled, "", text);
		if (done == total)
			fputc('\n', stderr);
		fflush(stderr);
		mem_free(text);
	} else if (*shown < 0 || done == total || (done - *shown) * 10 >= total) {
		cli_say(cli, stderr, "cli_run_progress", "done=%lld|total=%lld", (long long)done, (long long)total);
	} else {
		return;
	}
	*shown = done;
}

static enum err_code stop_run(struct client *client, int64_t run_id, json_t **run, struct err *err)
{
	char path[PATH_SIZE];

	client_finish(client);
	(void)str_format(path, sizeof path, "/runs/%lld/stop", (long long)run_id);
	json_decref(*run);
	*run = NULL;
	enum err_code code = client_call(client, "POST", path, NULL, run, err);
	(void)str_format(path, sizeof path, "/runs/%lld", (long long)run_id);
	for (int i = 0; i < 60 && code == ERR_OK; i++) {
		const char *state = json_string_value(json_object_get(*run, "state"));
		if (state && strcmp(state, "running") != 0 && strcmp(state, "waiting") != 0)
			break;
		usleep(100000);
		json_decref(*run);
		*run = NULL;
		code = client_call(client, "GET", path, NULL, run, err);
	}
	return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
}

enum err_code follow_run(const struct cli *cli, struct client *client, int64_t run_id, json_t **run, struct err *err)
{
	char path[PATH_SIZE];
	bool live = term_is_live(stderr);
	int64_t shown = -1;

	*run = NULL;
	(void)str_format(path, sizeof path, "/runs/%lld", (long long)run_id);
	for (;;) {
		json_decref(*run);
		*run = NULL;
		enum err_code code = client_call(client, "GET", path, NULL, run, err);
		if (interrupt_seen())
			return stop_run(client, run_id, run, err);
		if (code != ERR_OK)
			return code;
		show_progress(cli, *run, live, &shown);
		const char *state = json_string_value(json_object_get(*run, "state"));
		if (!state || (strcmp(state, "waiting") != 0 && strcmp(state, "running") != 0))
			return ERR_OK;
		usleep(POLL_US);
	}
}

void follow_print(const struct cli *cli, const json_t *run)
{
	static const char *const heads[] = { "cli_head_model", "cli_head_answered", "cli_head_failed", "cli_head_likes",
					     "cli_head_speed" };
	struct table *t = table_new("lrrrr");
	struct buf out = BUF_INIT(1 * MIB);
	const json_t *column;
	size_t i;

	for (i = 0; i < 5; i++)
		table_cell(t, msg_text(cli->lang, heads[i]));
	json_array_foreach(json_object_get(run, "columns"), i, column) {
		const char *name = json_string_value(json_object_get(column, "label"));
		char *label = column_label(cli, name ? name : "", json_object_get(column, "epoch"));
		const json_t *speed = json_object_get(column, "tokens_per_s");
		table_cell(t, label);
		table_cellf(t, "%lld/%lld", (long long)number_of(column, "n_done"), (long long)number_of(column, "n_total"));
		table_cellf(t, "%lld", (long long)number_of(column, "n_failed"));
		table_cellf(t, "%lld", (long long)number_of(column, "likes"));
		if (json_is_number(speed))
			table_cellf(t, "%.0f", json_number_value(speed));
		else
			table_cell(t, "");
		mem_free(label);
	}
	table_write(t, 0, &out);
	FILE *to = follow_uses_stdout(cli) ? stderr : stdout;
	fwrite(buf_text(&out), 1, out.len, to);
	table_free(t);
	buf_release(&out);
}

/* --- files --- */

static bool write_chunk(void *user, const void *data, size_t len)
{
	return fwrite(data, 1, len, user) == len;
}

static enum err_code export_one(const struct cli *cli, struct client *client, int64_t run_id, const char *format,
				const char *file, struct err *err)
{
	char path[PATH_SIZE];
	bool to_stdout = strcmp(file, "-") == 0;
	FILE *out = to_stdout ? stdout : fopen(file, "wb");

	if (!out)
		return err_set_errno(err, errno, "err_cli_write", "path=%s", file);
	(void)str_format(path, sizeof path, "/runs/%lld/export?format=%s&lang=%s", (long long)run_id, format,
			 lang_name(cli->lang));
	enum err_code code = client_download(client, path, write_chunk, out, err);
	int failed = to_stdout ? fflush(out) : fclose(out);
	if (code == ERR_OK && failed != 0)
		code = err_set_errno(err, errno, "err_cli_write", "path=%s", file);
	return code;
}

enum err_code follow_export(const struct cli *cli, struct client *client, int64_t run_id, struct err *err)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		const char *file = args_text(cli->args, formats[i].option, NULL);
		if (file && export_one(cli, client, run_id, formats[i].format, file, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

bool follow_uses_stdout(const struct cli *cli)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (strcmp(args_text(cli->args, formats[i].option, ""), "-") == 0)
			return true;
	}
	return false;
}

int follow_exit_code(const struct cli *cli, const json_t *run, bool strict)
{
	int64_t total = number_of(run, "n_cells"), failed = number_of(run, "n_failed");

	if (failed == 0)
		return EXIT_DONE;
	cli_say(cli, stderr, "cli_run_failed", "failed=%lld|total=%lld|id=%lld", (long long)failed, (long long)total,
		(long long)number_of(run, "id"));
	return failed == total ? EXIT_DATA : strict ? EXIT_GATE : EXIT_DONE;
}
