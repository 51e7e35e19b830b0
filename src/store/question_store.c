/* SPDX-License-Identifier: Apache-2.0 */
#include "store/question_store.h"

#include "base/clock.h"
#include "store/rows.h"

enum err_code question_set_list(struct db *db, struct arena *a, struct question_set_row **rows, size_t *n,
				struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT id, name, format, created_ms, n_questions, n_with_reference, n_later FROM question_set"
				     " ORDER BY id DESC",
				     "");
	while (query_next(&q))
		*LIST_ADD(a, *rows, *n, cap) = (struct question_set_row){
			.id = row_int(&q, 0),
			.name = row_text(&q, a, 1),
			.format = row_text(&q, a, 2),
			.created_ms = row_int(&q, 3),
			.n_questions = row_int(&q, 4),
			.n_with_reference = row_int(&q, 5),
			.n_later = row_int(&q, 6),
		};
	return query_end(&q);
}

enum err_code question_set_add(struct db *db, const char *name, const char *format, const struct question *questions,
			       size_t n, int64_t *id, struct err *err)
{
	int64_t n_with_reference = 0, n_later = 0;

	enum err_code code = question_check_count((int64_t)n, err);
	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		n_with_reference += questions[i].reference.len > 0;
		n_later += questions[i].turn > 0;
	}
	if (code == ERR_OK)
		code = db_check_space(db, err);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO question_set(name, format, created_ms, n_questions, n_with_reference, n_later)"
			      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			      "ttiiii", name, format, clock_wall_ms(), (int64_t)n, n_with_reference, n_later);
	*id = db_last_id(db);
	for (size_t i = 0; i < n && code == ERR_OK; i++)
		code = question_insert(db, *id, 0, (int64_t)i, &questions[i], err);
	return code;
}

enum err_code question_set_read(struct db *db, struct arena *a, int64_t id, int64_t offset, int64_t limit,
				struct question **out, size_t *n, int64_t *total, struct err *err)
{
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	enum err_code code =
		db_number(db, err, total, -1, "SELECT n_questions FROM question_set WHERE id = ?1", "i", id);
	if (code == ERR_OK && *total < 0)
		code = err_set(err, ERR_NOT_FOUND, "err_question_set_not_found", "id=%lld", (long long)id);
	if (code != ERR_OK)
		return code;
	struct query q = query_start(db, err,
				     "SELECT " QUESTION_FIELDS " FROM question WHERE set_id = ?1 AND position >= ?2"
				     " ORDER BY position LIMIT ?3",
				     "iii", id, offset, limit);
	while (query_next(&q))
		row_question(&q, a, LIST_ADD(a, *out, *n, cap));
	return query_end(&q);
}

enum err_code question_set_remove(struct db *db, int64_t id, struct err *err)
{
	enum err_code code = db_run(db, err, "DELETE FROM question WHERE set_id = ?1", "i", id);

	if (code == ERR_OK)
		code = db_run_one(db, err, "err_question_set_not_found", id, "DELETE FROM question_set WHERE id = ?1", "i",
				  id);
	return code;
}
