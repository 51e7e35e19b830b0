/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/rows.h"

/* What a write has to know of the cell before it. */
struct cell_now {
	enum cell_state state;
	int64_t column_id;
	bool same; /* has the same answer as the one that is written */
};

static enum err_code cell_look(struct db *db, int64_t cell_id, const struct cell_row *answer, struct cell_now *now,
			       struct err *err)
{
	bool found = false;

	struct query q = query_start(db, err, "SELECT state, column_id, tokens, text FROM cell WHERE id = ?1", "i", cell_id);
	if (query_next(&q)) {
		found = true;
		now->state = (enum cell_state)row_int(&q, 0);
		now->column_id = row_int(&q, 1);
		/* Remote answers have no tokens: there the text decides. */
		bool has_tokens = answer && answer->tokens && answer->tokens[0] != '\0';
		if (has_tokens)
			now->same = strcmp(row_peek(&q, 2), answer->tokens) == 0;
		else if (answer)
			now->same = strcmp(row_peek(&q, 3), answer->text ? answer->text : "") == 0;
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !found)
		code = err_set(err, ERR_NOT_FOUND, "err_cell_not_found", "id=%lld", (long long)cell_id);
	return code;
}

/* Counters after a cell went from one state to another, apart from what only answers have. */
static enum err_code count_move(struct db *db, int64_t cell_id, const struct cell_now *was, enum cell_state now,
				struct err *err)
{
	int64_t bad = (now == CELL_FAILED || now == CELL_CANCELLED) -
		      (was->state == CELL_FAILED || was->state == CELL_CANCELLED);

	enum err_code code = db_run(db, err,
				    "UPDATE \"column\" SET n_waiting = n_waiting + (?3 = 0) - (?2 = 0),"
				    " n_done = n_done + (?3 = 1) - (?2 = 1), n_failed = n_failed + (?3 = 2) - (?2 = 2),"
				    " n_cancelled = n_cancelled + (?3 = 3) - (?2 = 3) WHERE id = ?1",
				    "ibb", was->column_id, was->state, now);
	if (code == ERR_OK && bad != 0)
		code = db_run(db, err, "UPDATE question SET n_failed = n_failed + ?2 WHERE id = ?1", "ii",
			      cell_id / CELLS_A_QUESTION, bad);
	return code;
}

static enum err_code count_answer(struct db *db, const struct cell_row *cell, int64_t column_id, struct err *err)
{
	int64_t question_id = cell->id / CELLS_A_QUESTION;

	enum err_code code = db_run(db, err,
				    "UPDATE \"column\" SET n_reused = n_reused + ?5, sum_generated = sum_generated + iif(?5, 0, ?2),"
				    " sum_us = sum_us + iif(?5, 0, ?3),"
				    " n_rated = n_rated + (SELECT count(*) FROM rating WHERE question_id = ?4"
				    " AND ((seen >> ?6) & 1) = 1) WHERE id = ?1",
				    "iiiibi", column_id, cell->n_generated, cell->total_us, question_id, cell->reused_cell_id > 0,
				    cell->id % CELLS_A_QUESTION);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE question SET differs = 1 WHERE id = ?1 AND differs = 0 AND EXISTS (SELECT 1 FROM cell"
			      " WHERE id BETWEEN ?2 AND ?3 AND id <> ?4 AND state = 1 AND text <> ?5)",
			      "iiiit", question_id, cell_first_id(question_id), cell_last_id(question_id), cell->id,
			      cell->text ? cell->text : "");
	return code;
}

static enum err_code write_answer(struct db *db, const struct cell_row *cell, struct err *err)
{
	return db_run(db, err,
		      "UPDATE cell SET state = 1, finish = ?2, n_prompt = ?3, n_generated = ?4, n_thinking = ?5,"
		      " prompt_us = ?6, total_us = ?7, mean_ll = ?8, tokens = ?9, problem = NULL, text = ?10,"
		      " thinking = nullif(?11, ''), reused_run_id = ?12, reused_cell_id = ?13 WHERE id = ?1",
		      "ibiiiiidtttii", cell->id, cell->finish, cell->n_prompt, cell->n_generated, cell->n_thinking,
		      cell->prompt_us, cell->total_us, cell->mean_ll, cell->tokens ? cell->tokens : "",
		      cell->text ? cell->text : "", cell->thinking, cell->reused_run_id, cell->reused_cell_id);
}

enum err_code run_store_answer(struct db *db, const struct cell_row *cell, bool *equal, struct err *err)
{
	struct cell_now was = { 0 };

	*equal = true;
	enum err_code code = cell_look(db, cell->id, cell, &was, err);
	if (code != ERR_OK)
		return code;
	if (was.state == CELL_DONE) {
		*equal = was.same;
		if (was.same)
			return ERR_OK;
		return db_run(db, err,
			      "UPDATE run SET is_drifted = 1 WHERE id = (SELECT run_id FROM question WHERE id = ?1)", "i",
			      cell->id / CELLS_A_QUESTION);
	}
	code = db_check_space(db, err);
	if (code == ERR_OK)
		code = write_answer(db, cell, err);
	if (code == ERR_OK)
		code = count_move(db, cell->id, &was, CELL_DONE, err);
	if (code == ERR_OK)
		code = count_answer(db, cell, was.column_id, err);
	return code;
}

enum err_code run_store_cell_failed(struct db *db, int64_t cell_id, const struct err *problem, struct err *err)
{
	char text[ERR_TEXT_SIZE];
	struct cell_now was = { 0 };

	enum err_code code = cell_look(db, cell_id, NULL, &was, err);
	if (code != ERR_OK || was.state == CELL_DONE)
		return code;
	code = db_run(db, err, "UPDATE cell SET state = 2, problem = ?2 WHERE id = ?1", "it", cell_id,
		      err_to_text(problem, text));
	if (code == ERR_OK)
		code = count_move(db, cell_id, &was, CELL_FAILED, err);
	return code;
}

enum err_code run_store_cell_late(struct db *db, int64_t cell_id, const struct err *problem, struct err *err)
{
	enum err_code code = db_run(db, err, "UPDATE cell SET is_late = 1 WHERE id = ?1 AND state <> 1", "i", cell_id);

	return code != ERR_OK ? code : run_store_cell_failed(db, cell_id, problem, err);
}

enum err_code run_store_cancel_waiting(struct db *db, int64_t run_id, struct err *err)
{
	enum err_code code = db_run(db, err,
				    "UPDATE question SET n_failed = n_failed + (SELECT count(*) FROM cell c WHERE"
				    " c.id BETWEEN question.id * 64 AND question.id * 64 + 63 AND c.state = 0)"
				    " WHERE run_id = ?1 AND EXISTS (SELECT 1 FROM cell c WHERE"
				    " c.id BETWEEN question.id * 64 AND question.id * 64 + 63 AND c.state = 0)",
				    "i", run_id);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE cell SET state = 3 WHERE state = 0 AND state <> 1"
			      " AND column_id IN (SELECT id FROM \"column\" WHERE run_id = ?1)",
			      "i", run_id);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE \"column\" SET n_cancelled = n_cancelled + n_waiting, n_waiting = 0 WHERE run_id = ?1",
			      "i", run_id);
	return code;
}

enum err_code run_store_reset(struct db *db, int64_t run_id, bool cancelled, bool failed, int64_t column_id,
			      struct err *err)
{
	enum err_code code = db_run(db, err,
				    "UPDATE cell SET state = 0, problem = NULL WHERE state <> 1"
				    " AND ((state = 3 AND ?2) OR (state = 2 AND ?3)) AND column_id IN"
				    " (SELECT id FROM \"column\" WHERE run_id = ?1 AND (?4 = 0 OR id = ?4))",
				    "ibbi", run_id, cancelled, failed, column_id);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE \"column\" SET n_waiting = n_waiting + iif(?2, n_cancelled, 0) + iif(?3, n_failed, 0),"
			      " n_cancelled = iif(?2, 0, n_cancelled), n_failed = iif(?3, 0, n_failed),"
			      " problem = iif(?3, NULL, problem) WHERE run_id = ?1 AND (?4 = 0 OR id = ?4)",
			      "ibbi", run_id, cancelled, failed, column_id);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE question SET n_failed = (SELECT count(*) FROM cell c WHERE"
			      " c.id BETWEEN question.id * 64 AND question.id * 64 + 63 AND c.state IN (2, 3))"
			      " WHERE run_id = ?1 AND n_failed > 0",
			      "i", run_id);
	return code;
}

enum err_code run_store_fail_waiting(struct db *db, int64_t column_id, const struct err *problem, struct err *err)
{
	char text[ERR_TEXT_SIZE];

	enum err_code code = db_run(db, err,
				    "UPDATE question SET n_failed = n_failed + 1 WHERE id IN"
				    " (SELECT id / 64 FROM cell WHERE column_id = ?1 AND state = 0 AND state <> 1)",
				    "i", column_id);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE cell SET state = 2, problem = ?2 WHERE state = 0 AND state <> 1 AND column_id = ?1", "it",
			      column_id, err_to_text(problem, text));
	if (code == ERR_OK)
		code = db_run(db, err, "UPDATE \"column\" SET n_failed = n_failed + n_waiting, n_waiting = 0 WHERE id = ?1", "i",
			      column_id);
	return code;
}
