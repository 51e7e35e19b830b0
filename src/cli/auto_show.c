/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/auto_show.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/show.h"
#include "cli/term.h"

#define LEVELS 4
#define INDENT 2

static double number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

void auto_bar(double value, double low, double high, char *out)
{
	for (int i = 0; i < AUTO_BAR_WIDTH; i++) {
		double from = (double)i / AUTO_BAR_WIDTH, to = (double)(i + 1) / AUTO_BAR_WIDTH;
		bool is_last = i + 1 == AUTO_BAR_WIDTH;
		bool has_value = value >= from && (value < to || is_last);
		out[i + 1] = has_value ? '#' : low < to && high > from ? '-' : ' ';
	}
	out[0] = '[';
	out[AUTO_BAR_WIDTH + 1] = ']';
	out[AUTO_BAR_WIDTH + 2] = '\0';
}

/* A paragraph, wrapped; nothing for "". */
static void paragraph(const char *text, int indent, FILE *to)
{
	struct buf out = BUF_INIT(MIB);

	if (!*text)
		return;
	buf_printf(&out, "%*s", indent, "");
	term_wrap(&out, text, indent, term_columns(to));
	term_print(to, buf_str(&out));
	buf_release(&out);
}

static void heading(const struct cli *cli, const char *key, FILE *to)
{
	fputc('\n', to);
	cli_say(cli, to, key, NULL);
}

static void list(const struct cli *cli, const char *key, const json_t *sentences, FILE *to)
{
	size_t i;
	json_t *one;

	if (json_array_size(sentences) == 0)
		return;
	heading(cli, key, to);
	json_array_foreach(sentences, i, one) {
		fputs("- ", to);
		struct buf out = BUF_INIT(MIB);
		term_wrap(&out, show_text(one, "text"), INDENT, term_columns(to));
		term_print(to, buf_str(&out));
		buf_release(&out);
	}
}

void auto_show_preview(const struct cli *cli, const json_t *preview, FILE *to)
{
	const json_t *plan = json_object_get(preview, "plan");
	double seconds = number_of(plan, "seconds");
	size_t i;
	json_t *warning;

	paragraph(show_text(json_object_get(preview, "allows"), "text"), 0, to);
	json_array_foreach(json_object_get(preview, "warnings"), i, warning)
		paragraph(show_text(warning, "text"), 0, to);
	if (!isnan(seconds) && show_int(plan, "n_answers") > 0)
		cli_say(cli, to, seconds < 120 ? "cli_auto_seconds" : "cli_auto_minutes", "answers=%lld|n=%.0f",
			(long long)show_int(plan, "n_answers"), seconds < 120 ? ceil(seconds) : ceil(seconds / 60));
}

/* --- the result --- */

static int level_of(const char *name)
{
	static const char *const names[] = { "none", "low", "medium", "high", "very_high" };

	for (int i = 0; i <= LEVELS; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return 0;
}

static void show_level(const struct cli *cli, const json_t *decision, FILE *to)
{
	const char *level = show_text(decision, "level");
	struct buf dots = BUF_INIT(KIB);
	char key[64];

	if (level_of(level) == 0)
		return;
	(void)str_format(key, sizeof key, "report_level_%s", level);
	for (int i = 0; i < LEVELS; i++)
		buf_add_text(&dots, i < level_of(level) ? "\u25CF" : "\u25CB");
	char *text = cli_text(cli, "cli_auto_level", "dots=%s|level=%s|note=%s", buf_text(&dots), msg_text(cli->lang, key),
			      show_text(decision, "level_note"));
	paragraph(text, 0, to);
	mem_free(text);
	buf_release(&dots);
}

/* "65% [            -#-    ]", or "-". */
static void share_cell(struct table *t, const json_t *c, const char *name, const char *low, const char *high)
{
	double value = number_of(c, name);
	char bar[AUTO_BAR_WIDTH + 3];

	if (isnan(value)) {
		table_cell(t, "-");
		return;
	}
	auto_bar(value, number_of(c, low), number_of(c, high), bar);
	table_cellf(t, "%3.0f%% %s", 100 * value, bar);
}

static void candidate_row(const struct cli *cli, struct table *t, const json_t *c)
{
	char *title = show_column_title(cli, c);

	table_cell(t, json_is_true(json_object_get(c, "is_recommended")) ? "*" : "");
	table_cell(t, title);
	if (show_int(c, "n_references") > 0)
		table_cellf(t, "%lld/%lld", (long long)show_int(c, "n_right"), (long long)show_int(c, "n_references"));
	else
		table_cell(t, "-");
	table_cellf(t, "%lld", (long long)show_int(c, "n_unusable"));
	if (json_is_true(json_object_get(c, "is_base")))
		table_cell(t, "-");
	else
		table_cellf(t, "%lld-%lld-%lld", (long long)show_int(c, "wins"), (long long)show_int(c, "ties"), (long long)show_int(c, "losses"));
	if (isnan(number_of(c, "win_rate")))
		table_cell(t, "-");
	else
		table_cellf(t, "%.0f%%", 100 * number_of(c, "win_rate"));
	share_cell(t, c, "score", "score_low", "score_high");
	mem_free(title);
}

static void show_candidates(const struct cli *cli, const json_t *selection, FILE *to)
{
	static const char *const keys[] = { "report_head_candidate", "report_head_right", "report_head_unusable", "cli_auto_head_duel",
					    "report_head_win_rate", "report_head_score", NULL };
	struct table *t = table_new("llrrrrl");
	size_t i;
	json_t *c;

	table_cell(t, "");
	show_heading(cli, t, keys);
	json_array_foreach(json_object_get(selection, "candidates"), i, c)
		candidate_row(cli, t, c);
	fputc('\n', to);
	show_table(t, to);
}

static void show_checked_by(const struct cli *cli, const json_t *selection, FILE *to)
{
	const json_t *by = json_object_get(selection, "checked_by"), *judge = json_object_get(by, "judge");
	const json_t *exam = json_object_get(judge, "exam"), *finding;
	long long of = (long long)show_int(selection, "n_answered");
	size_t i;

	heading(cli, "report_checked_by", to);
	fputs("- ", to);
	cli_say(cli, to, "report_by_references", "n=%lld|of=%lld", (long long)show_int(by, "n_references"), of);
	fputs("- ", to);
	cli_say(cli, to, "report_by_people", "n=%lld|of=%lld", (long long)show_int(by, "n_rated"), of);
	if (show_int(selection, "n_q8") > 0) {
		fputs("- ", to);
		cli_say(cli, to, "report_q8", "n=%lld|of=%zu", (long long)show_int(selection, "n_q8"),
			json_array_size(json_object_get(selection, "candidates")));
	}
	if (show_int(selection, "n_reused") > 0) {
		fputs("- ", to);
		cli_say(cli, to, "report_reused", "n=%lld|of=%lld", (long long)show_int(selection, "n_reused"),
			(long long)show_int(selection, "n_answers"));
	}
	if (json_is_object(json_object_get(by, "likelihood_problem"))) {
		fputs("- ", to);
		cli_say(cli, to, "report_likelihood_broken", NULL);
		paragraph(show_text(json_object_get(by, "likelihood_problem"), "message"), INDENT, to);
	}
	fputs("- ", to);
	if (!json_is_object(judge)) {
		cli_say(cli, to, "report_by_no_judge", NULL);
		return;
	}
	const char *key = json_is_object(json_object_get(judge, "problem")) ? "report_judge_broken" :
			  !json_is_object(exam) ? "report_judge_waiting" :
			  json_is_true(json_object_get(exam, "is_fit")) ? "report_judge_passed" : "report_judge_failed";
	cli_say(cli, to, key, "name=%s|a=%lld|b=%lld", show_text(judge, "name"), (long long)show_int(exam, "found"),
		(long long)show_int(exam, "asked"));
	if (json_is_object(json_object_get(judge, "problem")))
		paragraph(show_text(json_object_get(judge, "problem"), "text"), INDENT, to);
	json_array_foreach(json_object_get(exam, "findings"), i, finding)
		paragraph(show_text(finding, "text"), INDENT, to);
}

void auto_show(const struct cli *cli, const json_t *selection, FILE *to)
{
	const json_t *decision = json_object_get(selection, "decision");

	if (!json_is_object(decision)) {
		cli_say(cli, to, "report_selection_no_result", NULL);
		return;
	}
	paragraph(show_text(json_object_get(decision, "sentence"), "text"), 0, to);
	show_level(cli, decision, to);
	show_candidates(cli, selection, to);
	list(cli, "report_reasons", json_object_get(decision, "reasons"), to);
	show_checked_by(cli, selection, to);
	list(cli, "report_next_steps", json_object_get(decision, "next_steps"), to);
}
