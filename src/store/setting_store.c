/* SPDX-License-Identifier: Apache-2.0 */
#include "store/setting_store.h"

#include "base/clock.h"
#include "store/sql.h"

enum err_code setting_get(struct db *db, struct arena *a, const char *name, const char **value, struct err *err)
{
	*value = NULL;
	struct query q = query_start(db, err, "SELECT value FROM setting WHERE name = ?1", "t", name);
	if (query_next(&q))
		*value = row_text(&q, a, 0);
	return query_end(&q);
}

enum err_code setting_set(struct db *db, const char *name, const char *value, struct err *err)
{
	if (!value)
		return db_run(db, err, "DELETE FROM setting WHERE name = ?1", "t", name);
	return db_run(db, err, "INSERT OR REPLACE INTO setting(name, value) VALUES (?1, ?2)", "tt", name, value);
}

enum err_code session_store_add(struct db *db, const struct session_row *s, struct err *err)
{
	return db_run(db, err, "INSERT INTO session(cookie_hash, key_hash, expires_ms) VALUES (?1, ?2, ?3)", "tti",
		      s->cookie_hash, s->key_hash, s->expires_ms);
}

enum err_code session_store_list(struct db *db, struct arena *a, struct session_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q =
		query_start(db, err, "SELECT id, expires_ms, cookie_hash, key_hash FROM session ORDER BY id", "");
	while (query_next(&q)) {
		struct session_row *row = LIST_ADD(a, *rows, *n, cap);
		row->id = row_int(&q, 0);
		row->expires_ms = row_int(&q, 1);
		str_format(row->cookie_hash, sizeof row->cookie_hash, "%s", row_peek(&q, 2));
		str_format(row->key_hash, sizeof row->key_hash, "%s", row_peek(&q, 3));
	}
	return query_end(&q);
}

enum err_code session_store_remove(struct db *db, int64_t id, struct err *err)
{
	return db_run(db, err, "DELETE FROM session WHERE id = ?1", "i", id);
}

enum err_code calibration_get(struct db *db, const char *key, int64_t *slots, struct err *err)
{
	return db_number(db, err, slots, 0, "SELECT slots FROM calibration WHERE key = ?1", "t", key);
}

enum err_code calibration_set(struct db *db, const char *key, int64_t slots, const char *rates_json, struct err *err)
{
	return db_run(db, err,
		      "INSERT OR REPLACE INTO calibration(key, slots, rates, created_ms) VALUES (?1, ?2, ?3, ?4)", "titi",
		      key, slots, rates_json ? rates_json : "", clock_wall_ms());
}
