/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_store.h"

#include "base/clock.h"
#include "store/gen_params.h"
#include "store/rows.h"

enum err_code run_store_add_part(struct db *db, int64_t run_id, int64_t first, struct err *err)
{
	return db_run(db, err, "INSERT OR IGNORE INTO part(run_id, first) VALUES (?1, ?2)", "ii", run_id, first);
}

/* Inserts questions from `position` on with a cell for each column: it waits, or is cancelled where `is_out` (NULL: none). */
static enum err_code add_questions(struct db *db, int64_t run_id, int64_t position, const int64_t *column_ids, const bool *is_out,
				   size_t n_columns, const struct question *questions, size_t n, struct err *err)
{
	int64_t n_out = 0;
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		if (i == 0 || questions[i].turn != questions[i - 1].turn)
			code = run_store_add_part(db, run_id, position + (int64_t)i, err);
		if (code == ERR_OK)
			code = question_insert(db, 0, run_id, position + (int64_t)i, &questions[i], err);
		int64_t first = cell_first_id(db_last_id(db));
		for (size_t c = 0; c < n_columns && code == ERR_OK; c++)
			code = db_run(db, err, "INSERT INTO cell(id, column_id, state) VALUES (?1, ?2, ?3)", "iib",
				      first + (int64_t)c, column_ids[c], is_out && is_out[c] ? CELL_CANCELLED : CELL_WAITING);
	}
	for (size_t c = 0; c < n_columns && is_out && code == ERR_OK; c++) {
		n_out += is_out[c];
		if (is_out[c])
			code = db_run(db, err,
				      "UPDATE \"column\" SET n_waiting = n_waiting - ?2, n_cancelled = n_cancelled + ?2 WHERE id = ?1",
				      "ii", column_ids[c], (int64_t)n);
	}
	if (code == ERR_OK && n_out > 0)
		code = db_run(db, err, "UPDATE question SET n_failed = ?3 WHERE run_id = ?1 AND position >= ?2", "iii", run_id,
			      position, n_out);
	if (code != ERR_OK)
		return code;
	return db_run(db, err, "UPDATE \"column\" SET n_waiting = n_waiting + ?2 WHERE run_id = ?1", "ii", run_id,
		      (int64_t)n);
}

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static enum err_code add_run(struct db *db, struct run_row *run, struct err *err)
{
	struct buf params = BUF_INIT(LIMIT_JSON_BODY);
	json_t *obj = gen_params_json(&run->params);

	json_write(&params, obj);
	json_decref(obj);
	if (run->created_ms == 0)
		run->created_ms = clock_wall_ms();
	enum err_code code =
		db_run(db, err,
		       "INSERT INTO run(name, created_ms, state, is_fast, is_blind, seed, params, question_set_id,"
		       " n_questions, n_columns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		       "tibbbisiii", text_or_empty(run->name), run->created_ms, run->state, run->is_fast, run->is_blind,
		       run->seed, buf_str(&params), run->question_set_id, run->n_questions, run->n_columns);
	run->id = db_last_id(db);
	buf_release(&params);
	return code;
}

static enum err_code add_column(struct db *db, const struct run_row *run, struct column_row *c, struct err *err)
{
	char problem[ERR_TEXT_SIZE];
	struct buf params = BUF_INIT(LIMIT_JSON_BODY);
	json_t *obj = gen_params_json(&c->params);

	json_write(&params, obj);
	json_decref(obj);
	enum err_code code = db_run(
		db, err,
		"INSERT INTO \"column\"(run_id, position, model_id, label, epoch, params, own_params, slots, kv_tokens,"
		" model_hash, adapter_hash, template_hash, build, device, problem)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
		"iiitdsbiitttttt", run->id, c->position, c->model_id, text_or_empty(c->label), c->epoch, buf_str(&params),
		c->own_params, c->slots, c->kv_tokens, text_or_empty(c->model_hash), text_or_empty(c->adapter_hash),
		text_or_empty(c->template_hash), text_or_empty(c->build), text_or_empty(c->device),
		err_to_text(&c->problem, problem));
	c->id = db_last_id(db);
	c->run_id = run->id;
	buf_release(&params);
	return code;
}

enum err_code run_store_add(struct db *db, struct run_row *run, struct column_row *columns, size_t n_columns,
			    const struct question *questions, size_t n_questions, struct err *err)
{
	int64_t ids[LIMIT_COLUMNS];

	if (n_columns == 0)
		return err_set(err, ERR_INVALID, "err_run_no_columns", NULL);
	if (n_columns > LIMIT_COLUMNS)
		return err_set(err, ERR_LIMIT, "err_columns_limit", "found=%zu|limit=%d", n_columns, LIMIT_COLUMNS);
	enum err_code code = question_check_count((int64_t)n_questions, err);
	if (code == ERR_OK)
		code = db_check_space(db, err);
	run->n_questions = (int64_t)n_questions;
	run->n_columns = (int64_t)n_columns;
	run->n_cells = run->n_questions * run->n_columns;
	if (code == ERR_OK)
		code = add_run(db, run, err);
	for (size_t i = 0; i < n_columns && code == ERR_OK; i++) {
		columns[i].position = (int64_t)i;
		code = add_column(db, run, &columns[i], err);
		ids[i] = columns[i].id;
	}
	if (code == ERR_OK)
		code = add_questions(db, run->id, 0, ids, NULL, n_columns, questions, n_questions, err);
	return code;
}

static enum err_code repeat_questions(struct db *db, int64_t of_id, int64_t run_id, struct err *err)
{
	enum err_code code = db_run(db, err, "INSERT INTO part(run_id, first) SELECT ?2, first FROM part WHERE run_id = ?1", "ii",
				    of_id, run_id);

	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO question(run_id, position, line, text, reference, system, tags, source_id,"
			      " other_references, turn, back, record) SELECT ?2, position, line, text, reference, system, tags, source_id,"
			      " other_references, turn, back, record FROM question WHERE run_id = ?1 ORDER BY position",
			      "ii", of_id, run_id);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO cell(id, column_id, state) SELECT q.id * ?2 + c.position, c.id, ?3"
			      " FROM question q JOIN \"column\" c ON c.run_id = q.run_id WHERE q.run_id = ?1",
			      "iib", run_id, (int64_t)CELLS_A_QUESTION, CELL_WAITING);
	if (code != ERR_OK)
		return code;
	return db_run(db, err,
		      "UPDATE \"column\" SET n_waiting = (SELECT n_questions FROM run WHERE id = ?1) WHERE run_id = ?1", "i", run_id);
}

enum err_code run_store_repeat(struct db *db, int64_t of_id, struct run_row *run, struct column_row *columns, size_t n_columns,
			       struct err *err)
{
	enum err_code code = db_check_space(db, err);

	run->state = RUN_WAITING;
	run->created_ms = 0;
	if (code == ERR_OK)
		code = add_run(db, run, err);
	for (size_t i = 0; i < n_columns && code == ERR_OK; i++) {
		struct column_row *c = &columns[i];
		c->model_hash = c->adapter_hash = c->template_hash = c->build = c->device = "";
		c->problem = (struct err){ 0 };
		code = add_column(db, run, c, err);
	}
	return code == ERR_OK ? repeat_questions(db, of_id, run->id, err) : code;
}

enum err_code run_store_add_questions(struct db *db, int64_t run_id, const struct question *questions, size_t n,
				      struct err *err)
{
	return run_store_add_questions_for(db, run_id, questions, n, NULL, err);
}

enum err_code run_store_add_questions_for(struct db *db, int64_t run_id, const struct question *questions, size_t n,
					  const bool *is_out, struct err *err)
{
	int64_t ids[LIMIT_COLUMNS], position = 0;
	size_t n_columns = 0;

	enum err_code code = db_number(db, err, &position, -1, "SELECT n_questions FROM run WHERE id = ?1", "i", run_id);
	if (code == ERR_OK && position < 0)
		code = err_set(err, ERR_NOT_FOUND, "err_run_not_found", "id=%lld", (long long)run_id);
	if (code == ERR_OK)
		code = question_check_count(position + (int64_t)n, err);
	if (code == ERR_OK)
		code = db_check_space(db, err);
	if (code != ERR_OK)
		return code;
	struct query q = query_start(db, err, "SELECT id FROM \"column\" WHERE run_id = ?1 ORDER BY position", "i", run_id);
	while (n_columns < LIMIT_COLUMNS && query_next(&q))
		ids[n_columns++] = row_int(&q, 0);
	code = query_end(&q);
	if (code == ERR_OK)
		code = add_questions(db, run_id, position, ids, is_out, n_columns, questions, n, err);
	if (code == ERR_OK)
		code = db_run(db, err,
			      "UPDATE run SET n_questions = n_questions + ?2, state = ?3, finished_ms = 0, problem = NULL WHERE id = ?1",
			      "iib", run_id, (int64_t)n, RUN_WAITING);
	return code;
}

enum err_code run_store_set_state(struct db *db, int64_t run_id, enum run_state state, struct err *err)
{
	bool is_over = state == RUN_STOPPED || state == RUN_DONE;

	return db_run_one(db, err, "err_run_not_found", run_id,
			  "UPDATE run SET state = ?2, finished_ms = ?3, problem = NULL WHERE id = ?1", "ibi", run_id, state,
			  is_over ? clock_wall_ms() : (int64_t)0);
}

enum err_code run_store_interrupt(struct db *db, int64_t run_id, const struct err *cause, struct err *err)
{
	char problem[ERR_TEXT_SIZE];

	return db_run_one(db, err, "err_run_not_found", run_id,
			  "UPDATE run SET state = ?2, finished_ms = 0, problem = ?3 WHERE id = ?1", "ibt", run_id, RUN_INTERRUPTED,
			  err_to_text(cause, problem));
}

enum err_code run_store_set_column(struct db *db, const struct column_row *c, struct err *err)
{
	char problem[ERR_TEXT_SIZE];

	return db_run_one(db, err, "err_column_not_found", c->id,
			  "UPDATE \"column\" SET slots = iif(slots = 0, ?2, slots),"
			  " kv_tokens = iif(kv_tokens = 0, ?3, kv_tokens), model_hash = ?4, adapter_hash = ?5,"
			  " template_hash = ?6, build = ?7, device = ?8, problem = ?9 WHERE id = ?1",
			  "iiitttttt", c->id, c->slots, c->kv_tokens, text_or_empty(c->model_hash),
			  text_or_empty(c->adapter_hash), text_or_empty(c->template_hash), text_or_empty(c->build),
			  text_or_empty(c->device), err_to_text(&c->problem, problem));
}

enum err_code run_store_set_weights(struct db *db, const struct column_row *c, enum weights weights, struct err *err)
{
	struct gen_params changed = c->params;
	struct buf params = BUF_INIT(LIMIT_JSON_BODY);

	if (c->params.weights == weights)
		return ERR_OK;
	if (c->n_done > 0)
		return err_set(err, ERR_CONFLICT, "err_weights_answered", "name=%s", c->label);
	changed.weights = weights;
	json_t *obj = gen_params_json(&changed);
	json_write(&params, obj);
	json_decref(obj);
	enum err_code code = db_run_one(db, err, "err_column_not_found", c->id,
					"UPDATE \"column\" SET params = ?2, slots = 0, kv_tokens = 0, model_hash = '', adapter_hash = '',"
					" template_hash = '', build = '', device = '', problem = '' WHERE id = ?1",
					"is", c->id, buf_str(&params));
	buf_release(&params);
	return code;
}

enum err_code run_store_recover(struct db *db, struct err *err)
{
	return db_run(db, err, "UPDATE run SET state = ?1 WHERE state IN (?2, ?3)", "bbb", RUN_INTERRUPTED, RUN_WAITING,
		      RUN_RUNNING);
}

enum err_code run_store_rename(struct db *db, int64_t id, const char *name, struct err *err)
{
	return db_run_one(db, err, "err_run_not_found", id, "UPDATE run SET name = ?2 WHERE id = ?1", "it", id, name);
}

enum err_code run_store_set_blind(struct db *db, int64_t id, bool blind, struct err *err)
{
	return db_run_one(db, err, "err_run_not_found", id, "UPDATE run SET is_blind = ?2 WHERE id = ?1", "ib", id, blind);
}

enum err_code run_store_remove(struct db *db, int64_t id, struct err *err)
{
	/* Votes go with their cells (ON DELETE CASCADE). */
	enum err_code code = db_run(db, err,
				    "DELETE FROM cell WHERE id IN (SELECT c.id FROM question q CROSS JOIN cell c"
				    " ON c.id BETWEEN q.id * 64 AND q.id * 64 + 63 WHERE q.run_id = ?1)",
				    "i", id);
	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM question WHERE run_id = ?1", "i", id);
	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM \"column\" WHERE run_id = ?1", "i", id);
	if (code == ERR_OK)
		code = db_run_one(db, err, "err_run_not_found", id, "DELETE FROM run WHERE id = ?1", "i", id);
	return code;
}
