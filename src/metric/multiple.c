/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/multiple.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct ranked {
	double p;
	size_t at;
};

static int by_p(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->p > y->p) - (x->p < y->p);
}

static struct ranked *rank(const double *p, size_t n)
{
	struct ranked *r = mem_array(n ? n : 1, sizeof *r);

	for (size_t i = 0; i < n; i++)
		r[i] = (struct ranked){ p[i], i };
	qsort(r, n, sizeof *r, by_p);
	return r;
}

void holm(const double *p, size_t n, double *adjusted)
{
	struct ranked *r = rank(p, n);
	double highest = 0;

	for (size_t k = 0; k < n; k++) {
		highest = fmax(highest, fmin(1, (double)(n - k) * r[k].p));
		adjusted[r[k].at] = highest;
	}
	mem_free(r);
}

void benjamini_hochberg(const double *p, size_t n, double *adjusted)
{
	struct ranked *r = rank(p, n);
	double lowest = 1;

	for (size_t k = n; k-- > 0;) {
		lowest = fmin(lowest, (double)n * r[k].p / (double)(k + 1));
		adjusted[r[k].at] = lowest;
	}
	mem_free(r);
}
