/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "store/rows.h"

#define SEEN_ALL (-1LL) /* a bit for each position: the owner sees whatever comes */

/* Moves the counters of the question and its column after a thumb was given (+1) or taken back (-1). */
static enum err_code count_vote(struct db *db, int64_t question_id, int64_t column_id, int64_t change, struct err *err)
{
	enum err_code code = db_run(db, err, "UPDATE \"column\" SET n_likes = n_likes + ?2 WHERE id = ?1", "ii", column_id,
				    change);
	if (code == ERR_OK)
		code = db_run(db, err, "UPDATE question SET n_likes = n_likes + ?2 WHERE id = ?1", "ii", question_id,
			      change);
	return code;
}

/* The same for a rating, of the answers that were seen; and what everybody has seen of the question. */
static enum err_code count_rating(struct db *db, int64_t question_id, int64_t seen, int64_t change, struct err *err)
{
	int64_t by_all = SEEN_ALL;

	struct query q = query_start(db, err, "SELECT seen FROM rating WHERE question_id = ?1", "i", question_id);
	while (query_next(&q))
		by_all &= row_int(&q, 0);
	enum err_code code = query_end(&q);
	if (code == ERR_OK)
		code = db_run(db, err, "UPDATE question SET n_ratings = n_ratings + ?2, seen = ?3 WHERE id = ?1", "iii", question_id, change,
			      by_all);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE \"column\" SET n_rated = n_rated + ?3 WHERE id IN (SELECT column_id FROM cell"
			      " WHERE id BETWEEN ?1 AND ?2 AND state = 1 AND ((?4 >> (id & 63)) & 1) = 1)",
			      "iiii", cell_first_id(question_id), cell_last_id(question_id), change, seen);
	return code;
}

/* Who rates a question again may have seen more of it. */
static enum err_code rating_add(struct db *db, int64_t question_id, int64_t rater_id, int64_t seen, struct err *err)
{
	int64_t before = 0, n = 0;

	enum err_code code = db_number(db, err, &n, 0, "SELECT count(*) FROM rating WHERE question_id = ?1 AND rater_id = ?2", "ii",
				       question_id, rater_id);
	if (code == ERR_OK)
		code = db_number(db, err, &before, 0, "SELECT seen FROM rating WHERE question_id = ?1 AND rater_id = ?2", "ii", question_id,
				 rater_id);
	if (code != ERR_OK || (n && before == seen))
		return code;
	if (n)
		code = count_rating(db, question_id, before, -1, err);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO rating(question_id, rater_id, seen, rated_ms) VALUES (?1, ?2, ?3, ?4)"
			      " ON CONFLICT DO UPDATE SET seen = excluded.seen",
			      "iiii", question_id, rater_id, seen, clock_wall_ms());
	return code == ERR_OK ? count_rating(db, question_id, seen, 1, err) : code;
}

/* The owner who takes the last like of a question back has not rated it. */
static enum err_code rating_drop(struct db *db, int64_t question_id, int64_t rater_id, struct err *err)
{
	enum err_code code = db_run(db, err,
				    "DELETE FROM rating WHERE question_id = ?1 AND rater_id = ?2 AND NOT EXISTS (SELECT 1 FROM vote"
				    " WHERE rater_id = ?2 AND cell_id BETWEEN ?3 AND ?4)",
				    "iiii", question_id, rater_id, cell_first_id(question_id), cell_last_id(question_id));

	return code == ERR_OK && sqlite3_changes(db->conn) > 0 ? count_rating(db, question_id, SEEN_ALL, -1, err) : code;
}

/* Gives or takes back a thumb, and counts it. */
static enum err_code vote_write(struct db *db, int64_t cell_id, int64_t column_id, int64_t rater_id, bool liked, bool *changed,
				struct err *err)
{
	enum err_code code =
		liked ? db_run(db, err,
			       "INSERT INTO vote(cell_id, rater_id, created_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
			       "iii", cell_id, rater_id, clock_wall_ms())
		      : db_run(db, err, "DELETE FROM vote WHERE cell_id = ?1 AND rater_id = ?2", "ii", cell_id, rater_id);

	*changed = code == ERR_OK && sqlite3_changes(db->conn) > 0;
	return *changed ? count_vote(db, cell_id / CELLS_A_QUESTION, column_id, liked ? 1 : -1, err) : code;
}

enum err_code vote_store_set(struct db *db, int64_t cell_id, int64_t rater_id, bool liked, int64_t *n_likes,
			     int64_t *column_likes, struct err *err)
{
	int64_t state = -1, column_id = 0, question_id = cell_id / CELLS_A_QUESTION;
	bool changed = false;

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
		code = vote_write(db, cell_id, column_id, rater_id, liked, &changed, err);
	if (code == ERR_OK && changed)
		code = liked ? rating_add(db, question_id, rater_id, SEEN_ALL, err) : rating_drop(db, question_id, rater_id, err);
	if (code == ERR_OK)
		code = db_number(db, err, n_likes, 0, "SELECT count(*) FROM vote WHERE cell_id = ?1", "i", cell_id);
	if (code == ERR_OK)
		code = db_number(db, err, column_likes, 0, "SELECT n_likes FROM \"column\" WHERE id = ?1", "i", column_id);
	return code;
}

static enum err_code rate_cell(struct db *db, struct cell_row *cell, int64_t rater_id, bool liked, int64_t *column_likes,
			       struct err *err)
{
	bool changed = false;

	*column_likes = -1;
	if (cell->state != CELL_DONE)
		return liked ? err_set(err, ERR_CONFLICT, "err_vote_no_answer", NULL) : ERR_OK;
	enum err_code code = vote_write(db, cell->id, cell->column_id, rater_id, liked, &changed, err);
	if (code != ERR_OK || !changed)
		return code;
	code = db_number(db, err, &cell->n_likes, 0, "SELECT count(*) FROM vote WHERE cell_id = ?1", "i", cell->id);
	return code != ERR_OK ? code : db_number(db, err, column_likes, 0, "SELECT n_likes FROM \"column\" WHERE id = ?1", "i", cell->column_id);
}

enum err_code vote_store_rate(struct db *db, struct run_question *question, int64_t rater_id, const bool *liked,
			      int64_t *column_likes, struct err *err)
{
	enum err_code code = ERR_OK;
	int64_t seen = 0;

	for (size_t i = 0; code == ERR_OK && i < question->n_cells; i++) {
		code = rate_cell(db, &question->cells[i], rater_id, liked[i], &column_likes[i], err);
		seen |= (int64_t)(question->cells[i].state == CELL_DONE) << i;
	}
	return code == ERR_OK ? rating_add(db, question->id, rater_id, seen, err) : code;
}

/* One rating with its likes. */
static enum err_code forget_question(struct db *db, int64_t question_id, int64_t rater_id, int64_t seen, struct err *err)
{
	enum err_code code = db_run(db, err,
				    "UPDATE \"column\" SET n_likes = n_likes - 1 WHERE id IN (SELECT c.column_id FROM vote v JOIN cell c"
				    " ON c.id = v.cell_id WHERE v.rater_id = ?1 AND v.cell_id BETWEEN ?2 AND ?3)",
				    "iii", rater_id, cell_first_id(question_id), cell_last_id(question_id));
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE question SET n_likes = n_likes - (SELECT count(*) FROM vote WHERE rater_id = ?1"
			      " AND cell_id BETWEEN ?2 AND ?3) WHERE id = ?4",
			      "iiii", rater_id, cell_first_id(question_id), cell_last_id(question_id), question_id);
	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM vote WHERE rater_id = ?1 AND cell_id BETWEEN ?2 AND ?3", "iii", rater_id,
			      cell_first_id(question_id), cell_last_id(question_id));
	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM rating WHERE question_id = ?1 AND rater_id = ?2", "ii", question_id, rater_id);
	return code == ERR_OK ? count_rating(db, question_id, seen, -1, err) : code;
}

enum err_code vote_store_forget(struct db *db, int64_t rater_id, struct err *err)
{
	struct arena *a = arena_new();
	size_t n = 0, cap = 0;
	struct {
		int64_t question_id, seen;
	} *all = NULL;

	struct query q = query_start(db, err, "SELECT question_id, seen FROM rating WHERE rater_id = ?1", "i", rater_id);
	while (query_next(&q)) {
		(void)LIST_ADD(a, all, n, cap);
		all[n - 1].question_id = row_int(&q, 0);
		all[n - 1].seen = row_int(&q, 1);
	}
	enum err_code code = query_end(&q);
	for (size_t i = 0; code == ERR_OK && i < n; i++)
		code = forget_question(db, all[i].question_id, rater_id, all[i].seen, err);
	arena_free(a);
	return code;
}

enum err_code vote_store_each(struct db *db, int64_t run_id, vote_row_fn each, void *user, struct err *err)
{
	bool answered[CELLS_A_QUESTION] = { false };
	int64_t likes[CELLS_A_QUESTION] = { 0 }, question_id = 0;

	struct query q = query_start(db, err,
				     "SELECT c.id, c.state = 1 AND ((q.seen >> (c.id & 63)) & 1) = 1, (SELECT count(*) FROM vote v WHERE v.cell_id = c.id)"
				     " FROM question q CROSS JOIN cell c ON c.id BETWEEN q.id * 64 AND q.id * 64 + 63"
				     " WHERE q.run_id = ?1 AND q.n_ratings > 0 ORDER BY c.id",
				     "i", run_id);
	while (query_next(&q)) {
		int64_t id = row_int(&q, 0);
		if (question_id && id / CELLS_A_QUESTION != question_id) {
			each(user, answered, likes);
			memset(answered, 0, sizeof answered);
			memset(likes, 0, sizeof likes);
		}
		question_id = id / CELLS_A_QUESTION;
		answered[id % CELLS_A_QUESTION] = row_int(&q, 1) != 0;
		likes[id % CELLS_A_QUESTION] = row_int(&q, 2);
	}
	if (question_id)
		each(user, answered, likes);
	return query_end(&q);
}
