/* SPDX-License-Identifier: Apache-2.0 */
#include "report/json_out.h"
#include "store/question_store.h"

static void put_run(struct export *e)
{
	buf_add_char(&e->out, '{');
	put_text(&e->out, "type", "run");
	put_text(&e->out, "assay", ASSAY_VERSION);
	put_run_members(e);
	buf_add_text(&e->out, "}\n");
}

static bool put_cell(struct export *e, const struct cell_row *cell, size_t column)
{
	buf_add_char(&e->out, '{');
	put_cell_members(e, cell, column);
	buf_add_char(&e->out, '}');
	return export_pass_on(e);
}

/* What else stood in the question's row. */
static bool put_record(struct export *e, const struct run_question *q)
{
	struct arena *a = arena_new();
	struct str record = STR("");
	bool ok = question_record_get(e->db, a, &q->q, &record, &e->failed) == ERR_OK;

	if (record.len) {
		put_key(&e->out, "record");
		buf_add_str(&e->out, record);
	}
	arena_free(a);
	return ok;
}

static bool line(void *user, const struct run_question *q, size_t n_columns)
{
	struct export *e = user;
	struct buf *out = &e->out;

	buf_add_char(out, '{');
	put_text(out, "type", "question");
	put_int(out, "position", q->position);
	put_int(out, "question_id", q->id);
	put_str(out, "id", q->q.id);
	put_str(out, "question", q->q.text);
	put_str(out, "reference", q->q.reference);
	put_lines(out, "other_references", q->q.other_references);
	put_str(out, "system", q->q.system);
	put_str(out, "tags", q->q.tags);
	put_int(out, "line", q->q.line);
	if (e->has_turns) {
		put_int(out, "conversation", export_conversation(q));
		put_int(out, "turn", q->q.turn + 1);
	}
	if (e->records.any && !put_record(e, q))
		return false;
	put_key(out, "answers");
	buf_add_char(out, '[');
	for (size_t i = 0; i < n_columns && i < e->n_columns; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		if (!put_cell(e, &q->cells[i], i))
			return false;
	}
	buf_add_text(out, "]}\n");
	return export_pass_on(e);
}

enum err_code export_jsonl(struct export *e, struct err *err)
{
	put_run(e);
	return run_store_each(e->db, e->run.id, line, e, err);
}
