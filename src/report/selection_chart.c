/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "model/checkpoint_name.h"
#include "report/selection_private.h"

#define WIDTH 640
#define HEIGHT 240
#define LEFT 44
#define RIGHT 16
#define TOP 24
#define BOTTOM 34
#define SMALLER 0.8 /* of questions of one kind */
#define NAME_POINTS 14 /* characters of a name below the axis */

static double y_of(double share)
{
	return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
}

static double x_of(size_t i, size_t n)
{
	return LEFT + ((double)i + 0.5) * (WIDTH - LEFT - RIGHT) / (double)n;
}

static void axis(struct report *r)
{
	for (int percent = 0; percent <= 100; percent += 25) {
		double y = y_of(percent / 100.0);
		buf_printf(&r->e.out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, y, WIDTH - RIGHT, y);
		buf_printf(&r->e.out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d%%</text>", LEFT - 6, y + 4, percent);
	}
}

/* "Base model", "Epoch 4", or the beginning of a name. */
static void short_name(struct report *r, const json_t *candidate, struct buf *out)
{
	const json_t *epoch = json_object_get(candidate, "epoch");
	struct str label = str_of(report_string(candidate, "label"));
	char number[32];
	size_t at = 0;

	if (json_is_true(json_object_get(candidate, "is_base"))) {
		msg_format(out, r->e.lang, "report_base_model", NULL);
	} else if (json_is_number(epoch)) {
		epoch_label(json_number_value(epoch), number);
		msg_format(out, r->e.lang, "report_epoch_short", "epoch=%s", number);
	} else {
		for (int i = 0; i < NAME_POINTS && at < label.len; i++)
			(void)utf8_next(label, &at);
		buf_add(out, label.ptr, at);
		buf_add_text(out, at < label.len ? "\u2026" : "");
	}
}

static void names(struct report *r, const json_t *points)
{
	size_t i, n = json_array_size(points);
	json_t *point;

	json_array_foreach(points, i, point) {
		struct buf name = BUF_INIT(64 * KIB);
		short_name(r, report_candidate(r, json_integer_value(json_object_get(point, "column_id"))), &name);
		buf_printf(&r->e.out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x_of(i, n), HEIGHT - 12);
		markup_add(&r->e.out, buf_str(&name));
		report_raw(r, "</text>");
		buf_release(&name);
	}
}

static void line(struct report *r, const json_t *points)
{
	size_t i, n = json_array_size(points);
	bool begins = true;
	json_t *point;

	report_raw(r, "<polyline class=\"line\" points=\"");
	json_array_foreach(points, i, point) {
		double value = report_number(point, "value");
		if (isnan(value))
			continue;
		buf_printf(&r->e.out, "%s%.1f,%.1f", begins ? "" : " ", x_of(i, n), y_of(value));
		begins = false;
	}
	report_raw(r, "\"/>");
}

static void dots(struct report *r, const json_t *points)
{
	size_t i, n = json_array_size(points);
	json_t *point;

	json_array_foreach(points, i, point) {
		double value = report_number(point, "value"), low = report_number(point, "low"), high = report_number(point, "high");
		const json_t *who = report_candidate(r, json_integer_value(json_object_get(point, "column_id")));
		bool is_chosen = json_is_true(json_object_get(who, "is_recommended"));
		double x = x_of(i, n);
		if (isnan(value))
			continue;
		if (!isnan(low) && !isnan(high))
			buf_printf(&r->e.out, "<path class=\"whisker\" d=\"M%.1f %.1fV%.1fM%.1f %.1fH%.1fM%.1f %.1fH%.1f\"/>", x, y_of(low),
				   y_of(high), x - 5, y_of(low), x + 5, x - 5, y_of(high), x + 5);
		buf_printf(&r->e.out, "<circle class=\"dot%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/>", is_chosen ? " chosen" : "", x,
			   y_of(value), is_chosen ? 7 : 5);
		/* Where the line to the next dot is not. */
		bool rises = report_number(json_array_get(points, i + 1), "value") > value;
		buf_printf(&r->e.out, "<text x=\"%.1f\" y=\"%.1f\"%s>%.0f%%</text>", rises ? x - 9 : x + 9, y_of(value) - 7,
			   rises ? " text-anchor=\"end\"" : "", 100 * value);
	}
}

void report_chart(struct report *r, const json_t *curve)
{
	const json_t *points = json_object_get(curve, "points");
	char key[64];
	bool is_main = strcmp(report_string(curve, "name"), "all") == 0;
	double scale = is_main ? 1 : SMALLER;

	(void)str_format(key, sizeof key, "report_curve_%s", report_string(curve, "name"));
	const char *name = msg_text(r->e.lang, key);
	const char *unit = msg_text(r->e.lang, strcmp(report_string(curve, "unit"), "score") ? "report_unit_right" : "report_unit_score");
	const char *title = export_text(&r->e, "report_curve_title", "name=%s|unit=%s|n=%.0f", name ? name : report_string(curve, "name"),
					unit, report_number(curve, "n_questions"));
	if (json_array_size(points) == 0)
		return;
	report_raw(r, is_main ? "<figure class=\"main\"><figcaption>" : "<figure><figcaption>");
	report_text(r, title);
	buf_printf(&r->e.out, "</figcaption><svg width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %d %d\" role=\"img\"><title>", WIDTH * scale,
		   HEIGHT * scale, WIDTH, HEIGHT);
	report_text(r, title);
	report_raw(r, "</title>");
	axis(r);
	line(r, points);
	dots(r, points);
	names(r, points);
	report_raw(r, "</svg></figure>\n");
}
