/* SPDX-License-Identifier: Apache-2.0
 *
 * verdict - is the smaller model still the one that was validated?  Pure: numbers in, a judgement of three levels out.
 *
 *                                              same        slightly different     worse
 *   mean KL divergence beyond the control      <= .02      <= .06                 more
 *   KL divergence of the worst 1 % of tokens   <= .3       <= 1                   more
 *   likeliest token the same, short of it      <= 5 %      <= 10 %                more
 *   perplexity ratio on references             <= 1.01     <= 1.05                more
 *   loss of F1 against references              <= .02      <= .05                 more
 *   answers that are missing, empty, loop or
 *     are in another script, new ones          none        1, or <= 1 %           more
 *   better than the base model                 still       -                      no longer
 *
 * The whole is its worst row.  The control is the same model as Q8_0: what it loses already comes from the machine's rounding
 * and from merging, and differs from model to model (llama.cpp's own tables: the same Q4_K_M loses 2.5 times as much on
 * Llama-3-8B as on Llama-2-7B), so the first three rows are judged by what is lost beyond it.
 *
 * Perplexity and F1 have intervals over questions: "same" needs the whole interval within its limit (non-inferiority), a loss
 * needs the whole interval on the wrong side of none and is then graded by its mean, as slightly different at least; anything
 * between, and anything over fewer than VERDICT_TEXTS_MIN questions, is undecided and does not count.  The whole is "same" only
 * where divergence or F1 are decided: answers that are no worse than before in form are no evidence. */
#ifndef ASSAY_DEPLOY_VERDICT_H
#define ASSAY_DEPLOY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICT_TEXTS_MIN 8

enum verdict { VERDICT_SAME, VERDICT_SLIGHTLY_DIFFERENT, VERDICT_WORSE, VERDICT_UNDECIDED };
/* "same", "slightly_different", "worse", "undecided" */
const char *verdict_name(enum verdict v);

/* One model's next-token distributions against those of the validated one, over the same texts.  NAN: unknown. */
struct divergence {
	int64_t n_tokens, n_texts;
	double mean_kld, kld_low, kld_high; /* nats for each token; 95 % interval over texts */
	double p99_kld;
	double same_top;                    /* share of tokens, 0..1 */
	int64_t n_references;
	double ppl_ratio, ppl_low, ppl_high; /* on the references: model / validated; 95 % interval over texts */
};

struct verdict_input {
	struct divergence model, control;
	bool has_control;
	/* Answers against references, 0..1; n = 0: there are none. */
	int64_t n_scored;
	double f1_before, f1_after, f1_difference, f1_low, f1_high; /* mean paired difference with its 95 % interval */
	/* Unusable answers among n_answers; n_bad_new: those whose question had a usable one before. */
	int64_t n_answers, n_bad_before, n_bad_after, n_bad_new;
	/* Mean paired F1 difference to the base model; win_before is NAN where it was not known to be above 0. */
	double win_before, win_after;
};

struct verdict_row {
	const char *name; /* "mean_kld", "p99_kld", "same_top", "ppl_ratio", "f1_difference", "guards", "win_survived" */
	double before, after, low, high, control; /* NAN: does not apply */
	enum verdict verdict;
};

#define VERDICT_ROWS_MAX 8

/* 97.5 % quantile of Student's t (Cornish-Fisher expansion, within 1 % from 3 degrees of freedom on). */
double verdict_t(int64_t degrees);

/* Fills the rows that apply and returns the whole: VERDICT_UNDECIDED where no row is decided. */
enum verdict verdict_of(const struct verdict_input *in, struct verdict_row rows[VERDICT_ROWS_MAX], size_t *n);

/* The next larger format that loses less; NULL behind the largest.  Names as in model/quant_types.h.  Where the base model is
 * quantized already, its values lie on a coarse grid that formats of similar width do not hit (measured on a Q4_1 base: Q5_K_M
 * loses as much as Q4_K_M), so the next one is Q8_0, which hits any. */
const char *verdict_larger_format(const char *format, bool base_is_quantized);

#endif
