/* SPDX-License-Identifier: Apache-2.0
 *
 * multiple - p values of several tests that are read together.  Thread: any. */
#ifndef ASSAY_METRIC_MULTIPLE_H
#define ASSAY_METRIC_MULTIPLE_H

#include <stddef.h>

/* Holm (1979): with p sorted, adjusted(i) = max over k <= i of min(1, (n - k + 1) p(k)).  Whatever is below alpha then is so
 * with at most alpha for one false alarm in all.  `adjusted` may be `p`. */
void holm(const double *p, size_t n, double *adjusted);

/* Benjamini and Hochberg (1995): the share of false alarms among the alarms.  Not for the verdict.  `adjusted` may be `p`. */
void benjamini_hochberg(const double *p, size_t n, double *adjusted);

#endif
