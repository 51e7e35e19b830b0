/* SPDX-License-Identifier: Apache-2.0
 *
 * question_fields - which field of a row is the question and which the reference answer, for every format there is.
 *
 * A plan is made from the first rows of a file: its format (a table of shapes), the fields, and what the user chose
 * instead.  It then reads every row the same way.
 * Thread: any. */
#ifndef ASSAY_MODEL_QUESTION_FIELDS_H
#define ASSAY_MODEL_QUESTION_FIELDS_H

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "model/question_problems.h"

struct question_turn {
	struct buf text, reference, other_references;
};

/* One row, as it will become a struct question; the buffers are reused from row to row.  What is asked last in a conversation is
 * the row's own text, and before it come `earlier` turns. */
struct question_row {
	struct buf text, reference, other_references, system, tags, id;
	struct question_turn earlier[LIMIT_TURNS - 1];
	size_t n_earlier;
	struct buf conversation; /* of a file that has a row for each turn; empty: none */
	int64_t turn;            /* in it, from 1 */
	bool is_repeatable; /* another row with the same id and question is not another question */
	unsigned long long notes; /* bit 1 << kind for each QUESTION_NOTE_* that concerns this row */
	const char *found; /* with a problem: what stood there instead */
};

void question_row_init(struct question_row *row);
void question_row_release(struct question_row *row);

struct question_shape;

struct question_plan {
	const struct question_shape *shape;
	const char *format; /* NULL: the name of the container */
	const char *question_field, *reference_field; /* "": none */
	const char *fields[LIMIT_FIELDS];
	size_t n_fields;
	bool chosen_question, chosen_reference; /* by the user, against the format */
	bool plain; /* rows are strings */
};

/* Makes the plan from `samples` (a JSON array of the first rows) and the `prompts` that stand beside them (NULL: none), whose
 * only variable is the question.  Strings are the arena's.  ERR_DATA:
 * err_question_no_field (nothing looks like a question), err_question_field_missing (the user's choice is not there);
 * plan->fields is filled also then. */
MUST_USE enum err_code question_plan_make(struct question_plan *plan, struct arena *a, const json_t *samples,
					  const json_t *prompts, const struct question_options *options, struct err *err);

/* Reads one row. */
enum question_problem_kind question_plan_read(const struct question_plan *plan, const json_t *value,
					      struct question_row *row);

/* True for the name of a column that holds questions ("question", "Prompt", "問題", …). */
bool question_field_is_question(struct str name);

/* True if a member `key` (with its quotation marks) whose value starts with `first` shows that its object is one row of
 * a question set rather than a wrapping around many. */
bool question_field_is_row(struct str key, char first);

#endif
