/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/contrast.h"

#include <math.h>

#include "base/mem.h"
#include "metric/normal.h"
#include "metric/splitmix.h"

#define FLIP_QUESTIONS_MAX 2000
#define QUANTILE_95 0.975
#define Z_95 1.959964
#define PSEUDO_QUESTIONS 4.0 /* half won, half lost */

double contrast_in_question(const struct duels *d, size_t n_candidates, const bool *is_out, size_t a, size_t b)
{
	double sum = 0;
	size_t n = 0;

	for (size_t o = 0; o < n_candidates; o++) {
		double difference = d->score[a][o] - d->score[b][o];
		if (is_out[o] || o == a || o == b || isnan(difference))
			continue;
		sum += difference;
		n++;
	}
	if (!isnan(d->score[a][b])) {
		sum += d->score[a][b] - d->score[b][a];
		n++;
	}
	return n ? sum / (double)n : NAN;
}

static double upper_bound(double sum, double squares, size_t n)
{
	double more = (double)n + PSEUDO_QUESTIONS, mean = sum / more;

	return mean + Z_95 * sqrt(((squares + PSEUDO_QUESTIONS) / more - mean * mean) / more);
}

static void describe(double *d, size_t n_questions, struct contrast *out)
{
	double sum = 0, squares = 0;
	size_t n = 0;

	for (size_t q = 0; q < n_questions; q++) {
		if (isnan(d[q])) {
			d[q] = 0;
			continue;
		}
		sum += d[q];
		squares += d[q] * d[q];
		n++;
	}
	double mean = n ? sum / (double)n : 0;
	double variance = n > 1 ? fmax(0, (squares - sum * mean) / (double)(n - 1)) : 0;
	*out = (struct contrast){ .n = n, .mean = mean, .se = n ? sqrt(variance / (double)n) : 0, .upper = upper_bound(sum, squares, n), .p = 1 };
}

/* The sum with the signs of `bits`, one for each question. */
static double flipped_sum(const double *d, size_t n, const uint64_t *bits)
{
	double sum = 0;

	for (size_t q = 0; q < n; q++)
		sum += bits[q / 64] >> (q % 64) & 1 ? d[q] : -d[q];
	return fabs(sum);
}

static bool flip(const double *differences, size_t n_questions, size_t n, const struct bootstrap_options *options, size_t *n_far,
		 const struct contrast *of)
{
	size_t n_words = (n_questions + 63) / 64;
	uint64_t *bits = mem_array(n_words + 1, sizeof *bits);
	struct splitmix dice = { options->seed };
	bool is_cancelled = false;

	for (size_t b = 0; b < options->n_resamples && !is_cancelled; b++) {
		is_cancelled = options->cancel && atomic_load_explicit(options->cancel, memory_order_relaxed);
		for (size_t w = 0; w < n_words; w++)
			bits[w] = splitmix_next(&dice);
		for (size_t k = 0; k < n; k++)
			n_far[k] += flipped_sum(differences + k * n_questions, n_questions, bits) >=
				    fabs(of[k].mean) * (double)of[k].n - 1e-9;
	}
	mem_free(bits);
	return !is_cancelled;
}

bool contrast_test(double *differences, size_t n_questions, size_t n, const struct bootstrap_options *options, struct contrast *out)
{
	size_t *n_far = mem_array(n + 1, sizeof *n_far);
	bool done = true, is_normal = n_questions > FLIP_QUESTIONS_MAX;

	for (size_t k = 0; k < n; k++)
		describe(differences + k * n_questions, n_questions, &out[k]);
	if (!is_normal)
		done = flip(differences, n_questions, n, options, n_far, out);
	for (size_t k = 0; k < n; k++) {
		if (is_normal)
			out[k].p = out[k].se > 0 ? 2 * normal_above(fabs(out[k].mean) / out[k].se) : fabs(out[k].mean) > 0 ? 0 : 1;
		else if (out[k].n)
			out[k].p = (1 + (double)n_far[k]) / (1 + (double)options->n_resamples);
	}
	mem_free(n_far);
	return done;
}

/* Student's t from the normal's quantile (Abramowitz and Stegun 26.7.5). */
static double t_quantile(double p, double degrees)
{
	double z = normal_quantile(p), z3 = z * z * z, z5 = z3 * z * z;

	return z + (z3 + z) / (4 * degrees) + (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees * degrees);
}

double contrast_confidence(size_t n)
{
	if (n < 3)
		return 0.9999;
	double wide = t_quantile(QUANTILE_95, (double)n - 1) * sqrt((double)n / (double)(n - 1));
	return 1 - 2 * normal_above(wide);
}
