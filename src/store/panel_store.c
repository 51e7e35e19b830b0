/* SPDX-License-Identifier: Apache-2.0 */
#include "store/panel_store.h"

#include <string.h>

#include "base/clock.h"
#include "store/rows.h"

#define PANEL_FIELDS \
	"p.id, p.run_id, p.title, p.code_hash, p.max_raters, p.created_ms, p.expires_ms, p.closed_ms," \
	" (SELECT n_questions FROM run WHERE id = p.run_id), (SELECT name FROM run WHERE id = p.run_id), p.kind," \
	" (SELECT count(*) FROM viewer w WHERE w.panel_id = p.id)"
#define RATER_FIELDS \
	"r.id, r.panel_id, r.name, r.cookie_hash, r.key_hash, r.salt, r.created_ms," \
	" (SELECT count(*) FROM rating g WHERE g.rater_id = r.id), (SELECT count(*) FROM vote v WHERE v.rater_id = r.id)," \
	" (SELECT expires_ms FROM panel p WHERE p.id = r.panel_id)"

const char *panel_kind_name(enum panel_kind kind)
{
	return kind == PANEL_VIEW ? "view" : "rate";
}

bool panel_is_open(const struct panel_row *panel, int64_t wall_ms)
{
	return !panel->closed_ms && wall_ms < panel->expires_ms;
}

static void row_panel(const struct query *q, struct arena *a, struct panel_row *out)
{
	*out = (struct panel_row){
		.id = row_int(q, 0),
		.run_id = row_int(q, 1),
		.title = row_text(q, a, 2),
		.max_raters = row_int(q, 4),
		.created_ms = row_int(q, 5),
		.expires_ms = row_int(q, 6),
		.closed_ms = row_int(q, 7),
		.n_questions = row_int(q, 8),
		.run_name = row_text(q, a, 9),
		.kind = (enum panel_kind)row_int(q, 10),
		.n_viewers = row_int(q, 11),
	};
	(void)str_format(out->code_hash, sizeof out->code_hash, "%s", row_peek(q, 3));
}

static void row_rater(const struct query *q, struct arena *a, struct rater_row *out)
{
	*out = (struct rater_row){
		.id = row_int(q, 0),
		.panel_id = row_int(q, 1),
		.name = row_text(q, a, 2),
		.session = { .id = row_int(q, 0), .expires_ms = row_int(q, 9) },
		.created_ms = row_int(q, 6),
		.n_rated = row_int(q, 7),
		.n_likes = row_int(q, 8),
	};
	(void)str_format(out->session.cookie_hash, sizeof out->session.cookie_hash, "%s", row_peek(q, 3));
	(void)str_format(out->session.key_hash, sizeof out->session.key_hash, "%s", row_peek(q, 4));
	(void)str_format(out->salt, sizeof out->salt, "%s", row_peek(q, 5));
}

enum err_code panel_store_list(struct db *db, struct arena *a, int64_t run_id, struct panel_row **rows, size_t *n,
			       struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT " PANEL_FIELDS " FROM panel p WHERE p.run_id = ?1 ORDER BY p.id DESC", "i",
				     run_id);
	while (query_next(&q))
		row_panel(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code panel_store_search(struct db *db, struct arena *a, const struct panel_search *search, struct panel_row **rows,
				 size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " PANEL_FIELDS " FROM panel p"
				     " WHERE (?1 < 0 OR (p.closed_ms = 0 AND p.expires_ms > ?2) = ?1) AND (?3 = 0 OR p.id < ?3)"
				     " ORDER BY p.id DESC LIMIT ?4", "iiii", (int64_t)search->is_open, search->wall_ms, search->before_id,
				     search->limit);
	while (query_next(&q))
		row_panel(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code panel_store_get(struct db *db, struct arena *a, int64_t id, struct panel_row *out, struct err *err)
{
	bool found = false;

	struct query q = query_start(db, err, "SELECT " PANEL_FIELDS " FROM panel p WHERE p.id = ?1", "i", id);
	if ((found = query_next(&q)))
		row_panel(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !found)
		code = err_set(err, ERR_NOT_FOUND, "err_panel_not_found", "id=%lld", (long long)id);
	return code;
}

enum err_code panel_store_find(struct db *db, struct arena *a, enum panel_kind kind, const char *code_hash, int64_t wall_ms,
			       struct panel_row *out, struct err *err)
{
	bool found = false;

	struct query q = query_start(db, err, "SELECT " PANEL_FIELDS " FROM panel p WHERE p.code_hash = ?1 AND p.kind = ?2", "tb",
				     code_hash, (int)kind);
	if ((found = query_next(&q)))
		row_panel(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !(found && panel_is_open(out, wall_ms)))
		code = err_set(err, ERR_DENIED, kind == PANEL_VIEW ? "err_viewing_code" : "err_panel_code", NULL);
	return code;
}

enum err_code panel_store_add(struct db *db, struct panel_row *row, struct err *err)
{
	int64_t n = 0;

	row->created_ms = clock_wall_ms();
	enum err_code code = db_number(db, err, &n, 0, "SELECT count(*) FROM run WHERE id = ?1", "i", row->run_id);
	if (code == ERR_OK && !n)
		code = err_set(err, ERR_NOT_FOUND, "err_run_not_found", "id=%lld", (long long)row->run_id);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO panel(run_id, title, code_hash, max_raters, created_ms, expires_ms, kind)"
			      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
			      "ittiiib", row->run_id, row->title, row->code_hash, row->max_raters, row->created_ms, row->expires_ms,
			      (int)row->kind);
	row->id = db_last_id(db);
	return code;
}

enum err_code panel_store_set_code(struct db *db, int64_t id, const char *code_hash, struct err *err)
{
	return db_run_one(db, err, "err_panel_not_found", id, "UPDATE panel SET code_hash = ?2 WHERE id = ?1", "it", id, code_hash);
}

enum err_code panel_store_close(struct db *db, int64_t id, struct err *err)
{
	return db_run_one(db, err, "err_panel_not_found", id,
			  "UPDATE panel SET closed_ms = iif(closed_ms = 0, ?2, closed_ms) WHERE id = ?1", "ii", id, clock_wall_ms());
}

enum err_code rater_store_list(struct db *db, struct arena *a, int64_t panel_id, struct rater_row **rows, size_t *n,
			       struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT " RATER_FIELDS " FROM rater r WHERE r.panel_id = ?1 ORDER BY r.id", "i",
				     panel_id);
	while (query_next(&q))
		row_rater(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code rater_store_get(struct db *db, struct arena *a, int64_t id, struct rater_row *out, struct err *err)
{
	bool found = false;

	struct query q = query_start(db, err, "SELECT " RATER_FIELDS " FROM rater r WHERE r.id = ?1 AND r.panel_id IS NOT NULL", "i",
				     id);
	if ((found = query_next(&q)))
		row_rater(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !found)
		code = err_set(err, ERR_NOT_FOUND, "err_rater_not_found", "id=%lld", (long long)id);
	return code;
}

/* Who has that name here; 0: nobody. */
static enum err_code find_name(struct db *db, const struct rater_row *row, int64_t *id, bool *is_same, struct err *err)
{
	*id = 0;
	struct query q = query_start(db, err, "SELECT id, nonce_hash FROM rater WHERE panel_id = ?1 AND name = ?2", "it", row->panel_id,
				     row->name);
	if (query_next(&q)) {
		*id = row_int(&q, 0);
		*is_same = row->nonce_hash[0] && !strcmp(row_peek(&q, 1), row->nonce_hash);
	}
	return query_end(&q);
}

static enum err_code rater_insert(struct db *db, const struct panel_row *panel, struct rater_row *row, struct err *err)
{
	int64_t n_all = 0;

	enum err_code code = db_number(db, err, &n_all, 0, "SELECT count(*) FROM rater WHERE panel_id = ?1", "i", panel->id);
	if (code == ERR_OK && n_all >= panel->max_raters)
		code = err_set(err, ERR_CONFLICT, "err_panel_full", "limit=%lld", (long long)panel->max_raters);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO rater(panel_id, name, cookie_hash, key_hash, salt, nonce_hash, created_ms)"
			      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
			      "ittttti", panel->id, row->name, row->session.cookie_hash, row->session.key_hash, row->salt,
			      row->nonce_hash, row->created_ms);
	row->id = row->session.id = db_last_id(db);
	return code;
}

enum err_code rater_store_add(struct db *db, const struct panel_row *panel, struct rater_row *row, struct err *err)
{
	int64_t known = 0;
	bool is_same = false;

	row->panel_id = panel->id;
	row->created_ms = clock_wall_ms();
	enum err_code code = find_name(db, row, &known, &is_same, err);
	if (code == ERR_OK && known && !is_same)
		code = err_set(err, ERR_CONFLICT, "err_rater_name", "field=name|name=%s", row->name);
	if (code != ERR_OK)
		return code;
	if (!known)
		return rater_insert(db, panel, row, err);
	row->id = row->session.id = known;
	return db_run(db, err, "UPDATE rater SET cookie_hash = ?2, key_hash = ?3 WHERE id = ?1", "itt", known, row->session.cookie_hash,
		      row->session.key_hash);
}

enum err_code rater_store_remove(struct db *db, int64_t id, struct err *err)
{
	enum err_code code = vote_store_forget(db, id, err);

	if (code == ERR_OK)
		code = db_run_one(db, err, "err_rater_not_found", id, "DELETE FROM rater WHERE id = ?1 AND panel_id IS NOT NULL", "i", id);
	return code;
}

enum err_code rater_store_sessions(struct db *db, struct arena *a, int64_t wall_ms, struct session_row **rows, size_t *n,
				   struct err *err)
{
	struct rater_row rater;
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " RATER_FIELDS " FROM rater r JOIN panel o ON o.id = r.panel_id"
				     " WHERE o.closed_ms = 0 AND o.expires_ms > ?1 ORDER BY r.id", "i", wall_ms);
	while (query_next(&q)) {
		row_rater(&q, a, &rater);
		*LIST_ADD(a, *rows, *n, cap) = rater.session;
	}
	return query_end(&q);
}

enum err_code rater_store_said(struct db *db, int64_t rater_id, int64_t question_id, bool *is_rated, bool *liked, size_t n_cells,
			       struct err *err)
{
	int64_t n = 0;

	memset(liked, 0, n_cells * sizeof *liked);
	struct query q = query_start(db, err, "SELECT cell_id FROM vote WHERE rater_id = ?1 AND cell_id BETWEEN ?2 AND ?3", "iii",
				     rater_id, cell_first_id(question_id), cell_last_id(question_id));
	while (query_next(&q)) {
		size_t at = (size_t)(row_int(&q, 0) - cell_first_id(question_id));
		if (at < n_cells)
			liked[at] = true;
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK)
		code = db_number(db, err, &n, 0, "SELECT count(*) FROM rating WHERE rater_id = ?1 AND question_id = ?2", "ii", rater_id,
				 question_id);
	*is_rated = n > 0;
	return code;
}
