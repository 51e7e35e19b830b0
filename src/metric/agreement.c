/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/agreement.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metric/normal.h"

struct margins {
	double *rows, *columns; /* shares of the first and the second rater */
	double total;
};

static struct margins margins_of(const double *table, size_t n)
{
	struct margins m = { mem_array(n ? n : 1, sizeof(double)), mem_array(n ? n : 1, sizeof(double)), 0 };

	for (size_t i = 0; i < n * n; i++)
		m.total += table[i];
	for (size_t i = 0; m.total > 0 && i < n * n; i++) {
		m.rows[i / n] += table[i] / m.total;
		m.columns[i % n] += table[i] / m.total;
	}
	return m;
}

static double kappa_se(const double *table, size_t n, const struct margins *m, double observed, double expected)
{
	double same = 0, other = 0, miss = 1 - expected, wrong = 1 - observed, middle = observed * expected - 2 * expected + observed;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			double p = table[i * n + j] / m->total, both;
			if (i == j) {
				both = miss - (m->rows[i] + m->columns[i]) * wrong;
				same += p * both * both;
			} else {
				both = m->columns[i] + m->rows[j];
				other += p * both * both;
			}
		}
	}
	double variance = same + wrong * wrong * other - middle * middle;
	return sqrt(fmax(0, variance) / m->total) / (miss * miss);
}

/* Chance agreement of AC1; NaN with one category. */
static double ac1_expected(const struct margins *m, size_t n)
{
	double sum = 0;
	size_t used = 0;

	for (size_t c = 0; c < n; c++) {
		double share = (m->rows[c] + m->columns[c]) / 2;
		used += share > 0;
		sum += share * (1 - share);
	}
	return used > 1 ? sum / (double)(used - 1) : NAN;
}

struct agreement agreement_of_table(const double *table, size_t n)
{
	struct margins m = margins_of(table, n);
	struct agreement a = { NAN, NAN, NAN, { NAN, NAN }, NAN };
	double expected = 0;

	if (m.total > 0) {
		a.observed = 0;
		for (size_t i = 0; i < n; i++) {
			a.observed += table[i * n + i] / m.total;
			expected += m.rows[i] * m.columns[i];
		}
		double chance = ac1_expected(&m, n);
		a.ac1 = (a.observed - chance) / (1 - chance);
	}
	if (m.total > 0 && 1 - expected > 1e-12) {
		a.kappa = (a.observed - expected) / (1 - expected);
		a.kappa_se = kappa_se(table, n, &m, a.observed, expected);
		double half = normal_quantile(0.975) * a.kappa_se;
		a.interval = (struct interval){ a.kappa - half, a.kappa + half };
	}
	mem_free(m.rows);
	mem_free(m.columns);
	return a;
}

double fleiss_kappa(const double *counts, size_t n_units, size_t n_categories)
{
	double *shares = mem_array(n_categories ? n_categories : 1, sizeof *shares), observed = 0, expected = 0, raters = 0;

	for (size_t c = 0; c < n_categories; c++)
		raters += counts[c];
	for (size_t u = 0; u < n_units; u++) {
		double pairs = 0;
		for (size_t c = 0; c < n_categories; c++) {
			double count = counts[u * n_categories + c];
			pairs += count * (count - 1);
			shares[c] += count / (raters * (double)n_units);
		}
		observed += pairs / (raters * (raters - 1)) / (double)n_units;
	}
	for (size_t c = 0; c < n_categories; c++)
		expected += shares[c] * shares[c];
	mem_free(shares);
	return n_units && raters > 1 && expected < 1 ? (observed - expected) / (1 - expected) : NAN;
}

/* --- Krippendorff's alpha --- */

struct value {
	double value;
	double n;    /* how often, in units with two values or more */
	double rank; /* values below plus half of its own */
};

struct values {
	struct value *list; /* ascending, distinct */
	size_t n;
	double total;
};

static int by_value(const void *a, const void *b)
{
	double x = ((const struct value *)a)->value, y = ((const struct value *)b)->value;

	return (x > y) - (x < y);
}

static size_t ratings_of(const double *ratings, size_t n_raters, size_t n_units, size_t unit)
{
	size_t n = 0;

	for (size_t r = 0; r < n_raters; r++)
		n += !isnan(ratings[r * n_units + unit]);
	return n;
}

static struct values collect(const double *ratings, size_t n_raters, size_t n_units)
{
	struct values v = { mem_array(n_raters * n_units + 1, sizeof(struct value)), 0, 0 };
	size_t n = 0, kept = 0;

	for (size_t u = 0; u < n_units; u++) {
		if (ratings_of(ratings, n_raters, n_units, u) < 2)
			continue;
		for (size_t r = 0; r < n_raters; r++)
			if (!isnan(ratings[r * n_units + u]))
				v.list[n++] = (struct value){ .value = ratings[r * n_units + u], .n = 1 };
	}
	qsort(v.list, n, sizeof *v.list, by_value);
	for (size_t i = 0; i < n; i++) {
		if (kept && v.list[kept - 1].value == v.list[i].value)
			v.list[kept - 1].n++;
		else
			v.list[kept++] = v.list[i];
	}
	for (size_t i = 0; i < kept; i++) {
		v.list[i].rank = v.total + v.list[i].n / 2;
		v.total += v.list[i].n;
	}
	v.n = kept;
	return v;
}

static double distance(const struct value *a, const struct value *b, enum alpha_level level)
{
	double off = level == ALPHA_ORDINAL ? a->rank - b->rank : a->value - b->value;

	return level == ALPHA_NOMINAL ? a->value != b->value : off * off;
}

static const struct value *find(const struct values *v, double value)
{
	struct value wanted = { .value = value };

	return bsearch(&wanted, v->list, v->n, sizeof *v->list, by_value);
}

/* Sum over the units of the distances between all ordered pairs / (values of the unit - 1). */
static double observed_disagreement(const struct values *v, const double *ratings, size_t n_raters, size_t n_units,
				    enum alpha_level level)
{
	double sum = 0;

	for (size_t u = 0; u < n_units; u++) {
		size_t n = ratings_of(ratings, n_raters, n_units, u);
		double unit = 0;
		for (size_t a = 0; n > 1 && a < n_raters; a++)
			for (size_t b = a + 1; b < n_raters; b++)
				if (!isnan(ratings[a * n_units + u]) && !isnan(ratings[b * n_units + u]))
					unit += 2 * distance(find(v, ratings[a * n_units + u]), find(v, ratings[b * n_units + u]), level);
		sum += n > 1 ? unit / (double)(n - 1) : 0;
	}
	return sum;
}

double krippendorff_alpha(const double *ratings, size_t n_raters, size_t n_units, enum alpha_level level)
{
	struct values v = collect(ratings, n_raters, n_units);
	double expected = 0, alpha = NAN;

	for (size_t a = 0; a < v.n; a++)
		for (size_t b = a + 1; b < v.n; b++)
			expected += 2 * v.list[a].n * v.list[b].n * distance(&v.list[a], &v.list[b], level);
	if (expected > 0)
		alpha = 1 - (v.total - 1) * observed_disagreement(&v, ratings, n_raters, n_units, level) / expected;
	mem_free(v.list);
	return alpha;
}
