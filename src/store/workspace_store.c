/* SPDX-License-Identifier: Apache-2.0 */
#include "store/workspace_store.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/artifact_store.h"
#include "store/document_store.h"
#include "store/gen_params.h"
#include "store/sql.h"

#define WORKSPACE_FIELDS \
	"w.id, w.name, w.model_id, ifnull(w.artifact_id, 0), w.run_id, w.column_id, w.params, w.n_passages, w.created_ms," \
	" w.updated_ms, (SELECT count(*) FROM chat c WHERE c.workspace_id = w.id)," \
	" (SELECT count(*) FROM document d WHERE d.workspace_id = w.id), w.api_name"

struct gen_params workspace_params_default(void)
{
	struct gen_params p = gen_params_default();

	p.max_tokens = 1024;
	p.temperature = 0.7;
	return p;
}

static void row_workspace(const struct query *q, struct arena *a, struct workspace_row *out)
{
	*out = (struct workspace_row){
		.id = row_int(q, 0),
		.name = row_text(q, a, 1),
		.model_id = row_int(q, 2),
		.artifact_id = row_int(q, 3),
		.run_id = row_int(q, 4),
		.column_id = row_int(q, 5),
		.n_passages = row_int(q, 7),
		.created_ms = row_int(q, 8),
		.updated_ms = row_int(q, 9),
		.n_chats = row_int(q, 10),
		.n_documents = row_int(q, 11),
		.api_name = row_text(q, a, 12),
	};
	if (gen_params_parse(a, str_of(row_peek(q, 6)), &out->params, NULL) != ERR_OK)
		out->params = workspace_params_default();
}

enum err_code workspace_store_list(struct db *db, struct arena *a, struct workspace_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q =
		query_start(db, err, "SELECT " WORKSPACE_FIELDS " FROM workspace w ORDER BY w.updated_ms DESC, w.id DESC", "");
	while (query_next(&q))
		row_workspace(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code workspace_store_get(struct db *db, struct arena *a, int64_t id, struct workspace_row *out, struct err *err)
{
	*out = (struct workspace_row){ 0 };
	struct query q = query_start(db, err, "SELECT " WORKSPACE_FIELDS " FROM workspace w WHERE w.id = ?1", "i", id);
	if (query_next(&q))
		row_workspace(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !out->id)
		code = err_set(err, ERR_NOT_FOUND, "err_workspace_not_found", "id=%lld", (long long)id);
	return code;
}

static enum err_code check_parts(struct db *db, const struct workspace_row *row, struct err *err)
{
	struct arena *a = arena_new();
	struct model_row model;
	struct artifact_row artifact;

	enum err_code code = model_store_get(db, a, row->model_id, &model, err);
	if (code == ERR_OK && row->artifact_id)
		code = artifact_store_get(db, a, row->artifact_id, &artifact, err);
	arena_free(a);
	return code;
}

/* The name itself, with the workspace's number behind it as often as somebody else is called so.  One that has not changed keeps
 * what it was given. */
static enum err_code set_api_name(struct db *db, int64_t id, const char *name, struct err *err)
{
	char *wanted = mem_strdup(name);
	int64_t n = 0;

	enum err_code code = db_number(db, err, &n, 0, "SELECT count(*) FROM workspace WHERE id = ?1 AND name = ?2 AND api_name <> ''",
				       "it", id, name);
	bool has_name = n > 0;
	while (code == ERR_OK && !has_name) {
		code = db_number(db, err, &n, 0, "SELECT count(*) FROM workspace WHERE api_name = ?1 AND id <> ?2", "ti", wanted, id);
		if (n == 0)
			break;
		char *longer = mem_printf("%s-%lld", wanted, (long long)id);
		mem_free(wanted);
		wanted = longer;
	}
	if (code == ERR_OK && !has_name)
		code = db_run(db, err, "UPDATE workspace SET api_name = ?2 WHERE id = ?1", "it", id, wanted);
	mem_free(wanted);
	return code;
}

enum err_code workspace_store_add(struct db *db, struct workspace_row *row, struct err *err)
{
	enum err_code code = db_check_space(db, err);

	if (code == ERR_OK)
		code = check_parts(db, row, err);
	if (code != ERR_OK)
		return code;
	struct buf params = BUF_INIT(16 * MIB);
	json_t *json = gen_params_json(&row->params);
	json_write(&params, json);
	json_decref(json);
	row->created_ms = row->updated_ms = clock_wall_ms();
	code = db_run(db, err,
		      "INSERT INTO workspace(name, model_id, artifact_id, run_id, column_id, params, n_passages, created_ms,"
		      " updated_ms) VALUES (?1, ?2, nullif(?3, 0), ?4, ?5, ?6, ?7, ?8, ?8)",
		      "tiiiisii", row->name, row->model_id, row->artifact_id, row->run_id, row->column_id, buf_str(&params),
		      row->n_passages, row->created_ms);
	row->id = db_last_id(db);
	buf_release(&params);
	return code == ERR_OK ? set_api_name(db, row->id, row->name, err) : code;
}

enum err_code workspace_store_set(struct db *db, struct workspace_row *row, struct err *err)
{
	enum err_code code = check_parts(db, row, err);

	if (code == ERR_OK)
		code = set_api_name(db, row->id, row->name, err);
	if (code != ERR_OK)
		return code;
	struct buf params = BUF_INIT(16 * MIB);
	json_t *json = gen_params_json(&row->params);
	json_write(&params, json);
	json_decref(json);
	row->updated_ms = clock_wall_ms();
	code = db_run_one(db, err, "err_workspace_not_found", row->id,
			  "UPDATE workspace SET name = ?2, model_id = ?3, artifact_id = nullif(?4, 0), params = ?5,"
			  " n_passages = ?6, updated_ms = ?7 WHERE id = ?1",
			  "itiisii", row->id, row->name, row->model_id, row->artifact_id, buf_str(&params), row->n_passages,
			  row->updated_ms);
	buf_release(&params);
	return code;
}

enum err_code workspace_store_remove(struct db *db, int64_t id, struct err *err)
{
	enum err_code code = document_store_remove_all(db, id, err);

	if (code != ERR_OK)
		return code;
	return db_run_one(db, err, "err_workspace_not_found", id, "DELETE FROM workspace WHERE id = ?1", "i", id);
}
