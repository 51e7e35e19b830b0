/* SPDX-License-Identifier: Apache-2.0
 *
 * api_selections - automatic validations: preview, begin, watch, stop, go on, forget, and what was thought of each question. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "report/selection_report.h"
#include "selection/rating_session.h"
#include "selection/selection.h"
#include "server/api_export.h"
#include "server/audit.h"
#include "server/routes.h"
#include "server/selection_preview.h"
#include "server/selection_view.h"

/* --- one as the reply --- */

static void load_one(struct request *r, struct db *db)
{
	struct selection_whole *whole = r->state = arena_alloc(r->arena, sizeof *whole);
	err_kept(selection_whole_load(db, r->arena, r->id, whole, request_err(r)));
}

static void add_view(struct request *r, const struct selection_whole *whole)
{
	struct buf steps = BUF_INIT(MIB);
	struct selection_now now = { 0 };
	now.is_live = selections_live(r->app->selections, whole->row.id, &now.live, &steps);
	now.steps = buf_str(&steps);
	view_selection(&r->out, NULL, r->lang, whole, &now);
	buf_release(&steps);
}

static void reply_one(struct request *r)
{
	add_view(r, r->state);
	request_reply(r, 200);
}

void api_get_selection(struct request *r)
{
	request_defer(r, LANE_READ, load_one, reply_one);
}

/* --- list --- */

struct listing {
	int64_t run_id, before, limit;
	struct selection_whole *all;
	size_t n;
};

static void list_rows(struct request *r, struct db *db)
{
	struct listing *l = r->state;
	struct err *err = request_err(r);
	struct selection_row *rows;
	if (selection_store_list(db, r->arena, l->run_id, l->before, l->limit, &rows, &l->n, err) != ERR_OK)
		return;
	l->all = arena_array(r->arena, l->n + 1, sizeof *l->all);
	for (size_t i = 0; i < l->n; i++) {
		l->all[i].row = rows[i];
		if (selection_whole_complete(db, r->arena, &l->all[i], err) != ERR_OK)
			return;
	}
}

static void reply_rows(struct request *r)
{
	const struct listing *l = r->state;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "selections", '[');
	for (size_t i = 0; i < l->n; i++)
		add_view(r, &l->all[i]);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	request_reply(r, 200);
}

void api_list_selections(struct request *r)
{
	struct err err = { 0 };
	struct listing *l = r->state = arena_alloc(r->arena, sizeof *l);
	l->run_id = request_query_int(r, "run_id", 1, INT64_MAX, 0, &err);
	l->before = request_query_int(r, "before", 0, INT64_MAX, 0, &err);
	l->limit = request_query_int(r, "limit", 1, 1000, 100, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, list_rows, reply_rows);
}

/* --- preview and begin --- */

static void preview(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct selection_wish *wish = arena_alloc(r->arena, sizeof *wish);
	struct selection_preview p;
	if (selection_wish_read(db, r->arena, r->state, wish, err) == ERR_OK &&
	    selection_preview_make(db, r->arena, wish, &p, err) == ERR_OK)
		view_selection_preview(&r->out, r->lang, wish, &p);
}

static void store_one(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct selection_wish *wish = arena_alloc(r->arena, sizeof *wish);
	if (selection_wish_read(db, r->arena, r->state, wish, err) == ERR_OK &&
	    selection_wish_store(db, r->arena, wish, &r->id, err) == ERR_OK)
		load_one(r, db);
}

static void begin_one(struct request *r)
{
	selections_start(r->app->selections, r->id);
	app_publish(r->app, "runs", NULL);
	app_publish(r->app, "selections", NULL);
	add_view(r, r->state);
	request_reply(r, 201);
}

static bool read_body(struct request *r)
{
	struct err err = { 0 };
	struct selection_body *body = r->state = arena_alloc(r->arena, sizeof *body);
	if (selection_body_read(r->json, r->arena, body, &err) == ERR_OK)
		return true;
	request_fail(r, &err);
	return false;
}

void api_preview_selection(struct request *r)
{
	if (read_body(r))
		request_defer(r, LANE_READ, preview, NULL);
}

void api_add_selection(struct request *r)
{
	if (read_body(r))
		request_defer(r, LANE_WRITE, store_one, begin_one);
}

/* --- stop, go on, forget --- */

static void reply_stopped(struct request *r)
{
	const struct selection_whole *whole = r->state;
	struct err err = { 0 };
	if (selections_stop(r->app->selections, r->id)) {
		request_reply(r, 204);
		return;
	}
	err_set(&err, ERR_CONFLICT, "err_selection_over", "name=%s", whole->row.name);
	request_fail(r, &err);
}

void api_stop_selection(struct request *r)
{
	request_defer(r, LANE_READ, load_one, reply_stopped);
}

struct resuming {
	bool has_budget;
	int64_t budget_s;
};

/* What was used is used: a new limit counts from now; an old one that has passed is none. */
static int64_t budget_after(const struct selection_whole *whole, const struct resuming *how)
{
	int64_t used_s = (whole->row.elapsed_ms + 999) / 1000;
	if (how->has_budget)
		return how->budget_s ? used_s + how->budget_s : 0;
	return whole->params.budget_s > used_s ? whole->params.budget_s : 0;
}

static void reset_one(struct request *r, struct db *db)
{
	const struct resuming *how = r->state;
	struct err *err = request_err(r);
	struct selection_whole *whole = arena_alloc(r->arena, sizeof *whole);
	struct buf params = BUF_INIT(LIMIT_JSON_BODY);
	if (selection_whole_load(db, r->arena, r->id, whole, err) != ERR_OK)
		return;
	if (whole->row.state == SELECTION_WAITING || whole->row.state == SELECTION_RUNNING) {
		err_set(err, ERR_CONFLICT, "err_selection_running", NULL);
		return;
	}
	whole->params.budget_s = budget_after(whole, how);
	selection_params_write(&whole->params, &params);
	whole->row.state = SELECTION_WAITING;
	whole->row.problem = (struct err){ 0 };
	whole->row.params = buf_text(&params);
	whole->row.steps = "[]";
	if (selection_store_set(db, &whole->row, err) == ERR_OK)
		load_one(r, db);
	buf_release(&params);
}

static void resume_one(struct request *r)
{
	selections_start(r->app->selections, r->id);
	app_publish(r->app, "selections", NULL);
	reply_one(r);
}

void api_resume_selection(struct request *r)
{
	struct err err = { 0 };
	struct resuming *how = r->state = arena_alloc(r->arena, sizeof *how);
	if (r->json) {
		how->budget_s = json_get_int(r->json, "budget_s", 0, SELECTION_BUDGET_MAX, 0, &err);
		how->has_budget = json_is_integer(json_object_get(r->json, "budget_s"));
	}
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, reset_one, resume_one);
}

static void remove_one(struct request *r, struct db *db)
{
	if (selection_store_remove(db, r->id, request_err(r)) == ERR_OK)
		audit_note(r, db, "remove_automatic_validation", NULL);
}

static void reply_removed(struct request *r)
{
	app_publish(r->app, "selections", NULL);
	request_reply(r, 204);
}

void api_remove_selection(struct request *r)
{
	request_defer(r, LANE_WRITE, remove_one, reply_removed);
}

/* --- questions --- */

struct page {
	enum selection_show show;
	int64_t offset, limit;
};

static void read_page(struct request *r, struct db *db)
{
	const struct page *page = r->state;
	struct err *err = request_err(r);
	struct selection_whole whole = { 0 };
	struct selection_finding *findings;
	size_t n = 0;
	int64_t total = 0;
	if (selection_whole_load(db, r->arena, r->id, &whole, err) == ERR_OK &&
	    selection_store_findings(db, r->arena, &whole.row, page->show, page->offset, page->limit, &findings, &n, &total, err) == ERR_OK)
		view_selection_questions(&r->out, whole.columns, whole.n_columns, findings, n, total);
}

static enum selection_show read_show(struct request *r, struct err *err)
{
	static const char *const names[] = { "decided", "gains", "losses", "unusable", "all" };
	const char *text = request_query(r, "show");
	for (int i = 0; text && i < 5; i++)
		if (!strcmp(text, names[i]))
			return (enum selection_show)i;
	if (text && err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_choice", "field=show|choices=decided, gains, losses, unusable, all");
	return SHOW_DECIDED;
}

void api_list_selection_questions(struct request *r)
{
	struct err err = { 0 };
	struct page *page = r->state = arena_alloc(r->arena, sizeof *page);
	page->show = read_show(r, &err);
	page->offset = request_query_int(r, "offset", 0, INT64_MAX, 0, &err);
	page->limit = request_query_int(r, "limit", 1, 1000, 100, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, read_page, NULL);
}

static void read_rating(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct selection_whole whole = { 0 };
	struct rating_session session;
	if (selection_whole_load(db, r->arena, r->id, &whole, err) == ERR_OK &&
	    rating_session_read(db, whole.row.run_id, &whole.params, &session, err) == ERR_OK)
		view_selection_rating(&r->out, &session);
}

void api_list_selection_rating(struct request *r)
{
	request_defer(r, LANE_READ, read_rating, NULL);
}

/* --- report --- */

static enum err_code write_report(struct db *db, const struct export_source *source, export_sink_fn sink, void *user,
				  struct err *err)
{
	return selection_report(db, source->id, (enum selection_report_format)source->format, source->lang,
				source->option[0] ? source->option : NULL, sink, user, err);
}

void api_report_selection(struct request *r)
{
	struct err err = { 0 };
	enum selection_report_format format = SELECTION_HTML;
	struct export_source source = { .write = write_report, .id = r->id, .name = "assay-selection" };
	const char *name = request_query(r, "format"), *rule = request_query(r, "fail_below");
	struct selection_gate gate;
	if (!name)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=format");
	else
		err_kept(selection_report_format_parse(name, &format, &err));
	if (err.code == ERR_OK && rule && !str_format(source.option, sizeof source.option, "%s", rule))
		err_set(&err, ERR_INVALID, "err_gate_rule", "field=fail_below|rule=%s", rule);
	if (err.code == ERR_OK && rule)
		err_kept(selection_gate_parse(rule, "fail_below", &gate, &err));
	source.lang = export_lang(r, &err);
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	source.format = (int)format;
	source.mime = selection_report_mime(format);
	source.extension = selection_report_extension(format);
	export_begin(r, &source);
}
