/* SPDX-License-Identifier: Apache-2.0
 *
 * distinct - how much a text repeats itself: distinct-n (Li et al., 2016), different n-grams / n-grams.
 *
 * Thread: the text's owner. */
#ifndef ASSAY_METRIC_DISTINCT_H
#define ASSAY_METRIC_DISTINCT_H

#include "metric/text.h"

/* Over assay's mixed tokens, n is 1 or 2; 0 where there is no n-gram. */
double distinct(struct text *t, unsigned n);

#define DISTINCT_TAIL_MAX 256

/* distinct-2 of the last `last` tokens of a form (at most DISTINCT_TAIL_MAX); 1 where there are fewer. */
double distinct_2_of_tail(struct text *t, enum text_form form, size_t last);

#endif
