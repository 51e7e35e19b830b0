/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/correlation.h"

#include <math.h>

/* Twice the rank of x[at] less n: values below minus values above.  Already centred: the sum over all is 0. */
static double centred_rank(const double *x, size_t n, size_t at)
{
	double rank = 0;

	for (size_t i = 0; i < n; i++)
		rank += (x[i] < x[at]) - (x[i] > x[at]);
	return rank;
}

double spearman(const double *x, const double *y, size_t n)
{
	double both = 0, of_x = 0, of_y = 0;

	for (size_t i = 0; i < n; i++) {
		double a = centred_rank(x, n, i), b = centred_rank(y, n, i);
		both += a * b;
		of_x += a * a;
		of_y += b * b;
	}
	return of_x > 0 && of_y > 0 ? both / sqrt(of_x * of_y) : NAN;
}

double kendall(const double *x, const double *y, size_t n)
{
	double both = 0, of_x = 0, of_y = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			int a = (x[i] > x[k]) - (x[i] < x[k]), b = (y[i] > y[k]) - (y[i] < y[k]);
			both += a * b;
			of_x += a != 0;
			of_y += b != 0;
		}
	}
	return of_x > 0 && of_y > 0 ? both / sqrt(of_x * of_y) : NAN;
}
