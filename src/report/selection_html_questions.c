/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/limits.h"
#include "judge/evidence.h"
#include "metric/guard.h"
#include "report/selection_private.h"
#include "selection/material.h"

#define PAGE 100
#define SHOWN 300 /* questions of each kind */

/* Whose answers are shown: the recommended candidate's, and of whom it was measured by. */
struct sides {
	size_t own, other;
	bool are_known;
};

static size_t column_of(const struct report *r, const json_t *candidate)
{
	json_int_t id = json_integer_value(json_object_get(candidate, "column_id"));

	for (size_t i = 0; i < r->e.n_columns; i++)
		if (candidate && r->e.columns[i].id == id)
			return i;
	return SIZE_MAX;
}

static struct sides find_sides(const struct report *r)
{
	const json_t *decision = json_object_get(r->result, "decision");
	const json_t *base = report_marked(r, "is_base"), *own = report_marked(r, "is_recommended");
	const json_t *second = report_candidate(r, json_integer_value(json_object_get(decision, "runner_up_column_id")));
	struct sides s = { column_of(r, own), column_of(r, base && base != own ? base : second), false };

	s.are_known = s.own != SIZE_MAX && s.other != SIZE_MAX;
	return s;
}

static void answer(struct report *r, const struct selection_finding *f, size_t column)
{
	const struct selection_cell *known = &f->cells[column];

	report_raw(r, "<td><div class=\"text\" dir=\"auto\">");
	report_text(r, f->row.cells[column].text);
	report_raw(r, "</div><div class=\"note\">");
	if (!isnan(known->score))
		report_text(r, export_text(&r->e, known->is_right ? "report_answer_right" : "report_answer_wrong", "p=%.0f", 100 * known->score));
	for (unsigned flag = GUARD_EMPTY; flag <= GUARD_LENGTH; flag <<= 1) {
		char key[64];
		if (!(known->guards & flag))
			continue;
		(void)str_format(key, sizeof key, "report_guard_%s", guard_flag_name(flag));
		const char *title = msg_text(r->e.lang, key);
		report_raw(r, " \u00B7 ");
		report_text(r, title ? title : guard_flag_name(flag));
	}
	if (known->repeats) {
		report_raw(r, " \u00B7 ");
		report_text(r, msg_text(r->e.lang, "report_repeats"));
	}
	report_raw(r, "</div></td>");
}

static void question(struct report *r, const struct selection_finding *f)
{
	buf_printf(&r->e.out, "<tr><td>%lld</td><td class=\"text\" dir=\"auto\">", (long long)f->question.position + 1);
	if (f->row.q.turn) {
		report_raw(r, "<span class=\"note\">");
		report_text(r, export_turn(&r->e, &f->row));
		report_raw(r, "</span><br>");
	}
	markup_add(&r->e.out, f->row.q.text);
	report_raw(r, "</td>");
}

static void question_row(struct report *r, const struct selection_finding *f, const struct sides *s)
{
	char key[64];

	(void)str_format(key, sizeof key, "report_layer_%s", layer_name(f->question.layer));
	const char *layer = msg_text(r->e.lang, key);
	question(r, f);
	report_raw(r, "<td class=\"text\" dir=\"auto\">");
	markup_add(&r->e.out, f->row.q.reference);
	report_raw(r, "</td>");
	answer(r, f, s->own);
	answer(r, f, s->other);
	report_raw(r, "<td>");
	report_text(r, layer ? layer : layer_name(f->question.layer));
	report_raw(r, "</td></tr>\n");
}

/* A row for each answer that is unusable, whose ever it is. */
static void unusable_rows(struct report *r, const struct selection_finding *f)
{
	for (size_t c = 0; c < r->e.n_columns; c++) {
		if (!(f->cells[c].guards & MATERIAL_UNUSABLE))
			continue;
		question(r, f);
		report_raw(r, "<td dir=\"auto\">");
		report_text(r, r->e.titles[c]);
		report_raw(r, "</td>");
		answer(r, f, c);
		report_raw(r, "</tr>\n");
	}
}

static void unusable_head(struct report *r)
{
	report_raw(r, "<div class=\"scroll\"><table class=\"answers\"><thead><tr><th>#</th>");
	report_titled(r, "th", "report_question");
	report_titled(r, "th", "report_head_candidate");
	report_titled(r, "th", "report_answers");
	report_raw(r, "</tr></thead><tbody>\n");
}

static void table_head(struct report *r, const struct sides *s)
{
	report_raw(r, "<div class=\"scroll\"><table class=\"answers\"><thead><tr><th>#</th>");
	report_titled(r, "th", "report_question");
	report_titled(r, "th", "report_reference");
	report_raw(r, "<th dir=\"auto\">");
	report_text(r, r->e.titles[s->own]);
	report_raw(r, "</th><th dir=\"auto\">");
	report_text(r, r->e.titles[s->other]);
	report_raw(r, "</th>");
	report_titled(r, "th", "report_decided_by");
	report_raw(r, "</tr></thead><tbody>\n");
}

/* One page at a time: what is read is freed before the next. */
static enum err_code write_rows(struct report *r, enum selection_show show, const struct sides *s, struct err *err)
{
	enum err_code code = ERR_OK;
	size_t n = PAGE;

	for (int64_t at = 0; code == ERR_OK && n == PAGE && at < SHOWN && r->e.failed.code == ERR_OK; at += PAGE) {
		struct arena *page = arena_new();
		struct selection_finding *found;
		int64_t total;
		code = selection_store_findings(r->e.db, page, &r->row, show, at, PAGE, &found, &n, &total, err);
		for (size_t i = 0; code == ERR_OK && i < n; i++) {
			if (show == SHOW_UNUSABLE)
				unusable_rows(r, &found[i]);
			else
				question_row(r, &found[i], s);
			if (!export_pass_on(&r->e))
				break;
		}
		arena_free(page);
	}
	return code;
}

static enum err_code section(struct report *r, enum selection_show show, const char *key, const struct sides *s, struct err *err)
{
	struct arena *a = arena_new();
	struct selection_finding *first;
	size_t n;
	int64_t total = 0;
	enum err_code code = selection_store_findings(r->e.db, a, &r->row, show, 0, 1, &first, &n, &total, err);

	arena_free(a);
	if (code != ERR_OK)
		return code;
	report_raw(r, "<details><summary>");
	report_text(r, export_text(&r->e, key, "n=%lld", (long long)total));
	report_raw(r, "</summary>");
	if (total > 0) {
		if (show == SHOW_UNUSABLE)
			unusable_head(r);
		else
			table_head(r, s);
		code = write_rows(r, show, s, err);
		report_raw(r, "</tbody></table></div>");
	}
	if (total > SHOWN) {
		report_raw(r, "<p class=\"note\">");
		report_text(r, export_text(&r->e, "report_questions_more", "n=%lld", (long long)(total - SHOWN)));
		report_raw(r, "</p>");
	}
	report_raw(r, "</details>");
	return code;
}

enum err_code report_questions(struct report *r, struct err *err)
{
	struct sides sides = find_sides(r);

	enum err_code code = ERR_OK;

	if (!json_is_object(json_object_get(r->result, "decision")))
		return ERR_OK;
	report_titled(r, "h2", "report_questions_decided");
	if (sides.are_known) {
		report_titled(r, "p class=\"note\"", "report_questions_note");
		code = section(r, SHOW_GAINS, "report_questions_won", &sides, err);
	}
	if (sides.are_known && code == ERR_OK)
		code = section(r, SHOW_LOSSES, "report_questions_lost", &sides, err);
	if (code == ERR_OK)
		code = section(r, SHOW_UNUSABLE, "report_questions_unusable", &sides, err);
	return code;
}
