/* SPDX-License-Identifier: Apache-2.0
 *
 * text - an answer or a reference, prepared once for all metrics.
 *
 * A text_space holds the texts that are compared with each other: usually one question's references and the answers of all
 * columns.  Token lists and n-gram tables are made when a metric first asks for them and kept until the space is cleared.
 *
 *     struct text_space *space = text_space_new();
 *     struct text *answer = text_new(space, answer_utf8), *reference = text_new(space, reference_utf8);
 *     double f1 = squad_f1(answer, reference);
 *     text_space_clear(space);                       // next question
 *
 * No metric normalizes Unicode: NFC and NFD of one word do not match in any of the reference programs.  Questions are
 * composed when they are imported; whoever compares answers composes them too (model/encoding.h, encoding_nfc()).
 *
 * Thread: a space and its texts belong to one thread at a time. */
#ifndef ASSAY_METRIC_TEXT_H
#define ASSAY_METRIC_TEXT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/str.h"
#include "metric/gram.h"

struct text_space;
struct text;

/* How a text is cut into tokens; tokenize.h has the rules. */
enum text_form {
	TEXT_CHARS,	 /* characters without white space */
	TEXT_MIXED,	 /* assay's words and CJK characters */
	TEXT_SQUAD,	 /* SQuAD's normalized words */
	TEXT_CMRC,	 /* CMRC 2018: words and Han characters */
	TEXT_ROUGE,	 /* rouge_score's words: ASCII only */
	TEXT_CHRF_WORDS, /* chrF++ */
	TEXT_BLEU_13A,
	TEXT_BLEU_ZH,
	TEXT_FORMS
};

/* Never returns NULL. */
struct text_space *text_space_new(void);
/* Frees all its texts.  NULL is fine. */
void text_space_free(struct text_space *space);
/* Frees all its texts, keeps working memory for the next. */
void text_space_clear(struct text_space *space);

/* Once `*cancel` is true, ROUGE-L and CMRC's F1 end early, which for two texts of 256 KiB of single letters take seconds; what
 * they return then means nothing.  Everything else takes some tens of milliseconds at most.  NULL: cannot be stopped. */
void text_space_cancel_by(struct text_space *space, const atomic_bool *cancel);

/* Copies the text, which is valid UTF-8.  Of more than LIMIT_METRIC_BYTES only the whole characters of the first
 * LIMIT_METRIC_BYTES are compared, see text_was_cut().  Lives as long as the space's content. */
struct text *text_new(struct text_space *space, struct str utf8);

/* The text was longer than LIMIT_METRIC_BYTES. */
bool text_was_cut(const struct text *t);
/* Length in bytes of UTF-8. */
size_t text_n_bytes(const struct text *t);
/* Length in code points. */
size_t text_n_points(const struct text *t);
/* The code points. */
const uint32_t *text_points(const struct text *t);

/* The tokens, made at the first call.  Numbers compare within one space. */
struct tokens text_tokens(struct text *t, enum text_form form);
/* Their n-grams: up to 6 of TEXT_CHARS, 4 for BLEU, 2 of the others. */
const struct grams *text_grams(struct text *t, enum text_form form);

/* grams_match() of two texts of one space; the latest result is kept, so that metrics which need the same do not ask twice. */
const uint32_t *text_matches(struct text *t, struct text *other, enum text_form form);

/* grams_match_best() against several texts, `n` >= 1; dead after the next call for this form. */
const uint32_t *text_matches_best(struct text *t, struct text *const *others, size_t n, enum text_form form);

/* The same tokens in the same order. */
bool text_same_tokens(struct text *a, struct text *b, enum text_form form);

/* Length of the longest common subsequence of the tokens: bit-parallel, n * m / 64 steps. */
size_t text_common_subsequence(struct text *a, struct text *b, enum text_form form);

/* Length of the longest run of tokens that both have: n * m steps, several at a time. */
size_t text_common_run(struct text *a, struct text *b, enum text_form form);

#endif
