/* SPDX-License-Identifier: Apache-2.0
 *
 * question_record - what else stood in the row of a question: the fields that became neither question nor reference answer.
 *
 * A record is one JSON object on one line, written as the file wrote it, less white space.  A whole number above 2^53 and a number
 * beyond a double become texts, as most readers of JSON would round or refuse them.
 * Thread: any. */
#ifndef ASSAY_MODEL_QUESTION_RECORD_H
#define ASSAY_MODEL_QUESTION_RECORD_H

#include "model/question_fields.h"

/* Appends the record of a row that question_plan_read() has read to `out`; nothing where no other fields are.  `raw` is the row's
 * JSON as it stands in the file, empty where `value` was made of a table's record.  Of a line of assay's own export the record is
 * what that has as its record. */
void question_record_read(const struct question_plan *plan, const struct question_row *row, struct str raw, const json_t *value,
			  struct buf *out);

/* Appends an object that came otherwise than in a file; nothing for an empty one. */
void question_record_write(const json_t *object, struct buf *out);

#endif
