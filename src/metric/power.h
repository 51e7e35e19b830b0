/* SPDX-License-Identifier: Apache-2.0
 *
 * power - how many questions settle it: the power of the exact two-sided sign test, enumerated.  Thread: any. */
#ifndef ASSAY_METRIC_POWER_H
#define ASSAY_METRIC_POWER_H

#include <stddef.h>

#define POWER_QUESTIONS_MAX 20000

struct power_question {
	double win_rate; /* of the decisive questions, e.g. 0.6 */
	double tie_rate; /* of all questions, e.g. 0.3 */
	double alpha;	 /* two-sided, e.g. 0.05; divided among several tests */
};

/* Probability that `n` questions (at most POWER_QUESTIONS_MAX) lead to p <= alpha. */
double sign_test_power(const struct power_question *q, size_t n);

/* The least number of questions whose power reaches `wanted`, 0 where POWER_QUESTIONS_MAX are not enough.  Without ties a few
 * more questions may have a little less power again: the test's level jumps with their number. */
size_t sign_test_questions(const struct power_question *q, double wanted);

#endif
