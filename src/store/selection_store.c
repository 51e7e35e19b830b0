/* SPDX-License-Identifier: Apache-2.0 */
#include "store/selection_store.h"

#include <math.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/sql.h"

#define SELECTION_FIELDS \
	"id, name, state, run_id, family_id, question_set_id, judge_model_id, params, steps, result, elapsed_ms, problem," \
	" created_ms, finished_ms"

const char *selection_state_name(enum selection_state s)
{
	static const char *const names[] = { "waiting", "running", "done", "failed", "stopped", "interrupted" };

	return (size_t)s < sizeof names / sizeof *names ? names[s] : "";
}

static void row_selection(const struct query *q, struct arena *a, struct selection_row *out)
{
	*out = (struct selection_row){
		.id = row_int(q, 0),
		.name = row_text(q, a, 1),
		.state = (enum selection_state)row_int(q, 2),
		.run_id = row_int(q, 3),
		.family_id = row_int(q, 4),
		.question_set_id = row_int(q, 5),
		.judge_model_id = row_int(q, 6),
		.params = row_text(q, a, 7),
		.steps = row_text(q, a, 8),
		.result = row_text(q, a, 9),
		.elapsed_ms = row_int(q, 10),
		.created_ms = row_int(q, 12),
		.finished_ms = row_int(q, 13),
	};
	err_from_text(&out->problem, row_peek(q, 11));
}

enum err_code selection_store_list(struct db *db, struct arena *a, int64_t run_id, int64_t before_id, int64_t limit,
				   struct selection_row **rows, size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " SELECTION_FIELDS " FROM selection WHERE (?1 = 0 OR run_id = ?1)"
				     " AND (?2 = 0 OR id < ?2) ORDER BY id DESC LIMIT ?3",
				     "iii", run_id, before_id, limit);
	while (query_next(&q))
		row_selection(&q, a, LIST_ADD(a, *rows, *n, cap));
	return query_end(&q);
}

enum err_code selection_store_get(struct db *db, struct arena *a, int64_t id, struct selection_row *out, struct err *err)
{
	*out = (struct selection_row){ 0 };
	struct query q = query_start(db, err, "SELECT " SELECTION_FIELDS " FROM selection WHERE id = ?1", "i", id);
	if (query_next(&q))
		row_selection(&q, a, out);
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !out->id)
		code = err_set(err, ERR_NOT_FOUND, "err_selection_not_found", "id=%lld", (long long)id);
	return code;
}

enum err_code selection_store_add(struct db *db, struct selection_row *row, struct err *err)
{
	enum err_code code = db_check_space(db, err);

	row->created_ms = clock_wall_ms();
	if (code == ERR_OK)
		code = db_run(db, err,
			      "INSERT INTO selection(name, state, run_id, family_id, question_set_id, judge_model_id, params,"
			      " steps, result, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '[]', '{}', ?8)",
			      "tbiiiiti", row->name, row->state, row->run_id, row->family_id, row->question_set_id,
			      row->judge_model_id, row->params, row->created_ms);
	row->id = db_last_id(db);
	return code;
}

static bool is_at_work(enum selection_state state)
{
	return state == SELECTION_WAITING || state == SELECTION_RUNNING;
}

enum err_code selection_store_set(struct db *db, const struct selection_row *row, struct err *err)
{
	char problem[ERR_TEXT_SIZE];

	return db_run_one(db, err, "err_selection_not_found", row->id,
			  "UPDATE selection SET state = ?2, params = ?3, steps = ?4, result = ?5, elapsed_ms = ?6, problem = ?7,"
			  " finished_ms = ?8 WHERE id = ?1",
			  "ibtttiti", row->id, row->state, row->params, row->steps, row->result, row->elapsed_ms,
			  err_to_text(&row->problem, problem), is_at_work(row->state) ? (int64_t)0 : clock_wall_ms());
}

enum err_code selection_store_remove(struct db *db, int64_t id, struct err *err)
{
	int64_t state = -1;

	enum err_code code = db_number(db, err, &state, -1, "SELECT state FROM selection WHERE id = ?1", "i", id);
	if (code == ERR_OK && state >= 0 && is_at_work((enum selection_state)state))
		code = err_set(err, ERR_CONFLICT, "err_selection_running", NULL);
	if (code == ERR_OK)
		code = db_run_one(db, err, "err_selection_not_found", id, "DELETE FROM selection WHERE id = ?1", "i", id);
	return code;
}

enum err_code selection_store_recover(struct db *db, struct err *err)
{
	return db_run(db, err, "UPDATE selection SET state = ?1, finished_ms = ?2 WHERE state IN (?3, ?4)", "bibb",
		      SELECTION_INTERRUPTED, clock_wall_ms(), SELECTION_WAITING, SELECTION_RUNNING);
}

/* --- what was thought of answers and questions --- */

static enum err_code add_cell(struct db *db, int64_t id, const struct selection_cell *c, struct err *err)
{
	return db_run(db, err,
		      "INSERT INTO selection_cell(selection_id, cell_id, score, is_right, guards, repeats)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
		      "iidbib", id, c->cell_id, c->score, c->is_right, (int64_t)c->guards, c->repeats);
}

static enum err_code add_question(struct db *db, int64_t id, const struct selection_question *q, struct err *err)
{
	return db_run(db, err,
		      "INSERT INTO selection_question(selection_id, position, question_id, layer, outcome, has_unusable)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
		      "iiibbb", id, q->position, q->question_id, q->layer, q->outcome, q->has_unusable);
}

enum err_code selection_store_set_findings(struct db *db, int64_t id, const struct selection_cell *cells, size_t n_cells,
					   const struct selection_question *questions, size_t n_questions, struct err *err)
{
	enum err_code code = db_check_space(db, err);

	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM selection_cell WHERE selection_id = ?1", "i", id);
	if (code == ERR_OK)
		code = db_run(db, err, "DELETE FROM selection_question WHERE selection_id = ?1", "i", id);
	for (size_t i = 0; i < n_cells && code == ERR_OK; i++)
		code = add_cell(db, id, &cells[i], err);
	for (size_t i = 0; i < n_questions && code == ERR_OK; i++)
		code = add_question(db, id, &questions[i], err);
	return code;
}

#define FINDING_FIELDS "question_id, position, layer, outcome, has_unusable FROM selection_question WHERE selection_id = ?1"
#define IN_ORDER " ORDER BY CASE layer WHEN 0 THEN 9 ELSE layer END, position LIMIT ?2 OFFSET ?3"
#define COUNT "SELECT count(*) FROM selection_question WHERE selection_id = ?1"

static const char *const show_rows[] = {
	[SHOW_DECIDED] = "SELECT " FINDING_FIELDS " AND outcome <> 0" IN_ORDER,
	[SHOW_GAINS] = "SELECT " FINDING_FIELDS " AND outcome > 0" IN_ORDER,
	[SHOW_LOSSES] = "SELECT " FINDING_FIELDS " AND outcome < 0" IN_ORDER,
	[SHOW_UNUSABLE] = "SELECT " FINDING_FIELDS " AND has_unusable = 1 ORDER BY position LIMIT ?2 OFFSET ?3",
	[SHOW_ALL] = "SELECT " FINDING_FIELDS " ORDER BY position LIMIT ?2 OFFSET ?3",
};

static const char *const show_count[] = {
	[SHOW_DECIDED] = COUNT " AND outcome <> 0",
	[SHOW_GAINS] = COUNT " AND outcome > 0",
	[SHOW_LOSSES] = COUNT " AND outcome < 0",
	[SHOW_UNUSABLE] = COUNT " AND has_unusable = 1",
	[SHOW_ALL] = COUNT,
};

static enum err_code load_cell(struct db *db, int64_t id, int64_t cell_id, struct selection_cell *out, struct err *err)
{
	*out = (struct selection_cell){ .score = NAN };
	struct query q = query_start(db, err,
				     "SELECT cell_id, score, is_right, guards, repeats FROM selection_cell"
				     " WHERE selection_id = ?1 AND cell_id = ?2",
				     "ii", id, cell_id);
	if (query_next(&q))
		*out = (struct selection_cell){ row_int(&q, 0), row_double(&q, 1), row_int(&q, 2) != 0, (unsigned)row_int(&q, 3),
						row_int(&q, 4) != 0 };
	return query_end(&q);
}

/* The run's question with its answers, and what was thought of each. */
static enum err_code load_finding(struct db *db, struct arena *a, const struct selection_row *s, int64_t n_columns,
				  struct selection_finding *f, struct err *err)
{
	struct run_question *rows = NULL;
	size_t n = 0;
	int64_t total;

	enum err_code code = run_store_page(db, a, s->run_id, RUN_ALL, f->question.position, 1, &rows, &n, &total, err);
	if (code == ERR_OK && n == 0)
		code = err_set(err, ERR_DATA, "err_store_corrupt", "reason=%s", "selection_question");
	if (code != ERR_OK)
		return code;
	f->row = rows[0];
	f->cells = arena_array(a, (size_t)n_columns, sizeof *f->cells);
	for (int64_t i = 0; i < n_columns && code == ERR_OK; i++)
		code = load_cell(db, s->id, f->row.cells[i].id, &f->cells[i], err);
	return code;
}

enum err_code selection_store_findings(struct db *db, struct arena *a, const struct selection_row *s, enum selection_show show,
				       int64_t offset, int64_t limit, struct selection_finding **out, size_t *n, int64_t *total,
				       struct err *err)
{
	size_t cap = 0;
	int64_t n_columns = 0;

	*out = NULL;
	*n = 0;
	enum err_code code = db_number(db, err, total, 0, show_count[show], "i", s->id);
	if (code == ERR_OK)
		code = db_number(db, err, &n_columns, 0, "SELECT n_columns FROM run WHERE id = ?1", "i", s->run_id);
	if (code != ERR_OK)
		return code;
	struct query q = query_start(db, err, show_rows[show], "iii", s->id, limit, offset);
	while (query_next(&q))
		LIST_ADD(a, *out, *n, cap)->question = (struct selection_question){
			.question_id = row_int(&q, 0), .position = row_int(&q, 1), .layer = (enum layer)row_int(&q, 2),
			.outcome = (enum outcome)row_int(&q, 3), .has_unusable = row_int(&q, 4) != 0 };
	code = query_end(&q);
	for (size_t i = 0; i < *n && code == ERR_OK; i++)
		code = load_finding(db, a, s, n_columns, &(*out)[i], err);
	return code;
}

/* --- likelihoods --- */

enum err_code likelihood_store_list(struct db *db, struct arena *a, int64_t run_id, struct likelihood_row **rows, size_t *n,
				    struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT l.cell_id, l.n_tokens, l.log_likelihood FROM question q CROSS JOIN likelihood l"
				     " ON l.cell_id BETWEEN q.id * 64 AND q.id * 64 + 63 WHERE q.run_id = ?1 ORDER BY q.position",
				     "i", run_id);
	while (query_next(&q))
		*LIST_ADD(a, *rows, *n, cap) = (struct likelihood_row){ row_int(&q, 0), row_int(&q, 1), row_double(&q, 2) };
	return query_end(&q);
}

enum err_code likelihood_store_add(struct db *db, const struct likelihood_row *rows, size_t n, struct err *err)
{
	enum err_code code = db_check_space(db, err);

	for (size_t i = 0; i < n && code == ERR_OK; i++)
		code = db_run(db, err,
			      "INSERT OR REPLACE INTO likelihood(cell_id, n_tokens, log_likelihood) VALUES (?1, ?2, ?3)", "iid",
			      rows[i].cell_id, rows[i].n_tokens, rows[i].log_likelihood);
	return code;
}

/* --- readings of judges --- */

enum err_code verdict_store_find(struct db *db, struct verdict_row *rows, size_t n, bool *found, struct err *err)
{
	struct query q = query_start(db, err, "SELECT a, b, in_words FROM verdict WHERE key = ?1", "t", "");

	for (size_t i = 0; i < n; i++) {
		query_again(&q, "t", rows[i].key);
		found[i] = query_next(&q);
		if (!found[i])
			continue;
		rows[i].a = row_double(&q, 0);
		rows[i].b = row_double(&q, 1);
		rows[i].in_words = row_int(&q, 2) != 0;
	}
	return query_end(&q);
}

enum err_code verdict_store_add(struct db *db, const struct verdict_row *rows, size_t n, struct err *err)
{
	enum err_code code = db_check_space(db, err);

	for (size_t i = 0; i < n && code == ERR_OK; i++)
		code = db_run(db, err,
			      "INSERT OR IGNORE INTO verdict(key, a, b, in_words, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)", "tddbi",
			      rows[i].key, rows[i].a, rows[i].b, rows[i].in_words, clock_wall_ms());
	return code;
}
