/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

enum err_code question_check_count(int64_t n, struct err *err)
{
	if (n <= LIMIT_QUESTIONS)
		return ERR_OK;
	return err_set(err, ERR_LIMIT, "err_questions_limit", "found=%lld|limit=%d", (long long)n, LIMIT_QUESTIONS);
}

enum err_code question_insert(struct db *db, int64_t set_id, int64_t run_id, int64_t position,
			      const struct question *q, struct err *err)
{
	return db_run(db, err,
		      "INSERT INTO question(set_id, run_id, position, line, text, reference, system, tags, source_id,"
		      " other_references, turn, back, record)"
		      " VALUES (nullif(?1, 0), nullif(?2, 0), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
		      " ifnull(nullif(?13, ''), (SELECT record FROM question WHERE id = ?14)))",
		      "iiiissssssiisi", set_id, run_id, position, q->line, q->text, q->reference, q->system, q->tags, q->id,
		      q->other_references, q->turn, q->back, q->record, q->record_of);
}

void row_question(const struct query *q, struct arena *a, struct question *out)
{
	*out = (struct question){
		.line = row_int(q, 2),
		.text = row_str(q, a, 3),
		.reference = row_str(q, a, 4),
		.system = row_str(q, a, 5),
		.tags = row_str(q, a, 6),
		.id = row_str(q, a, 7),
		.other_references = row_str(q, a, 8),
		.turn = row_int(q, 9),
		.back = row_int(q, 10),
		.record_of = row_int(q, 0), /* long ones are read where somebody looks at them */
	};
}

void row_cell(const struct query *q, struct arena *a, struct cell_row *out)
{
	*out = (struct cell_row){
		.id = row_int(q, 0),
		.question_id = row_int(q, 0) / CELLS_A_QUESTION,
		.column_id = row_int(q, 1),
		.state = (enum cell_state)row_int(q, 2),
		.finish = (enum finish_reason)row_int(q, 3),
		.n_prompt = row_int(q, 4),
		.n_generated = row_int(q, 5),
		.n_thinking = row_int(q, 6),
		.prompt_us = row_int(q, 7),
		.total_us = row_int(q, 8),
		.mean_ll = row_double(q, 9),
		.tokens = row_text(q, a, 10),
		.text = row_text(q, a, 12),
		.thinking = row_text(q, a, 13),
		.n_likes = row_int(q, 14),
		.is_liked = row_int(q, 15) != 0,
		.reused_run_id = row_int(q, 16),
		.reused_cell_id = row_int(q, 17),
		.is_late = row_int(q, 18) != 0,
	};
	err_from_text(&out->problem, row_peek(q, 11));
}
