/* SPDX-License-Identifier: Apache-2.0
 *
 * rows - private to the store: what several noun_store files read and write in the same way. */
#ifndef ASSAY_STORE_ROWS_H
#define ASSAY_STORE_ROWS_H

#include "base/limits.h"
#include "store/question_store.h"
#include "store/run_store.h"
#include "store/sql.h"

/* A cell's id is made of its question's id and its column's position (schema.c says why). */
#define CELLS_A_QUESTION 64
_Static_assert(LIMIT_COLUMNS <= CELLS_A_QUESTION, "ids of cells of two questions would meet");

static inline int64_t cell_first_id(int64_t question_id)
{
	return question_id * CELLS_A_QUESTION;
}

static inline int64_t cell_last_id(int64_t question_id)
{
	return question_id * CELLS_A_QUESTION + CELLS_A_QUESTION - 1;
}

/* Inserts a question of a set (run_id 0) or of a run (set_id 0). */
MUST_USE enum err_code question_insert(struct db *db, int64_t set_id, int64_t run_id, int64_t position,
				       const struct question *q, struct err *err);

/* ERR_LIMIT "err_questions_limit" above LIMIT_QUESTIONS. */
MUST_USE enum err_code question_check_count(int64_t n, struct err *err);

#define QUESTION_FIELDS "id, position, line, text, reference, system, tags, source_id, other_references, turn, back, n_ratings, seen"
/* Columns of QUESTION_FIELDS. */
void row_question(const struct query *q, struct arena *a, struct question *out);

#define CELL_FIELDS \
	"c.id, c.column_id, c.state, c.finish, c.n_prompt, c.n_generated, c.n_thinking, c.prompt_us, c.total_us, c.mean_ll," \
	" c.tokens, c.problem, c.text, c.thinking, (SELECT count(*) FROM vote v WHERE v.cell_id = c.id)," \
	" EXISTS (SELECT 1 FROM vote v WHERE v.cell_id = c.id AND v.rater_id = 1), c.reused_run_id, c.reused_cell_id," \
	" c.is_late"
#define CELL_N_FIELDS 19
/* Columns of CELL_FIELDS; run and question position are the caller's. */
void row_cell(const struct query *q, struct arena *a, struct cell_row *out);

#endif
