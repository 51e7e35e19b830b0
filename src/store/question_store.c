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
				     " ORDER BY created_ms DESC, id DESC",
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

enum err_code question_set_name(struct db *db, struct arena *a, int64_t id, const char **name, struct err *err)
{
	*name = "";
	struct query q = query_start(db, err, "SELECT name FROM question_set WHERE id = ?1", "i", id);
	if (query_next(&q))
		*name = row_text(&q, a, 0);
	return query_end(&q);
}

static void count(const struct question *questions, size_t n, int64_t *n_with_reference, int64_t *n_later)
{
	*n_with_reference = *n_later = 0;
	for (size_t i = 0; i < n; i++) {
		*n_with_reference += questions[i].reference.len > 0;
		*n_later += questions[i].turn > 0;
	}
}

enum err_code question_set_add(struct db *db, const char *name, const char *format, const struct question *questions,
			       size_t n, int64_t *id, struct err *err)
{
	int64_t n_with_reference, n_later;

	enum err_code code = question_check_count((int64_t)n, err);
	if (code != ERR_OK)
		return code;
	count(questions, n, &n_with_reference, &n_later);
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

/* Ends at the first question that differs. */
static enum err_code compare(struct db *db, int64_t set_id, const struct question *questions, size_t n, bool *is_same, struct err *err)
{
	enum err_code code = ERR_OK;

	*is_same = true;
	for (size_t i = 0; i < n && *is_same && code == ERR_OK; i++) {
		const struct question *q = &questions[i];
		int64_t found;
		code = db_number(db, err, &found, 0,
				 "SELECT 1 FROM question WHERE set_id = ?1 AND position = ?2 AND text = ?3 AND reference = ?4"
				 " AND system = ?5 AND tags = ?6 AND source_id = ?7 AND other_references = ?8 AND turn = ?9 AND back = ?10"
				 " AND record IS nullif(?11, '')",
				 "iissssssiis", set_id, (int64_t)i, q->text, q->reference, q->system, q->tags, q->id,
				 q->other_references, q->turn, q->back, q->record);
		*is_same = found != 0;
	}
	return code;
}

enum err_code question_set_find(struct db *db, const struct question *questions, size_t n, int64_t *id, struct err *err)
{
	int64_t n_with_reference, n_later, next = INT64_MAX;
	bool is_same = false;
	enum err_code code = question_check_count((int64_t)n, err);

	*id = 0;
	if (code != ERR_OK)
		return code;
	count(questions, n, &n_with_reference, &n_later);
	while (code == ERR_OK && next > 0 && !is_same) {
		code = db_number(db, err, &next, 0,
				 "SELECT max(id) FROM question_set WHERE id < ?1 AND n_questions = ?2 AND n_with_reference = ?3"
				 " AND n_later = ?4",
				 "iiii", next, (int64_t)n, n_with_reference, n_later);
		if (code == ERR_OK && next > 0)
			code = compare(db, next, questions, n, &is_same, err);
	}
	if (is_same)
		*id = next;
	return code;
}

enum err_code question_set_keep(struct db *db, const char *name, const char *format, const struct question *questions, size_t n,
				int64_t *id, struct err *err)
{
	enum err_code code = question_set_find(db, questions, n, id, err);

	if (code != ERR_OK)
		return code;
	if (!*id)
		return question_set_add(db, name, format, questions, n, id, err);
	return db_run(db, err,
		      "UPDATE question_set SET name = ?2,"
		      " created_ms = max(?3, ifnull((SELECT max(created_ms) + 1 FROM question_set WHERE id <> ?1), 0)) WHERE id = ?1",
		      "iti", *id, name, clock_wall_ms());
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

/* The positions of a set in reading order. */
static enum err_code reading_order(struct db *db, struct arena *a, int64_t id, int64_t **out, size_t *n, struct err *err)
{
	size_t cap = 0;
	int64_t *back = NULL;

	*n = 0;
	struct query q = query_start(db, err, "SELECT back FROM question WHERE set_id = ?1 ORDER BY position", "i", id);
	while (query_next(&q))
		*LIST_ADD(a, back, *n, cap) = row_int(&q, 0);
	*out = arena_array(a, *n + 1, sizeof **out);
	questions_reading_order(back, *n, *out);
	return query_end(&q);
}

enum err_code question_set_read_page(struct db *db, struct arena *a, int64_t id, int64_t offset, int64_t limit,
				     struct question **out, int64_t **positions, size_t *n, int64_t *total, struct err *err)
{
	int64_t n_later = 0;
	size_t n_order;

	enum err_code code = db_number(db, err, &n_later, 0, "SELECT n_later FROM question_set WHERE id = ?1", "i", id);
	if (code != ERR_OK)
		return code;
	if (n_later == 0) {
		code = question_set_read(db, a, id, offset, limit, out, n, total, err);
		*positions = arena_array(a, *n + 1, sizeof **positions);
		for (size_t i = 0; i < *n; i++)
			(*positions)[i] = offset + (int64_t)i;
		return code;
	}
	*n = 0;
	if ((code = reading_order(db, a, id, positions, &n_order, err)) != ERR_OK)
		return code;
	*total = (int64_t)n_order;
	int64_t from = offset < *total ? offset : *total, count = *total - from < limit ? *total - from : limit;
	*positions += from;
	*out = arena_array(a, (size_t)count + 1, sizeof **out);
	struct query q = query_start(db, err, "SELECT " QUESTION_FIELDS " FROM question WHERE set_id = ?1 AND position = ?2", "ii", id,
				     (int64_t)-1);
	for (; (int64_t)*n < count; ++*n) {
		query_again(&q, "ii", id, (*positions)[*n]);
		if (!query_next(&q))
			break;
		row_question(&q, a, &(*out)[*n]);
	}
	return query_end(&q);
}

enum err_code question_record_get(struct db *db, struct arena *a, const struct question *of, struct str *out, struct err *err)
{
	*out = of->record;
	if (out->len || !of->record_of)
		return ERR_OK;
	struct query q = query_start(db, err, "SELECT record FROM question WHERE id = ?1", "i", of->record_of);
	if (query_next(&q))
		*out = row_str(&q, a, 0);
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
