/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <math.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

static enum err_code disk_full(const struct db *db, struct err *err)
{
	const char *path = sqlite3_db_filename(db->conn, "main");
	uint64_t left = fs_free_space(path ? path : "");

	return err_set(err, ERR_IO, "err_disk_full", "what=%s|path=%s|free=%llu", path ? fs_basename(path) : "",
		       path ? path : "", left == UINT64_MAX ? 0ULL : (unsigned long long)(left / MIB));
}

enum err_code db_error(struct db *db, int rc, struct err *err)
{
	const char *reason = sqlite3_errmsg(db->conn);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return disk_full(db, err);
	case SQLITE_CONSTRAINT:
		return err_set(err, ERR_CONFLICT, "err_store_conflict", "reason=%s", reason);
	case SQLITE_IOERR:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		break;
	case SQLITE_CANTOPEN:
		return err_set(err, ERR_IO, "err_store_open", "reason=%s", reason);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_BUSY, "err_store_busy", "reason=%s", reason);
	default:
		return err_set(err, ERR_INTERNAL, "err_store_sql", "reason=%s", reason);
	}
	enum err_code code = (rc & 0xff) == SQLITE_IOERR ? ERR_IO : ERR_DATA;
	const char *key = code == ERR_IO ? "err_store_io" : "err_store_corrupt";
	/* What a failed write or fsync left behind is unknown, and a second fsync would hide it: stop here. */
	if (db->is_writer && db->failed.code == ERR_OK) {
		log_error("store", "no further writes: %s (code %d)", reason, rc);
		err_set(&db->failed, code, key, "reason=%s", reason);
	}
	return err_set(err, code, key, "reason=%s", reason);
}

enum err_code db_check_space(const struct db *db, struct err *err)
{
	return db->low_space ? disk_full(db, err) : ERR_OK;
}

/* The cached statement of a literal, or a fresh one when that is being read right now. */
static sqlite3_stmt *statement_take(struct db *db, const char *sql, bool *cached, int *rc)
{
	sqlite3_stmt *stmt = NULL;
	struct statement *entry = NULL;

	for (size_t i = 0; i < db->n_statements && !entry; i++)
		if (db->statements[i].sql == sql)
			entry = &db->statements[i];
	*rc = SQLITE_OK;
	*cached = !entry || !entry->in_use;
	if (entry && !entry->in_use) {
		entry->in_use = true;
		return entry->stmt;
	}
	*rc = sqlite3_prepare_v3(db->conn, sql, -1, *cached ? SQLITE_PREPARE_PERSISTENT : 0, &stmt, NULL);
	if (*rc != SQLITE_OK || !*cached)
		return stmt;
	if (db->n_statements == db->cap_statements) {
		db->cap_statements = db->cap_statements ? db->cap_statements * 2 : 32;
		db->statements = mem_grow(db->statements, db->cap_statements * sizeof *db->statements);
	}
	db->statements[db->n_statements++] = (struct statement){ .sql = sql, .stmt = stmt, .in_use = true };
	return stmt;
}

static int bind_one(sqlite3_stmt *stmt, int at, char type, va_list *values)
{
	switch (type) {
	case 'i':
		return sqlite3_bind_int64(stmt, at, va_arg(*values, int64_t));
	case 'b':
		return sqlite3_bind_int64(stmt, at, va_arg(*values, int));
	case 'd':
		return sqlite3_bind_double(stmt, at, va_arg(*values, double)); /* NAN becomes NULL */
	case 't':
		return sqlite3_bind_text(stmt, at, va_arg(*values, const char *), -1, SQLITE_STATIC);
	case 's': {
		struct str s = va_arg(*values, struct str);
		return sqlite3_bind_text64(stmt, at, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
	}
	default:
		BUG("no such type of value: %c", type);
	}
}

static void bind_all(struct query *q, const char *types, va_list *values)
{
	for (int i = 0; q->stmt && types[i] != '\0'; i++) {
		int rc = bind_one(q->stmt, i + 1, types[i], values);
		if (rc != SQLITE_OK && q->code == ERR_OK)
			q->code = db_error(q->db, rc, q->err);
	}
}

static struct query query_startv(struct db *db, struct err *err, const char *sql, const char *types, va_list *values)
{
	struct query q = { .db = db, .err = err };
	int rc;

	q.stmt = statement_take(db, sql, &q.cached, &rc);
	if (rc != SQLITE_OK) {
		q.code = db_error(db, rc, err);
		return q;
	}
	bind_all(&q, types, values);
	return q;
}

struct query query_start(struct db *db, struct err *err, const char *sql, const char *types, ...)
{
	va_list values;

	va_start(values, types);
	struct query q = query_startv(db, err, sql, types, &values);
	va_end(values);
	return q;
}

void query_again(struct query *q, const char *types, ...)
{
	va_list values;

	if (!q->stmt)
		return;
	sqlite3_reset(q->stmt);
	va_start(values, types);
	bind_all(q, types, &values);
	va_end(values);
}

bool query_next(struct query *q)
{
	if (!q->stmt || q->code != ERR_OK)
		return false;
	int rc = sqlite3_step(q->stmt);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		q->code = db_error(q->db, rc, q->err);
	return false;
}

enum err_code query_end(struct query *q)
{
	if (!q->stmt)
		return q->code;
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
	if (!q->cached)
		sqlite3_finalize(q->stmt);
	for (size_t i = 0; q->cached && i < q->db->n_statements; i++)
		if (q->db->statements[i].stmt == q->stmt)
			q->db->statements[i].in_use = false;
	q->stmt = NULL;
	return q->code;
}

static enum err_code query_finish(struct query *q)
{
	while (query_next(q))
		;
	return query_end(q);
}

enum err_code db_run(struct db *db, struct err *err, const char *sql, const char *types, ...)
{
	va_list values;

	va_start(values, types);
	struct query q = query_startv(db, err, sql, types, &values);
	va_end(values);
	return query_finish(&q);
}

enum err_code db_run_one(struct db *db, struct err *err, const char *missing_key, int64_t id, const char *sql,
			 const char *types, ...)
{
	va_list values;

	va_start(values, types);
	struct query q = query_startv(db, err, sql, types, &values);
	va_end(values);
	enum err_code code = query_finish(&q);
	if (code == ERR_OK && sqlite3_changes64(db->conn) == 0)
		code = err_set(err, ERR_NOT_FOUND, missing_key, "id=%lld", (long long)id);
	return code;
}

enum err_code db_number(struct db *db, struct err *err, int64_t *out, int64_t fallback, const char *sql,
			const char *types, ...)
{
	va_list values;

	va_start(values, types);
	struct query q = query_startv(db, err, sql, types, &values);
	va_end(values);
	*out = query_next(&q) ? row_int(&q, 0) : fallback;
	return query_end(&q);
}

int64_t db_last_id(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->conn);
}

enum err_code db_exec(struct db *db, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(db->conn, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ERR_OK : db_error(db, rc, err);
}

int64_t row_int(const struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

double row_double(const struct query *q, int column)
{
	if (sqlite3_column_type(q->stmt, column) == SQLITE_NULL)
		return NAN;
	return sqlite3_column_double(q->stmt, column);
}

const char *row_peek(const struct query *q, int column)
{
	const unsigned char *text = sqlite3_column_text(q->stmt, column);

	return text ? (const char *)text : "";
}

struct str row_str(const struct query *q, struct arena *a, int column)
{
	const char *text = row_peek(q, column);
	size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);

	if (len == 0)
		return STR("");
	return (struct str){ arena_strndup(a, text, len), len };
}

const char *row_text(const struct query *q, struct arena *a, int column)
{
	return row_str(q, a, column).ptr;
}

const char *err_to_text(const struct err *problem, char *text)
{
	if (problem->code == ERR_OK)
		return NULL;
	str_format(text, ERR_TEXT_SIZE, "%s%c%s%c%s", err_code_name(problem->code), ERR_ARG_SEP, problem->key,
		   ERR_ARG_SEP, problem->args);
	return text;
}

void err_from_text(struct err *out, const char *text)
{
	struct str rest = str_of(text);
	char name[32], key[sizeof out->key];

	*out = (struct err){ 0 };
	if (rest.len == 0)
		return;
	struct str code = str_split(&rest, ERR_ARG_SEP);
	struct str message = str_split(&rest, ERR_ARG_SEP);
	str_format(name, sizeof name, "%.*s", (int)code.len, code.ptr);
	str_format(key, sizeof key, "%.*s", (int)message.len, message.ptr);
	err_restore(out, err_code_from_name(name), key, rest.ptr ? rest.ptr : "");
}

void *list_grow(struct arena *a, void *items, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return items;
	*cap = *cap ? *cap * 2 : 16;
	void *grown = arena_array(a, *cap, size);
	if (n > 0)
		memcpy(grown, items, n * size);
	return grown;
}
