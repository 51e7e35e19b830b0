/* SPDX-License-Identifier: Apache-2.0 */
#include "store/artifact_store.h"

#include "base/clock.h"
#include "store/run_store.h"
#include "store/sql.h"

#define ARTIFACT_FIELDS \
	"id, recipe, path, model_id, format, size_bytes, sha256, template_hash, source_model_id, run_id, column_id, origin," \
	" settings, proof, created_ms"

static void row_artifact(const struct query *q, struct arena *a, struct artifact_row *out)
{
	*out = (struct artifact_row){
		.id = row_int(q, 0),
		.recipe = row_text(q, a, 1),
		.path = row_text(q, a, 2),
		.model_id = row_int(q, 3),
		.format = row_text(q, a, 4),
		.size_bytes = row_int(q, 5),
		.sha256 = row_text(q, a, 6),
		.template_hash = row_text(q, a, 7),
		.source_model_id = row_int(q, 8),
		.run_id = row_int(q, 9),
		.column_id = row_int(q, 10),
		.origin = row_text(q, a, 11),
		.settings = row_text(q, a, 12),
		.proof = row_text(q, a, 13),
		.created_ms = row_int(q, 14),
	};
}

enum err_code artifact_store_list(struct db *db, struct arena *a, struct artifact_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT " ARTIFACT_FIELDS " FROM artifact ORDER BY id DESC", "");
	while (query_next(&q))
		row_artifact(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code artifact_store_find(struct db *db, struct arena *a, const char *recipe, struct artifact_row *out,
				  struct err *err)
{
	*out = (struct artifact_row){ 0 };
	struct query q = query_start(db, err, "SELECT " ARTIFACT_FIELDS " FROM artifact WHERE recipe = ?1", "t", recipe);
	if (query_next(&q))
		row_artifact(&q, a, out);
	return query_end(&q);
}

enum err_code artifact_store_get(struct db *db, struct arena *a, int64_t id, struct artifact_row *out, struct err *err)
{
	*out = (struct artifact_row){ 0 };
	struct query q = query_start(db, err, "SELECT " ARTIFACT_FIELDS " FROM artifact WHERE id = ?1", "i", id);
	if (query_next(&q))
		row_artifact(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !out->id)
		code = err_set(err, ERR_NOT_FOUND, "err_artifact_not_found", "id=%lld", (long long)id);
	return code;
}

enum err_code artifact_store_add(struct db *db, struct arena *a, const struct found_model *found, struct artifact_row *row,
				 struct err *err)
{
	const struct catalogue one = { .path = found->path, .models = found, .n_models = 1 };
	int64_t *ids = NULL;
	size_t n = 0;

	enum err_code code = db_check_space(db, err);
	if (code == ERR_OK)
		code = model_store_merge(db, a, &one, 0, &ids, &n, err);
	if (code != ERR_OK)
		return code;
	row->model_id = ids[0];
	row->created_ms = clock_wall_ms();
	code = db_run(db, err, "DELETE FROM artifact WHERE path = ?1 AND recipe <> ?2", "tt", row->path, row->recipe);
	if (code != ERR_OK)
		return code;
	code = db_run(db, err,
		      "INSERT INTO artifact(recipe, path, model_id, format, size_bytes, sha256, template_hash,"
		      " source_model_id, run_id, column_id, origin, settings, proof, created_ms)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, '', ?13)"
		      " ON CONFLICT (recipe) DO UPDATE SET path = excluded.path, model_id = excluded.model_id,"
		      " size_bytes = excluded.size_bytes, sha256 = excluded.sha256,"
		      " template_hash = excluded.template_hash, source_model_id = excluded.source_model_id,"
		      " run_id = excluded.run_id, column_id = excluded.column_id, origin = excluded.origin,"
		      " settings = excluded.settings, proof = '', created_ms = excluded.created_ms",
		      "ttitittiiitti", row->recipe, row->path, row->model_id, row->format, row->size_bytes, row->sha256,
		      row->template_hash, row->source_model_id, row->run_id, row->column_id, row->origin, row->settings,
		      row->created_ms);
	if (code == ERR_OK)
		code = db_number(db, err, &row->id, 0, "SELECT id FROM artifact WHERE recipe = ?1", "t", row->recipe);
	return code;
}

enum err_code artifact_store_check_path(struct db *db, const char *path, const char *recipe, struct err *err)
{
	int64_t n = 0;

	enum err_code code = db_number(db, err, &n, 0,
				       "SELECT count(*) FROM model m WHERE m.path = ?1 AND m.is_hidden = 0 AND NOT EXISTS"
				       " (SELECT 1 FROM artifact a WHERE a.path = m.path)",
				       "t", path);
	if (code == ERR_OK && n > 0)
		return err_set(err, ERR_CONFLICT, "err_path_is_model", "field=path|path=%s", path);
	if (code == ERR_OK)
		code = db_number(db, err, &n, 0,
				 "SELECT count(*) FROM workspace w JOIN artifact a ON a.model_id = w.model_id"
				 " WHERE a.path = ?1 AND a.recipe <> ?2",
				 "tt", path, recipe);
	if (code == ERR_OK && n > 0)
		code = err_set(err, ERR_CONFLICT, "err_artifact_in_use", "n=%lld", (long long)n);
	return code;
}

enum err_code artifact_store_set_proof(struct db *db, int64_t id, const char *proof, struct err *err)
{
	return db_run_one(db, err, "err_artifact_not_found", id, "UPDATE artifact SET proof = ?2 WHERE id = ?1", "it", id,
			  proof);
}

enum err_code artifact_store_begin_proof(struct db *db, int64_t id, int64_t run_id, struct err *err)
{
	int64_t before = 0, n_votes = 0;
	enum err_code code = db_number(db, err, &before, 0,
				       "SELECT r.id FROM artifact a JOIN run r ON r.id = json_extract(a.settings, '$.proof_run')"
				       " WHERE a.id = ?1 AND (a.proof = '' OR json_extract(a.proof, '$.run_id') <> r.id)",
				       "i", id);
	if (code == ERR_OK && before)
		code = db_number(db, err, &n_votes, 0,
				 "SELECT count(*) FROM question q CROSS JOIN vote v ON v.cell_id BETWEEN q.id * 64 AND q.id * 64 + 63"
				 " WHERE q.run_id = ?1",
				 "i", before);
	if (code == ERR_OK && before && n_votes == 0)
		code = run_store_remove(db, before, err);
	if (code == ERR_OK)
		code = db_run_one(db, err, "err_artifact_not_found", id,
				  "UPDATE artifact SET settings = json_set(settings, '$.proof_run', ?2) WHERE id = ?1", "ii", id,
				  run_id);
	return code;
}

enum err_code artifact_store_remove(struct db *db, int64_t id, struct err *err)
{
	int64_t model_id = 0, n_used = 0;

	enum err_code code = db_number(db, err, &model_id, 0, "SELECT model_id FROM artifact WHERE id = ?1", "i", id);
	if (code == ERR_OK && !model_id)
		code = err_set(err, ERR_NOT_FOUND, "err_artifact_not_found", "id=%lld", (long long)id);
	if (code == ERR_OK)
		code = db_number(db, err, &n_used, 0, "SELECT count(*) FROM workspace WHERE model_id = ?1", "i", model_id);
	if (code == ERR_OK && n_used > 0)
		code = err_set(err, ERR_CONFLICT, "err_artifact_in_use", "n=%lld", (long long)n_used);
	if (code == ERR_OK)
		code = model_store_hide(db, model_id, err);
	if (code == ERR_OK)
		code = db_run_one(db, err, "err_artifact_not_found", id, "DELETE FROM artifact WHERE id = ?1", "i", id);
	return code;
}
