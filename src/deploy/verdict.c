/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/verdict.h"

#include <math.h>
#include <strings.h>

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = { "same", "slightly_different", "worse", "undecided" };
	return names[v];
}

/* `loss` grows with harm. */
static enum verdict level(double loss, double same, double slight)
{
	return loss <= same ? VERDICT_SAME : loss <= slight ? VERDICT_SLIGHTLY_DIFFERENT : VERDICT_WORSE;
}

double verdict_t(int64_t degrees)
{
	const double z = 1.959963984540054;
	double v = degrees > 0 ? (double)degrees : 1;

	return z + (z * z * z + z) / (4 * v) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * v * v) +
	       (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * v * v * v);
}

/* The same for a loss with an interval over `n` questions: it must be shown, and so must its absence. */
static enum verdict level_of_interval(double loss, double low, double high, int64_t n, double same, double slight)
{
	if (n < VERDICT_TEXTS_MIN)
		return VERDICT_UNDECIDED;
	if (high <= same + 1e-9) /* ratios minus 1 are rounded */
		return VERDICT_SAME;
	if (low <= 0)
		return VERDICT_UNDECIDED;
	return loss <= slight ? VERDICT_SLIGHTLY_DIFFERENT : VERDICT_WORSE;
}

struct rows {
	struct verdict_row *list;
	size_t n;
	enum verdict whole;
	bool has_evidence; /* divergence or F1 are decided */
};

static void add(struct rows *r, struct verdict_row row)
{
	r->list[r->n++] = row;
	if (row.verdict != VERDICT_UNDECIDED && (r->whole == VERDICT_UNDECIDED || row.verdict > r->whole))
		r->whole = row.verdict;
}

/* What the model loses beyond its control; a control that is worse by chance does not make up for anything else. */
static double beyond(double value, double control)
{
	return isnan(control) ? value : fmax(value - control, 0);
}

static void add_evidence(struct rows *r, struct verdict_row row)
{
	add(r, row);
	r->has_evidence |= row.verdict != VERDICT_UNDECIDED;
}

static void add_divergence(struct rows *r, const struct verdict_input *in)
{
	const struct divergence *m = &in->model;
	double kld = in->has_control ? in->control.mean_kld : NAN, p99 = in->has_control ? in->control.p99_kld : NAN;
	double top = in->has_control ? in->control.same_top : NAN;

	if (m->n_tokens == 0)
		return;
	add_evidence(r, (struct verdict_row){ "mean_kld", NAN, m->mean_kld, m->kld_low, m->kld_high, kld,
				     level(beyond(m->mean_kld, kld), .02, .06) });
	add(r, (struct verdict_row){ "p99_kld", NAN, m->p99_kld, NAN, NAN, p99, level(beyond(m->p99_kld, p99), .3, 1) });
	add(r, (struct verdict_row){ "same_top", NAN, m->same_top, NAN, NAN, top,
				     level(beyond(1 - m->same_top, 1 - top), .05, .10) });
}

enum verdict verdict_of(const struct verdict_input *in, struct verdict_row rows[VERDICT_ROWS_MAX], size_t *n)
{
	struct rows r = { rows, 0, VERDICT_UNDECIDED, false };
	int64_t n_new = in->n_bad_new;

	add_divergence(&r, in);
	if (!isnan(in->model.ppl_ratio))
		add(&r, (struct verdict_row){ "ppl_ratio", NAN, in->model.ppl_ratio, in->model.ppl_low, in->model.ppl_high,
					      in->has_control ? in->control.ppl_ratio : NAN,
					      level_of_interval(in->model.ppl_ratio - 1, in->model.ppl_low - 1,
								in->model.ppl_high - 1, in->model.n_references, .01,
								.05) });
	if (in->n_scored > 0)
		add_evidence(&r, (struct verdict_row){ "f1_difference", in->f1_before, in->f1_after, in->f1_low, in->f1_high, NAN,
					      level_of_interval(-in->f1_difference, -in->f1_high, -in->f1_low, in->n_scored, .02,
								.05) });
	if (in->n_answers > 0)
		add(&r, (struct verdict_row){ "guards", (double)in->n_bad_before, (double)in->n_bad_after, NAN, NAN, NAN,
					      n_new == 0 ? VERDICT_SAME
					      : n_new == 1 ? VERDICT_SLIGHTLY_DIFFERENT
							   : level((double)n_new / (double)in->n_answers, 0, .01) });
	if (in->win_before > 0 && !isnan(in->win_after))
		add(&r, (struct verdict_row){ "win_survived", in->win_before, in->win_after, NAN, NAN, NAN,
					      in->win_after > 0 ? VERDICT_SAME : VERDICT_WORSE });
	*n = r.n;
	return r.whole == VERDICT_SAME && !r.has_evidence ? VERDICT_UNDECIDED : r.whole;
}

const char *verdict_larger_format(const char *format, bool base_is_quantized)
{
	/* Each loses clearly less than the one before it (llama.cpp, tools/quantize/README.md). */
	static const char *const ladder[] = { "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0" };
	const size_t n = sizeof ladder / sizeof *ladder;

	if (strcasecmp(format, "F16") == 0 || strcasecmp(format, "BF16") == 0 || strcasecmp(format, "F32") == 0 ||
	    strcasecmp(format, "Q8_0") == 0)
		return strcasecmp(format, "Q8_0") == 0 ? "F16" : NULL;
	if (base_is_quantized)
		return "Q8_0";
	for (size_t i = 0; i + 1 < n; i++)
		if (strcasecmp(format, ladder[i]) == 0)
			return ladder[i + 1];
	if (strcasecmp(format, "Q5_0") == 0 || strcasecmp(format, "Q5_1") == 0 || strcasecmp(format, "Q5_K_S") == 0)
		return "Q6_K";
	if (strcasecmp(format, "Q4_0") == 0 || strcasecmp(format, "Q4_1") == 0 || strncasecmp(format, "IQ4", 3) == 0)
		return "Q5_K_M";
	return "Q4_K_M"; /* the small ones */
}
