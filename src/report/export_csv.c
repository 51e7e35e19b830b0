/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "report/csv.h"
#include "report/export_private.h"

struct csv_user {
	struct export *e;
	struct csv_style style;
	const char **settings; /* of each column */
	bool *thinks;          /* each column: it has a field for its thinking */
	bool *instructed;      /* each column: it has a field for its system prompt */
};

static void text_field(struct csv_user *u, struct str text)
{
	csv_field(&u->e->out, text, &u->style);
}

/* Headings of one column, "name" put into each. */
static void headings(struct csv_user *u, const char *title, const char *const *keys, size_t n)
{
	struct buf args = BUF_INIT(64 * 1024), text = BUF_INIT(64 * 1024);

	buf_printf(&args, "name=%s", title);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&text);
		msg_render(&text, u->e->lang, keys[i], buf_text(&args));
		text_field(u, buf_str(&text));
	}
	buf_release(&args);
	buf_release(&text);
}

static void head(struct csv_user *u)
{
	static const char *const likes[] = { "report_likes" }, *const thinking[] = { "report_thinking_of" };
	static const char *const details[] = { "report_model", "report_settings", "report_tokens", "report_seconds",
					       "report_state" };
	static const char *const epoch[] = { "report_epoch_of" }, *const system[] = { "report_system_of" },
				 *const template[] = { "report_template_of" };
	const struct export *e = u->e;

	csv_begin(&u->e->out, &u->style);
	text_field(u, str_of(msg_text(e->lang, "report_id")));
	if (e->records.ids)
		text_field(u, STR("record_id"));
	if (e->records.categories)
		text_field(u, STR("category"));
	text_field(u, str_of(msg_text(e->lang, "report_question")));
	text_field(u, str_of(msg_text(e->lang, "report_reference")));
	if (e->has_turns) {
		text_field(u, str_of(msg_text(e->lang, "report_conversation")));
		text_field(u, str_of(msg_text(e->lang, "report_turn")));
	}
	for (size_t i = 0; i < e->n_columns; i++) {
		text_field(u, str_of(e->titles[i]));
		if (u->thinks[i])
			headings(u, e->titles[i], thinking, 1);
		headings(u, e->titles[i], likes, 1);
	}
	for (size_t i = 0; i < e->n_columns; i++)
		headings(u, e->titles[i], details, sizeof details / sizeof *details);
	for (size_t i = 0; i < e->n_columns; i++) {
		headings(u, e->titles[i], epoch, 1);
		if (u->instructed[i])
			headings(u, e->titles[i], system, 1);
		if (e->columns[i].template_hash[0])
			headings(u, e->titles[i], template, 1);
	}
	csv_end_row(&u->e->out);
}

/* State of a cell for people: "done", "failed: why", "cut at 256 tokens". */
static void state_field(struct csv_user *u, const struct column_row *c, const struct cell_row *cell)
{
	struct buf text = BUF_INIT(64 * 1024);

	if (cell->state == CELL_FAILED)
		buf_printf(&text, "%s: ", export_state(u->e, CELL_FAILED));
	export_remark(u->e, &text, c, cell);
	text_field(u, text.len ? buf_str(&text) : str_of(export_state(u->e, cell->state)));
	buf_release(&text);
}

static bool answer_fields(struct csv_user *u, size_t column, const struct cell_row *cell)
{
	text_field(u, str_of(cell->text));
	if (u->thinks[column]) {
		if (!export_pass_on(u->e))
			return false;
		text_field(u, str_of(cell->thinking));
	}
	csv_number(&u->e->out, (double)cell->n_likes);
	return export_pass_on(u->e);
}

static void detail_fields(struct csv_user *u, size_t column, const struct cell_row *cell)
{
	const struct export *e = u->e;
	bool is_done = cell->state == CELL_DONE;

	text_field(u, str_of(e->titles[column]));
	text_field(u, str_of(u->settings[column]));
	csv_number(&u->e->out, is_done ? (double)cell->n_generated : NAN);
	csv_number(&u->e->out, is_done ? (double)(cell->total_us / 1000) / 1e3 : NAN);
	state_field(u, &e->columns[column], cell);
}

/* What stands in no other field about where the column's answers come from. */
static bool origin_fields(struct csv_user *u, size_t column, const struct run_question *q)
{
	const struct column_row *c = &u->e->columns[column];

	csv_number(&u->e->out, c->epoch);
	if (u->instructed[column])
		text_field(u, c->params.system[0] ? str_of(c->params.system) : q->q.system);
	if (c->template_hash[0])
		text_field(u, str_of(c->template_hash));
	return export_pass_on(u->e);
}

static bool category_field(struct csv_user *u, const struct run_question *q)
{
	struct export *e = u->e;
	struct arena *a = arena_new();
	struct str category = STR("");
	int64_t first = q->q.turn ? q->earlier[0].position : q->position;
	bool ok = run_store_category(e->db, a, e->run.id, q->position, first, &category, &e->failed) == ERR_OK;

	text_field(u, category);
	arena_free(a);
	return ok;
}

static bool row(void *user, const struct run_question *q, size_t n_columns)
{
	struct csv_user *u = user;
	struct export *e = u->e;
	char number[24];

	str_format(number, sizeof number, "%lld", (long long)q->position + 1);
	text_field(u, q->q.id.len ? q->q.id : str_of(number));
	if (e->records.ids)
		text_field(u, q->q.id);
	if (e->records.categories && !category_field(u, q))
		return false;
	text_field(u, q->q.text);
	text_field(u, q->q.reference);
	if (e->has_turns) {
		csv_number(&e->out, (double)export_conversation(q));
		csv_number(&e->out, (double)q->q.turn + 1);
	}
	for (size_t i = 0; i < n_columns && i < e->n_columns; i++)
		if (!answer_fields(u, i, &q->cells[i]))
			return false;
	for (size_t i = 0; i < n_columns && i < e->n_columns; i++)
		detail_fields(u, i, &q->cells[i]);
	for (size_t i = 0; i < n_columns && i < e->n_columns; i++)
		if (!origin_fields(u, i, q))
			return false;
	csv_end_row(&e->out);
	return export_pass_on(e);
}

enum err_code export_csv(struct export *e, struct err *err)
{
	struct csv_user u = {
		.e = e,
		.style.excel = e->format == EXPORT_CSV_EXCEL,
		.settings = arena_array(e->arena, e->n_columns + 1, sizeof *u.settings),
		.thinks = arena_array(e->arena, e->n_columns + 1, sizeof *u.thinks),
		.instructed = arena_array(e->arena, e->n_columns + 1, sizeof *u.instructed),
	};

	/* The head comes before the first answer is read: one query that reads no texts, where writing reads all of them. */
	enum err_code code = run_store_thinking(e->db, e->run.id, e->n_columns, u.thinks, err);
	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < e->n_columns; i++) {
		u.settings[i] = export_settings(e, &e->columns[i]);
		u.instructed[i] = e->columns[i].params.system[0] || e->records.systems;
	}
	head(&u);
	return run_store_each(e->db, e->run.id, row, &u, err);
}
