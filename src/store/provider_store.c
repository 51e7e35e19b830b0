/* SPDX-License-Identifier: Apache-2.0 */
#include "store/provider_store.h"

#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/catalogue.h"
#include "store/audit_store.h"
#include "store/setting_store.h"
#include "store/sql.h"

#define DEFAULT_CONCURRENCY 4
#define DEFAULT_TIMEOUT_S 120

const char *provider_kind_name(enum provider_kind kind)
{
	return kind == PROVIDER_OPENAI ? "openai" : "ollama";
}

/* --- reading --- */

#define PROVIDER_FIELDS \
	"id, kind, name, url, key_source, key_last4, concurrency, timeout_s, created_ms," \
	" id = ifnull((SELECT value FROM setting WHERE name = 'default_provider'), 0) + 0, ca_file, pin, max_requests"

static void row_provider(const struct query *q, struct arena *a, struct provider_row *out)
{
	*out = (struct provider_row){
		.id = row_int(q, 0),
		.kind = strcmp(row_peek(q, 1), "openai") == 0 ? PROVIDER_OPENAI : PROVIDER_OLLAMA,
		.name = row_text(q, a, 2),
		.url = row_text(q, a, 3),
		.key_source = row_text(q, a, 4),
		.key_last4 = row_text(q, a, 5),
		.concurrency = row_int(q, 6),
		.timeout_s = row_int(q, 7),
		.created_ms = row_int(q, 8),
		.is_default = row_int(q, 9) != 0,
		.ca_file = row_text(q, a, 10),
		.pin = row_text(q, a, 11),
		.max_requests = row_int(q, 12),
	};
}

enum err_code provider_store_list(struct db *db, struct arena *a, struct provider_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT " PROVIDER_FIELDS " FROM provider WHERE is_hidden = 0 ORDER BY 10 DESC, id", "");
	while (query_next(&q))
		row_provider(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code provider_store_get(struct db *db, struct arena *a, int64_t id, struct provider_row *out, struct err *err)
{
	bool found = false;

	struct query q = query_start(db, err, "SELECT " PROVIDER_FIELDS " FROM provider WHERE id = ?1", "i", id);
	if (query_next(&q)) {
		found = true;
		row_provider(&q, a, out);
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !found)
		code = err_set(err, ERR_NOT_FOUND, "err_provider_not_found", "id=%lld", (long long)id);
	return code;
}

/* --- writing --- */

static enum err_code insert(struct db *db, struct provider_row *row, struct err *err)
{
	row->created_ms = clock_wall_ms();
	enum err_code code = db_run(db, err,
				    "INSERT INTO provider(kind, name, url, key_source, key_last4, concurrency, timeout_s, created_ms, ca_file,"
				    " pin, max_requests) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
				    "tttttiiitti", provider_kind_name(row->kind), row->name, row->url, row->key_source, row->key_last4,
				    row->concurrency, row->timeout_s, row->created_ms, row->ca_file, row->pin, row->max_requests);
	row->id = db_last_id(db);
	return code;
}

enum err_code provider_store_set_default(struct db *db, const char *url, struct err *err)
{
	int64_t id = 0;
	char text[32];

	enum err_code code = db_number(db, err, &id, 0,
				       "SELECT id FROM provider WHERE id = (SELECT value FROM setting WHERE name = 'default_provider')"
				       " + 0",
				       "");
	if (code != ERR_OK)
		return code;
	if (id) {
		code = db_run(db, err, "UPDATE provider SET url = ?2, is_hidden = 0, key_source = '', key_last4 = '', ca_file = '', pin = ''"
			      " WHERE id = ?1 AND url <> ?2", "it", id, url);
		struct audit_row moved = { .who = "owner", .what = "move_provider", .subject = url, .source = "server" };
		return code == ERR_OK && sqlite3_changes(db->conn) > 0 ? audit_add(db, &moved, err) : code;
	}
	struct provider_row row = { .kind = PROVIDER_OLLAMA, .name = "Ollama", .url = url, .key_source = "", .key_last4 = "",
				    .ca_file = "", .pin = "",
				    .concurrency = DEFAULT_CONCURRENCY, .timeout_s = DEFAULT_TIMEOUT_S };
	code = insert(db, &row, err);
	str_format(text, sizeof text, "%lld", (long long)row.id);
	return code == ERR_OK ? setting_set(db, "default_provider", text, err) : code;
}

static enum err_code check_new(struct db *db, struct arena *a, const struct provider_row *row, struct err *err)
{
	const char *name = NULL;

	struct query q = query_start(db, err, "SELECT name FROM provider WHERE kind = ?1 AND url = ?2 AND id <> ?3 AND is_hidden = 0",
				     "tti", provider_kind_name(row->kind), row->url, row->id);
	if (query_next(&q))
		name = row_text(&q, a, 0);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && name)
		code = err_set(err, ERR_CONFLICT, "err_provider_exists", "field=url|url=%s|name=%s", row->url, name);
	return code;
}

enum err_code provider_store_add(struct db *db, struct arena *a, struct provider_row *row, struct err *err)
{
	row->id = 0;
	enum err_code code = check_new(db, a, row, err);
	return code == ERR_OK ? insert(db, row, err) : code;
}

enum err_code provider_store_set(struct db *db, struct arena *a, const struct provider_row *row, struct err *err)
{
	enum err_code code = check_new(db, a, row, err);

	if (code == ERR_OK)
		code = db_run_one(db, err, "err_provider_not_found", row->id,
				  "UPDATE provider SET name = ?2, url = ?3, key_source = ?4, key_last4 = ?5, concurrency = ?6,"
				  " timeout_s = ?7, ca_file = ?8, pin = ?9, max_requests = ?10 WHERE id = ?1",
				  "ittttiitti", row->id, row->name, row->url, row->key_source, row->key_last4, row->concurrency,
				  row->timeout_s, row->ca_file, row->pin, row->max_requests);
	return code;
}

enum err_code provider_store_hide(struct db *db, struct arena *a, int64_t id, struct err *err)
{
	struct provider_row row;
	enum err_code code = provider_store_get(db, a, id, &row, err);

	if (code == ERR_OK && row.is_default)
		code = err_set(err, ERR_CONFLICT, "err_provider_default", NULL);
	if (code == ERR_OK)
		code = db_run(db, err, "UPDATE provider SET is_hidden = 1, key_source = '', key_last4 = '', ca_file = '', pin = '' WHERE id = ?1", "i", id);
	if (code == ERR_OK)
		code = db_run(db, err, "UPDATE model SET is_hidden = 1 WHERE provider_id = ?1", "i", id);
	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM unfinished_import WHERE provider_id = ?1", "i", id);
	return code;
}

/* --- models --- */

static char *model_path(int64_t provider_id, const char *name)
{
	return mem_printf("provider:%lld/%s", (long long)provider_id, name);
}

enum err_code provider_store_used(struct db *db, int64_t provider_id, const char *name, int64_t *model_id, struct err *err)
{
	char *path = model_path(provider_id, name);
	enum err_code code = db_number(db, err, model_id, 0, "SELECT id FROM model WHERE path = ?1 AND is_hidden = 0", "t", path);

	mem_free(path);
	return code;
}

enum err_code provider_store_use(struct db *db, int64_t provider_id, const struct remote_model *m, int64_t *model_id,
				 struct err *err)
{
	char *path = model_path(provider_id, m->name);
	enum err_code code = db_run(
		db, err,
		"INSERT INTO model(path, name, found_name, kind, adapter_format, size_bytes, architecture, file_type, n_params,"
		" n_layer, n_ctx_train, kv_bytes_per_token, has_template, step, base_name, rank, provider_id, created_ms)"
		" VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, 0, 1, -1, '', 0, ?10, ?11)"
		" ON CONFLICT (path) DO UPDATE SET is_hidden = 0, size_bytes = excluded.size_bytes,"
		" architecture = excluded.architecture, file_type = excluded.file_type, n_params = excluded.n_params,"
		" n_ctx_train = excluded.n_ctx_train",
		"ttbbittiiii", path, m->name, MODEL_REMOTE, ADAPTER_NONE, m->size_bytes, m->architecture, m->file_type,
		m->n_params, m->n_ctx_train, provider_id, clock_wall_ms());

	mem_free(path);
	return code == ERR_OK ? provider_store_used(db, provider_id, m->name, model_id, err) : code;
}

/* --- imported --- */

enum err_code imported_store_list(struct db *db, struct arena *a, int64_t provider_id, struct imported_row **rows, size_t *n,
				  struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT i.name, i.digest, ifnull(i.artifact_id, 0), i.run_id, i.column_id, i.parity, i.created_ms,"
				     " c.label, c.epoch FROM imported i LEFT JOIN \"column\" c ON c.id = i.column_id"
				     " WHERE i.provider_id = ?1 ORDER BY i.created_ms, i.name",
				     "i", provider_id);
	while (query_next(&q))
		*LIST_ADD(a, *rows, *n, cap) = (struct imported_row){
			.provider_id = provider_id,
			.name = row_text(&q, a, 0),
			.digest = row_text(&q, a, 1),
			.artifact_id = row_int(&q, 2),
			.run_id = row_int(&q, 3),
			.column_id = row_int(&q, 4),
			.parity = row_text(&q, a, 5),
			.created_ms = row_int(&q, 6),
			.label = row_text(&q, a, 7),
			.epoch = row_double(&q, 8),
		};
	return query_end(&q);
}

enum err_code imported_store_set(struct db *db, const struct imported_row *row, struct err *err)
{
	return db_run(db, err,
		      "INSERT OR REPLACE INTO imported(provider_id, name, digest, artifact_id, run_id, column_id, parity, created_ms)"
		      " VALUES (?1, ?2, ?3, nullif(?4, 0), ?5, ?6, ?7, ?8)",
		      "ittiiiti", row->provider_id, row->name, row->digest, row->artifact_id, row->run_id, row->column_id,
		      row->parity, clock_wall_ms());
}

enum err_code imported_store_remove(struct db *db, int64_t provider_id, const char *name, struct err *err)
{
	return db_run(db, err, "DELETE FROM imported WHERE provider_id = ?1 AND name = ?2", "it", provider_id, name);
}

#define WHERE_UNFINISHED " WHERE provider_id = ?1 AND url = ?2 AND name = ?3 AND backup = ?4"

enum err_code unfinished_store_list(struct db *db, struct arena *a, struct unfinished_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT provider_id, url, name, backup FROM unfinished_import", "");
	while (query_next(&q))
		*LIST_ADD(a, *rows, *n, cap) = (struct unfinished_row){
			.provider_id = row_int(&q, 0),
			.url = row_text(&q, a, 1),
			.name = row_text(&q, a, 2),
			.backup = row_text(&q, a, 3),
		};
	return query_end(&q);
}

static enum err_code run_unfinished(struct db *db, const char *sql, const struct unfinished_row *row, struct err *err)
{
	return db_run(db, err, sql, "ittt", row->provider_id, row->url, row->name, row->backup);
}

enum err_code unfinished_store_add(struct db *db, const struct unfinished_row *row, struct err *err)
{
	return run_unfinished(db, "INSERT INTO unfinished_import(provider_id, url, name, backup) VALUES (?1, ?2, ?3, ?4)", row, err);
}

enum err_code unfinished_store_remove(struct db *db, const struct unfinished_row *row, struct err *err)
{
	return run_unfinished(db, "DELETE FROM unfinished_import" WHERE_UNFINISHED, row, err);
}

enum err_code unfinished_store_keep_new(struct db *db, const struct unfinished_row *row, struct err *err)
{
	return run_unfinished(db, "UPDATE unfinished_import SET name = ''" WHERE_UNFINISHED, row, err);
}
