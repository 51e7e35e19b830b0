/* SPDX-License-Identifier: Apache-2.0 */
#include "store/match_store.h"

#include "store/sql.h"

enum err_code match_store_put(struct db *db, const struct match_row *row, struct err *err)
{
	const struct match_result *r = &row->result;

	return db_run(db, err,
		      "INSERT OR REPLACE INTO base_match(adapter_sha256, base_sha256, verdict, n_answers, n_better, n_tokens, without_ll,"
		      " with_ll, p, source, checked_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
		      "ttbiiidddti", row->adapter_sha256, row->base_sha256, (int)r->verdict, (int64_t)r->n_answers,
		      (int64_t)r->n_better, r->n_tokens, r->without, r->with, r->p, row->source, row->checked_ms);
}

enum err_code match_store_get(struct db *db, struct arena *a, const char *adapter_sha256, const char *base_sha256,
			      struct match_row *out, struct err *err)
{
	*out = (struct match_row){ .source = "" };
	str_format(out->adapter_sha256, sizeof out->adapter_sha256, "%s", adapter_sha256);
	str_format(out->base_sha256, sizeof out->base_sha256, "%s", base_sha256);
	struct query q = query_start(db, err,
				     "SELECT verdict, n_answers, n_better, n_tokens, without_ll, with_ll, p, source, checked_ms"
				     " FROM base_match WHERE adapter_sha256 = ?1 AND base_sha256 = ?2",
				     "tt", adapter_sha256, base_sha256);
	if (query_next(&q)) {
		int64_t verdict = row_int(&q, 0);
		out->result = (struct match_result){
			.verdict = verdict == MATCH_FITS || verdict == MATCH_DOES_NOT_FIT ? (enum match_verdict)verdict : MATCH_CANNOT_TELL,
			.n_answers = (size_t)row_int(&q, 1), .n_better = (size_t)row_int(&q, 2), .n_tokens = row_int(&q, 3),
			.without = row_double(&q, 4), .with = row_double(&q, 5), .p = row_double(&q, 6),
		};
		out->source = row_text(&q, a, 7);
		out->checked_ms = row_int(&q, 8);
	}
	return query_end(&q);
}

/* Both columns of the run that compares them with the most answers; false where there is none. */
static bool find_run(struct db *db, struct arena *a, const char *adapter_sha256, const char *base_sha256, int64_t out[3],
		     const char **name, struct err *err)
{
	bool found = false;

	struct query q = query_start(
		db, err,
		"SELECT r.id, c.position, b.position, r.name, (SELECT count(*) FROM question q JOIN likelihood l"
		" ON l.cell_id = q.id * 64 + c.position WHERE q.run_id = r.id) AS n"
		" FROM \"column\" c JOIN \"column\" b ON b.run_id = c.run_id JOIN run r ON r.id = c.run_id"
		" WHERE c.adapter_hash = ?1 AND c.model_hash = ?2 AND b.adapter_hash = '' AND b.model_hash = ?2 ORDER BY n DESC, r.id LIMIT 1",
		"tt", adapter_sha256, base_sha256);
	if (query_next(&q)) {
		found = row_int(&q, 4) > 0;
		for (int i = 0; i < 3; i++)
			out[i] = row_int(&q, i);
		*name = row_text(&q, a, 3);
	}
	return query_end(&q) == ERR_OK && found;
}

enum err_code match_store_of_runs(struct db *db, struct arena *a, const char *adapter_sha256, const char *base_sha256,
				  double recorded_loss, struct match_row *out, struct err *err)
{
	struct match_pair *pairs = NULL;
	size_t n = 0, cap = 0;
	int64_t run[3];

	*out = (struct match_row){ .source = "" };
	if (!find_run(db, a, adapter_sha256, base_sha256, run, &out->source, err))
		return err->code;
	struct query q = query_start(db, err,
				     "SELECT b.log_likelihood, c.log_likelihood, c.n_tokens FROM question q"
				     " JOIN likelihood c ON c.cell_id = q.id * 64 + ?2 JOIN likelihood b ON b.cell_id = q.id * 64 + ?3"
				     " WHERE q.run_id = ?1 AND b.n_tokens = c.n_tokens ORDER BY q.position",
				     "iii", run[0], run[1], run[2]);
	while (query_next(&q))
		*LIST_ADD(a, pairs, n, cap) = (struct match_pair){ row_double(&q, 0), row_double(&q, 1), row_int(&q, 2) };
	enum err_code code = query_end(&q);
	if (code == ERR_OK)
		out->result = match_judge(pairs, n, recorded_loss);
	return code;
}

enum err_code match_store_answers(struct db *db, int64_t family_id, int64_t *run_id, int64_t *set_id, struct err *err)
{
	enum err_code code = db_number(
		db, err, run_id, 0,
		"SELECT r.id FROM run r WHERE EXISTS (SELECT 1 FROM \"column\" c JOIN model m ON m.id = c.model_id WHERE c.run_id = r.id"
		" AND m.family_id = ?1) AND EXISTS (SELECT 1 FROM question WHERE run_id = r.id AND reference <> '') ORDER BY r.id DESC LIMIT 1",
		"i", family_id);
	if (code == ERR_OK)
		code = db_number(db, err, set_id, 0, "SELECT id FROM question_set WHERE n_with_reference > 0 ORDER BY id DESC LIMIT 1",
				 "");
	return code;
}
