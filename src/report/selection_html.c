/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/clock.h"
#include "base/limits.h"
#include "report/selection_private.h"

#define LEVELS 4 /* low, medium, high, very high */
#define BAR_WIDTH 120

static const char style[] =
	"<style>.sentence{font-size:1.25rem;font-weight:600;margin:.5rem 0}.level{letter-spacing:.1em;color:#2e7d32}"
	".badge{background:#2e7d32;color:#fff;border-radius:.3rem;padding:0 .4rem;font-size:.8em;white-space:nowrap}"
	".number{text-align:right;white-space:nowrap}figure{margin:1rem 0;display:inline-block;max-width:100%}"
	"figure.main{display:block}figcaption{font-weight:600}svg{max-width:100%;height:auto}svg text{fill:CanvasText;font-size:12px}"
	".grid{stroke:#8885}.whisker{stroke:#8a8a8a;stroke-width:2}.line{fill:none;stroke:#1565c0;stroke-width:2}"
	".dot{fill:#1565c0}.chosen{fill:#2e7d32}.span{fill:#1565c055}.mark{fill:#1565c0}.win{color:#2e7d32}.loss{color:#c62828}"
	"dt{font-weight:600;margin-top:.5rem}dd{margin:0 0 0 1rem}</style>";

static void cell_number(struct report *r, double value, const char *format)
{
	report_raw(r, "<td class=\"number\">");
	if (isnan(value))
		report_raw(r, "-");
	else
		buf_printf(&r->e.out, format, value);
	report_raw(r, "</td>");
}

/* --- head --- */

static const char *plain_time(int64_t ms, char when[32])
{
	clock_format_utc(ms, when);
	for (char *c = when; *c != '\0'; c++)
		if (*c == 'T' || *c == 'Z')
			*c = *c == 'T' ? ' ' : '\0';
	return when;
}

static void head(struct report *r)
{
	struct buf args = BUF_INIT(64 * KIB), title = BUF_INIT(64 * KIB);
	const json_t *result = r->result;
	char when[32];

	buf_printf(&args, "name=%s", r->row.name);
	msg_render(&title, r->e.lang, "report_selection_title", buf_text(&args));
	export_html_head(&r->e, buf_str(&title));
	report_raw(r, style);
	report_raw(r, "<p>");
	report_text(r, export_text(&r->e, "report_selection_made", "when=%s|questions=%lld|answered=%lld|candidates=%zu",
				   plain_time(r->row.created_ms, when), (long long)json_integer_value(json_object_get(result, "n_questions")),
				   (long long)json_integer_value(json_object_get(result, "n_answered")),
				   json_array_size(report_candidates(r))));
	report_raw(r, "</p>");
	buf_release(&args);
	buf_release(&title);
}

/* --- the result --- */

static int level_of(const char *name)
{
	static const char *const names[] = { "none", "low", "medium", "high", "very_high" };

	for (int i = 0; i < 5; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return 0;
}

static void level(struct report *r, const json_t *decision)
{
	int n = level_of(report_string(decision, "level"));
	char key[64];

	if (n == 0)
		return;
	(void)str_format(key, sizeof key, "report_level_%s", report_string(decision, "level"));
	report_raw(r, "<p>");
	report_text(r, msg_text(r->e.lang, "report_level"));
	report_raw(r, " <span class=\"level\" aria-hidden=\"true\">");
	for (int i = 0; i < LEVELS; i++)
		report_raw(r, i < n ? "\u25CF" : "\u25CB");
	report_raw(r, "</span> <b>");
	report_text(r, msg_text(r->e.lang, key));
	report_raw(r, "</b><br><span class=\"note\">");
	report_text(r, report_string(json_object_get(decision, "level_note"), "text"));
	report_raw(r, "</span></p>");
}

static void list(struct report *r, const char *heading, const json_t *sentences)
{
	size_t i;
	json_t *one;

	if (json_array_size(sentences) == 0)
		return;
	report_titled(r, "h2", heading);
	report_raw(r, "<ul>");
	json_array_foreach(sentences, i, one) {
		report_raw(r, "<li>");
		report_text(r, report_string(one, "text"));
		report_raw(r, "</li>");
	}
	report_raw(r, "</ul>");
}

static void problem(struct report *r)
{
	struct buf text = BUF_INIT(64 * KIB);

	if (r->row.problem.code == ERR_OK)
		return;
	err_message(&text, r->e.lang, &r->row.problem);
	report_raw(r, "<p class=\"loss\">");
	markup_add(&r->e.out, buf_str(&text));
	report_raw(r, "</p>");
	buf_release(&text);
}

static void outcome(struct report *r)
{
	const json_t *decision = json_object_get(r->result, "decision");

	problem(r);
	if (!json_is_object(decision)) {
		report_titled(r, "p class=\"sentence\"", "report_selection_no_result");
		return;
	}
	report_raw(r, "<p class=\"sentence\">");
	report_text(r, report_string(json_object_get(decision, "sentence"), "text"));
	report_raw(r, "</p>");
	level(r, decision);
	list(r, "report_reasons", json_object_get(decision, "reasons"));
	list(r, "report_next_steps", json_object_get(decision, "next_steps"));
}

static void curves(struct report *r)
{
	size_t i;
	json_t *curve;

	json_array_foreach(json_object_get(r->result, "curves"), i, curve)
		report_chart(r, curve);
}

/* --- candidates --- */

/* A share with its interval as a bar: what it may be is light, what it is a line. */
static void interval_cell(struct report *r, double value, double low, double high)
{
	report_raw(r, "<td class=\"number\">");
	report_percent(r, value);
	if (!isnan(value) && !isnan(low) && !isnan(high)) {
		buf_printf(&r->e.out, " <span class=\"note\">%.0f\u2013%.0f%%</span><br>", 100 * low, 100 * high);
		buf_printf(&r->e.out, "<svg width=\"%d\" height=\"10\" viewBox=\"0 0 %d 10\" aria-hidden=\"true\">"
				      "<line class=\"grid\" x1=\"0\" y1=\"5\" x2=\"%d\" y2=\"5\"/>"
				      "<rect class=\"span\" x=\"%.1f\" y=\"2\" width=\"%.1f\" height=\"6\"/>"
				      "<rect class=\"mark\" x=\"%.1f\" y=\"0\" width=\"3\" height=\"10\"/></svg>",
			   BAR_WIDTH, BAR_WIDTH, BAR_WIDTH, BAR_WIDTH * low, BAR_WIDTH * (high - low), BAR_WIDTH * value - 1.5);
	}
	report_raw(r, "</td>");
}

static const char *verdict_key(const json_t *c)
{
	if (json_is_true(json_object_get(c, "is_vetoed")))
		return "report_candidate_vetoed";
	if (json_is_true(json_object_get(c, "is_base")))
		return "report_candidate_base";
	if (json_is_false(json_object_get(c, "is_ranked")))
		return "report_candidate_dropped";
	if (json_is_true(json_object_get(c, "beats_base")))
		return "report_candidate_better";
	return report_number(c, "win_rate") < 0.5 && report_number(c, "p_base") < 0.05 ? "report_candidate_worse" :
											 "report_candidate_unproven";
}

static void candidate_row(struct report *r, const json_t *c)
{
	report_raw(r, "<tr><th scope=\"row\" dir=\"auto\">");
	report_text(r, report_title(r, c));
	if (json_is_true(json_object_get(c, "is_recommended"))) {
		report_raw(r, " ");
		report_titled(r, "span class=\"badge\"", "report_recommended");
	}
	report_raw(r, "</th>");
	double n = report_number(c, "n_references"), n_right = report_number(c, "n_right");
	report_raw(r, "<td class=\"number\">");
	if (n > 0)
		buf_printf(&r->e.out, "%.0f / %.0f<br><span class=\"note\">%.0f%%</span>", n_right, n, 100 * n_right / n);
	else
		report_raw(r, "-");
	report_raw(r, "</td>");
	cell_number(r, report_number(c, "n_unusable"), "%.0f");
	if (json_is_true(json_object_get(c, "is_base")))
		report_raw(r, "<td class=\"number\">-</td>");
	else
		buf_printf(&r->e.out, "<td class=\"number\">%.0f \u2013 %.0f \u2013 %.0f</td>", report_number(c, "wins"), report_number(c, "ties"),
			   report_number(c, "losses"));
	interval_cell(r, report_number(c, "win_rate"), report_number(c, "win_rate_low"), report_number(c, "win_rate_high"));
	interval_cell(r, report_number(c, "score"), report_number(c, "score_low"), report_number(c, "score_high"));
	cell_number(r, 100 * report_number(c, "first"), "%.0f%%");
	report_titled(r, "td", verdict_key(c));
	cell_number(r, report_number(c, "likes"), "%.0f");
	cell_number(r, report_number(c, "train_loss"), "%.3f");
	cell_number(r, report_number(c, "eval_loss"), "%.3f");
	cell_number(r, report_number(c, "log_likelihood"), "%.3f");
	report_raw(r, "</tr>\n");
}

static void candidates(struct report *r)
{
	static const char *const heads[] = { "report_head_candidate", "report_head_right", "report_head_unusable", "report_head_duel",
					     "report_head_win_rate",  "report_head_score", "report_head_first",	   "report_head_verdict",
					     "report_likes_head",     "report_head_train_loss", "report_head_eval_loss", "report_head_likelihood" };
	size_t i;
	json_t *c;

	report_titled(r, "h2", "report_candidates");
	report_raw(r, "<div class=\"scroll\"><table><thead><tr>");
	for (i = 0; i < sizeof heads / sizeof *heads; i++)
		report_titled(r, "th", heads[i]);
	report_raw(r, "</tr></thead><tbody>");
	json_array_foreach(report_candidates(r), i, c)
		candidate_row(r, c);
	report_raw(r, "</tbody></table></div>");
}

/* --- how it was checked --- */

static void likelihood_problem(struct report *r)
{
	const json_t *problem = json_object_get(r->result, "likelihood_problem");

	if (!json_is_object(problem))
		return;
	report_titled(r, "p", "report_likelihood_broken");
	report_raw(r, "<p>");
	report_text(r, report_string(problem, "text"));
	report_raw(r, "</p>");
}

static void checked_by(struct report *r)
{
	const json_t *result = r->result;
	long long n = (long long)json_integer_value(json_object_get(result, "n_answered"));

	report_titled(r, "h2", "report_checked_by");
	report_raw(r, "<ul><li>");
	report_text(r, export_text(&r->e, "report_by_references", "n=%lld|of=%lld",
				   (long long)json_integer_value(json_object_get(result, "n_references")), n));
	report_raw(r, "</li><li>");
	report_text(r, export_text(&r->e, "report_by_people", "n=%lld|of=%lld",
				   (long long)json_integer_value(json_object_get(result, "n_rated")), n));
	report_raw(r, "</li>");
	if (!json_is_object(json_object_get(result, "judge")))
		report_titled(r, "li", "report_by_no_judge");
	if (export_n_q8(&r->e) > 0) {
		report_raw(r, "<li>");
		report_text(r, export_q8(&r->e));
		report_raw(r, "</li>");
	}
	if (export_n_reused(&r->e) > 0) {
		report_raw(r, "<li>");
		report_text(r, export_reused(&r->e));
		report_raw(r, "</li>");
	}
	report_raw(r, "</ul>");
	likelihood_problem(r);
	report_judge(r);
}

static void leak(struct report *r)
{
	const json_t *found = json_object_get(r->result, "leak");
	size_t i;
	json_t *one;

	if (!json_is_object(found))
		return;
	report_titled(r, "h2", "report_leak");
	report_raw(r, "<p>");
	report_text(r, export_text(&r->e, "report_leak_seen", "n=%.0f|examples=%.0f", report_number(found, "n_questions_seen"),
				   report_number(found, "n_examples")));
	report_raw(r, "</p><ul>");
	json_array_foreach(json_object_get(found, "repeats"), i, one) {
		struct buf args = BUF_INIT(64 * KIB), line = BUF_INIT(64 * KIB);
		const json_t *who = report_candidate(r, json_integer_value(json_object_get(one, "column_id")));
		buf_printf(&args, "name=%s%cn=%.0f", report_title(r, who), ERR_ARG_SEP, report_number(one, "n"));
		msg_render(&line, r->e.lang, "report_leak_repeats", buf_text(&args));
		report_raw(r, "<li>");
		markup_add(&r->e.out, buf_str(&line));
		report_raw(r, "</li>");
		buf_release(&args);
		buf_release(&line);
	}
	report_raw(r, "</ul>");
}

/* How long each step took, and what was set. */
static void course(struct report *r)
{
	struct err ignored = { 0 };
	json_t *steps = json_parse(str_of(r->row.steps), "steps", &ignored), *step;
	size_t i;

	report_titled(r, "h2", "report_course");
	report_raw(r, "<p>");
	report_text(r, export_text(&r->e, r->params.budget_s ? "report_budget" : "report_no_budget", "n=%lld|seconds=%.1f",
				   (long long)r->params.budget_s, (double)r->row.elapsed_ms / 1000));
	report_raw(r, "</p>");
	if (*r->params.training_path) {
		report_raw(r, "<p>");
		report_text(r, export_text(&r->e, "report_training", "path=%s", r->params.training_path));
		report_raw(r, "</p>");
	}
	report_raw(r, "<table><tbody>");
	json_array_foreach(steps, i, step) {
		char key[64];
		(void)str_format(key, sizeof key, "report_step_%s", report_string(step, "name"));
		const char *title = msg_text(r->e.lang, key);
		report_raw(r, "<tr><td>");
		report_text(r, title ? title : report_string(step, "name"));
		report_raw(r, "</td>");
		(void)str_format(key, sizeof key, "report_step_state_%s", report_string(step, "state"));
		title = msg_text(r->e.lang, key);
		report_raw(r, "<td>");
		report_text(r, title ? title : report_string(step, "state"));
		report_raw(r, "</td>");
		double seconds = report_number(step, "seconds");
		report_raw(r, "<td class=\"number\">");
		report_text(r, isnan(seconds) ? "-" : export_text(&r->e, "report_step_seconds", "n=%.1f", seconds));
		report_raw(r, "</td>");
		report_raw(r, "</tr>");
	}
	report_raw(r, "</tbody></table>");
	json_decref(steps);
}

enum err_code report_selection_html(struct report *r, struct err *err)
{
	head(r);
	outcome(r);
	curves(r);
	candidates(r);
	checked_by(r);
	leak(r);
	export_pass_on(&r->e);
	enum err_code code = report_questions(r, err);
	course(r);
	report_glossary(r);
	export_html_provenance(&r->e);
	return code;
}
