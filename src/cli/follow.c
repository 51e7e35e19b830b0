/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/show.h"

#define POLL_US 250000
#define POLL_FAST_US 50000
#define STOP_WAIT_MS 15000

const struct arg_option strict_options[] = {
	{ "strict", NULL, "cli_opt_strict", false },
	{ NULL, NULL, NULL, false },
};

void followed_release(struct followed *f)
{
	json_decref(f->run);
	f->run = NULL;
}

static bool is_over(const json_t *run)
{
	const char *state = show_text(run, "state");
	return strcmp(state, "waiting") != 0 && strcmp(state, "running") != 0;
}

/* The time since `before` goes to the columns that answered in it: those that did at its begin or end, or have more answers now. */
static void count_seconds(struct followed *f, const json_t *before, double passed)
{
	bool worked[LIMIT_COLUMNS] = { false };
	int n = 0;
	size_t i;
	const json_t *column;
	json_array_foreach(json_object_get(f->run, "columns"), i, column) {
		const json_t *old = json_array_get(json_object_get(before, "columns"), i);
		if (i >= LIMIT_COLUMNS || !old)
			continue;
		worked[i] = show_int(column, "n_running") > 0 || show_int(old, "n_running") > 0 ||
			    show_int(column, "n_done") > show_int(old, "n_done");
		n += worked[i];
	}
	for (i = 0; i < LIMIT_COLUMNS; i++)
		if (worked[i])
			f->seconds[i] += passed / n;
}

/* After a signal: asks the run to stop, once. */
static enum err_code stop(struct cli *cli, struct client *c, int64_t run_id, struct followed *f, struct err *err)
{
	char path[64];
	f->interrupted = true;
	client_finish(c);
	if (!cli->json)
		cli_say(cli, stderr, "cli_stopping", NULL);
	snprintf(path, sizeof path, "/runs/%lld/stop", (long long)run_id);
	return client_call(c, "POST", path, NULL, NULL, err);
}

static enum err_code look(struct client *c, int64_t run_id, struct followed *f, struct err *err)
{
	char path[64];
	json_t *run = NULL;
	snprintf(path, sizeof path, "/runs/%lld", (long long)run_id);
	enum err_code code = client_call(c, "GET", path, NULL, &run, err);
	if (code != ERR_OK)
		return code;
	int64_t now = clock_mono_ms();
	json_t *before = f->run;
	f->run = run;
	count_seconds(f, before, (double)(now - f->looked_ms) / 1000);
	f->looked_ms = now;
	json_decref(before);
	return ERR_OK;
}

enum err_code follow_run(struct cli *cli, struct client *c, int64_t run_id, follow_fn each, void *user,
			 struct followed *out, struct err *err)
{
	struct progress *progress = progress_new(cli);
	int64_t stopped_ms = 0;
	enum err_code code = ERR_OK;
	*out = (struct followed){ 0 };
	for (;;) {
		if (interrupt_seen() && !out->interrupted) {
			code = stop(cli, c, run_id, out, err);
			stopped_ms = clock_mono_ms();
		}
		if (code == ERR_OK)
			code = look(c, run_id, out, err);
		if (code == ERR_CANCELLED && !out->interrupted) {
			code = ERR_OK;
			continue; /* the signal came while we were asking */
		}
		if (code != ERR_OK || is_over(out->run) || (each && !each(user, out->run)))
			break;
		if (out->interrupted && clock_mono_ms() - stopped_ms > STOP_WAIT_MS)
			break;
		if (!each)
			progress_show(progress, out->run);
		usleep(each ? POLL_FAST_US : POLL_US);
	}
	progress_free(progress);
	if (each && code == ERR_OK)
		each(user, out->run);
	return code;
}

void follow_summary(const struct cli *cli, const json_t *run, const double *seconds, FILE *to)
{
	const char *const keys[] = { "cli_head_model", "cli_head_answered", "cli_head_failed",
				     "cli_head_likes", "cli_head_speed",    seconds ? "cli_head_seconds" : NULL, NULL };
	struct table *t = table_new(seconds ? "lrrrrr" : "lrrrr");
	size_t i;
	const json_t *column;
	show_heading(cli, t, keys);
	json_array_foreach(json_object_get(run, "columns"), i, column) {
		const json_t *speed = json_object_get(column, "tokens_per_s");
		char *title = show_column_title(cli, column);
		table_cell(t, title);
		table_cellf(t, "%lld/%lld", (long long)show_int(column, "n_done"), (long long)show_int(column, "n_total"));
		table_cellf(t, "%lld", (long long)show_int(column, "n_failed"));
		table_cellf(t, "%lld", (long long)show_int(column, "likes"));
		if (json_is_number(speed))
			table_cellf(t, "%.1f", json_number_value(speed));
		else
			table_cell(t, "-");
		if (seconds && i < LIMIT_COLUMNS && seconds[i] > 0)
			table_cellf(t, seconds[i] < 9.95 ? "%.2f" : "%.1f", seconds[i] < 0.01 ? 0.01 : seconds[i]);
		else if (seconds)
			table_cell(t, "-");
		mem_free(title);
	}
	show_table(t, to);
}

/* What the first failed answer says, for columns that name no reason of their own. */
static void show_failed_cell(const struct cli *cli, struct client *c, int64_t run_id)
{
	char path[96];
	json_t *page = NULL;
	size_t i;
	const json_t *cell;
	snprintf(path, sizeof path, "/runs/%lld/questions?filter=failed&limit=1", (long long)run_id);
	if (client_call(c, "GET", path, NULL, &page, NULL) != ERR_OK)
		return;
	const json_t *question = json_array_get(json_object_get(page, "questions"), 0);
	json_array_foreach(json_object_get(question, "cells"), i, cell) {
		if (strcmp(show_text(cell, "state"), "failed") == 0) {
			char *title = cli_text(cli, "cli_question_n", "n=%lld", (long long)show_int(question, "position") + 1);
			show_problem(title, json_object_get(cell, "problem"));
			mem_free(title);
			break;
		}
	}
	json_decref(page);
}

void follow_explain(const struct cli *cli, struct client *c, const json_t *run)
{
	size_t i;
	const json_t *column;
	bool explained = false;
	show_problem("", json_object_get(run, "problem"));
	json_array_foreach(json_object_get(run, "columns"), i, column) {
		const json_t *problem = json_object_get(column, "problem");
		char *title = show_column_title(cli, column);
		show_problem(title, problem);
		explained = explained || problem;
		mem_free(title);
	}
	if (!explained && show_int(run, "n_failed") > 0)
		show_failed_cell(cli, c, show_int(run, "id"));
}

int follow_verdict(const struct cli *cli, struct client *c, const struct followed *f, bool strict)
{
	long long failed = show_int(f->run, "n_failed"), cells = show_int(f->run, "n_cells"), id = show_int(f->run, "id");
	follow_explain(cli, c, f->run);
	if (f->interrupted || strcmp(show_text(f->run, "state"), "done") != 0) {
		cli_say(cli, stderr, "cli_interrupted", "done=%lld|total=%lld", (long long)show_int(f->run, "n_done"), cells);
		cli_say(cli, stderr, "cli_how_to_resume", "id=%lld|data=%s", id, cli->data_dir);
		return EXIT_INTERRUPTED;
	}
	if (json_is_true(json_object_get(f->run, "drifted")))
		cli_say(cli, stderr, "cli_drifted_run", NULL);
	if (failed == 0)
		return EXIT_DONE;
	cli_say(cli, stderr, failed == cells ? "cli_all_failed" : "cli_some_failed", "failed=%lld|total=%lld", failed, cells);
	if (failed == cells)
		return EXIT_DATA;
	return strict ? EXIT_GATE : EXIT_DONE;
}

int follow_to_end(struct cli *cli, struct client *c, int64_t run_id)
{
	struct followed f;
	struct err err = { 0 };
	int result;
	if (!cli->json)
		cli_say(cli, stderr, "cli_run_started", "id=%lld", (long long)run_id);
	if (follow_run(cli, c, run_id, NULL, NULL, &f, &err) != ERR_OK) {
		result = cli_fail(cli, &err);
		if (!cli->json)
			cli_say(cli, stderr, "cli_how_to_resume", "id=%lld|data=%s", (long long)run_id, cli->data_dir);
		goto out;
	}
	client_finish(c);
	if (output_write(cli, c, run_id, &err) != ERR_OK) {
		result = cli_fail(cli, &err);
		goto out;
	}
	if (cli->json)
		cli_print_json(f.run);
	else
		follow_summary(cli, f.run, f.seconds, output_to_stdout(cli->args) ? stderr : stdout);
	result = follow_verdict(cli, c, &f, args_has(cli->args, "strict"));
out:
	followed_release(&f);
	return result;
}
