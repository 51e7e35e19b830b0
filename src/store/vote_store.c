/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "store/rows.h"

/* Moves the counters of the question and its columns after a thumb was given (+1) or taken back (-1). */
static enum err_code count_vote(struct db *db, int64_t question_id, int64_t column_id, int64_t change, struct err *err)
{
	int64_t n_likes = 0;

	enum err_code code = db_run(db, err, "UPDATE \"column\" SET n_likes = n_likes + ?2 WHERE id = ?1", "ii", column_id,
				    change);
	if (code == ERR_OK)
		code = db_run(db, err, "UPDATE question SET n_likes = n_likes + ?2 WHERE id = ?1", "ii", question_id,
			      change);
	if (code == ERR_OK)
		code = db_number(db, err, &n_likes, 0, "SELECT n_likes FROM question WHERE id = ?1", "i", question_id);
	/* The first like makes all answers of this question rated, taking back the last one undoes that. */
	bool turned = change > 0 ? n_likes == 1 : n_likes == 0;
	if (code == ERR_OK && turned)
		code = db_run(db, err,
			      "UPDATE \"column\" SET n_rated = n_rated + ?3 WHERE id IN"
			      " (SELECT column_id FROM cell WHERE id BETWEEN ?1 AND ?2 AND state = 1)",
			      "iii", cell_first_id(question_id), cell_last_id(question_id), change);
	return code;
}

static enum err_code vote_write(struct db *db, int64_t cell_id, int64_t rater_id, bool liked, int64_t *change,
				struct err *err)
{
	enum err_code code =
		liked ? db_run(db, err,
			       "INSERT INTO vote(cell_id, rater_id, created_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
			       "iii", cell_id, rater_id, clock_wall_ms())
		      : db_run(db, err, "DELETE FROM vote WHERE cell_id = ?1 AND rater_id = ?2", "ii", cell_id, rater_id);

	*change = sqlite3_changes(db->conn) == 0 ? 0 : liked ? 1 : -1;
	return code;
}

enum err_code vote_store_set(struct db *db, int64_t cell_id, int64_t rater_id, bool liked, int64_t *n_likes,
			     int64_t *column_likes, struct err *err)
{
	int64_t state = -1, column_id = 0, change = 0;

	struct query q = query_start(db, err, "SELECT state, column_id FROM cell WHERE id = ?1", "i", cell_id);
	if (query_next(&q)) {
		state = row_int(&q, 0);
		column_id = row_int(&q, 1);
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && state < 0)
		code = err_set(err, ERR_NOT_FOUND, "err_cell_not_found", "id=%lld", (long long)cell_id);
	else if (code == ERR_OK && state != CELL_DONE)
		code = err_set(err, ERR_CONFLICT, "err_vote_no_answer", NULL);
	if (code == ERR_OK)
		code = vote_write(db, cell_id, rater_id, liked, &change, err);
	if (code == ERR_OK && change != 0)
		code = count_vote(db, cell_id / CELLS_A_QUESTION, column_id, change, err);
	if (code == ERR_OK)
		code = db_number(db, err, n_likes, 0, "SELECT count(*) FROM vote WHERE cell_id = ?1", "i", cell_id);
	if (code == ERR_OK)
		code = db_number(db, err, column_likes, 0, "SELECT n_likes FROM \"column\" WHERE id = ?1", "i", column_id);
	return code;
}

enum err_code vote_store_each(struct db *db, int64_t run_id, vote_row_fn each, void *user, struct err *err)
{
	bool answered[CELLS_A_QUESTION] = { false }, liked[CELLS_A_QUESTION] = { false };
	int64_t question_id = 0;

	struct query q = query_start(db, err,
				     "SELECT c.id, c.state = 1, EXISTS (SELECT 1 FROM vote v WHERE v.cell_id = c.id)"
				     " FROM question q CROSS JOIN cell c ON c.id BETWEEN q.id * 64 AND q.id * 64 + 63"
				     " WHERE q.run_id = ?1 AND q.n_likes > 0 ORDER BY c.id",
				     "i", run_id);
	while (query_next(&q)) {
		int64_t id = row_int(&q, 0);
		if (question_id && id / CELLS_A_QUESTION != question_id) {
			each(user, answered, liked);
			memset(answered, 0, sizeof answered);
			memset(liked, 0, sizeof liked);
		}
		question_id = id / CELLS_A_QUESTION;
		answered[id % CELLS_A_QUESTION] = row_int(&q, 1) != 0;
		liked[id % CELLS_A_QUESTION] = row_int(&q, 2) != 0;
	}
	if (question_id)
		each(user, answered, liked);
	return query_end(&q);
}
