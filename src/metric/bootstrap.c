/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metric/normal.h"
#include "metric/splitmix.h"

#define NONINFERIORITY_TAIL 0.05
#define POWER 0.80

struct cluster_sum {
	double sum;
	size_t n;
};

struct bootstrap_options bootstrap_defaults(void)
{
	return (struct bootstrap_options){ .n_resamples = 2000, .seed = 1, .confidence = 0.95 };
}

static bool is_cancelled(const struct bootstrap_options *options)
{
	return options->cancel && atomic_load_explicit(options->cancel, memory_order_relaxed);
}

double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1), below = floor(at);
	size_t i = (size_t)below;

	return i + 1 < n ? sorted[i] + (at - below) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sums of the clusters that have values, moved to the front; the caller frees them. */
static struct cluster_sum *sum_clusters(const double *values, const uint32_t *cluster, size_t n, size_t *n_clusters)
{
	size_t room = cluster ? *n_clusters : n, kept = 0;
	struct cluster_sum *sums = mem_array(room ? room : 1, sizeof *sums);

	for (size_t i = 0; i < n; i++) {
		struct cluster_sum *s = &sums[cluster ? cluster[i] : i];
		s->sum += values[i];
		s->n++;
	}
	for (size_t c = 0; c < room; c++)
		if (sums[c].n)
			sums[kept++] = sums[c];
	*n_clusters = kept;
	return sums;
}

static double draw_mean(const struct cluster_sum *sums, size_t n_clusters, struct splitmix *dice)
{
	double sum = 0;
	size_t n = 0;

	for (size_t c = 0; c < n_clusters; c++) {
		const struct cluster_sum *s = &sums[splitmix_below(dice, n_clusters)];
		sum += s->sum;
		n += s->n;
	}
	return sum / (double)n;
}

/* Fills `means` (sorted) with resampled means; false where it was cancelled. */
static bool resample(const struct cluster_sum *sums, size_t n_clusters, const struct bootstrap_options *options, double *means)
{
	struct splitmix dice = { options->seed };

	for (size_t b = 0; b < options->n_resamples; b++) {
		if (is_cancelled(options))
			return false;
		means[b] = draw_mean(sums, n_clusters, &dice);
	}
	qsort(means, options->n_resamples, sizeof *means, by_value);
	return true;
}

static double mean_of(const double *values, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return sum / (double)n;
}

bool bootstrap_mean(const double *values, const uint32_t *cluster, size_t n, size_t n_clusters,
		    const struct bootstrap_options *options, struct bootstrap *out)
{
	double tail = (1 - options->confidence) / 2;
	size_t n_means = options->n_resamples, not_above = 0;

	*out = (struct bootstrap){ NAN, { NAN, NAN }, NAN };
	if (!n || !n_means)
		return true;
	struct cluster_sum *sums = sum_clusters(values, cluster, n, &n_clusters);
	double *means = mem_array(n_means, sizeof *means);
	bool done = resample(sums, n_clusters, options, means);
	if (done) {
		while (not_above < n_means && means[not_above] <= 0)
			not_above++;
		out->mean = mean_of(values, n);
		out->interval = (struct interval){ quantile(means, n_means, tail), quantile(means, n_means, 1 - tail) };
		out->share_not_above_0 = (double)not_above / (double)n_means;
	}
	mem_free(means);
	mem_free(sums);
	return done;
}

bool noninferiority(const double *differences, const uint32_t *cluster, size_t n, size_t n_clusters, double margin,
		    const struct bootstrap_options *options, struct noninferiority *out)
{
	struct bootstrap_options one_sided = *options;
	struct bootstrap b;

	one_sided.confidence = 1 - 2 * NONINFERIORITY_TAIL;
	if (!bootstrap_mean(differences, cluster, n, n_clusters, &one_sided, &b))
		return false;
	*out = (struct noninferiority){ b.mean, b.interval.low, b.interval.low >= -margin };
	return true;
}

size_t noninferiority_n(double sd, double margin)
{
	double z = normal_quantile(1 - NONINFERIORITY_TAIL) + normal_quantile(POWER), ratio = z * sd / margin;

	return (size_t)ceil(ratio * ratio);
}

/* Gives the models with the highest mean their part of one resample. */
static void credit_best(const double *sums, const size_t *counts, size_t n_models, double part, double *first)
{
	double best = -INFINITY;
	size_t n_best = 0;

	for (size_t m = 0; m < n_models; m++) {
		double mean = counts[m] ? sums[m] / (double)counts[m] : -INFINITY;
		n_best = mean > best ? 1 : n_best + (mean == best);
		best = fmax(best, mean);
	}
	for (size_t m = 0; m < n_models; m++)
		if ((counts[m] ? sums[m] / (double)counts[m] : -INFINITY) == best)
			first[m] += part / (double)n_best;
}

bool bootstrap_first(const double *scores, size_t n_questions, size_t n_models, const struct bootstrap_options *options,
		     double *first)
{
	struct splitmix dice = { options->seed };
	double *sums = mem_array(n_models, sizeof *sums), part = 1 / (double)options->n_resamples;
	size_t *counts = mem_array(n_models, sizeof *counts), b;

	for (size_t m = 0; m < n_models; m++)
		first[m] = 0;
	for (b = 0; b < options->n_resamples && !is_cancelled(options); b++) {
		for (size_t m = 0; m < n_models; m++) {
			sums[m] = 0;
			counts[m] = 0;
		}
		for (size_t q = 0; q < n_questions; q++) {
			const double *row = scores + splitmix_below(&dice, n_questions) * n_models;
			for (size_t m = 0; m < n_models; m++) {
				bool has = !isnan(row[m]);
				sums[m] += has ? row[m] : 0;
				counts[m] += has;
			}
		}
		credit_best(sums, counts, n_models, part, first);
	}
	mem_free(sums);
	mem_free(counts);
	return b == options->n_resamples;
}

double naive_se(const double *values, size_t n)
{
	double mean = mean_of(values, n), squares = 0;

	for (size_t i = 0; i < n; i++)
		squares += (values[i] - mean) * (values[i] - mean);
	return n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : NAN;
}

double cluster_se(const double *values, const uint32_t *cluster, size_t n, size_t n_clusters)
{
	double mean = mean_of(values, n), squares = 0;

	if (!n)
		return NAN;
	struct cluster_sum *sums = sum_clusters(values, cluster, n, &n_clusters);
	for (size_t c = 0; c < n_clusters; c++) {
		double off = sums[c].sum - (double)sums[c].n * mean;
		squares += off * off;
	}
	mem_free(sums);
	return sqrt(squares) / (double)n;
}
