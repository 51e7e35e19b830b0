/* SPDX-License-Identifier: Apache-2.0
 *
 * overlap - exact match and token F1 of short answers: SQuAD's, CMRC's for Chinese and assay's own for mixed scripts.
 *
 * SQuAD: evaluate-v2.0.py of Rajpurkar et al., 2018 (functions as in transformers 4.41.2, data/metrics/squad_metrics.py).
 * CMRC: cmrc2018_evaluate.py v6 of Cui et al., 2019, which DRCD's papers use as well.
 * The mixed token is assay's own (tokenize_mixed()); its F1 is the same bag overlap.
 * All results are in [0, 1].  With several references take the best, score.h does.  Thread: the texts' owner. */
#ifndef ASSAY_METRIC_OVERLAP_H
#define ASSAY_METRIC_OVERLAP_H

#include "metric/text.h"

/* The normalized words are the same. */
bool squad_exact(struct text *answer, struct text *reference);
/* F = 2PR/(P+R) over the bags of normalized words.  Where one side has none: 1 if both have none, else 0 (version 2). */
double squad_f1(struct text *answer, struct text *reference);
/* Version 1.1: 0 where the sides share no word, also when both are empty. */
double squad_f1_v11(struct text *answer, struct text *reference);

/* The same after small letters and without white space at both ends and the punctuation of CMRC 2018's list. */
bool cmrc_exact(struct text *answer, struct text *reference);
/* CMRC 2018: not a bag, but the longest run of tokens that both have; P = run / answer, R = run / reference.  0 where a side is
 * empty, also both.  As the original where the texts have no ASCII punctuation (tokenize_cmrc()). */
double cmrc_f1(struct text *answer, struct text *reference);

/* The mixed tokens are the same: punctuation, case, width and white space do not count. */
bool mixed_exact(struct text *answer, struct text *reference);
/* F over the bags of mixed tokens; 1 if both are empty. */
double mixed_f1(struct text *answer, struct text *reference);

#endif
