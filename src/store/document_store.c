/* SPDX-License-Identifier: Apache-2.0 */
#include "store/document_store.h"

#include "base/clock.h"
#include "store/sql.h"

#define DOCUMENT_FIELDS "id, workspace_id, name, format, sha256, size_bytes, n_passages, created_ms"

static void row_document(const struct query *q, struct arena *a, struct document_row *out)
{
	*out = (struct document_row){
		.id = row_int(q, 0),
		.workspace_id = row_int(q, 1),
		.name = row_text(q, a, 2),
		.format = row_text(q, a, 3),
		.sha256 = row_text(q, a, 4),
		.size_bytes = row_int(q, 5),
		.n_passages = row_int(q, 6),
		.created_ms = row_int(q, 7),
	};
}

enum err_code document_store_list(struct db *db, struct arena *a, int64_t workspace_id, struct document_row **rows,
				  size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " DOCUMENT_FIELDS " FROM document WHERE workspace_id = ?1 ORDER BY id DESC", "i",
				     workspace_id);
	while (query_next(&q))
		row_document(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code document_store_get(struct db *db, struct arena *a, int64_t id, struct document_row *out,
				 struct passage_row **passages, size_t *n, struct err *err)
{
	size_t cap = 0;

	*out = (struct document_row){ 0 };
	*passages = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT " DOCUMENT_FIELDS ", text FROM document WHERE id = ?1", "i", id);
	if (query_next(&q)) {
		row_document(&q, a, out);
		out->text = row_str(&q, a, 8);
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !out->id)
		return err_set(err, ERR_NOT_FOUND, "err_document_not_found", "id=%lld", (long long)id);
	if (code != ERR_OK)
		return code;
	q = query_start(db, err,
			"SELECT id, start, length, heading FROM passage WHERE document_id = ?1 ORDER BY position", "i", id);
	while (query_next(&q))
		*LIST_ADD(a, *passages, *n, cap) = (struct passage_row){ .id = row_int(&q, 0), .document_id = id,
									 .start = row_int(&q, 1), .length = row_int(&q, 2),
									 .heading = row_text(&q, a, 3) };
	return query_end(&q);
}

/* --- finding --- */

static int64_t utf16_units(struct str s)
{
	int64_t n = 0;

	for (size_t at = 0; at < s.len;)
		n += utf8_next(s, &at) > 0xFFFF ? 2 : 1;
	return n;
}

enum err_code document_store_search(struct db *db, struct arena *a, int64_t workspace_id, const char *match, int64_t limit,
				    struct passage_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	if (!match[0])
		return ERR_OK;
	/* The best are chosen before any text is looked at. */
	struct query q = query_start(db, err,
				     "SELECT p.id, p.document_id, p.start, p.length, p.heading, d.name,"
				     " substr(CAST(d.text AS BLOB), 1, p.start + p.length), best.rank FROM"
				     " (SELECT p.id AS id, bm25(passage_search) AS rank"
				     "  FROM passage_search s JOIN passage p ON p.id = s.rowid"
				     "  JOIN document d ON d.id = p.document_id"
				     "  WHERE passage_search MATCH ?1 AND d.workspace_id = ?2"
				     "  ORDER BY bm25(passage_search), p.id LIMIT ?3) best"
				     " JOIN passage p ON p.id = best.id JOIN document d ON d.id = p.document_id"
				     " ORDER BY best.rank, p.id",
				     "tii", match, workspace_id, limit);
	while (query_next(&q)) {
		struct passage_row p = { .id = row_int(&q, 0), .document_id = row_int(&q, 1), .start = row_int(&q, 2),
					 .length = row_int(&q, 3), .heading = row_text(&q, a, 4),
					 .document_name = row_text(&q, a, 5), .rank = row_double(&q, 7) };
		struct str whole = row_str(&q, a, 6);
		if (p.start < 0 || (size_t)p.start > whole.len)
			continue;
		p.text = (struct str){ whole.ptr + p.start, whole.len - (size_t)p.start };
		p.start_utf16 = utf16_units((struct str){ whole.ptr, (size_t)p.start });
		p.length_utf16 = utf16_units(p.text);
		*LIST_ADD(a, *rows, *n, cap) = p;
	}
	return query_end(&q);
}

/* --- writing --- */

static enum err_code add_passages(struct db *db, int64_t document_id, const struct passage_row *passages, size_t n,
				  struct err *err)
{
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		const struct passage_row *p = &passages[i];
		code = db_run(db, err,
			      "INSERT INTO passage(document_id, position, start, length, heading, terms)"
			      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			      "iiiitt", document_id, (int64_t)i, p->start, p->length, p->heading, p->terms);
		if (code == ERR_OK)
			code = db_run(db, err, "INSERT INTO passage_search(rowid, terms) VALUES (?1, ?2)", "it",
				      db_last_id(db), p->terms);
	}
	return code;
}

static enum err_code check_new(struct db *db, const struct document_row *row, struct err *err)
{
	int64_t n = 0;

	enum err_code code = db_check_space(db, err);
	if (code == ERR_OK)
		code = db_number(db, err, &n, 0, "SELECT count(*) FROM workspace WHERE id = ?1", "i", row->workspace_id);
	if (code == ERR_OK && n == 0)
		return err_set(err, ERR_NOT_FOUND, "err_workspace_not_found", "id=%lld", (long long)row->workspace_id);
	if (code == ERR_OK)
		code = db_number(db, err, &n, 0, "SELECT count(*) FROM document WHERE workspace_id = ?1 AND sha256 = ?2", "it",
				 row->workspace_id, row->sha256);
	if (code == ERR_OK && n > 0)
		return err_set(err, ERR_CONFLICT, "err_document_known", "name=%s", row->name);
	return code;
}

enum err_code document_store_add(struct db *db, struct document_row *row, const struct passage_row *passages, size_t n,
				 struct err *err)
{
	enum err_code code = check_new(db, row, err);

	row->created_ms = clock_wall_ms();
	row->n_passages = (int64_t)n;
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO document(workspace_id, name, format, sha256, size_bytes, n_passages, text, created_ms)"
			      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			      "itttiisi", row->workspace_id, row->name, row->format, row->sha256, row->size_bytes,
			      row->n_passages, row->text, row->created_ms);
	row->id = db_last_id(db);
	if (code == ERR_OK)
		code = add_passages(db, row->id, passages, n, err);
	return code;
}

/* The index has no text of its own: what is taken out of it must be said again. */
static enum err_code forget_terms(struct db *db, int64_t document_id, int64_t workspace_id, struct err *err)
{
	return db_run(db, err,
		      "INSERT INTO passage_search(passage_search, rowid, terms)"
		      " SELECT 'delete', p.id, p.terms FROM passage p JOIN document d ON d.id = p.document_id"
		      " WHERE d.id = ?1 OR d.workspace_id = ?2",
		      "ii", document_id, workspace_id);
}

enum err_code document_store_remove(struct db *db, int64_t id, struct err *err)
{
	enum err_code code = forget_terms(db, id, 0, err);

	if (code != ERR_OK)
		return code;
	return db_run_one(db, err, "err_document_not_found", id, "DELETE FROM document WHERE id = ?1", "i", id);
}

enum err_code document_store_remove_all(struct db *db, int64_t workspace_id, struct err *err)
{
	enum err_code code = forget_terms(db, 0, workspace_id, err);

	if (code != ERR_OK)
		return code;
	return db_run(db, err, "DELETE FROM document WHERE workspace_id = ?1", "i", workspace_id);
}
