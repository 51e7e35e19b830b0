/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/follow.h"
#include "cli/growing.h"
#include "cli/new_run.h"
#include "cli/resolve.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "cli/term.h"

struct ask {
	const struct cli *cli;
	struct client *client;
	json_t *question;  /* as last read, with its cells */
	size_t n_columns;
	size_t n_told;     /* columns whose answer stands on the screen */
	struct growing answer; /* the only one */
	bool is_line_open;
};

static void read_question(struct ask *a, int64_t run_id)
{
	char path[64];
	json_t *page = NULL;
	snprintf(path, sizeof path, "/runs/%lld/questions?limit=1", (long long)run_id);
	if (client_call(a->client, "GET", path, NULL, &page, NULL) != ERR_OK)
		return;
	json_decref(a->question);
	a->question = json_incref(json_array_get(json_object_get(page, "questions"), 0));
	json_decref(page);
}

/* Prints what was added to the only answer.  One that begins anew (after its worker died) is printed anew. */
static void print_more(struct ask *a, const json_t *cell)
{
	bool anew;
	const char *more = growing_next(&a->answer, show_text(cell, "text"), &anew);
	if (anew)
		fputc('\n', stdout);
	if (!*more)
		return;
	term_print(stdout, str_of(more));
	fflush(stdout);
	a->is_line_open = true;
}

static bool is_final(const json_t *cell)
{
	const char *state = show_text(cell, "state");
	return strcmp(state, "done") == 0 || strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0;
}

/* Answers in the order of their columns, each as soon as it and those before it are complete. */
static void print_complete(struct ask *a, const json_t *run)
{
	const json_t *cells = json_object_get(a->question, "cells");
	for (; a->n_told < json_array_size(cells); a->n_told++) {
		const json_t *cell = json_array_get(cells, a->n_told);
		if (!is_final(cell))
			break;
		char *title = show_column_title(a->cli, json_array_get(json_object_get(run, "columns"), a->n_told));
		fputs(a->n_told ? "\n" : "", stdout);
		term_print(stdout, str_of(title));
		fputs("\n", stdout);
		term_print(stdout, str_of(show_text(cell, "text")));
		fputs("\n", stdout);
		fflush(stdout);
		show_problem(title, json_object_get(cell, "problem"));
		mem_free(title);
	}
}

static bool look(void *user, const json_t *run)
{
	struct ask *a = user;
	read_question(a, show_int(run, "id"));
	if (a->cli->json)
		return true;
	if (a->n_columns == 1)
		print_more(a, json_array_get(json_object_get(a->question, "cells"), 0));
	else
		print_complete(a, run);
	return true;
}

static int finish(struct ask *a, const struct followed *f)
{
	if (a->is_line_open)
		fputc('\n', stdout);
	fflush(stdout);
	if (a->cli->json) {
		json_t *out = json_pack("{s:O}", "run", f->run);
		json_object_set(out, "question", a->question);
		cli_print_json(out);
		json_decref(out);
	}
	return follow_verdict(a->cli, a->client, f, args_has(a->cli->args, "strict"));
}

static enum err_code start(struct cli *cli, struct client *c, int64_t *run_id, struct err *err)
{
	json_t *body = new_run_body(cli, c, err);
	if (!body)
		return err->code;
	json_object_set_new(body, "questions", json_pack("[{s:o}]", "text", json_text(str_of(args_word(cli->args, 0)))));
	enum err_code code = new_run_start(c, body, run_id, err);
	json_decref(body);
	return code;
}

static int exec_ask(struct cli *cli)
{
	struct ask a = { .cli = cli };
	struct followed f = { 0 };
	struct err err = { 0 };
	int64_t run_id;
	enum err_code code = new_run_check(cli, &err);
	if (code == ERR_OK && !str_trim(str_of(args_word(cli->args, 0))).len)
		code = err_set(&err, ERR_INVALID, "err_cli_question_empty", NULL);
	while (args_nth(cli->args, "model", a.n_columns))
		a.n_columns++;
	if (code == ERR_OK)
		code = cli_connect(cli, &a.client, &err);
	if (code == ERR_OK)
		code = start(cli, a.client, &run_id, &err);
	if (code == ERR_OK)
		code = follow_run(cli, a.client, run_id, look, &a, &f, &err);
	int result = code == ERR_OK ? finish(&a, &f) : cli_fail(cli, &err);
	followed_release(&f);
	json_decref(a.question);
	growing_release(&a.answer);
	client_close(a.client);
	return result;
}

static const struct arg_option *const tables[] = { model_options,  setting_options, run_options,
						   strict_options, machine_options, NULL };

const struct command cmd_ask = { "ask", "QUESTION --model SPEC [--model SPEC ...] [OPTION...]", "cli_ask_summary",
				 "cli_ask_about", tables, 1, 1, exec_ask, NULL };
