/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/overlap.h"

#include "metric/unicode.h"

static double bag_f1(struct text *answer, struct text *reference, enum text_form form, double both_empty)
{
	size_t n_answer = text_tokens(answer, form).n, n_reference = text_tokens(reference, form).n;

	if (!n_answer || !n_reference)
		return n_answer == n_reference ? both_empty : 0;
	double same = text_matches(answer, reference, form)[0];
	double precision = same / (double)n_answer, recall = same / (double)n_reference;
	return same > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

bool squad_exact(struct text *answer, struct text *reference)
{
	return text_same_tokens(answer, reference, TEXT_SQUAD);
}

double squad_f1(struct text *answer, struct text *reference)
{
	return bag_f1(answer, reference, TEXT_SQUAD, 1);
}

double squad_f1_v11(struct text *answer, struct text *reference)
{
	return bag_f1(answer, reference, TEXT_SQUAD, 0);
}

/* Reads a text as CMRC's script compares it. */
struct cmrc_reader {
	const uint32_t *points;
	size_t at, end, n_pending;
	uint32_t pending[POINT_LOWER_MAX];
};

static struct cmrc_reader cmrc_begin(const struct text *t)
{
	struct cmrc_reader r = { .points = text_points(t), .end = text_n_points(t) };

	while (r.at < r.end && point_is_space(r.points[r.at]))
		r.at++;
	while (r.end > r.at && point_is_space(r.points[r.end - 1]))
		r.end--;
	return r;
}

/* The next character, POINT_END at the end. */
static uint32_t cmrc_next(struct cmrc_reader *r)
{
	if (r->n_pending)
		return r->pending[--r->n_pending];
	while (r->at < r->end && point_is_cmrc_punct(r->points[r->at]))
		r->at++;
	if (r->at == r->end)
		return POINT_END;
	uint32_t lower[POINT_LOWER_MAX];
	size_t n = point_lower(r->points, r->end, r->at++, lower);
	while (n > 1)
		r->pending[r->n_pending++] = lower[--n];
	return lower[0];
}

bool cmrc_exact(struct text *answer, struct text *reference)
{
	struct cmrc_reader a = cmrc_begin(answer), b = cmrc_begin(reference);
	uint32_t p;

	while ((p = cmrc_next(&a)) == cmrc_next(&b))
		if (p == POINT_END)
			return true;
	return false;
}

double cmrc_f1(struct text *answer, struct text *reference)
{
	double run = (double)text_common_run(answer, reference, TEXT_CMRC);

	if (run <= 0)
		return 0;
	double precision = run / (double)text_tokens(answer, TEXT_CMRC).n, recall = run / (double)text_tokens(reference, TEXT_CMRC).n;
	return 2 * precision * recall / (precision + recall);
}

bool mixed_exact(struct text *answer, struct text *reference)
{
	return text_same_tokens(answer, reference, TEXT_MIXED);
}

double mixed_f1(struct text *answer, struct text *reference)
{
	return bag_f1(answer, reference, TEXT_MIXED, 1);
}
