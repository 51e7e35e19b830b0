/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/curves.h"

#include <math.h>
#include <string.h>

#include "metric/interval.h"
#include "selection/leak.h"

#define GROUP_MIN 5 /* questions; fewer make no curve */

static bool has_tag(struct str tags, const char *tag)
{
	while (tags.len > 0)
		if (str_eq_text(str_trim(str_split(&tags, ',')), tag))
			return true;
	return false;
}

static const char *const groups[] = { [LEAK_GENERAL] = "general", [LEAK_REPHRASED] = "rephrased", [LEAK_SEEN] = "seen" };

static bool is_tagged(struct str tags)
{
	return has_tag(tags, "seen") || has_tag(tags, "rephrased") || has_tag(tags, "general");
}

/* Whether a question belongs to a group (NULL: all): by its tags, else by the training file. */
static bool counts(const struct material *m, size_t question, const char *group)
{
	struct str tags = m->questions[question].q.tags;

	if (m->starts[question + 1] == m->starts[question])
		return false;
	if (!group || has_tag(tags, group))
		return true;
	return !is_tagged(tags) && m->groups && strcmp(groups[m->groups[question]], group) == 0;
}

static json_t *point(const struct material *m, size_t column, double value, double low, double high)
{
	json_t *known = isfinite(value) ? json_real(value) : json_null();

	return json_pack("{s:I, s:o, s:o, s:o}", "column_id", (json_int_t)m->columns[column].id, "value", known, "low",
			 isfinite(low) ? json_real(low) : json_null(), "high", isfinite(high) ? json_real(high) : json_null());
}

/* Shares of right answers; NULL for too few questions. */
static json_t *right_curve(const struct material *m, const char *name, const char *tag)
{
	json_t *points = json_array();
	size_t n = 0, n_right[LIMIT_COLUMNS] = { 0 };

	for (size_t i = 0; i < m->n_answered; i++) {
		size_t q = m->answered[i];
		if (!counts(m, q, tag))
			continue;
		n++;
		for (size_t c = 0; c < m->n_columns; c++)
			n_right[c] += m->cells[q * m->n_columns + c].is_right;
	}
	if (n < GROUP_MIN) {
		json_decref(points);
		return NULL;
	}
	for (size_t c = 0; c < m->n_columns; c++) {
		struct interval i = interval_wilson((double)n_right[c], (double)n, 0.95);
		json_array_append_new(points, m->is_out[c] ? point(m, c, NAN, NAN, NAN) :
							     point(m, c, (double)n_right[c] / (double)n, i.low, i.high));
	}
	return json_pack("{s:s, s:I, s:s, s:o}", "name", name, "n_questions", (json_int_t)n, "unit", "right", "points", points);
}

static json_t *score_curve(const struct material *m, const struct decision *d)
{
	json_t *points = json_array();

	for (size_t c = 0; c < m->n_columns; c++)
		json_array_append_new(points, point(m, c, d->candidates[c].score, d->candidates[c].score_interval.low,
						    d->candidates[c].score_interval.high));
	return json_pack("{s:s, s:I, s:s, s:o}", "name", "all", "n_questions", (json_int_t)m->n_answered, "unit", "score", "points",
			 points);
}

json_t *curves_json(const struct material *m, const struct decision *d)
{
	json_t *list = json_array(), *all = 2 * m->n_references >= m->n_answered ? right_curve(m, "all", NULL) : NULL;

	json_array_append_new(list, all ? all : score_curve(m, d));
	for (size_t i = sizeof groups / sizeof *groups; all && i-- > 0;) {
		json_t *curve = right_curve(m, groups[i], groups[i]);
		if (curve)
			json_array_append_new(list, curve);
	}
	return list;
}
