/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/term.h"
#include "cli/show.h"

#define BAR_WIDTH 24
#define PLAIN_EVERY_MS 5000
#define LIVE_EVERY_MS 100
#define LINE_MAX 4096

struct progress {
	const struct cli *cli;
	bool live, drawn;
	char states[LIMIT_COLUMNS][16]; /* of the columns as last told */
	int64_t told_ms;
};

struct progress *progress_new(const struct cli *cli)
{
	struct progress *p = mem_alloc(sizeof *p);
	p->cli = cli;
	p->live = term_is_live(stderr);
	return p;
}

static void clear_line(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	clear_line(p);
	mem_free(p);
}

static const json_t *busy_column(const json_t *run)
{
	size_t i;
	const json_t *column, *found = NULL;
	json_array_foreach(json_object_get(run, "columns"), i, column) {
		const char *state = show_text(column, "state");
		if (strcmp(state, "loading") == 0)
			return column;
		if (!found && show_int(column, "n_running") > 0)
			found = column;
	}
	return found;
}

/* "12 of 40 answers, Kestrel bot - epoch 4, 38 tokens/s, about 12 s left" */
static void describe(const struct progress *p, const json_t *run, struct buf *out)
{
	const json_t *column = busy_column(run), *eta = json_object_get(run, "eta_ms");
	enum lang lang = p->cli->lang;
	msg_format(out, lang, "cli_run_progress", "done=%lld|total=%lld",
		   (long long)(show_int(run, "n_done") + show_int(run, "n_failed")), (long long)show_int(run, "n_cells"));
	if (column) {
		char *title = show_column_title(p->cli, column);
		buf_add_text(out, "  ");
		if (strcmp(show_text(column, "state"), "loading") == 0)
			msg_format(out, lang, json_is_true(json_object_get(column, "is_converting")) ? "cli_progress_converting" : "cli_progress_loading",
				   "name=%s|percent=%.0f", title, 100 * show_number(column, "progress"));
		else
			buf_add_text(out, title);
		mem_free(title);
	}
	if (json_is_integer(eta) && json_integer_value(eta) > 0) {
		long long seconds = (json_integer_value(eta) + 999) / 1000;
		buf_add_text(out, "  ");
		if (seconds < 120)
			msg_format(out, lang, "cli_progress_seconds", "n=%lld", seconds);
		else
			msg_format(out, lang, "cli_progress_minutes", "n=%lld", (seconds + 59) / 60);
	}
}

/* Takes the content of `text`. */
static void draw_bar(struct progress *p, double share, struct buf *text)
{
	struct buf line = BUF_INIT(LINE_MAX);
	int filled = (int)(BAR_WIDTH * share);
	char *clean = buf_take(text);
	utf8_clean(clean, strlen(clean), 0);
	buf_add_char(&line, '[');
	for (int i = 0; i < BAR_WIDTH; i++)
		buf_add_char(&line, i < filled ? '#' : '-');
	buf_add_text(&line, "] ");
	term_cut(&line, str_of(clean), term_columns(stderr) - BAR_WIDTH - 4);
	fprintf(stderr, "\r\033[K%s", buf_text(&line));
	fflush(stderr);
	p->drawn = true;
	mem_free(clean);
	buf_release(&line);
}

static void draw(struct progress *p, const json_t *run)
{
	struct buf text = BUF_INIT(LINE_MAX);
	int64_t total = show_int(run, "n_cells"), done = show_int(run, "n_done") + show_int(run, "n_failed");
	describe(p, run, &text);
	draw_bar(p, total > 0 ? (double)done / (double)total : 0, &text);
}

/* Frees the content of `text`. */
static void tell_line(struct progress *p, struct buf *text)
{
	term_print(stderr, buf_str(text));
	fputc('\n', stderr);
	buf_release(text);
	p->told_ms = clock_mono_ms();
}

/* A line for every column that began or ended something, and one now and then. */
static void tell(struct progress *p, const json_t *run)
{
	size_t i;
	const json_t *column;
	json_array_foreach(json_object_get(run, "columns"), i, column) {
		const char *state = show_text(column, "state");
		if (i >= LIMIT_COLUMNS || strcmp(state, "waiting") == 0 || strcmp(state, p->states[i]) == 0)
			continue;
		(void)str_format(p->states[i], sizeof p->states[i], "%s", state);
		char *title = show_column_title(p->cli, column);
		cli_say(p->cli, stderr, "cli_progress_column", "name=%s|state=%s", title, show_state(p->cli, state));
		mem_free(title);
		p->told_ms = clock_mono_ms();
	}
	if (clock_mono_ms() - p->told_ms < PLAIN_EVERY_MS)
		return;
	struct buf text = BUF_INIT(LINE_MAX);
	describe(p, run, &text);
	tell_line(p, &text);
}

void progress_show(struct progress *p, const json_t *run)
{
	if (p->cli->json)
		return;
	if (p->live)
		draw(p, run);
	else
		tell(p, run);
}

void progress_share(struct progress *p, double share, const char *sentence)
{
	int64_t now = clock_mono_ms(), every = p->live ? LIVE_EVERY_MS : PLAIN_EVERY_MS;
	if (p->told_ms == 0)
		p->told_ms = now; /* what is over at once needs no line */
	if (p->cli->json || now - p->told_ms < every)
		return;
	struct buf text = BUF_INIT(LINE_MAX);
	buf_add_text(&text, sentence);
	if (p->live)
		draw_bar(p, share, &text);
	else
		tell_line(p, &text);
	p->told_ms = now;
}
