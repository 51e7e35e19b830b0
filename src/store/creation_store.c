/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/artifact_store.h"
#include "store/sql.h"

#define CREATION_FIELDS \
	"id, state, target, name, params, source_model_id, run_id, column_id, ifnull(artifact_id, 0), steps, result, problem," \
	" created_ms, finished_ms"

const char *creation_state_name(enum creation_state s)
{
	static const char *const names[] = { "waiting", "running", "done", "failed", "cancelled" };
	return names[s];
}

static void row_creation(const struct query *q, struct arena *a, struct creation_row *out)
{
	*out = (struct creation_row){
		.id = row_int(q, 0),
		.state = (enum creation_state)row_int(q, 1),
		.target = row_text(q, a, 2),
		.name = row_text(q, a, 3),
		.params = row_text(q, a, 4),
		.source_model_id = row_int(q, 5),
		.run_id = row_int(q, 6),
		.column_id = row_int(q, 7),
		.artifact_id = row_int(q, 8),
		.steps = row_text(q, a, 9),
		.result = row_text(q, a, 10),
		.created_ms = row_int(q, 12),
		.finished_ms = row_int(q, 13),
	};
	err_from_text(&out->problem, row_peek(q, 11));
}

enum err_code creation_store_list(struct db *db, struct arena *a, int64_t run_id, struct creation_row **rows, size_t *n,
				  struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " CREATION_FIELDS " FROM creation WHERE ?1 = 0 OR run_id = ?1 ORDER BY id DESC"
				     " LIMIT 1000",
				     "i", run_id);
	while (query_next(&q))
		row_creation(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code creation_store_get(struct db *db, struct arena *a, int64_t id, struct creation_row *out, struct err *err)
{
	*out = (struct creation_row){ 0 };
	struct query q = query_start(db, err, "SELECT " CREATION_FIELDS " FROM creation WHERE id = ?1", "i", id);
	if (query_next(&q))
		row_creation(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !out->id)
		code = err_set(err, ERR_NOT_FOUND, "err_creation_not_found", "id=%lld", (long long)id);
	return code;
}

enum err_code creation_store_add(struct db *db, struct creation_row *row, struct err *err)
{
	enum err_code code = db_check_space(db, err);

	row->created_ms = clock_wall_ms();
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO creation(state, target, name, params, source_model_id, run_id, column_id, steps,"
			      " result, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '[]', '{}', ?8)",
			      "btttiiii", row->state, row->target, row->name, row->params, row->source_model_id, row->run_id,
			      row->column_id, row->created_ms);
	row->id = db_last_id(db);
	return code;
}

enum err_code creation_store_set(struct db *db, const struct creation_row *row, struct err *err)
{
	char problem[ERR_TEXT_SIZE];
	bool is_over = row->state != CREATION_WAITING && row->state != CREATION_RUNNING;

	return db_run_one(db, err, "err_creation_not_found", row->id,
			  "UPDATE creation SET state = ?2, artifact_id = (SELECT id FROM artifact WHERE id = ?3), steps = ?4, result = ?5, problem = ?6,"
			  " finished_ms = ?7 WHERE id = ?1",
			  "ibittti", row->id, row->state, row->artifact_id, row->steps, row->result,
			  err_to_text(&row->problem, problem), is_over ? clock_wall_ms() : (int64_t)0);
}

enum err_code creation_store_remove(struct db *db, int64_t id, struct err *err)
{
	int64_t state = -1;

	enum err_code code = db_number(db, err, &state, -1, "SELECT state FROM creation WHERE id = ?1", "i", id);
	if (code == ERR_OK && (state == CREATION_WAITING || state == CREATION_RUNNING))
		code = err_set(err, ERR_CONFLICT, "err_creation_running", NULL);
	if (code == ERR_OK)
		code = db_run_one(db, err, "err_creation_not_found", id, "DELETE FROM creation WHERE id = ?1", "i", id);
	return code;
}

enum err_code creation_store_recover(struct db *db, struct err *err)
{
	struct err interrupted;
	char problem[ERR_TEXT_SIZE];

	err_set(&interrupted, ERR_CANCELLED, "err_creation_interrupted", NULL);
	return db_run(db, err,
		      "UPDATE creation SET state = ?1, problem = ?2, finished_ms = ?3 WHERE state IN (?4, ?5)", "btibb",
		      CREATION_FAILED, err_to_text(&interrupted, problem), clock_wall_ms(), CREATION_WAITING,
		      CREATION_RUNNING);
}
