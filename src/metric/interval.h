/* SPDX-License-Identifier: Apache-2.0
 *
 * interval - confidence intervals of a share.  Thread: any. */
#ifndef ASSAY_METRIC_INTERVAL_H
#define ASSAY_METRIC_INTERVAL_H

#include <stddef.h>

struct interval {
	double low, high;
};

/* Wilson's score interval, within [0, 1]:
 * centre (p + z²/2n) / (1 + z²/n), half width z sqrt(p(1-p)/n + z²/4n²) / (1 + z²/n).
 * `k` of `n`; k need not be whole (a tie is half a win).  The whole range where n is 0.  `confidence` is e.g. 0.95. */
struct interval interval_wilson(double k, double n, double confidence);

/* Clopper and Pearson's exact interval, wider: the bounds that a binomial test would just not refuse. */
struct interval interval_clopper_pearson(size_t k, size_t n, double confidence);

#endif
