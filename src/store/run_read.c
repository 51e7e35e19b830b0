/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/mem.h"
#include "store/gen_params.h"
#include "store/rows.h"

const char *run_state_name(enum run_state s)
{
	static const char *const names[] = { "waiting", "running", "stopped", "done", "interrupted" };

	return (size_t)s < sizeof names / sizeof *names ? names[s] : "";
}

const char *cell_state_name(enum cell_state s)
{
	static const char *const names[] = { "waiting", "done", "failed", "cancelled" };

	return (size_t)s < sizeof names / sizeof *names ? names[s] : "";
}

const char *finish_name(enum finish_reason f)
{
	static const char *const names[] = { "", "stop", "length" };

	return (size_t)f < sizeof names / sizeof *names ? names[f] : "";
}

/* --- runs and columns --- */

#define RUN_FIELDS \
	"r.id, r.name, r.created_ms, r.finished_ms, r.state, r.is_fast, r.is_blind, r.is_drifted, r.seed, r.params," \
	" r.question_set_id, r.n_questions, r.n_columns," \
	" (SELECT sum(n_done) FROM \"column\" c WHERE c.run_id = r.id)," \
	" (SELECT sum(n_failed) FROM \"column\" c WHERE c.run_id = r.id), r.problem," \
	" EXISTS (SELECT 1 FROM question q CROSS JOIN rating g ON g.question_id = q.id AND g.rater_id = 1" \
	" WHERE q.run_id = r.id AND q.n_ratings > 0) + (SELECT count(*) FROM panel p JOIN rater o ON o.panel_id = p.id" \
	" WHERE p.run_id = r.id AND EXISTS (SELECT 1 FROM rating g WHERE g.rater_id = o.id))"

static enum err_code row_run(const struct query *q, struct arena *a, struct run_row *out, struct err *err)
{
	*out = (struct run_row){
		.id = row_int(q, 0),
		.name = row_text(q, a, 1),
		.created_ms = row_int(q, 2),
		.finished_ms = row_int(q, 3),
		.state = (enum run_state)row_int(q, 4),
		.is_fast = row_int(q, 5) != 0,
		.is_blind = row_int(q, 6) != 0,
		.is_drifted = row_int(q, 7) != 0,
		.seed = row_int(q, 8),
		.question_set_id = row_int(q, 10),
		.n_questions = row_int(q, 11),
		.n_columns = row_int(q, 12),
		.n_done = row_int(q, 13),
		.n_failed = row_int(q, 14),
		.n_raters = row_int(q, 16),
		.n_complete = -1,
	};
	out->n_cells = out->n_questions * out->n_columns;
	err_from_text(&out->problem, row_peek(q, 15));
	return gen_params_parse(a, str_of(row_peek(q, 9)), &out->params, err);
}

static enum err_code row_column(const struct query *q, struct arena *a, struct column_row *out, struct err *err)
{
	*out = (struct column_row){
		.id = row_int(q, 0),
		.run_id = row_int(q, 1),
		.position = row_int(q, 2),
		.model_id = row_int(q, 3),
		.label = row_text(q, a, 4),
		.epoch = row_double(q, 5),
		.own_params = row_int(q, 7) != 0,
		.slots = row_int(q, 8),
		.kv_tokens = row_int(q, 9),
		.model_hash = row_text(q, a, 10),
		.adapter_hash = row_text(q, a, 11),
		.template_hash = row_text(q, a, 12),
		.build = row_text(q, a, 13),
		.device = row_text(q, a, 14),
		.n_done = row_int(q, 16),
		.n_failed = row_int(q, 17),
		.n_cancelled = row_int(q, 18),
		.n_waiting = row_int(q, 19),
		.n_likes = row_int(q, 20),
		.n_rated = row_int(q, 21),
		.sum_generated = row_int(q, 22),
		.sum_us = row_int(q, 23),
		.n_reused = row_int(q, 24),
	};
	err_from_text(&out->problem, row_peek(q, 15));
	return gen_params_parse(a, str_of(row_peek(q, 6)), &out->params, err);
}

/* LIKE pattern that finds `text` anywhere. */
static const char *like_pattern(struct arena *a, const char *text)
{
	size_t len = strlen(text), n = 0;
	char *out = arena_alloc(a, 2 * len + 3);

	out[n++] = '%';
	for (size_t i = 0; i < len; i++) {
		if (strchr("%_\\", text[i]))
			out[n++] = '\\';
		out[n++] = text[i];
	}
	out[n] = '%';
	return out;
}

enum err_code run_store_list(struct db *db, struct arena *a, const struct run_search *search, struct run_row **rows, size_t *n,
			     struct err *err)
{
	size_t cap = 0;
	enum err_code bad = ERR_OK;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " RUN_FIELDS " FROM run r WHERE (?2 = 0 OR r.id < ?2)"
				     " AND r.name LIKE ?1 ESCAPE '\\' AND (?4 < 0 OR r.state = ?4) ORDER BY r.id DESC LIMIT ?3",
				     "tiii", like_pattern(a, search->name), search->before_id, search->limit, (int64_t)search->state);
	while (bad == ERR_OK && query_next(&q))
		bad = row_run(&q, a, LIST_ADD(a, *rows, *n, cap), err);
	enum err_code code = query_end(&q);
	return code != ERR_OK ? code : bad;
}

static enum err_code read_columns(struct db *db, struct arena *a, int64_t run_id, struct column_row **columns, size_t *n,
				  struct err *err)
{
	size_t cap = 0;
	enum err_code bad = ERR_OK;

	*columns = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT id, run_id, position, model_id, label, epoch, params, own_params, slots,"
				     " kv_tokens, model_hash, adapter_hash, template_hash, build, device, problem, n_done,"
				     " n_failed, n_cancelled, n_waiting, n_likes, n_rated, sum_generated, sum_us, n_reused"
				     " FROM \"column\" WHERE run_id = ?1 ORDER BY position",
				     "i", run_id);
	while (bad == ERR_OK && *n < LIMIT_COLUMNS && query_next(&q))
		bad = row_column(&q, a, LIST_ADD(a, *columns, *n, cap), err);
	enum err_code code = query_end(&q);
	return code != ERR_OK ? code : bad;
}

/* As many as have no cell that is open: those are in an index. */
static enum err_code count_complete(struct db *db, struct run_row *run, struct err *err)
{
	int64_t n_open = 0;

	if (run->state == RUN_WAITING || run->state == RUN_RUNNING)
		return ERR_OK;
	enum err_code code = db_number(db, err, &n_open, 0,
				       "SELECT count(DISTINCT c.id / 64) FROM \"column\" k CROSS JOIN cell c"
				       " ON c.column_id = k.id AND c.state <> 1 WHERE k.run_id = ?1",
				       "i", run->id);
	run->n_complete = run->n_questions - n_open;
	return code;
}

enum err_code run_store_get(struct db *db, struct arena *a, int64_t id, struct run_row *run, struct column_row **columns,
			    size_t *n_columns, struct err *err)
{
	bool found = false;
	enum err_code bad = ERR_OK;

	struct query q = query_start(db, err, "SELECT " RUN_FIELDS " FROM run r WHERE r.id = ?1", "i", id);
	if (query_next(&q)) {
		found = true;
		bad = row_run(&q, a, run, err);
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !found)
		code = err_set(err, ERR_NOT_FOUND, "err_run_not_found", "id=%lld", (long long)id);
	if (code == ERR_OK)
		code = bad;
	if (code == ERR_OK)
		code = count_complete(db, run, err);
	if (code == ERR_OK)
		code = read_columns(db, a, id, columns, n_columns, err);
	return code;
}

enum err_code run_store_count_references(struct db *db, int64_t run_id, int64_t *n, struct err *err)
{
	return db_number(db, err, n, 0, "SELECT count(*) FROM question WHERE run_id = ?1 AND reference <> ''", "i", run_id);
}

enum err_code run_store_first_prompt(struct db *db, int64_t run_id, int64_t *prompt_us, struct err *err)
{
	return db_number(db, err, prompt_us, 0,
			 "SELECT ifnull(min(c.prompt_us), 0) FROM question q CROSS JOIN cell c ON c.id BETWEEN q.id * 64 AND q.id * 64 + 63"
			 " WHERE q.run_id = ?1 AND q.position = 0 AND c.state = ?2 AND c.prompt_us > 0",
			 "ib", run_id, CELL_DONE);
}

enum err_code run_store_has_turns(struct db *db, int64_t run_id, bool *has, struct err *err)
{
	int64_t n = 0;
	/* A part begins wherever turns of another number do. */
	enum err_code code = db_number(db, err, &n, 0,
				       "SELECT EXISTS (SELECT 1 FROM part p JOIN question q ON q.run_id = p.run_id AND q.position = p.first"
				       " WHERE p.run_id = ?1 AND q.turn > 0)",
				       "i", run_id);

	*has = n > 0;
	return code;
}

enum err_code run_store_thinking(struct db *db, int64_t run_id, size_t n_columns, bool *thinks, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < n_columns; i++)
		thinks[i] = false;
	/* NULL is known from a row's header: no text is read, however long. */
	struct query q = query_start(db, err,
				     "SELECT c.id & 63 FROM question q CROSS JOIN cell c ON c.id BETWEEN q.id * 64 AND q.id * 64 + 63"
				     " WHERE q.run_id = ?1 AND c.thinking IS NOT NULL",
				     "i", run_id);
	while (n < n_columns && query_next(&q)) {
		size_t column = (size_t)row_int(&q, 0);
		n += column < n_columns && !thinks[column];
		if (column < n_columns)
			thinks[column] = true;
	}
	return query_end(&q);
}

/* The turn before a question stands somewhere before it, so that its sum is known. */
static enum err_code extent_of_turns(struct db *db, int64_t run_id, struct run_extent *out, struct err *err)
{
	size_t n = 0, cap = 0;
	int64_t *sums = NULL;

	struct query q = query_start(db, err,
				     "SELECT length(CAST(text AS BLOB)) + length(CAST(system AS BLOB)), turn, back FROM question"
				     " WHERE run_id = ?1 ORDER BY position",
				     "i", run_id);
	while (query_next(&q)) {
		int64_t sum = row_int(&q, 0), turn = row_int(&q, 1), back = row_int(&q, 2);
		if (n == cap) {
			cap = cap ? 2 * cap : 256;
			sums = mem_grow(sums, cap * sizeof *sums);
		}
		sum += back > 0 && (size_t)back <= n ? sums[n - (size_t)back] : 0;
		sums[n++] = sum;
		out->bytes = sum > out->bytes ? sum : out->bytes;
		if (turn >= out->turns && turn < LIMIT_TURNS)
			out->turns = turn + 1;
	}
	mem_free(sums);
	return query_end(&q);
}

enum err_code run_store_extent(struct db *db, int64_t run_id, struct run_extent *out, struct err *err)
{
	bool has_turns = false;
	enum err_code code = run_store_has_turns(db, run_id, &has_turns, err);

	*out = (struct run_extent){ .turns = 1 };
	if (code == ERR_OK && has_turns)
		return extent_of_turns(db, run_id, out, err);
	return code != ERR_OK ? code :
				db_number(db, err, &out->bytes, 0,
					  "SELECT max(length(CAST(text AS BLOB)) + length(CAST(system AS BLOB))) FROM question WHERE run_id = ?1",
					  "i", run_id);
}

enum err_code run_store_speed(struct db *db, int64_t model_id, int64_t max_tokens, double *seconds, struct err *err)
{
	*seconds = NAN;
	struct query q = query_start(db, err,
				     "SELECT sum_us / 1e6 / (n_done - n_reused) / max(slots, 1) FROM \"column\" WHERE model_id = ?1"
				     " AND n_done > n_reused"
				     " ORDER BY params ->> '$.max_tokens' = ?2 DESC, id DESC LIMIT 1",
				     "ii", model_id, max_tokens);
	if (query_next(&q))
		*seconds = row_double(&q, 0);
	return query_end(&q);
}

/* --- questions with their cells --- */

static void cell_clear(struct cell_row *cell)
{
	*cell = (struct cell_row){ .text = "", .thinking = "", .tokens = "", .mean_ll = NAN };
}

/* A cell's place in its run, which its own row does not hold. */
static void cell_place(struct cell_row *cell, int64_t run_id, const struct run_question *rq)
{
	cell->run_id = run_id;
	cell->question_id = rq->id;
	cell->question_position = rq->position;
}

/* Reads the cells first..last of a question into rq->cells; `cells` is a query with these two values. */
static void load_cells(struct query *cells, struct arena *a, int64_t run_id, struct run_question *rq, int64_t first,
		       int64_t last)
{
	size_t n = (size_t)(last - first + 1);

	rq->cells = arena_array(a, n, sizeof *rq->cells);
	rq->n_cells = n;
	for (size_t i = 0; i < n; i++) {
		cell_clear(&rq->cells[i]);
		cell_place(&rq->cells[i], run_id, rq);
	}
	query_again(cells, "ii", first, last);
	while (query_next(cells)) {
		struct cell_row *cell = &rq->cells[row_int(cells, 0) - first];
		row_cell(cells, a, cell);
		cell_place(cell, run_id, rq);
	}
}

static struct query cells_start(struct db *db, struct err *err)
{
	return query_start(db, err, "SELECT " CELL_FIELDS " FROM cell c WHERE c.id BETWEEN ?1 AND ?2", "ii", (int64_t)0,
			   (int64_t)-1);
}

/* Questions before one, and answers to them. */
struct turn_reader {
	struct query question, answers;
};

static struct turn_reader turns_start(struct db *db, struct err *err)
{
	return (struct turn_reader){
		query_start(db, err, "SELECT id, position, text, turn, back FROM question WHERE run_id = ?1 AND position = ?2", "ii",
			    (int64_t)0, (int64_t)-1),
		query_start(db, err, "SELECT id, state, text FROM cell WHERE id BETWEEN ?1 AND ?2", "ii", (int64_t)0, (int64_t)-1),
	};
}

static enum err_code turns_end(struct turn_reader *r)
{
	enum err_code code = query_end(&r->question), answers_code = query_end(&r->answers);

	return code != ERR_OK ? code : answers_code;
}

/* One turn; sets `*back` to how far the one before it is.  False where it is not as it must be. */
static bool load_turn(struct turn_reader *r, struct arena *a, int64_t run_id, int64_t position, int64_t turn, int64_t first_column,
		      int64_t n_columns, struct run_turn *out, int64_t *back)
{
	query_again(&r->question, "ii", run_id, position);
	if (!query_next(&r->question) || row_int(&r->question, 3) != turn)
		return false;
	int64_t first = cell_first_id(row_int(&r->question, 0)) + first_column;
	*out = (struct run_turn){ position, row_str(&r->question, a, 2), arena_array(a, (size_t)n_columns, sizeof *out->answers) };
	*back = row_int(&r->question, 4);
	for (int64_t i = 0; i < n_columns; i++)
		out->answers[i] = (struct turn_answer){ CELL_WAITING, "" };
	query_again(&r->answers, "ii", first, first + n_columns - 1);
	while (query_next(&r->answers))
		out->answers[row_int(&r->answers, 0) - first] =
			(struct turn_answer){ (enum cell_state)row_int(&r->answers, 1), row_text(&r->answers, a, 2) };
	return true;
}

/* What was said before the question.  ERR_DATA where a turn is missing. */
static enum err_code load_turns(struct turn_reader *r, struct arena *a, int64_t run_id, struct run_question *rq, int64_t first_column,
				int64_t n_columns, struct err *err)
{
	int64_t position = rq->position, back = rq->q.back;

	if (rq->q.turn < 0 || rq->q.turn >= LIMIT_TURNS)
		return err_set(err, ERR_DATA, "err_store_corrupt", "reason=%s", "turn");
	rq->earlier = arena_array(a, (size_t)rq->q.turn, sizeof *rq->earlier);
	for (int64_t i = rq->q.turn; i-- > 0;) {
		position -= back;
		if (back <= 0 || !load_turn(r, a, run_id, position, i, first_column, n_columns, &rq->earlier[i], &back))
			return r->question.code != ERR_OK ? r->question.code :
							    err_set(err, ERR_DATA, "err_store_corrupt", "reason=%s", "turn");
	}
	return ERR_OK;
}

static void row_run_question(const struct query *q, struct arena *a, struct run_question *out)
{
	*out = (struct run_question){ .id = row_int(q, 0), .position = row_int(q, 1), .n_ratings = row_int(q, 11), .seen = row_int(q, 12) };
	row_question(q, a, &out->q);
}

static enum err_code first_failure(const enum err_code *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (codes[i] != ERR_OK)
			return codes[i];
	return ERR_OK;
}

/* Rows with QUESTION_FIELDS: those of a query, or of a list of positions one by one. */
struct row_source {
	struct query q;
	int64_t run_id;
	const int64_t *order; /* NULL: what the query gives */
	size_t n, at;
};

static struct row_source rows_in(struct db *db, int64_t run_id, const int64_t *order, size_t n, struct err *err)
{
	return (struct row_source){ query_start(db, err, "SELECT " QUESTION_FIELDS " FROM question WHERE run_id = ?1 AND position = ?2",
						"ii", (int64_t)0, (int64_t)-1),
				    run_id, order, n, 0 };
}

static bool rows_next(struct row_source *rows)
{
	if (!rows->order)
		return query_next(&rows->q);
	if (rows->at == rows->n)
		return false;
	query_again(&rows->q, "ii", rows->run_id, rows->order[rows->at++]);
	return query_next(&rows->q);
}

/* All rows with their cells; ends the query. */
static enum err_code collect(struct row_source *rows, struct arena *a, int64_t first_column, int64_t n_columns,
			     struct run_question **out, size_t *n, struct err *err)
{
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	struct query cells = cells_start(rows->q.db, err);
	struct turn_reader turns = turns_start(rows->q.db, err);
	enum err_code bad = ERR_OK;
	while (bad == ERR_OK && cells.code == ERR_OK && rows_next(rows)) {
		struct run_question *rq = LIST_ADD(a, *out, *n, cap);
		row_run_question(&rows->q, a, rq);
		int64_t first = cell_first_id(rq->id) + first_column;
		load_cells(&cells, a, rows->run_id, rq, first, first + n_columns - 1);
		bad = load_turns(&turns, a, rows->run_id, rq, first_column, n_columns, err);
	}
	enum err_code codes[] = { bad, query_end(&cells), turns_end(&turns), query_end(&rows->q) };
	return first_failure(codes, sizeof codes / sizeof *codes);
}

static const char *const page_count[] = {
	[RUN_ALL] = "SELECT n_questions FROM run WHERE id = ?1",
	[RUN_DIFFER] = "SELECT count(*) FROM question WHERE run_id = ?1 AND differs = 1",
	[RUN_UNRATED] = "SELECT count(*) FROM question WHERE run_id = ?1 AND n_likes = 0",
	[RUN_FAILED] = "SELECT count(*) FROM question WHERE run_id = ?1 AND n_failed > 0",
};

static const char *const page_rows[] = {
	/* Positions of a run have no gaps. */
	[RUN_ALL] = "SELECT " QUESTION_FIELDS " FROM question WHERE run_id = ?1 AND position >= ?3 ORDER BY position LIMIT ?2",
	[RUN_DIFFER] = "SELECT " QUESTION_FIELDS " FROM question WHERE run_id = ?1 AND differs = 1"
		       " ORDER BY position LIMIT ?2 OFFSET ?3",
	[RUN_UNRATED] = "SELECT " QUESTION_FIELDS " FROM question WHERE run_id = ?1 AND n_likes = 0"
			" ORDER BY position LIMIT ?2 OFFSET ?3",
	[RUN_FAILED] = "SELECT " QUESTION_FIELDS " FROM question WHERE run_id = ?1 AND n_failed > 0"
		       " ORDER BY position LIMIT ?2 OFFSET ?3",
};

static enum err_code count_columns(struct db *db, int64_t run_id, int64_t *n_columns, struct err *err)
{
	enum err_code code = db_number(db, err, n_columns, -1, "SELECT n_columns FROM run WHERE id = ?1", "i", run_id);

	if (code == ERR_OK && *n_columns < 0)
		code = err_set(err, ERR_NOT_FOUND, "err_run_not_found", "id=%lld", (long long)run_id);
	if (code == ERR_OK && *n_columns > LIMIT_COLUMNS)
		code = err_set(err, ERR_DATA, "err_store_corrupt", "reason=%s", "n_columns");
	return code;
}

enum err_code run_store_page(struct db *db, struct arena *a, int64_t run_id, enum run_filter filter, int64_t offset,
			     int64_t limit, struct run_question **out, size_t *n, int64_t *total, struct err *err)
{
	int64_t n_columns = 0;

	*n = 0;
	if ((size_t)filter >= sizeof page_rows / sizeof *page_rows)
		BUG("no such filter: %d", (int)filter);
	enum err_code code = count_columns(db, run_id, &n_columns, err);
	if (code == ERR_OK)
		code = db_number(db, err, total, 0, page_count[filter], "i", run_id);
	if (code != ERR_OK)
		return code;
	struct row_source rows = { .q = query_start(db, err, page_rows[filter], "iii", run_id, limit, offset), .run_id = run_id };
	return collect(&rows, a, 0, n_columns, out, n, err);
}

/* --- as people read them --- */

/* Whether a row of the scan below is among what the filter shows. */
static bool is_shown(const struct query *q, enum run_filter filter)
{
	switch (filter) {
	case RUN_DIFFER:
		return row_int(q, 1) == 1;
	case RUN_UNRATED:
		return row_int(q, 2) == 0;
	case RUN_FAILED:
		return row_int(q, 3) > 0;
	default:
		return true;
	}
}

/* The positions that the filter shows in reading order; NULL where the order is that of the positions. */
static enum err_code reading_order(struct db *db, struct arena *a, int64_t run_id, enum run_filter filter, int64_t **out, size_t *n,
				   struct err *err)
{
	size_t n_all = 0, cap_back = 0, n_flags = 0, cap_flags = 0;
	int64_t *back = NULL;
	bool has_turns = false, *shown = NULL;

	*out = NULL;
	*n = 0;
	enum err_code code = run_store_has_turns(db, run_id, &has_turns, err);
	if (code != ERR_OK || !has_turns)
		return code;
	struct query q = query_start(db, err,
				     "SELECT back, differs, n_likes, n_failed FROM question WHERE run_id = ?1 ORDER BY position", "i",
				     run_id);
	while (query_next(&q)) {
		*LIST_ADD(a, back, n_all, cap_back) = row_int(&q, 0);
		*LIST_ADD(a, shown, n_flags, cap_flags) = is_shown(&q, filter);
	}
	code = query_end(&q);
	int64_t *order = arena_array(a, n_all + 1, sizeof *order);
	questions_reading_order(back, n_all, order);
	for (size_t i = 0; i < n_all; i++)
		if (shown[order[i]])
			order[(*n)++] = order[i];
	*out = order;
	return code;
}

enum err_code run_store_read_page(struct db *db, struct arena *a, int64_t run_id, enum run_filter filter, int64_t offset,
				  int64_t limit, struct run_question **out, size_t *n, int64_t *total, struct err *err)
{
	int64_t *order, n_columns = 0;
	size_t n_order = 0;

	enum err_code code = count_columns(db, run_id, &n_columns, err);
	if (code == ERR_OK)
		code = reading_order(db, a, run_id, filter, &order, &n_order, err);
	if (code != ERR_OK)
		return code;
	if (!order)
		return run_store_page(db, a, run_id, filter, offset, limit, out, n, total, err);
	*total = (int64_t)n_order;
	int64_t from = offset < *total ? offset : *total, count = *total - from < limit ? *total - from : limit;
	struct row_source rows = rows_in(db, run_id, order + from, (size_t)count, err);
	return collect(&rows, a, 0, n_columns, out, n, err);
}

#define CATEGORY "coalesce(json_extract(record, '$.category'), json_extract(record, '$.\"類別\"'), json_extract(record, '$.\"分類\"'))"

enum err_code run_store_records(struct db *db, int64_t run_id, struct run_records *out, struct err *err)
{
	int64_t any = 0, ids = 0, categories = 0, systems = 0;

	enum err_code code = db_number(db, err, &any, 0, "SELECT EXISTS(SELECT 1 FROM question WHERE run_id = ?1 AND record IS NOT NULL)",
				       "i", run_id);
	if (code == ERR_OK && any)
		code = db_number(db, err, &ids, 0,
				 "SELECT EXISTS(SELECT 1 FROM question WHERE run_id = ?1 AND record IS NOT NULL AND source_id <> '')", "i",
				 run_id);
	if (code == ERR_OK && any)
		code = db_number(db, err, &categories, 0,
				 "SELECT EXISTS(SELECT 1 FROM question WHERE run_id = ?1 AND record IS NOT NULL AND " CATEGORY
				 " IS NOT NULL)",
				 "i", run_id);
	if (code == ERR_OK)
		code = db_number(db, err, &systems, 0, "SELECT EXISTS(SELECT 1 FROM question WHERE run_id = ?1 AND system <> '')", "i",
				 run_id);
	*out = (struct run_records){ any, ids, categories, systems };
	return code;
}

enum err_code run_store_category(struct db *db, struct arena *a, int64_t run_id, int64_t position, int64_t first, struct str *out,
				 struct err *err)
{
	*out = STR("");
	struct query q = query_start(db, err,
				     "SELECT " CATEGORY " AS category FROM question WHERE run_id = ?1 AND position IN (?2, ?3)"
				     " AND category IS NOT NULL ORDER BY position DESC LIMIT 1",
				     "iii", run_id, position, first);
	if (query_next(&q))
		*out = row_str(&q, a, 0);
	return query_end(&q);
}

enum err_code run_store_parts(struct db *db, struct arena *a, int64_t run_id, int64_t **out, size_t *n, struct err *err)
{
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	struct query q = query_start(db, err, "SELECT first FROM part WHERE run_id = ?1 ORDER BY first", "i", run_id);
	while (query_next(&q)) {
		int64_t *first = LIST_ADD(a, *out, *n, cap);
		*first = row_int(&q, 0);
	}
	return query_end(&q);
}

enum err_code run_store_column_cells(struct db *db, struct arena *a, int64_t column_id, int64_t from, int64_t limit,
				     struct run_question **out, size_t *n, struct err *err)
{
	int64_t run_id = -1, position = 0;

	*n = 0;
	struct query q = query_start(db, err, "SELECT run_id, position FROM \"column\" WHERE id = ?1", "i", column_id);
	if (query_next(&q)) {
		run_id = row_int(&q, 0);
		position = row_int(&q, 1);
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && run_id < 0)
		code = err_set(err, ERR_NOT_FOUND, "err_column_not_found", "id=%lld", (long long)column_id);
	if (code != ERR_OK)
		return code;
	struct row_source rows = { .q = query_start(db, err, page_rows[RUN_ALL], "iii", run_id, limit, from), .run_id = run_id };
	return collect(&rows, a, position, 1, out, n, err);
}

enum err_code cell_store_get(struct db *db, struct arena *a, int64_t cell_id, struct cell_row *out, struct err *err)
{
	bool found = false;

	struct query q = query_start(db, err,
				     "SELECT " CELL_FIELDS ", q.run_id, q.position FROM cell c"
				     " JOIN question q ON q.id = c.id / 64 WHERE c.id = ?1",
				     "i", cell_id);
	if (query_next(&q)) {
		found = true;
		row_cell(&q, a, out);
		out->run_id = row_int(&q, CELL_N_FIELDS);
		out->question_position = row_int(&q, CELL_N_FIELDS + 1);
	}
	enum err_code code = query_end(&q);
	if (code == ERR_OK && !found)
		code = err_set(err, ERR_NOT_FOUND, "err_cell_not_found", "id=%lld", (long long)cell_id);
	return code;
}

/* Rows with the cells of `n_columns` columns from `first_column` on. */
static enum err_code each_row(struct db *db, int64_t run_id, int64_t first_column, int64_t n_columns, run_row_fn each, void *user,
			      struct err *err)
{
	struct arena *whole = arena_new();
	int64_t *order = NULL;
	size_t n_order = 0;
	bool go_on = true;

	enum err_code code = reading_order(db, whole, run_id, RUN_ALL, &order, &n_order, err);
	if (code != ERR_OK) {
		arena_free(whole);
		return code;
	}
	struct query cells = cells_start(db, err);
	struct turn_reader turns = turns_start(db, err);
	struct row_source rows = { .run_id = run_id };
	if (order)
		rows = rows_in(db, run_id, order, n_order, err);
	else
		rows.q = query_start(db, err, page_rows[RUN_ALL], "iii", run_id, (int64_t)-1, (int64_t)0);
	while (go_on && code == ERR_OK && cells.code == ERR_OK && rows_next(&rows)) {
		struct arena *a = arena_new();
		struct run_question rq;
		row_run_question(&rows.q, a, &rq);
		int64_t first = cell_first_id(rq.id) + first_column;
		load_cells(&cells, a, run_id, &rq, first, first + n_columns - 1);
		code = load_turns(&turns, a, run_id, &rq, first_column, n_columns, err);
		if (code == ERR_OK && cells.code == ERR_OK)
			go_on = each(user, &rq, (size_t)n_columns);
		arena_free(a);
	}
	arena_free(whole);
	enum err_code codes[] = { code, query_end(&cells), turns_end(&turns), query_end(&rows.q) };
	return first_failure(codes, sizeof codes / sizeof *codes);
}

enum err_code run_store_each(struct db *db, int64_t run_id, run_row_fn each, void *user, struct err *err)
{
	int64_t n_columns = 0;
	enum err_code code = count_columns(db, run_id, &n_columns, err);

	return code == ERR_OK ? each_row(db, run_id, 0, n_columns, each, user, err) : code;
}

enum err_code run_store_each_of(struct db *db, const struct column_row *column, run_row_fn each, void *user, struct err *err)
{
	return each_row(db, column->run_id, column->position, 1, each, user, err);
}
