/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "judge/evidence.h"
#include "metric/guard.h"
#include "report/json_out.h"
#include "report/selection_private.h"

#define PAGE 100

/* Each sentence in words gets back the arguments that it has in the stored result, which has the same shape. */
static void keep_args(json_t *words, const json_t *stored)
{
	const json_t *args = json_object_get(stored, "args");
	size_t i;
	const char *name;
	json_t *child;

	if (json_is_string(args))
		json_object_set(words, "args", (json_t *)args);
	json_array_foreach(words, i, child)
		keep_args(child, json_array_get(stored, i));
	json_object_foreach(words, name, child)
		keep_args(child, json_object_get(stored, name));
}

static void put_stored(struct buf *out, const char *name, const char *json)
{
	put_key(out, name);
	buf_add_text(out, json);
}

static void put_result(struct report *r)
{
	struct err ignored = { 0 };
	json_t *stored = json_parse(str_of(r->row.result), "result", &ignored);

	keep_args(r->result, stored);
	put_key(&r->e.out, "result");
	json_write(&r->e.out, r->result);
	json_decref(stored);
}

static void put_selection(struct report *r)
{
	struct buf *out = &r->e.out;
	const struct selection_row *row = &r->row;

	put_text(out, "type", "selection");
	put_text(out, "assay", ASSAY_VERSION);
	put_text(out, "language", lang_name(r->e.lang));
	put_int(out, "id", row->id);
	put_text(out, "name", row->name);
	put_text(out, "state", selection_state_name(row->state));
	put_time(out, "created", row->created_ms);
	put_time(out, "finished", row->finished_ms);
	put_int(out, "elapsed_ms", row->elapsed_ms);
	put_int(out, "family_id", row->family_id);
	put_int(out, "question_set_id", row->question_set_id);
	put_int(out, "judge_model_id", row->judge_model_id);
	put_text(out, "judge_name", r->judge_name);
	put_int(out, "answers", r->e.run.n_done);
	put_int(out, "reused", export_n_reused(&r->e));
	put_int(out, "q8", export_n_q8(&r->e));
	put_stored(out, "params", row->params);
	put_stored(out, "steps", row->steps);
	put_problem(out, r->e.lang, &row->problem);
	put_result(r);
	put_key(out, "run");
	buf_add_char(out, '{');
	put_run_members(&r->e);
	buf_add_char(out, '}');
}

static void put_answer(struct report *r, const struct selection_finding *f, size_t column)
{
	const struct selection_cell *known = &f->cells[column];
	struct buf *out = &r->e.out;

	buf_add_char(out, '{');
	put_cell_members(&r->e, &f->row.cells[column], column);
	put_real(out, "score", known->score);
	put_bool(out, "is_right", known->is_right);
	put_key(out, "guards");
	buf_add_char(out, '[');
	bool begins = true;
	for (unsigned flag = GUARD_EMPTY; flag <= GUARD_LENGTH; flag <<= 1) {
		if (!(known->guards & flag))
			continue;
		buf_printf(out, "%s\"%s\"", begins ? "" : ",", guard_flag_name(flag));
		begins = false;
	}
	buf_add_char(out, ']');
	put_bool(out, "repeats_training", known->repeats);
	buf_add_char(out, '}');
}

static bool put_question(struct report *r, const struct selection_finding *f)
{
	static const char *const outcomes[] = { "loss", "tie", "win" };
	struct buf *out = &r->e.out;

	buf_add_char(out, '{');
	put_int(out, "position", f->question.position);
	put_int(out, "question_id", f->question.question_id);
	put_str(out, "id", f->row.q.id);
	put_str(out, "question", f->row.q.text);
	put_str(out, "reference", f->row.q.reference);
	put_lines(out, "other_references", f->row.q.other_references);
	put_str(out, "system", f->row.q.system);
	put_str(out, "tags", f->row.q.tags);
	if (f->row.q.turn) { /* of a conversation, by the number of its first question */
		put_int(out, "conversation", export_conversation(&f->row));
		put_int(out, "turn", f->row.q.turn + 1);
	}
	put_text(out, "layer", layer_name(f->question.layer));
	put_text(out, "outcome", outcomes[f->question.outcome + 1]);
	put_key(out, "answers");
	buf_add_char(out, '[');
	for (size_t i = 0; i < r->e.n_columns; i++) {
		if (i > 0)
			buf_add_char(out, ',');
		put_answer(r, f, i);
	}
	buf_add_text(out, "]}");
	return export_pass_on(&r->e);
}

enum err_code report_selection_json(struct report *r, struct err *err)
{
	enum err_code code = ERR_OK;
	size_t n = PAGE;

	buf_add_char(&r->e.out, '{');
	put_selection(r);
	put_key(&r->e.out, "questions");
	buf_add_char(&r->e.out, '[');
	for (int64_t at = 0; code == ERR_OK && n == PAGE && r->e.failed.code == ERR_OK; at += PAGE) {
		struct arena *page = arena_new();
		struct selection_finding *found;
		int64_t total;
		code = selection_store_findings(r->e.db, page, &r->row, SHOW_ALL, at, PAGE, &found, &n, &total, err);
		for (size_t i = 0; code == ERR_OK && i < n; i++) {
			buf_add_text(&r->e.out, at + (int64_t)i > 0 ? ",\n" : "\n");
			if (!put_question(r, &found[i]))
				break;
		}
		arena_free(page);
	}
	buf_add_text(&r->e.out, "]}\n");
	return code;
}
