/* SPDX-License-Identifier: Apache-2.0
 *
 * question_values - texts, reference answers and conversations out of the values of a row, whatever form they have.
 *
 * question_shapes and question_fields use it.  Thread: any. */
#ifndef ASSAY_MODEL_QUESTION_VALUES_H
#define ASSAY_MODEL_QUESTION_VALUES_H

#include "model/question_fields.h"

/* Appends `value` as text: strings, numbers, true and false, a list of text parts, the text inside an object.  Of a list
 * of several texts the first is it, the others go to `others`, one a line; without `others` such a list is no text.
 * Null and absent are the empty text.  False where it is no text. */
bool question_value_read(const json_t *value, struct buf *out, struct buf *others);

/* Reads a reference answer: a text, a list of accepted ones, or a chat that ends with it. */
void question_reference_read(const json_t *value, struct question_row *row);

/* Instead of what was read as such: the reference answer, or one for each turn where the row has several and a list is given. */
void question_references_read(const json_t *value, struct question_row *row);

bool question_value_is_number(const json_t *value);

/* True for the name of a file that holds the value (promptfoo: "file://…"). */
bool question_is_elsewhere(const json_t *value);

/* What a value that is no text is, for a sentence: "[…]", "{…}", "null". */
const char *question_value_kind(const json_t *value);

/* True where the member `key` is a text. */
bool question_has_text(const json_t *object, const char *key);

/* Sets a buffer to the first of the members (their list ends with NULL) that has a text. */
void question_first_read(const json_t *object, const char *const *names, struct buf *out);

/* As question_reference_read(), to these buffers. */
void question_answer_read(const json_t *value, struct buf *out, struct buf *others);

/* True for a list of messages. */
bool question_is_chat(const json_t *value);

/* Every question of the chat becomes a turn, and the last that was answered to it is its reference.  `is_open`: what is
 * asked last has its reference elsewhere. */
enum question_problem_kind question_chat_read(const json_t *turns, bool is_open, struct question_row *row);

/* Where a turn of the conversation is read to that is followed by another: behind the earlier ones.  The caller looks that
 * there is room. */
struct question_turn *question_turn_add(struct question_row *row);

/* What the row holds as its last turn is one of the earlier ones: another follows.  False where there is no room. */
bool question_turn_push(struct question_row *row);

#endif
