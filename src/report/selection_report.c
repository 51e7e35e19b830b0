/* SPDX-License-Identifier: Apache-2.0 */
#include "report/selection_report.h"

#include <math.h>

#include "base/limits.h"
#include "report/selection_private.h"
#include "selection/result.h"
#include "store/model_store.h"

static const struct {
	const char *name, *mime, *extension;
	enum err_code (*write)(struct report *r, struct err *err);
} formats[] = {
	[SELECTION_HTML] = { "html", "text/html; charset=utf-8", "html", report_selection_html },
	[SELECTION_JSON] = { "json", "application/json", "json", report_selection_json },
	[SELECTION_JUNIT] = { "junit", "application/xml; charset=utf-8", "xml", report_selection_junit },
};

enum err_code selection_report_format_parse(const char *name, enum selection_report_format *out, struct err *err)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(name, formats[i].name) == 0) {
			*out = (enum selection_report_format)i;
			return ERR_OK;
		}
	return err_set(err, ERR_INVALID, "err_field_choice", "field=format|choices=html, json, junit");
}

const char *selection_report_mime(enum selection_report_format format)
{
	return formats[format].mime;
}

const char *selection_report_extension(enum selection_report_format format)
{
	return formats[format].extension;
}

/* --- reading results --- */

const json_t *report_candidates(const struct report *r)
{
	return json_object_get(r->result, "candidates");
}

const json_t *report_candidate(const struct report *r, json_int_t column_id)
{
	size_t i;
	json_t *c;

	json_array_foreach(report_candidates(r), i, c)
		if (json_integer_value(json_object_get(c, "column_id")) == column_id)
			return c;
	return NULL;
}

const json_t *report_marked(const struct report *r, const char *flag)
{
	size_t i;
	json_t *c;

	json_array_foreach(report_candidates(r), i, c)
		if (json_is_true(json_object_get(c, flag)))
			return c;
	return NULL;
}

double report_number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *report_string(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

const char *report_title(struct report *r, const json_t *candidate)
{
	struct buf text = BUF_INIT(64 * KIB);

	candidate_title(candidate, r->e.lang, &text);
	const char *copy = arena_strdup(r->e.arena, buf_text(&text));
	buf_release(&text);
	return copy;
}

/* --- markup --- */

void report_raw(struct report *r, const char *markup)
{
	buf_add_text(&r->e.out, markup);
}

void report_text(struct report *r, const char *plain)
{
	markup_add(&r->e.out, str_of(plain));
}

void report_titled(struct report *r, const char *tag, const char *key)
{
	int name = (int)strcspn(tag, " ");

	buf_printf(&r->e.out, "<%s>", tag);
	report_text(r, msg_text(r->e.lang, key));
	buf_printf(&r->e.out, "</%.*s>", name, tag);
}

void report_percent(struct report *r, double share)
{
	if (isnan(share))
		report_raw(r, "-");
	else
		buf_printf(&r->e.out, "%.0f%%", 100 * share);
}

/* --- all formats --- */

enum err_code selection_report(struct db *db, int64_t id, enum selection_report_format format, enum lang lang, const char *rule,
			       export_sink_fn sink, void *user, struct err *err)
{
	struct report r = { .rule = rule, .judge_name = "" };
	struct arena *a = arena_new();
	struct model_row judge;
	struct err gone = { 0 };
	enum err_code code = selection_store_get(db, a, id, &r.row, err);

	if (code == ERR_OK)
		code = selection_params_parse(a, r.row.params, &r.params, err);
	if (code != ERR_OK) {
		arena_free(a);
		return code;
	}
	if (r.row.judge_model_id && model_store_get(db, a, r.row.judge_model_id, &judge, &gone) == ERR_OK)
		r.judge_name = judge.model.name;
	r.result = result_in_words(r.row.result, lang);
	code = export_open(&r.e, db, r.row.run_id, lang, sink, user, err);
	if (code == ERR_OK)
		code = formats[format].write(&r, err);
	code = export_close(&r.e, code, err);
	json_decref(r.result);
	arena_free(a);
	return code;
}
