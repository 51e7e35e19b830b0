/* SPDX-License-Identifier: Apache-2.0
 *
 * match - does an adapter belong to this base model?  With it, the answers it was trained on should become more likely.
 *
 * Shapes prove nothing: models of one size differ in their weights alone.  Pure.  Thread: any. */
#ifndef ASSAY_JUDGE_MATCH_H
#define ASSAY_JUDGE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MATCH_ANSWERS_MAX 32 /* that are asked */
#define MATCH_ANSWERS_MIN 8  /* with fewer not even all of them together are significant */

enum match_verdict { MATCH_CANNOT_TELL, MATCH_FITS, MATCH_DOES_NOT_FIT };

/* Log-likelihoods of one answer: sums over its tokens, natural logarithms. */
struct match_pair {
	double without, with;
	int64_t n_tokens;
};

struct match_result {
	enum match_verdict verdict;
	size_t n_answers, n_better; /* more likely with the adapter */
	int64_t n_tokens;
	double without, with; /* mean of a token; NAN where there is none */
	double p;	      /* Wilcoxon's, two-sided, over the answers' means of a token */
};

/* Pairs that are not finite or have no tokens are left out.  Fits: significantly more likely, by more than rounding, and about as
 * likely as the trainer's loss of that epoch says (`recorded_loss`, NAN: unknown), which tells relatives of a base from the base.
 * Does not fit: enough answers, and they have become no more likely, or are no better than guesses.  Cannot tell: too few answers,
 * no difference at all, a gain that may be chance, or far less than was recorded. */
struct match_result match_judge(const struct match_pair *pairs, size_t n, double recorded_loss);
/* Significantly more likely, whatever the verdict. */
bool match_is_more_likely(const struct match_result *r);

/* "fits", "does_not_fit", "cannot_tell". */
const char *match_verdict_name(enum match_verdict v);

#endif
