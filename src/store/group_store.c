/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group_store.h"

#include "store/rows.h"

enum err_code group_store_add(struct db *db, int64_t column_id, int64_t first, int64_t count, const char *key, int64_t made_ms,
			      struct err *err)
{
	return db_run(db, err,
		      "INSERT OR IGNORE INTO answer_group(key, column_id, first, made_ms) SELECT ?4, c.id, ?2, ?5"
		      " FROM \"column\" c JOIN run r ON r.id = c.run_id WHERE c.id = ?1 AND r.is_drifted = 0 AND ?3 ="
		      " (SELECT count(*) FROM question q JOIN cell x ON x.id = q.id * 64 + c.position WHERE q.run_id = c.run_id"
		      " AND q.position BETWEEN ?2 AND ?2 + ?3 - 1 AND x.state = 1)",
		      "iiiti", column_id, first, count, key, made_ms);
}

enum err_code group_store_plans(struct db *db, const char *model_hash, const char *adapter_hash, struct group_plan *out, size_t max,
				size_t *n, struct err *err)
{
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT slots, kv_tokens FROM \"column\" c WHERE model_hash = ?1 AND adapter_hash = ?2"
				     " AND EXISTS (SELECT 1 FROM answer_group g WHERE g.column_id = c.id)"
				     " GROUP BY slots, kv_tokens ORDER BY max(c.id) DESC LIMIT ?3",
				     "tti", model_hash, adapter_hash, (int64_t)max);
	while (query_next(&q))
		out[(*n)++] = (struct group_plan){ row_int(&q, 0), row_int(&q, 1) };
	return query_end(&q);
}

enum err_code group_store_find(struct db *db, int64_t column_id, const char *key, const char *model_hash, const char *adapter_hash,
			       struct group_source *out, bool *found, struct err *err)
{
	struct query q = query_start(db, err,
				     "SELECT c.run_id, c.id, c.position, g.first, g.made_ms FROM answer_group g"
				     " JOIN \"column\" c ON c.id = g.column_id JOIN run r ON r.id = c.run_id"
				     " WHERE g.key = ?1 AND c.id <> ?2 AND c.model_hash = ?3 AND c.adapter_hash = ?4"
				     " AND r.is_drifted = 0 ORDER BY c.id DESC LIMIT 1",
				     "titt", key, column_id, model_hash, adapter_hash);
	*found = query_next(&q);
	if (*found)
		*out = (struct group_source){ row_int(&q, 0), row_int(&q, 1), row_int(&q, 2), row_int(&q, 3), row_int(&q, 4) };
	return query_end(&q);
}

enum err_code group_store_texts(struct db *db, struct arena *a, const struct group_source *source, int64_t count,
				struct turn_answer *out, bool *whole, struct err *err)
{
	int64_t n = 0;
	struct query q = query_start(db, err,
				     "SELECT x.text FROM question q JOIN cell x ON x.id = q.id * 64 + ?4 WHERE q.run_id = ?1"
				     " AND q.position BETWEEN ?2 AND ?2 + ?3 - 1 AND x.state = 1 ORDER BY q.position",
				     "iiii", source->run_id, source->first, count, source->column_position);
	while (n < count && query_next(&q))
		out[n++] = (struct turn_answer){ CELL_DONE, row_text(&q, a, 0) };
	*whole = n == count;
	return query_end(&q);
}

/* --- copying --- */

struct pair {
	int64_t from, to; /* ids of cells */
	bool was_missing, same_reference;
	struct cell_row answer;
};

/* True of a first turn, and of one whose turn before has the same answer in both runs: so have all before it. */
#define FOLLOWS_THE_SAME \
	"(tq.turn = 0 OR (SELECT text FROM cell WHERE state = 1 AND id = tc.position + 64 * (SELECT id FROM question" \
	" WHERE run_id = tc.run_id AND position = tq.position - tq.back)) = (SELECT text FROM cell WHERE state = 1" \
	" AND id = ?6 + 64 * (SELECT id FROM question WHERE run_id = ?4 AND position = sq.position - sq.back)))"

/* The source's answers beside the cells that get them, in order; fewer than wanted where some are gone or follow other answers. */
static enum err_code read_pairs(struct db *db, struct arena *a, const struct group_copy *copy, struct pair **out, size_t *n,
				struct err *err)
{
	const struct group_source *s = &copy->source;
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT " CELL_FIELDS ", t.id, t.state = 0, tq.reference = sq.reference FROM \"column\" tc"
				     " JOIN question tq ON tq.run_id = tc.run_id AND tq.position BETWEEN ?2 AND ?2 + ?3 - 1"
				     " JOIN cell t ON t.id = tq.id * 64 + tc.position"
				     " JOIN question sq ON sq.run_id = ?4 AND sq.position = tq.position - ?2 + ?5"
				     " JOIN cell c ON c.id = sq.id * 64 + ?6"
				     " WHERE tc.id = ?1 AND c.state = 1 AND " FOLLOWS_THE_SAME " ORDER BY tq.position",
				     "iiiiii", copy->column_id, copy->first, copy->count, s->run_id, s->first, s->column_position);
	while (query_next(&q)) {
		struct pair *p = LIST_ADD(a, *out, *n, cap);
		row_cell(&q, a, &p->answer);
		p->from = p->answer.id;
		p->to = row_int(&q, CELL_N_FIELDS);
		p->was_missing = row_int(&q, CELL_N_FIELDS + 1) != 0;
		p->same_reference = row_int(&q, CELL_N_FIELDS + 2) != 0;
	}
	return query_end(&q);
}

static enum err_code copy_answer(struct db *db, const struct group_source *source, struct pair *p, struct err *err)
{
	struct cell_row *answer = &p->answer;
	bool equal;

	if (!answer->reused_cell_id) {
		answer->reused_run_id = source->run_id;
		answer->reused_cell_id = p->from;
	}
	answer->id = p->to;
	enum err_code code = run_store_answer(db, answer, &equal, err);
	if (code != ERR_OK || !p->same_reference)
		return code;
	return db_run(db, err,
		      "INSERT OR IGNORE INTO likelihood(cell_id, n_tokens, log_likelihood)"
		      " SELECT ?2, n_tokens, log_likelihood FROM likelihood WHERE cell_id = ?1",
		      "ii", p->from, p->to);
}

enum err_code group_store_copy(struct db *db, const struct group_copy *copy, int64_t *n, struct err *err)
{
	struct arena *a = arena_new();
	struct pair *pairs;
	size_t n_pairs;

	*n = 0;
	enum err_code code = read_pairs(db, a, copy, &pairs, &n_pairs, err);
	bool is_whole = n_pairs == (size_t)copy->count;
	for (size_t i = 0; i < n_pairs && is_whole && code == ERR_OK; i++) {
		*n += pairs[i].was_missing;
		code = copy_answer(db, &copy->source, &pairs[i], err);
	}
	if (code == ERR_OK && is_whole)
		code = db_run(db, err,
			      "UPDATE \"column\" SET slots = s.slots, kv_tokens = s.kv_tokens, model_hash = s.model_hash,"
			      " adapter_hash = s.adapter_hash, template_hash = s.template_hash, build = s.build, device = s.device"
			      " FROM (SELECT * FROM \"column\" WHERE id = ?2) s WHERE \"column\".id = ?1 AND \"column\".build = ''",
			      "ii", copy->column_id, copy->source.column_id);
	if (code == ERR_OK && is_whole)
		code = group_store_add(db, copy->column_id, copy->first, copy->count, copy->key, copy->source.made_ms, err);
	arena_free(a);
	return code;
}
