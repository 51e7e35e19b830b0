/* SPDX-License-Identifier: Apache-2.0
 *
 * sql - private to the store: a connection with its cache of prepared statements, and queries without ceremony.
 *
 *     struct query q = query_start(db, err, "SELECT id, name FROM model WHERE kind = ?1", "i", (int64_t)kind);
 *     while (query_next(&q)) ...row_int(&q, 0), row_text(&q, a, 1)...
 *     return query_end(&q);
 *
 * Values are given by a type string: 'i' int64_t, 'b' int or bool, 'd' double (NAN is stored as NULL), 't' const char *
 * (NULL is NULL), 's' struct str.  They are borrowed until query_end().  SQL texts are literals: the cache knows them by
 * address.  Thread: the one that owns the connection. */
#ifndef ASSAY_STORE_SQL_H
#define ASSAY_STORE_SQL_H

#include <sqlite3.h>
#include <stdarg.h>

#include "base/arena.h"
#include "base/str.h"
#include "store/db.h"

struct statement {
	const char *sql;
	sqlite3_stmt *stmt;
	bool in_use;
};

struct db {
	sqlite3 *conn;
	struct statement *statements;
	size_t n_statements, cap_statements;
	bool is_writer;
	bool low_space;     /* votes only: large rows are refused with err_disk_full */
	struct err failed;  /* after an I/O error: no further writes; code ERR_OK before */
	struct err batch;   /* why the batch in progress cannot stand */
};

struct query {
	struct db *db;
	struct err *err;
	sqlite3_stmt *stmt; /* NULL: failed, nothing to read */
	enum err_code code;
	bool cached;
};

/* A connection to one file as it is, neither migrated nor checked; the writer makes the file where it is missing. */
MUST_USE enum err_code db_open_file(const char *path, bool is_writer, struct db **out, struct err *err);

/* Prepares (or takes from the cache) and binds.  A failure shows at query_end(). */
struct query query_start(struct db *db, struct err *err, const char *sql, const char *types, ...);
/* Forgets the current row and runs again with other values. */
void query_again(struct query *q, const char *types, ...);
/* True when there is a row. */
bool query_next(struct query *q);
MUST_USE enum err_code query_end(struct query *q);

/* Runs a statement that gives no rows. */
MUST_USE enum err_code db_run(struct db *db, struct err *err, const char *sql, const char *types, ...);
/* As db_run(), and ERR_NOT_FOUND with `missing_key` (argument id) when no row was changed. */
MUST_USE enum err_code db_run_one(struct db *db, struct err *err, const char *missing_key, int64_t id, const char *sql,
				  const char *types, ...);
/* One whole number, `fallback` where there is no row. */
MUST_USE enum err_code db_number(struct db *db, struct err *err, int64_t *out, int64_t fallback, const char *sql,
				 const char *types, ...);
/* Of the last INSERT on this connection. */
int64_t db_last_id(const struct db *db);
/* Statements without values, also several, not cached. */
MUST_USE enum err_code db_exec(struct db *db, const char *sql, struct err *err);

/* ERR_IO "err_disk_full" while the disk has only the reserve left for votes. */
MUST_USE enum err_code db_check_space(const struct db *db, struct err *err);

/* Turns SQLite's result into an error; an I/O error of the writer also closes it for writes. */
enum err_code db_error(struct db *db, int rc, struct err *err);

/* NULL is 0. */
int64_t row_int(const struct query *q, int column);
/* NULL is NAN. */
double row_double(const struct query *q, int column);
/* Valid until the next row; NULL is "". */
const char *row_peek(const struct query *q, int column);
/* A copy in the arena; NULL is "". */
const char *row_text(const struct query *q, struct arena *a, int column);
/* The same with its length, for texts that may hold NUL. */
struct str row_str(const struct query *q, struct arena *a, int column);

/* An error in one column of text: code, key and arguments; NULL or "" for none.  `text` needs ERR_TEXT_SIZE. */
#define ERR_TEXT_SIZE (sizeof(struct err) + 32)
const char *err_to_text(const struct err *problem, char *text);
/* Inverse of err_to_text(). */
void err_from_text(struct err *out, const char *text);

/* Doubles an array in the arena when `n` reached `*cap`. */
void *list_grow(struct arena *a, void *items, size_t n, size_t *cap, size_t size);
#define LIST_ADD(a, items, n, cap) \
	((items) = list_grow((a), (items), (n), &(cap), sizeof *(items)), &(items)[(n)++])

#endif
