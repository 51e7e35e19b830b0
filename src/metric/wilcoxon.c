/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/wilcoxon.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "metric/normal.h"

struct ranks {
	double plus, minus; /* rank sums of the positive and negative differences */
	double tie_sum;	    /* sum of t³ - t over the groups of equal size, zeros not counted */
	size_t n_zero;
	bool has_ties;
};

static int by_size(const void *a, const void *b)
{
	double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

	return (x > y) - (x < y);
}

/* `rank_zeros`: the zeros take the lowest ranks, else they take none. */
static struct ranks rank(const double *d, size_t n, bool rank_zeros)
{
	struct ranks r = { 0 };
	double *sorted = mem_array(n ? n : 1, sizeof *sorted);

	for (size_t i = 0; i < n; i++)
		sorted[i] = d[i];
	qsort(sorted, n, sizeof *sorted, by_size);
	while (r.n_zero < n && sorted[r.n_zero] == 0)
		r.n_zero++;
	for (size_t i = r.n_zero, end; i < n; i = end) {
		for (end = i + 1; end < n && fabs(sorted[end]) == fabs(sorted[i]);)
			end++;
		double tied = (double)(end - i);
		double first = (double)(rank_zeros ? i : i - r.n_zero) + 1, middle = first + (tied - 1) / 2;
		r.tie_sum += tied * tied * tied - tied;
		r.has_ties = r.has_ties || end - i > 1;
		for (size_t k = i; k < end; k++)
			*(sorted[k] > 0 ? &r.plus : &r.minus) += middle;
	}
	mem_free(sorted);
	return r;
}

struct wilcoxon wilcoxon_normal(const double *d, size_t n, bool pratt)
{
	struct ranks r = rank(d, n, pratt);
	double zeros = pratt ? (double)r.n_zero : 0, ranked = pratt ? (double)n : (double)(n - r.n_zero);
	double mean = (ranked * (ranked + 1) - zeros * (zeros + 1)) / 4;
	double variance = (ranked * (ranked + 1) * (2 * ranked + 1) - zeros * (zeros + 1) * (2 * zeros + 1) - r.tie_sum / 2) / 24;
	struct wilcoxon w = { .statistic = fmin(r.plus, r.minus), .p = 1 };

	if (variance > 0)
		w.p = fmin(1, 2 * normal_above(fmax(0, mean - w.statistic - 0.5) / sqrt(variance)));
	return w;
}

bool wilcoxon_exact(const double *d, size_t n, struct wilcoxon *out)
{
	double ways[WILCOXON_EXACT_MAX * (WILCOXON_EXACT_MAX + 1) / 2 + 1] = { 1 }; /* subsets of the ranks with this sum */
	double below = 0;

	if (n < 1 || n > WILCOXON_EXACT_MAX)
		return false;
	struct ranks r = rank(d, n, false);
	if (r.n_zero || r.has_ties)
		return false;
	for (size_t k = 1; k <= n; k++)
		for (size_t sum = n * (n + 1) / 2; sum >= k; sum--)
			ways[sum] += ways[sum - k];
	*out = (struct wilcoxon){ .statistic = fmin(r.plus, r.minus), .is_exact = true };
	for (size_t sum = 0; sum <= (size_t)out->statistic; sum++)
		below += ways[sum];
	out->p = fmin(1, 2 * ldexp(below, -(int)n));
	return true;
}

struct wilcoxon wilcoxon(const double *d, size_t n)
{
	struct wilcoxon w;

	return wilcoxon_exact(d, n, &w) ? w : wilcoxon_normal(d, n, false);
}

struct sign_flip sign_flip_test(const double *d, size_t n)
{
	double seen = 0, slack = 0;
	size_t as_far = 0, as_large = 0, all = (size_t)1 << n;

	if (n > SIGN_FLIP_MAX)
		BUG("sign_flip_test of %zu differences", n);
	for (size_t i = 0; i < n; i++) {
		seen += d[i];
		slack += fabs(d[i]);
	}
	slack *= 1e-12; /* sums of the same numbers in another order are equal */
	for (size_t signs = 0; signs < all; signs++) {
		double sum = 0;
		for (size_t i = 0; i < n; i++)
			sum += signs >> i & 1 ? -d[i] : d[i];
		as_far += fabs(sum) >= fabs(seen) - slack;
		as_large += sum >= seen - slack;
	}
	return (struct sign_flip){ (double)as_far / (double)all, (double)as_large / (double)all };
}
