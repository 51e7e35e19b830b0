/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/column_label.h"
#include "cli/follow.h"
#include "cli/interrupt.h"
#include "cli/new_run.h"
#include "cli/settings.h"
#include "cli/term.h"

#define POLL_US 100000

static const char *text_of(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));
	return text ? text : "";
}

static enum err_code get(struct client *client, const char *fmt, int64_t id, json_t **reply, struct err *err)
{
	char *path = mem_printf("/runs/%lld%s", (long long)id, fmt);
	enum err_code code = client_call(client, "GET", path, NULL, reply, err);

	mem_free(path);
	return code;
}

/* Prints what has been added to the only answer; `*printed` bytes of it stand on the screen. */
static void print_more(const json_t *cell, size_t *printed)
{
	const char *text = text_of(cell, "text");
	size_t len = strlen(text);

	if (len > *printed) {
		term_print(stdout, (struct str){ text + *printed, len - *printed });
		fflush(stdout);
		*printed = len;
	}
}

static void print_answers(const struct cli *cli, const json_t *run, const json_t *cells)
{
	const json_t *columns = json_object_get(run, "columns"), *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		const json_t *column = json_array_get(columns, i);
		char *label = column_label(cli, text_of(column, "label"), json_object_get(column, "epoch"));
		printf("%s%s:\n", i ? "\n" : "", label);
		const char *text = text_of(cell, "text");
		if (strcmp(text_of(cell, "state"), "failed") == 0)
			text = text_of(json_object_get(cell, "problem"), "message");
		term_print(stdout, str_of(text));
		fputc('\n', stdout);
		mem_free(label);
	}
}

/* Polls the one question until its run is over; a single model's answer is printed as it grows. */
static enum err_code watch(const struct cli *cli, struct client *client, int64_t run_id, json_t **run, json_t **page,
			   struct err *err)
{
	size_t printed = 0;

	for (;;) {
		json_decref(*page);
		json_decref(*run);
		*page = *run = NULL;
		/* The state first: answers that are read after it are complete when it is over. */
		if (get(client, "", run_id, run, err) != ERR_OK || get(client, "/questions", run_id, page, err) != ERR_OK)
			return err->code;
		const json_t *cells = json_object_get(json_array_get(json_object_get(*page, "questions"), 0), "cells");
		const char *state = text_of(*run, "state");
		bool over = strcmp(state, "waiting") != 0 && strcmp(state, "running") != 0;
		if (!cli->json && json_array_size(cells) == 1)
			print_more(json_array_get(cells, 0), &printed);
		if (over && !cli->json && json_array_size(cells) == 1 && printed > 0)
			fputc('\n', stdout);
		else if (over && !cli->json)
			print_answers(cli, *run, cells);
		if (over)
			return ERR_OK;
		usleep(POLL_US);
	}
}

static int exec_ask(struct cli *cli)
{
	struct client *client = NULL;
	struct err err = { 0 };
	json_t *run = NULL, *page = NULL, *body = NULL;
	int64_t run_id = 0;
	enum err_code code = cli_connect(cli, &client, &err);

	if (code == ERR_OK) {
		body = new_run_body(cli, client, &err);
		code = body ? ERR_OK : err.code;
	}
	if (code == ERR_OK) {
		json_object_set_new(body, "questions", json_pack("[{s:s}]", "text", args_word(cli->args, 0)));
		code = new_run_start(client, body, &run_id, &err);
	}
	if (code == ERR_OK)
		code = watch(cli, client, run_id, &run, &page, &err);
	if (code == ERR_OK && cli->json)
		cli_print_json(page);
	int result = code == ERR_OK ? follow_exit_code(cli, run, true) : cli_fail(cli, &err);
	json_decref(body);
	json_decref(run);
	json_decref(page);
	client_close(client);
	return result;
}

static const struct arg_option *const tables[] = { run_options, setting_options, machine_options, NULL };

const struct command cmd_ask = { "ask", "QUESTION --model SPEC [--model SPEC ...] [OPTION...]", "cli_ask_summary",
				 "cli_run_about", tables, 1, 1, exec_ask, NULL };
