/* SPDX-License-Identifier: Apache-2.0 */
#include "store/api_key_store.h"

#include "base/clock.h"
#include "store/sql.h"

enum err_code api_key_store_list(struct db *db, struct arena *a, struct api_key_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT id, name, hash, last4, created_ms, used_ms FROM api_key ORDER BY id DESC", "");
	while (query_next(&q)) {
		struct api_key_row *row = LIST_ADD(a, *rows, *n, cap);
		*row = (struct api_key_row){ .id = row_int(&q, 0), .name = row_text(&q, a, 1), .created_ms = row_int(&q, 4),
					     .used_ms = row_int(&q, 5) };
		str_format(row->hash, sizeof row->hash, "%s", row_peek(&q, 2));
		str_format(row->last4, sizeof row->last4, "%s", row_peek(&q, 3));
	}
	return query_end(&q);
}

enum err_code api_key_store_add(struct db *db, struct api_key_row *row, struct err *err)
{
	row->created_ms = clock_wall_ms();
	enum err_code code = db_run(db, err, "INSERT INTO api_key(name, hash, last4, created_ms) VALUES (?1, ?2, ?3, ?4)",
				    "ttti", row->name, row->hash, row->last4, row->created_ms);
	row->id = db_last_id(db);
	return code;
}

enum err_code api_key_store_used(struct db *db, int64_t id, int64_t used_ms, struct err *err)
{
	return db_run(db, err, "UPDATE api_key SET used_ms = ?2 WHERE id = ?1", "ii", id, used_ms);
}

enum err_code api_key_store_remove(struct db *db, int64_t id, struct err *err)
{
	return db_run_one(db, err, "err_api_key_not_found", id, "DELETE FROM api_key WHERE id = ?1", "i", id);
}
