/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/normal.h"

#include <math.h>

double normal_above(double z)
{
	return 0.5 * erfc(z / M_SQRT2);
}

/* The tail probability is convex beyond its middle, so that Newton from below never overshoots. */
double normal_quantile(double p)
{
	double tail = p < 0.5 ? p : 1 - p, z = 0;

	if (!(tail > 0))
		return p < 0.5 ? -INFINITY : INFINITY;
	for (int i = 0; i < 200; i++) {
		double density = exp(-0.5 * z * z) / sqrt(2 * M_PI), step = (normal_above(z) - tail) / density;
		z += step;
		if (fabs(step) <= 1e-15 * (1 + fabs(z)))
			break;
	}
	return p < 0.5 ? -z : z;
}

double log_factorial(double n)
{
	int sign;

	return lgamma_r(n + 1, &sign);
}

double log_binomial(double k, double n, double p)
{
	return log_factorial(n) - log_factorial(k) - log_factorial(n - k) + k * log(p) + (n - k) * log1p(-p);
}
