/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/column_label.h"
#include "cli/term.h"

#define TABLE_MAX (64 * MIB)

const char *show_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

int64_t show_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double show_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

char *show_column_title(const struct cli *cli, const json_t *column)
{
	char *title = column_label(cli, show_text(column, "label"), json_object_get(column, "epoch"));
	if (strcmp(show_text(json_object_get(column, "params"), "weights"), "q8_0") == 0) {
		char *plain = title;
		title = cli_text(cli, "report_title_q8", "name=%s", plain);
		mem_free(plain);
	}
	return title;
}

const char *show_state(const struct cli *cli, const char *state)
{
	static const char *const names[][2] = {
		{ "waiting", "common_state_waiting" },      { "loading", "cli_state_loading" },
		{ "answering", "common_state_answering" },  { "running", "cli_state_running" },
		{ "done", "common_state_done" },            { "failed", "common_state_failed" },
		{ "stopped", "common_state_stopped" },      { "cancelled", "common_state_stopped" },
		{ "interrupted", "cli_state_interrupted" },
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(state, names[i][0]) == 0)
			return msg_text(cli->lang, names[i][1]);
	return state;
}

const char *show_kind(const struct cli *cli, const json_t *object)
{
	char key[64];
	const char *kind = show_text(object, "kind"), *text = NULL;
	if (str_format(key, sizeof key, "cli_kind_%s", kind))
		text = msg_text(cli->lang, key);
	return text ? text : kind;
}

void show_time(int64_t wall_ms, char out[32])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm local;
	if (!localtime_r(&seconds, &local) || !strftime(out, 32, "%Y-%m-%d %H:%M", &local))
		out[0] = '\0';
}

void show_bytes(int64_t bytes, char out[32])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
		value /= 1024;
		unit++;
	}
	snprintf(out, 32, value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void show_problem(const char *what, const json_t *problem)
{
	if (!problem)
		return;
	const char *hint = show_text(problem, "hint"), *message = show_text(problem, "message");
	if (*what && !strstr(message, what)) {
		term_print(stderr, str_of(what));
		fputs(": ", stderr);
	}
	term_print(stderr, str_of(message));
	fputc('\n', stderr);
	if (*hint) {
		fputs("  ", stderr);
		term_print(stderr, str_of(hint));
		fputc('\n', stderr);
	}
}

void show_table(struct table *t, FILE *to)
{
	struct buf text = BUF_INIT(TABLE_MAX);
	table_write(t, isatty(fileno(to)) ? term_columns(to) : 0, &text);
	fwrite(buf_text(&text), 1, text.len, to);
	buf_release(&text);
	table_free(t);
}

void show_heading(const struct cli *cli, struct table *t, const char *const *keys)
{
	for (; *keys; keys++)
		table_cell(t, msg_text(cli->lang, *keys));
}
