/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/sign_test.h"

#include <math.h>

#include "metric/normal.h"

#define EXACT_MAX 1000 /* 2^-n is a normal double up to here */

/* P(X <= k), X binomial(n, 1/2), k at most n / 2; `*at_k` is P(X = k). */
static double at_most(size_t k, size_t n, double *at_k)
{
	double term, sum = 0;

	if (n <= EXACT_MAX) {
		term = ldexp(1, -(int)n);
		for (size_t i = 0; i < k; i++) {
			sum += term;
			term *= (double)(n - i) / (double)(i + 1);
		}
		*at_k = term;
		return sum + term;
	}
	*at_k = term = exp(log_binomial((double)k, (double)n, 0.5));
	for (size_t i = k; term > sum * 1e-17; i--) { /* ends at 0, where the next term is 0 */
		sum += term;
		term *= (double)i / (double)(n - i + 1);
	}
	return sum;
}

struct sign_test sign_test(size_t wins, size_t losses)
{
	size_t n = wins + losses, fewer = wins < losses ? wins : losses;
	double at_fewer, tail = at_most(fewer, n, &at_fewer);

	if (!n)
		return (struct sign_test){ 1, 1, 1 };
	return (struct sign_test){
		.p_two_sided = fmin(1, 2 * tail),
		.p_greater = wins >= losses ? (wins == losses ? 0.5 + at_fewer / 2 : tail) : fmin(1, 1 - tail + at_fewer),
		.p_mid = fmin(1, 2 * tail - at_fewer),
	};
}

double mcnemar_chi_squared(size_t b, size_t c, double *statistic)
{
	double n = (double)b + (double)c, off = fabs((double)b - (double)c) - 1;

	*statistic = n > 0 ? off * off / n : 0;
	return n > 0 ? erfc(sqrt(*statistic / 2)) : 1;
}
