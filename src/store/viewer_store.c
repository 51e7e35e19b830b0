/* SPDX-License-Identifier: Apache-2.0 */
#include "store/viewer_store.h"

#include "base/clock.h"
#include "store/rows.h"

enum err_code viewer_store_add(struct db *db, int64_t panel_id, struct session_row *session, int64_t *dropped, struct err *err)
{
	*dropped = 0;
	enum err_code code = db_run(db, err,
				    "INSERT INTO viewer(panel_id, cookie_hash, key_hash, created_ms) VALUES (?1, ?2, ?3, ?4)", "itti",
				    panel_id, session->cookie_hash, session->key_hash, clock_wall_ms());
	session->id = db_last_id(db);
	if (code == ERR_OK)
		code = db_number(db, err, dropped, 0,
				 "SELECT id FROM viewer WHERE panel_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2", "ib", panel_id,
				 LIMIT_VIEWERS);
	if (code == ERR_OK && *dropped)
		code = db_run(db, err, "DELETE FROM viewer WHERE id = ?1", "i", *dropped);
	return code;
}

enum err_code viewer_store_panel(struct db *db, struct arena *a, int64_t id, int64_t wall_ms, struct panel_row *out, struct err *err)
{
	int64_t panel_id = 0;

	enum err_code code = db_number(db, err, &panel_id, 0, "SELECT panel_id FROM viewer WHERE id = ?1", "i", id);
	if (code == ERR_OK && panel_id)
		code = panel_store_get(db, a, panel_id, out, err);
	if (code == ERR_OK && !(panel_id && panel_is_open(out, wall_ms)))
		code = err_set(err, ERR_DENIED, "err_viewing_closed", NULL);
	return code;
}

enum err_code viewer_store_sessions(struct db *db, struct arena *a, int64_t wall_ms, struct session_row **rows, size_t *n,
				    struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT v.id, p.expires_ms, v.cookie_hash, v.key_hash FROM viewer v JOIN panel p ON p.id = v.panel_id"
				     " WHERE p.closed_ms = 0 AND p.expires_ms > ?1 ORDER BY v.id", "i", wall_ms);
	while (query_next(&q)) {
		struct session_row *row = LIST_ADD(a, *rows, *n, cap);
		row->id = row_int(&q, 0);
		row->expires_ms = row_int(&q, 1);
		(void)str_format(row->cookie_hash, sizeof row->cookie_hash, "%s", row_peek(&q, 2));
		(void)str_format(row->key_hash, sizeof row->key_hash, "%s", row_peek(&q, 3));
	}
	return query_end(&q);
}
