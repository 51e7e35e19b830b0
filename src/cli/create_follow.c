/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/create_follow.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/show.h"
#include "cli/term.h"

#define POLL_US 100000

struct watch {
	struct cli *cli;
	bool live, drawn, cancelled;
	size_t n_told; /* steps whose end was told */
};

static void clear_line(struct watch *w)
{
	if (w->drawn)
		fputs("\r\033[K", stderr);
	w->drawn = false;
}

/* "create_step_merge" etc.; borrowed. */
static const char *step_title(const struct cli *cli, const json_t *step)
{
	char key[64];
	snprintf(key, sizeof key, "create_step_%s", show_text(step, "name"));
	const char *text = msg_text(cli->lang, key);
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
		cli_say(w->cli, stderr, "cli_create_step_done", "step=%s|seconds=%.1f", step_title(w->cli, step),
			show_number(step, "seconds"));
	}
}

static void draw_current(struct watch *w, const json_t *steps)
{
	const json_t *step = json_array_get(steps, w->n_told);
	if (!w->live || !step || strcmp(show_text(step, "state"), "running") != 0)
		return;
	clear_line(w);
	char *line = cli_text(w->cli, "cli_create_step_now", "step=%s|percent=%.0f|detail=%s", step_title(w->cli, step),
			      100 * show_number(step, "fraction"), show_text(step, "detail"));
	term_print(stderr, str_of(line));
	fflush(stderr);
	mem_free(line);
	w->drawn = true;
}

/* After a signal: asks the job to end, once. */
static void cancel(struct watch *w, struct client *c, int64_t id)
{
	char path[64];
	struct err ignored = { 0 };
	w->cancelled = true;
	client_finish(c);
	clear_line(w);
	snprintf(path, sizeof path, "/creations/%lld/cancel", (long long)id);
	(void)!client_call(c, "POST", path, NULL, NULL, &ignored);
}

enum err_code create_follow(struct cli *cli, struct client *c, int64_t id, json_t **creation, struct err *err)
{
	struct watch w = { .cli = cli, .live = term_is_live(stderr) };
	char path[64];
	enum err_code code = ERR_OK;
	snprintf(path, sizeof path, "/creations/%lld", (long long)id);
	*creation = NULL;
	for (;;) {
		if (interrupt_seen() && !w.cancelled)
			cancel(&w, c, id);
		json_decref(*creation);
		*creation = NULL;
		code = client_call(c, "GET", path, NULL, creation, err);
		if (code == ERR_CANCELLED && !w.cancelled)
			continue; /* the signal came during the call */
		if (code != ERR_OK)
			break;
		const json_t *steps = json_object_get(*creation, "steps");
		if (!cli->json) {
			tell_ended(&w, steps);
			draw_current(&w, steps);
		}
		if (is_over(show_text(*creation, "state")))
			break;
		usleep(POLL_US);
	}
	clear_line(&w);
	return code;
}
