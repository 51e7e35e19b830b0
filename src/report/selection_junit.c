/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/clock.h"
#include "base/limits.h"
#include "report/selection_private.h"

/* A candidate fails where it was left out, or proven worse than the base model. */
static const char *failure_of(const struct report *r, const json_t *c)
{
	double base = report_number(report_marked(r, "is_base"), "score");

	if (json_is_true(json_object_get(c, "is_vetoed")))
		return "report_candidate_vetoed";
	if (json_is_true(json_object_get(c, "is_base")))
		return NULL;
	return report_number(c, "p_base") < 0.05 && report_number(c, "score") < base ? "report_candidate_worse" : NULL;
}

static void number(struct report *r, const json_t *c, const char *name)
{
	double value = report_number(c, name);

	if (!isnan(value))
		export_property(&r->e, name, arena_printf(r->e.arena, "%.6g", value));
}

static void properties(struct report *r, const json_t *c)
{
	static const char *const names[] = { "n_right", "n_references", "n_unusable", "score", "score_low", "score_high", "first", "wins", "ties",
					     "losses", "win_rate", "win_rate_low", "win_rate_high", "p_base", "p_best" };

	report_raw(r, "   <properties>\n");
	export_property(&r->e, "is_recommended", json_is_true(json_object_get(c, "is_recommended")) ? "true" : "false");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		number(r, c, names[i]);
	report_raw(r, "   </properties>\n");
}

static void candidate_case(struct report *r, const json_t *c)
{
	const char *failure = failure_of(r, c);

	report_raw(r, "  <testcase");
	export_attribute(&r->e, "name", str_of(report_title(r, c)));
	export_attribute(&r->e, "classname", STR("candidates"));
	report_raw(r, ">\n");
	properties(r, c);
	if (failure) {
		report_raw(r, "   <failure");
		export_attribute(&r->e, "type", str_of(failure + sizeof "report_" - 1));
		export_attribute(&r->e, "message", str_of(msg_text(r->e.lang, failure)));
		report_raw(r, "/>\n");
	} else if (json_is_false(json_object_get(c, "is_ranked"))) {
		report_raw(r, "   <skipped");
		export_attribute(&r->e, "message", str_of(msg_text(r->e.lang, "report_candidate_dropped")));
		report_raw(r, "/>\n");
	}
	report_raw(r, "  </testcase>\n");
}

/* The decision itself: it fails where there is none. */
static void decision_case(struct report *r)
{
	const json_t *decision = json_object_get(r->result, "decision");
	const char *sentence = report_string(json_object_get(decision, "sentence"), "text");
	bool is_there = json_is_object(decision);

	report_raw(r, "  <testcase");
	export_attribute(&r->e, "name", str_of(is_there ? report_string(decision, "kind") : "decision"));
	export_attribute(&r->e, "classname", STR("decision"));
	report_raw(r, ">");
	if (is_there) {
		report_raw(r, "<system-out>");
		report_text(r, sentence);
		report_raw(r, "</system-out>");
	} else {
		report_raw(r, "<error");
		export_attribute(&r->e, "message", str_of(msg_text(r->e.lang, "report_selection_no_result")));
		report_raw(r, "/>");
	}
	report_raw(r, "</testcase>\n");
}

static void gate_case(struct report *r, const struct selection_gate *gate)
{
	struct buf why = BUF_INIT(64 * KIB);
	bool holds = selection_gate_check(gate, r->result, r->e.lang, &why);

	report_raw(r, "  <testcase");
	export_attribute(&r->e, "name", str_of(arena_printf(r->e.arena, "--fail-below %s", r->rule)));
	export_attribute(&r->e, "classname", STR("gates"));
	report_raw(r, holds ? "><system-out>" : "><failure");
	if (holds)
		markup_add(&r->e.out, buf_str(&why));
	else
		export_attribute(&r->e, "message", buf_str(&why));
	report_raw(r, holds ? "</system-out></testcase>\n" : "/></testcase>\n");
	buf_release(&why);
}

struct counts {
	size_t tests, failures, errors, skipped;
};

static struct counts count(struct report *r, const struct selection_gate *gate)
{
	struct counts n = { 1, 0, !json_is_object(json_object_get(r->result, "decision")), 0 };
	struct buf ignored = BUF_INIT(64 * KIB);
	size_t i;
	json_t *c;

	json_array_foreach(report_candidates(r), i, c) {
		bool fails = failure_of(r, c) != NULL;
		n.tests++;
		n.failures += fails;
		n.skipped += !fails && json_is_false(json_object_get(c, "is_ranked"));
	}
	if (gate) {
		n.tests++;
		n.failures += !selection_gate_check(gate, r->result, r->e.lang, &ignored);
	}
	buf_release(&ignored);
	return n;
}

enum err_code report_selection_junit(struct report *r, struct err *err)
{
	struct selection_gate gate;
	char when[32];
	size_t i;
	json_t *c;

	if (r->rule && selection_gate_parse(r->rule, "fail_below", &gate, err) != ERR_OK)
		return err ? err->code : ERR_INVALID;
	struct counts n = count(r, r->rule ? &gate : NULL);
	clock_format_utc(r->row.created_ms, when);
	if (strlen(when) > 19)
		when[19] = '\0'; /* JUnit wants no zone */
	report_raw(r, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n <testsuite");
	export_attribute(&r->e, "name", str_of(r->row.name));
	buf_printf(&r->e.out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\" timestamp=\"%s\">\n", n.tests,
		   n.failures, n.errors, n.skipped, (double)r->row.elapsed_ms / 1000, when);
	decision_case(r);
	json_array_foreach(report_candidates(r), i, c)
		candidate_case(r, c);
	if (r->rule)
		gate_case(r, &gate);
	report_raw(r, " </testsuite>\n</testsuites>\n");
	return ERR_OK;
}
