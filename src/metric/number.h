/* SPDX-License-Identifier: Apache-2.0
 *
 * number - is the number right?  For questions whose answer is one (arithmetic, years, amounts).
 *
 * The last number of the text counts, as for GSM8K.  Full-width digits, thousands separators, signs (- and U+2212), decimals,
 * exponents and 萬 億 兆 behind a number are understood; a unit or percent sign is not looked at.  Chinese numerals (四十二,
 * 三百零五, 二〇二六, 三點五) count where the text has no digit at all: 一 is too common a word otherwise.
 * Thread: the texts' owner. */
#ifndef ASSAY_METRIC_NUMBER_H
#define ASSAY_METRIC_NUMBER_H

#include "metric/text.h"

/* False where the text has no number. */
bool number_last(struct text *t, double *out);

/* 1 where the last numbers are equal (within 1e-9 of their size), else 0; NaN where the reference has none. */
double number_match(struct text *answer, struct text *reference);

#endif
