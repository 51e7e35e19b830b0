/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/limits.h"
#include "report/selection_private.h"

/* A sentence with the judge's name in it, which may hold anything. */
static void judge_sentence(struct report *r, const char *key, const json_t *judge, const json_t *exam)
{
	struct buf args = BUF_INIT(64 * KIB), line = BUF_INIT(64 * KIB);

	buf_printf(&args, "name=%s%ca=%.0f%cb=%.0f", report_string(judge, "name"), ERR_ARG_SEP, exam ? report_number(exam, "found") : 0,
		   ERR_ARG_SEP, exam ? report_number(exam, "asked") : 0);
	msg_render(&line, r->e.lang, key, buf_text(&args));
	report_raw(r, "<p>");
	markup_add(&r->e.out, buf_str(&line));
	report_raw(r, "</p>");
	buf_release(&args);
	buf_release(&line);
}

static void kinds(struct report *r, const json_t *exam)
{
	size_t i;
	json_t *kind;

	report_raw(r, "<table><thead><tr>");
	report_titled(r, "th", "report_head_mistake");
	report_titled(r, "th", "report_head_found");
	report_raw(r, "</tr></thead><tbody>");
	json_array_foreach(json_object_get(exam, "kinds"), i, kind) {
		char key[64];
		(void)str_format(key, sizeof key, "report_probe_%s", report_string(kind, "kind"));
		const char *title = msg_text(r->e.lang, key);
		report_raw(r, "<tr><td>");
		report_text(r, title ? title : report_string(kind, "kind"));
		buf_printf(&r->e.out, "</td><td class=\"number\">%.0f / %.0f</td></tr>", report_number(kind, "found"),
			   report_number(kind, "asked"));
	}
	report_raw(r, "</tbody></table>");
}

static void habit(struct report *r, const char *key, double value, const char *format)
{
	if (isnan(value))
		return;
	report_raw(r, "<li>");
	report_text(r, msg_text(r->e.lang, key));
	report_raw(r, ": ");
	buf_printf(&r->e.out, format, value);
	report_raw(r, "</li>");
}

static void habits(struct report *r, const json_t *exam)
{
	const json_t *people = json_object_get(exam, "people");
	size_t i;
	json_t *finding;

	report_raw(r, "<ul>");
	habit(r, "report_judge_flips", 100 * report_number(exam, "flip_rate"), "%.0f%%");
	habit(r, "report_judge_slot", report_number(exam, "slot_bias"), "%.2f logit");
	habit(r, "report_judge_longer", 100 * report_number(exam, "longer_rate"), "%.0f%%");
	habit(r, "report_judge_people", 100 * report_number(people, "agreement"), "%.0f%%");
	habit(r, "report_judge_kappa", report_number(people, "kappa"), "%.2f");
	json_array_foreach(json_object_get(exam, "findings"), i, finding) {
		report_raw(r, json_is_true(json_object_get(finding, "is_failure")) ? "<li class=\"loss\">" : "<li>");
		report_text(r, report_string(finding, "text"));
		report_raw(r, "</li>");
	}
	report_raw(r, "</ul>");
}

void report_judge(struct report *r)
{
	const json_t *judge = json_object_get(r->result, "judge"), *exam = json_object_get(judge, "exam");
	const json_t *problem = json_object_get(judge, "problem");

	if (!json_is_object(judge))
		return;
	report_titled(r, "h3", "report_judge_card");
	if (json_is_object(problem)) {
		judge_sentence(r, "report_judge_broken", judge, NULL);
		report_raw(r, "<p>");
		report_text(r, report_string(problem, "text"));
		report_raw(r, "</p>");
	} else if (!json_is_object(exam)) {
		judge_sentence(r, "report_judge_waiting", judge, NULL);
	}
	if (!json_is_object(exam))
		return;
	judge_sentence(r, json_is_true(json_object_get(exam, "is_fit")) ? "report_judge_passed" : "report_judge_failed", judge, exam);
	kinds(r, exam);
	habits(r, exam);
}

void report_glossary(struct report *r)
{
	static const char *const words[][2] = {
		{ "report_head_right", "report_means_right" },	     { "report_head_unusable", "report_means_unusable" },
		{ "report_head_duel", "report_means_duel" },	     { "report_head_win_rate", "report_means_win_rate" },
		{ "report_head_score", "report_means_score" },	     { "report_head_first", "report_means_first" },
		{ "report_head_verdict", "report_means_verdict" },   { "report_interval", "report_means_interval" },
		{ "report_level", "report_means_level" },	     { "report_head_eval_loss", "report_means_loss" },
		{ "report_head_likelihood", "report_means_likelihood" },
	};

	report_titled(r, "h2", "report_meanings");
	report_raw(r, "<dl>");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		report_titled(r, "dt", words[i][0]);
		report_titled(r, "dd", words[i][1]);
	}
	report_raw(r, "</dl>");
}
