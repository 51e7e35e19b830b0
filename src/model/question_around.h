/* SPDX-License-Identifier: Apache-2.0
 *
 * question_around - the texts that promptfoo puts around what it asks: prefix and suffix of a test.
 *
 * Thread: any. */
#ifndef ASSAY_MODEL_QUESTION_AROUND_H
#define ASSAY_MODEL_QUESTION_AROUND_H

#include "model/question_fields.h"

/* Puts them around the question (of a conversation before its first turn and behind its last), with nothing between, as promptfoo
 * does; notes that in the row.  "{{ name }}" in them becomes that variable.  What is no text or not there adds nothing. */
void question_around_put(const json_t *prefix, const json_t *suffix, const json_t *vars, struct question_row *row);

#endif
