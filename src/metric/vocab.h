/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab - numbers for tokens, equal exactly where the tokens' bytes are.
 *
 * A token of one character has the character's own number; longer ones get numbers from POINT_END up in the order of their
 * first appearance.  Numbers of different vocabularies do not compare.  Thread: one owner at a time. */
#ifndef ASSAY_METRIC_VOCAB_H
#define ASSAY_METRIC_VOCAB_H

#include <stdint.h>

#include "base/str.h"

struct vocab;

/* Never returns NULL. */
struct vocab *vocab_new(void);
/* NULL is fine. */
void vocab_free(struct vocab *v);
/* Forgets all tokens, keeps the memory. */
void vocab_clear(struct vocab *v);

/* The number of a token in UTF-8, which is copied; `token.len` >= 1. */
uint32_t vocab_id(struct vocab *v, struct str token);

#endif
