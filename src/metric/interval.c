/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/interval.h"

#include <math.h>

#include "metric/normal.h"

struct interval interval_wilson(double k, double n, double confidence)
{
	if (n <= 0)
		return (struct interval){ 0, 1 };
	double z = normal_quantile(1 - (1 - confidence) / 2), p = k / n, shrink = 1 + z * z / n;
	double centre = (p + z * z / (2 * n)) / shrink;
	double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink;
	return (struct interval){ k <= 0 ? 0 : fmax(0, centre - half), k >= n ? 1 : fmin(1, centre + half) };
}

/* P(X >= k) of the binomial distribution, k >= 1: terms from k away from the mean fall off; the shorter side is summed. */
static double at_least(size_t k, size_t n, double p)
{
	double sum = 0, term;

	if ((double)k > (double)n * p) {
		term = exp(log_binomial((double)k, (double)n, p));
		for (size_t i = k; i <= n && term > sum * 1e-17; i++) {
			sum += term;
			term *= (double)(n - i) / (double)(i + 1) * p / (1 - p);
		}
		return sum;
	}
	term = exp(log_binomial((double)(k - 1), (double)n, p));
	for (size_t i = k - 1; term > sum * 1e-17; i--) {
		sum += term;
		term *= (double)i / (double)(n - i + 1) * (1 - p) / p;
	}
	return 1 - sum;
}

/* The p at which at_least(k) reaches `wanted`; it grows with p. */
static double solve(size_t k, size_t n, double wanted)
{
	double low = 0, high = 1;

	for (int i = 0; i < 200 && high - low > 1e-17 * high; i++) {
		double mid = low + (high - low) / 2;
		if (at_least(k, n, mid) < wanted)
			low = mid;
		else
			high = mid;
	}
	return low + (high - low) / 2;
}

struct interval interval_clopper_pearson(size_t k, size_t n, double confidence)
{
	double tail = (1 - confidence) / 2;

	return (struct interval){ k > 0 ? solve(k, n, tail) : 0, k < n ? solve(k + 1, n, 1 - tail) : 1 };
}
