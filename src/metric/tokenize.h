/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenize - cuts a text into tokens by the rules of each metric; text.h is the door that keeps the results.
 *
 * Each function writes the token numbers to job->ids.  Thread: one owner at a time. */
#ifndef ASSAY_METRIC_TOKENIZE_H
#define ASSAY_METRIC_TOKENIZE_H

#include <stdbool.h>

#include "metric/vocab.h"

struct tokenize_job {
	struct str text;	/* valid UTF-8 */
	const uint32_t *points; /* the same, decoded */
	size_t n_points;
	struct vocab *vocab;
	char *bytes;	  /* room for 2 * text.len + 4 bytes */
	uint32_t *spare;  /* room for 2 * n_points characters */
	uint32_t *ids;	  /* out: room for text.len + 1 */
	size_t n;	  /* out */
};

/* The characters without white space: chrF's character n-grams, sacrebleu's "char". */
void tokenize_chars(struct tokenize_job *job);

/* assay's own tokens for mixed scripts: words of alphabets in small letters, each Han character, kana or Hangul syllable by
 * itself, full-width forms as ASCII; everything else separates. */
void tokenize_mixed(struct tokenize_job *job);

/* SQuAD's normalize_answer() and split(): small letters, ASCII punctuation deleted, the articles a, an, the dropped. */
void tokenize_squad(struct tokenize_job *job);

/* CMRC 2018's evaluation script (v6): small letters, a fixed list of punctuation deleted, each character U+4E00 to U+9FA5 by
 * itself.  Between them the script asks NLTK; here words end at white space and ASCII punctuation is split off, so that only
 * texts without Latin punctuation are sure to score the same. */
void tokenize_cmrc(struct tokenize_job *job);

/* rouge_score 0.1.2 without stemmer: runs of [a-z0-9] after lower(). */
void tokenize_rouge(struct tokenize_job *job);

/* chrF++'s words: split at white space, one ASCII punctuation character split off at the end, else at the start. */
void tokenize_chrf_words(struct tokenize_job *job);

/* sacrebleu's 13a (mteval-v13a), or its zh: Chinese characters split off first. */
void tokenize_bleu(struct tokenize_job *job, bool zh);

#endif
