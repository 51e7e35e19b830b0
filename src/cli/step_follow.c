/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/step_follow.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/show.h"
#include "cli/term.h"

#define POLL_US 100000
#define PLAIN_EVERY_MS 10000

struct watch {
	struct cli *cli;
	const struct step_job *job;
	bool live, drawn, cancelled;
	size_t n_told; /* steps whose end was told */
	int64_t told_ms;
};

static void clear_line(struct watch *w)
{
	if (w->drawn)
		fputs("\r\033[K", stderr);
	w->drawn = false;
}

/* Borrowed. */
static const char *step_title(const struct watch *w, const json_t *step)
{
	char key[64];
	snprintf(key, sizeof key, "%s%s", w->job->step_key, show_text(step, "name"));
	const char *text = msg_text(w->cli->lang, key);
	return text ? text : show_text(step, "name");
}

static bool is_over(const char *state)
{
	return strcmp(state, "waiting") != 0 && strcmp(state, "running") != 0;
}

/* Steps that ended since the last look, in order; those that were not needed are not worth a line. */
static void tell_ended(struct watch *w, const json_t *steps)
{
	for (; w->n_told < json_array_size(steps); w->n_told++) {
		const json_t *step = json_array_get(steps, w->n_told);
		const char *state = show_text(step, "state");
		if (!is_over(state))
			break;
		if (strcmp(state, "done") != 0)
			continue;
		clear_line(w);
		w->told_ms = clock_mono_ms();
		cli_say(w->cli, stderr, "cli_create_step_done", "step=%s|seconds=%.1f", step_title(w, step),
			show_number(step, "seconds"));
	}
}

/* "about 12 s left", where the server knows; the caller's. */
static char *time_left(const struct watch *w, const json_t *whole)
{
	const json_t *left = json_object_get(whole, "remaining_ms");
	long long seconds = (json_integer_value(left) + 999) / 1000;
	if (!json_is_integer(left) || seconds == 0)
		return mem_strdup("");
	return seconds < 120 ? cli_text(w->cli, "cli_progress_seconds", "n=%lld", seconds) :
			       cli_text(w->cli, "cli_progress_minutes", "n=%lld", (seconds + 59) / 60);
}

/* A line that is redrawn on a terminal, and now and then a line elsewhere. */
static void draw_current(struct watch *w, const json_t *whole)
{
	const json_t *step = json_array_get(json_object_get(whole, "steps"), w->n_told);
	int64_t now = clock_mono_ms();
	if (!step || strcmp(show_text(step, "state"), "running") != 0 || (!w->live && now - w->told_ms < PLAIN_EVERY_MS))
		return;
	clear_line(w);
	char *left = time_left(w, whole);
	char *line = cli_text(w->cli, "cli_create_step_now", "step=%s|percent=%.0f|detail=%s%s%s", step_title(w, step),
			      100 * show_number(step, "fraction"), show_text(step, "detail"), *show_text(step, "detail") ? "  " : "", left);
	term_print(stderr, str_of(line));
	fputs(w->live ? "" : "\n", stderr);
	fflush(stderr);
	mem_free(line);
	mem_free(left);
	w->drawn = w->live;
	w->told_ms = now;
}

/* After a signal: asks the job to end, once. */
static void cancel(struct watch *w, struct client *c)
{
	char path[64];
	struct err ignored = { 0 };
	w->cancelled = true;
	client_finish(c);
	clear_line(w);
	snprintf(path, sizeof path, "%s/%lld/%s", w->job->path, (long long)w->job->id, w->job->end);
	(void)!client_call(c, "POST", path, NULL, NULL, &ignored);
}

enum err_code step_follow(struct cli *cli, struct client *c, const struct step_job *job, json_t **whole, struct err *err)
{
	struct watch w = { .cli = cli, .job = job, .live = term_is_live(stderr), .told_ms = clock_mono_ms() };
	char path[64];
	enum err_code code = ERR_OK;
	snprintf(path, sizeof path, "%s/%lld", job->path, (long long)job->id);
	*whole = NULL;
	for (;;) {
		if (interrupt_seen() && !w.cancelled)
			cancel(&w, c);
		json_decref(*whole);
		*whole = NULL;
		code = client_call(c, "GET", path, NULL, whole, err);
		if (code == ERR_CANCELLED && !w.cancelled)
			continue; /* the signal came during the call */
		if (code != ERR_OK)
			break;
		const json_t *steps = json_object_get(*whole, "steps");
		if (!cli->json) {
			tell_ended(&w, steps);
			draw_current(&w, *whole);
		}
		if (is_over(show_text(*whole, "state")))
			break;
		usleep(POLL_US);
	}
	clear_line(&w);
	return code;
}
