/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab_list - the tokens of a vocabulary in the order of their ids, with what a GGUF says of each.  Thread: one owner. */
#ifndef ASSAY_CONVERT_VOCAB_LIST_H
#define ASSAY_CONVERT_VOCAB_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define VOCAB_SPACE_MARK "\xE2\x96\x81" /* U+2581, which stands for a space in a SentencePiece model */

/* As ggml numbers them. */
enum vocab_type {
	VOCAB_NORMAL = 1,
	VOCAB_UNKNOWN = 2,
	VOCAB_CONTROL = 3,
	VOCAB_USER_DEFINED = 4,
	VOCAB_UNUSED = 5,
	VOCAB_BYTE = 6,
};

struct vocab_list {
	struct arena *arena;
	uint64_t n;
	const char **texts;
	int32_t *types;
	float *scores;
};

/* `n` tokens "[PADi]" of type VOCAB_UNUSED with the score -10000. */
void vocab_list_init(struct vocab_list *l, struct arena *a, uint64_t n);
/* Sets one; `text` is kept. */
void vocab_list_set(struct vocab_list *l, uint64_t id, const char *text, enum vocab_type type, float score);

/* Whether a token's text has the form that control tokens have, whatever its file says. */
bool vocab_looks_special(const char *text);
/* A text of the user's with U+2581 turned into the space that it stands for. */
const char *vocab_with_spaces(struct arena *a, const char *text);

/* Two tokens of one text would stop llama.cpp: ERR_DATA.  `dir` is for the sentence. */
MUST_USE enum err_code vocab_list_check(const struct vocab_list *l, const char *dir, struct err *err);

#endif
