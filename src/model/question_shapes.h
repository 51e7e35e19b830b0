/* SPDX-License-Identifier: Apache-2.0
 *
 * question_shapes - the formats that question sets come in, as a table, and how a row of each is read.
 *
 * Only question_fields uses it.  Thread: any. */
#ifndef ASSAY_MODEL_QUESTION_SHAPES_H
#define ASSAY_MODEL_QUESTION_SHAPES_H

#include "model/question_fields.h"

/* The format that most of the sample rows have; never NULL. */
const struct question_shape *question_shape_find(const json_t *samples);

/* Its name for struct question_import, NULL for plain objects. */
const char *question_shape_name(const struct question_shape *shape);

/* True where the reference answer may be found by the name of a field. */
bool question_shape_is_open(const struct question_shape *shape);

/* The fields that the format prescribes; leaves what it does not. */
void question_shape_fields(const struct question_shape *shape, const json_t *samples, const char **question_field,
			   const char **reference_field);

/* The field that is the question where none is named like one; NULL for most formats. */
const char *question_shape_instead(const struct question_shape *shape);

/* The object inside a row that holds the fields (promptfoo's "vars"); the row itself for most.  Borrowed, may be NULL. */
const json_t *question_shape_base(const struct question_shape *shape, const json_t *row);

/* True for a field that a row was read from, or that says which turn it is: nothing else has to keep it.  `is_base`: it stands
 * among the fields (question_shape_base()) and not beside them. */
bool question_shape_uses(const struct question_plan *plan, const struct question_row *row, const char *key, const json_t *value,
			 bool is_base);

/* Reads a row that is an object. */
enum question_problem_kind question_shape_read(const struct question_plan *plan, const json_t *value,
					       struct question_row *row);

#endif
