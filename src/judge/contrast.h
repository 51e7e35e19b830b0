/* SPDX-License-Identifier: Apache-2.0
 *
 * contrast - is one candidate better than another, by all comparisons of a question together?
 *
 * The difference of two candidates a and b in one question is the mean of what each opponent o that both met says,
 * score(a, o) - score(b, o), and of what the two did directly, score(a, b) - score(b, a).  With all pairs judged that is the
 * difference of their mean scores (Borda); it uses every comparison where a sign test of one pair would use one in n.
 *
 * The test turns the sign of whole questions at random: where a and b are equally good, each question could as well have been
 * the other way round, whatever the opponents are and however a judge leans.  Thread: any. */
#ifndef ASSAY_JUDGE_CONTRAST_H
#define ASSAY_JUDGE_CONTRAST_H

#include "judge/evidence.h"
#include "metric/bootstrap.h"

/* Of question differences, NaN where a question says nothing. */
struct contrast {
	size_t n;     /* questions that say something */
	double mean;  /* -1 to 1 */
	double se;    /* sd / sqrt(n) */
	double upper; /* 97.5 % bound of the mean with two questions more that a won and two that b won (as Agresti and Coull, 1998):
		       * where few questions differ, or none, the spread that was seen says too little */
	double p;     /* two-sided, of the sign-flip test; 1 where n is 0 */
};

/* The difference of a and b in one question; NaN where they met neither each other nor a common opponent.  Opponents c with
 * is_out[c] do not count. */
double contrast_in_question(const struct duels *d, size_t n_candidates, const bool *is_out, size_t a, size_t b);

/* `differences[k * n_questions + q]`, NaN allowed (and made 0), of `n` contrasts: fills out[0 .. n - 1].  Signs are drawn for
 * questions, together for all contrasts: options->n_resamples times, from options->seed; above 2,000 questions the test is
 * normal.  False where it was cancelled. */
bool contrast_test(double *differences, size_t n_questions, size_t n, const struct bootstrap_options *options, struct contrast *out);

/* The confidence to ask of a percentile bootstrap over n questions for an interval that covers at 95 %: a percentile interval
 * is too short by sqrt((n - 1) / n) and by the normal's quantile where Student's t belongs (Hesterberg, 2015, "expanded
 * percentile"). */
double contrast_confidence(size_t n);

#endif
