/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit_store.h"

#include "base/clock.h"
#include "store/sql.h"

enum err_code audit_add(struct db *db, const struct audit_row *row, struct err *err)
{
	return db_run(db, err, "INSERT INTO audit(at_ms, who, what, subject, source) VALUES (?1, ?2, ?3, ?4, ?5)", "itttt",
		      clock_wall_ms(), row->who, row->what, row->subject, row->source);
}

enum err_code audit_list(struct db *db, struct arena *a, int64_t before, int64_t limit, struct audit_row **rows,
			 size_t *n, struct err *err)
{
	size_t cap = 0;

	*rows = NULL;
	*n = 0;
	struct query q = query_start(db, err,
				     "SELECT id, at_ms, who, what, subject, source FROM audit WHERE ?1 = 0 OR id < ?1"
				     " ORDER BY id DESC LIMIT ?2", "ii", before, limit);
	while (query_next(&q)) {
		struct audit_row *row = LIST_ADD(a, *rows, *n, cap);
		row->id = row_int(&q, 0);
		row->at_ms = row_int(&q, 1);
		row->who = row_text(&q, a, 2);
		row->what = row_text(&q, a, 3);
		row->subject = row_text(&q, a, 4);
		row->source = row_text(&q, a, 5);
	}
	return query_end(&q);
}
