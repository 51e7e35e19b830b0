/* SPDX-License-Identifier: Apache-2.0
 *
 * selection_private - what the writers of reports about automatic validations share.  `selection_report.h` is what others see. */
#ifndef ASSAY_REPORT_SELECTION_PRIVATE_H
#define ASSAY_REPORT_SELECTION_PRIVATE_H

#include "base/json.h"
#include "report/export_private.h"
#include "report/selection_gate.h"
#include "selection/selection.h"

struct report {
	struct export e; /* of the run behind it */
	struct selection_row row;
	struct selection_params params;
	json_t *result;	     /* in words */
	const char *judge_name; /* "" without a judge */
	const char *rule;    /* of a gate, NULL: none */
};

MUST_USE enum err_code report_selection_html(struct report *r, struct err *err);
MUST_USE enum err_code report_selection_json(struct report *r, struct err *err);
MUST_USE enum err_code report_selection_junit(struct report *r, struct err *err);

/* --- parts of the page --- */
/* The learning curve as a picture: a dot for each candidate with its 95 % interval. */
void report_chart(struct report *r, const json_t *curve);
/* Questions won and lost, with the texts. */
MUST_USE enum err_code report_questions(struct report *r, struct err *err);
/* The judge's report card; nothing without a judge. */
void report_judge(struct report *r);
/* What every number means. */
void report_glossary(struct report *r);

/* --- reading results --- */
const json_t *report_candidates(const struct report *r);
/* The candidate with this column, NULL: none. */
const json_t *report_candidate(const struct report *r, json_int_t column_id);
/* The candidate whose `flag` is set, NULL: none. */
const json_t *report_marked(const struct report *r, const char *flag);
/* NAN for what is no number. */
double report_number(const json_t *object, const char *name);
/* "" for what is no text. */
const char *report_string(const json_t *object, const char *name);
/* What a candidate is called, in the arena. */
const char *report_title(struct report *r, const json_t *candidate);

/* --- markup --- */
void report_raw(struct report *r, const char *markup);
/* Escaped. */
void report_text(struct report *r, const char *plain);
/* <tag>sentence of messages/</tag>, escaped; `tag` may carry attributes. */
void report_titled(struct report *r, const char *tag, const char *key);
/* "62%"; "-" for NAN. */
void report_percent(struct report *r, double share);

#endif
