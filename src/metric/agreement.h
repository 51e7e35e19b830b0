/* SPDX-License-Identifier: Apache-2.0
 *
 * agreement - do two or more raters (a judge model, people) say the same, beyond chance?
 *
 * All are 1 for full agreement, 0 for that of chance; NaN where chance alone agrees fully.  Thread: any. */
#ifndef ASSAY_METRIC_AGREEMENT_H
#define ASSAY_METRIC_AGREEMENT_H

#include <stddef.h>

#include "metric/interval.h"

struct agreement {
	double observed; /* share of equal ratings */
	double kappa;	 /* Cohen (1960): (po - pe) / (1 - pe) */
	double kappa_se; /* asymptotic, Fleiss, Cohen and Everitt (1969); below 100 pairs prefer the cluster bootstrap */
	struct interval interval; /* 95 %, kappa ± 1.96 se: may pass ±1 */
	double ac1; /* Gwet (2008): pe = sum_c pi_c (1 - pi_c) / (C - 1); does not collapse where one label is frequent.  C counts the
		     * categories that were used. */
};

/* table[i * n + j]: how often the first rater said i and the second j, of n categories.  All NaN for an empty table. */
struct agreement agreement_of_table(const double *table, size_t n);

/* Fleiss' kappa (1971).  counts[u * n_categories + c]: raters who put unit u into c; each unit has the same number, at least
 * 2, of raters. */
double fleiss_kappa(const double *counts, size_t n_units, size_t n_categories);

enum alpha_level {
	ALPHA_NOMINAL,
	ALPHA_ORDINAL, /* ranks */
	ALPHA_INTERVAL
};

/* Krippendorff's alpha, 1 - Do / De.  ratings[r * n_units + u] is rater r's value for unit u, NaN where there is none; units with
 * fewer than two values do not count.  NaN where all values are equal or too few. */
double krippendorff_alpha(const double *ratings, size_t n_raters, size_t n_units, enum alpha_level level);

#endif
