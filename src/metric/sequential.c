/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/sequential.h"

#include <math.h>

#include "metric/normal.h"

#define BISECTIONS 60
#define TRUNCATION 0.5

static double log_gamma(double x)
{
	return log_factorial(x - 1);
}

static double log_beta(double a, double b)
{
	return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
}

double e_process_log(double k, double n, double p0, double a, double b)
{
	double null = (k > 0 ? k * log(p0) : 0) + (n > k ? (n - k) * log1p(-p0) : 0);

	return log_beta(a + k, b + n - k) - log_beta(a, b) - null;
}

/* The end of the interval between `outside`, which the e-process refuses, and `inside`. */
static double bound(double k, double n, double alpha, double a, double b, double outside, double inside)
{
	for (int i = 0; i < BISECTIONS; i++) {
		double mid = (outside + inside) / 2;
		if (e_process_log(k, n, mid, a, b) >= log(1 / alpha))
			outside = mid;
		else
			inside = mid;
	}
	return outside;
}

struct interval confidence_sequence(double k, double n, double alpha, double a, double b)
{
	if (n <= 0)
		return (struct interval){ 0, 1 };
	return (struct interval){ k > 0 ? bound(k, n, alpha, a, b, 0, k / n) : 0, k < n ? bound(k, n, alpha, a, b, 1, k / n) : 1 };
}

struct betting betting_start(double m, double alpha)
{
	return (struct betting){ .m = m, .alpha = alpha, .sum = 0.5, .squares = 0.25 };
}

double betting_add(struct betting *b, double x)
{
	double t = (double)++b->n, variance = b->squares / t; /* before this observation */
	double lambda = sqrt(2 * log(2 / b->alpha) / (variance * t * log1p(t)));

	b->log_above += log1p(fmin(lambda, TRUNCATION / b->m) * (x - b->m));
	b->log_below += log1p(-fmin(lambda, TRUNCATION / (1 - b->m)) * (x - b->m));
	b->sum += x;
	double off = x - b->sum / (t + 1);
	b->squares += off * off;
	return betting_log_wealth(b);
}

double betting_log_wealth(const struct betting *b)
{
	double more = fmax(b->log_above, b->log_below), less = fmin(b->log_above, b->log_below);

	return more + log1p(exp(less - more)) - M_LN2;
}
