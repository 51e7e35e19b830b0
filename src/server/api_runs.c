/* SPDX-License-Identifier: Apache-2.0
 *
 * api_runs - runs: list, start, change, stop, resume, retry, remove, and their pages of answers. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "server/audit.h"
#include "server/live.h"
#include "server/question_body.h"
#include "server/routes.h"
#include "server/run_body.h"
#include "server/run_make.h"

#define LIVE_CELLS_MAX 2048

/* --- a run as the reply --- */

struct one_run {
	struct run_row run;
	struct column_row *columns;
	size_t n_columns;
	int status;
};

static void load_run(struct request *r, struct db *db)
{
	struct one_run *one = r->state = arena_alloc(r->arena, sizeof *one);
	err_kept(run_store_get(db, r->arena, r->id, &one->run, &one->columns, &one->n_columns, request_err(r)));
}

static void reply_run_status(struct request *r, int status)
{
	const struct one_run *one = r->state;
	struct run_live live;
	live_run(r->app, one->run.id, &live);
	view_run(&r->out, r->lang, &one->run, one->columns, one->n_columns, &live);
	request_reply(r, status);
}

static void reply_run(struct request *r)
{
	reply_run_status(r, 200);
}

static void run_changed(struct request *r)
{
	app_publish(r->app, "runs", NULL);
	live_touch_run(r->app->live, r->id);
	reply_run(r);
}

void api_get_run(struct request *r)
{
	request_defer(r, LANE_READ, load_run, reply_run);
}

/* --- list --- */

struct listing {
	struct run_search search;
	struct run_row *rows;
	size_t n;
};

static void list_runs(struct request *r, struct db *db)
{
	struct listing *l = r->state;
	err_kept(run_store_list(db, r->arena, &l->search, &l->rows, &l->n, request_err(r)));
}

static void reply_list(struct request *r)
{
	const struct listing *l = r->state;
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "runs", '[');
	for (size_t i = 0; i < l->n; i++) {
		struct run_live live = { .is_active = engine_is_active(r->app->engine, l->rows[i].id), .eta_ms = -1 };
		live.is_unsaved = engine_is_unsaved(r->app->engine, l->rows[i].id, &live.cause);
		if (live.is_active)
			live.eta_ms = engine_eta_ms(r->app->engine, l->rows[i].id);
		view_run(&r->out, r->lang, &l->rows[i], NULL, 0, &live);
	}
	json_close(&r->out, ']');
	json_close(&r->out, '}');
	request_reply(r, 200);
}

/* -1: any. */
static int read_state(struct request *r, struct err *err)
{
	const char *text = request_query(r, "state");
	for (int i = RUN_WAITING; text && i <= RUN_INTERRUPTED; i++)
		if (!strcmp(text, run_state_name((enum run_state)i)))
			return i;
	if (text && err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_choice", "field=state|choices=waiting, running, stopped, done, interrupted");
	return -1;
}

void api_list_runs(struct request *r)
{
	struct err err = { 0 };
	struct listing *l = r->state = arena_alloc(r->arena, sizeof *l);
	const char *name = request_query(r, "q");
	l->search.name = arena_strdup(r->arena, name ? name : "");
	l->search.before_id = request_query_int(r, "before", 0, INT64_MAX, 0, &err);
	l->search.limit = request_query_int(r, "limit", 1, 1000, 100, &err);
	l->search.state = read_state(r, &err);
	if (err.code == ERR_OK && strlen(l->search.name) > 4 * LIMIT_NAME_BYTES)
		err_set(&err, ERR_INVALID, "err_field_length", "field=q|min=0|max=%d|found=%zu", LIMIT_NAME_BYTES,
			strlen(l->search.name));
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, list_runs, reply_list);
}

/* --- start --- */

/* Beside those that follow from the questions. */
static enum err_code add_parts(struct db *db, const struct run_body *body, struct err *err)
{
	json_t *part;
	size_t i;

	json_array_foreach(body->parts, i, part) {
		int64_t first = json_integer_value(part);
		if (!json_is_integer(part) || first < 0 || first >= body->run.n_questions)
			return err_set(err, ERR_INVALID, "err_run_part", "field=parts|limit=%lld", (long long)body->run.n_questions);
		if (run_store_add_part(db, body->run.id, first, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* As their models are called now. */
static enum err_code name_columns(struct request *r, struct db *db, struct column_row *columns, size_t n)
{
	struct err *err = request_err(r);
	struct model_list list;
	enum err_code code = model_store_list(db, r->arena, &list, err);
	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		char field[64];
		(void)str_format(field, sizeof field, "columns[%zu].model_id", i);
		code = run_name_column(db, r->arena, &list, field, &columns[i], err);
	}
	return code;
}

static void store_run(struct request *r, struct db *db)
{
	struct run_body *body = r->state;
	struct err *err = request_err(r);
	struct question *questions;
	struct question_set_row set = { .name = "" };
	size_t n;
	int64_t set_id = body->run.question_set_id;
	if (run_questions(db, r->arena, set_id, body->questions, 0, &questions, &n, err) != ERR_OK ||
	    name_columns(r, db, body->columns, body->n_columns) != ERR_OK)
		return;
	for (size_t i = 0; i < body->n_columns; i++)
		if (run_fill_column(db, r->arena, body->given[i], &body->columns[i], err) != ERR_OK)
			return;
	if (run_check_requests(db, r->arena, body->columns, body->n_columns, n, err) != ERR_OK ||
	    run_share_weights(db, r->arena, &body->run.params, body->columns, body->n_columns, err) != ERR_OK)
		return;
	if (!*body->run.name && set_id && run_question_set(db, r->arena, set_id, &set, err) == ERR_OK)
		body->run.name = set.name;
	if (!*body->run.name)
		body->run.name = question_title(r->arena, &questions[0]);
	body->run.n_questions = (int64_t)n;
	if (err->code != ERR_OK ||
	    run_store_add(db, &body->run, body->columns, body->n_columns, questions, n, err) != ERR_OK ||
	    add_parts(db, body, err) != ERR_OK)
		return;
	r->id = body->run.id;
	load_run(r, db);
}

static void run_stored(struct request *r)
{
	engine_start(r->app->engine, r->id);
	app_publish(r->app, "runs", NULL);
	reply_run_status(r, 201);
}

void api_add_run(struct request *r)
{
	struct err err = { 0 };
	struct run_body *body = r->state = arena_alloc(r->arena, sizeof *body);
	if (run_body_read(r->json, r->arena, body, &err) != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	body->run.created_ms = clock_wall_ms();
	request_defer(r, LANE_WRITE, store_run, run_stored);
}

/* --- the same again --- */

static void store_repeat(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct run_row run;
	struct column_row *columns;
	size_t n;
	if (run_store_get(db, r->arena, r->id, &run, &columns, &n, err) != ERR_OK ||
	    name_columns(r, db, columns, n) != ERR_OK || run_store_repeat(db, r->id, &run, columns, n, err) != ERR_OK)
		return;
	r->id = run.id;
	load_run(r, db);
}

void api_replay_run(struct request *r)
{
	request_defer(r, LANE_WRITE, store_repeat, run_stored);
}

/* --- more questions --- */

struct more {
	int64_t set_id;
	const json_t *questions;
};

static void store_more(struct request *r, struct db *db)
{
	const struct more *more = r->state;
	struct question *questions;
	size_t n;
	if (run_questions(db, r->arena, more->set_id, more->questions, 0, &questions, &n, request_err(r)) == ERR_OK &&
	    run_store_add_questions(db, r->id, questions, n, request_err(r)) == ERR_OK)
		load_run(r, db);
}

static void run_started(struct request *r)
{
	engine_start(r->app->engine, r->id);
	run_changed(r);
}

void api_add_run_questions(struct request *r)
{
	struct err err = { 0 };
	struct more *more = r->state = arena_alloc(r->arena, sizeof *more);
	more->set_id = json_get_int(r->json, "question_set_id", 1, INT64_MAX, 0, &err);
	more->questions = json_get_array(r->json, "questions", &err);
	if (err.code == ERR_OK && !more->questions == !more->set_id)
		err_set(&err, ERR_INVALID, "err_run_questions_source", "field=questions");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_more, run_started);
}

/* --- change, stop, resume, retry, remove --- */

struct change {
	const char *name;
	bool has_blind, blind;
};

static void store_change(struct request *r, struct db *db)
{
	const struct change *change = r->state;
	struct err *err = request_err(r);
	if (change->name && run_store_rename(db, r->id, change->name, err) != ERR_OK)
		return;
	if (change->has_blind && run_store_set_blind(db, r->id, change->blind, err) != ERR_OK)
		return;
	load_run(r, db);
}

void api_change_run(struct request *r)
{
	struct err err = { 0 };
	struct change *change = r->state = arena_alloc(r->arena, sizeof *change);
	change->name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, &err);
	change->blind = json_get_bool(r->json, "blind", false, &err);
	change->has_blind = json_is_boolean(json_object_get(r->json, "blind"));
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_change, run_changed);
}

void api_stop_run(struct request *r)
{
	engine_stop(r->app->engine, r->id);
	/* On the writer's thread: it comes after what the engine has just posted. */
	request_defer(r, LANE_WRITE, load_run, run_changed);
}

struct again {
	bool failed;
	int64_t column_id;
	bool has_weights;
	enum weights weights;
};

/* All columns of the base that the column (0: any that failed) stands on are answered again with these. */
static enum err_code change_weights(struct request *r, struct db *db, const struct column_row *columns, size_t n, struct err *err)
{
	const struct again *again = r->state;
	int64_t bases[LIMIT_COLUMNS];

	for (size_t i = 0; i < n; i++)
		if (run_column_base(db, r->arena, &columns[i], &bases[i], err) != ERR_OK)
			return err->code;
	for (size_t i = 0; i < n; i++) {
		bool is_meant = again->column_id ? columns[i].id == again->column_id : columns[i].n_failed > 0;
		enum weights weights = again->weights;
		if (is_meant && model_store_weights(db, r->arena, bases[i], true, &weights, err) != ERR_OK)
			return err->code;
		if (is_meant && weights != again->weights)
			return err_set(err, ERR_INVALID, "err_weights_not", "field=weights|name=%s", columns[i].label);
		for (size_t k = 0; k < n && is_meant; k++)
			if (bases[k] == bases[i] && (run_store_set_weights(db, &columns[k], again->weights, err) != ERR_OK ||
						     run_store_reset(db, r->id, false, true, columns[k].id, err) != ERR_OK))
				return err->code;
	}
	return ERR_OK;
}

static void reset_run(struct request *r, struct db *db)
{
	const struct again *again = r->state;
	struct err *err = request_err(r);
	struct run_row run;
	struct column_row *columns;
	size_t n;
	if (run_store_get(db, r->arena, r->id, &run, &columns, &n, err) != ERR_OK)
		return;
	bool known = again->column_id == 0;
	for (size_t i = 0; i < n; i++)
		known |= columns[i].id == again->column_id;
	if (!known) {
		err_set(err, ERR_NOT_FOUND, "err_column_not_found", "field=column_id|id=%lld", (long long)again->column_id);
		return;
	}
	if (again->has_weights && change_weights(r, db, columns, n, err) != ERR_OK)
		return;
	if (run_store_reset(db, r->id, !again->failed, again->failed, again->column_id, err) != ERR_OK)
		return;
	/* One that is being answered goes on and takes these in. */
	if (run.state != RUN_RUNNING && run_store_set_state(db, r->id, RUN_WAITING, err) != ERR_OK)
		return;
	load_run(r, db);
}

static void restart(struct request *r, const struct again *how)
{
	struct again *again = r->state = arena_alloc(r->arena, sizeof *again);
	*again = *how;
	request_defer(r, LANE_WRITE, reset_run, run_started);
}

void api_resume_run(struct request *r)
{
	restart(r, &(struct again){ .failed = false });
}

void api_retry_run(struct request *r)
{
	struct err err = { 0 };
	struct again again = { .failed = true };
	if (r->json) {
		again.column_id = json_get_int(r->json, "column_id", 0, INT64_MAX, 0, &err);
		again.has_weights = weights_body_read(r->json, &again.weights, &err);
	}
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		restart(r, &again);
}

static void remove_run(struct request *r, struct db *db)
{
	if (run_store_remove(db, r->id, request_err(r)) == ERR_OK)
		audit_note(r, db, "remove_run", NULL);
}

static void run_removed(struct request *r)
{
	app_publish(r->app, "runs", NULL);
	request_reply(r, 204);
}

void api_remove_run(struct request *r)
{
	struct err err = { 0 };
	if (engine_is_active(r->app->engine, r->id)) {
		err_set(&err, ERR_CONFLICT, "err_run_active", NULL);
		request_fail(r, &err);
		return;
	}
	request_defer(r, LANE_WRITE, remove_run, run_removed);
}

/* --- pages --- */

struct run_page {
	struct page_view view;
	int64_t limit;
	enum run_filter filter;
	bool by_conversation;
};

static void read_page(struct request *r, struct db *db)
{
	struct run_page *page = r->state;
	struct err *err = request_err(r);
	struct run_row run;
	struct column_row *columns;
	struct run_question *questions;
	size_t n, n_columns;
	if (run_store_get(db, r->arena, r->id, &run, &columns, &n_columns, err) != ERR_OK)
		return;
	enum err_code (*read)(struct db *, struct arena *, int64_t, enum run_filter, int64_t, int64_t, struct run_question **, size_t *,
			      int64_t *, struct err *) = page->by_conversation ? run_store_read_page : run_store_page;
	if (read(db, r->arena, r->id, page->filter, page->view.offset, page->limit, &questions, &n, &page->view.total, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		if (question_record_get(db, r->arena, &questions[i].q, &questions[i].q.record, err) != ERR_OK)
			return;
	view_page(&r->out, &page->view, questions, n, n_columns);
}

/* What is being answered now, copied before the reader looks: with the id of the newest event a client can go on from this
 * page without losing or repeating a word. */
static void take_snapshot(struct request *r, struct page_view *view)
{
	struct cell_live *cells = arena_array(r->arena, LIVE_CELLS_MAX, sizeof *cells);
	view->event_id = live_event_id(r->app->live);
	view->n_live = engine_cells(r->app->engine, r->id, cells, LIVE_CELLS_MAX);
	for (size_t i = 0; i < view->n_live; i++) {
		cells[i].text.ptr = arena_strndup(r->arena, cells[i].text.ptr, cells[i].text.len);
		cells[i].thinking.ptr = arena_strndup(r->arena, cells[i].thinking.ptr, cells[i].thinking.len);
	}
	view->live = cells;
}

static enum run_filter read_filter(struct request *r, struct err *err)
{
	static const char *const names[] = { "all", "differ", "unrated", "failed" };
	const char *text = request_query(r, "filter");
	for (int i = 0; text && i < 4; i++)
		if (!strcmp(text, names[i]))
			return (enum run_filter)i;
	if (text && err->code == ERR_OK)
		err_set(err, ERR_INVALID, "err_field_choice", "field=filter|choices=all, differ, unrated, failed");
	return RUN_ALL;
}

void api_get_run_page(struct request *r)
{
	struct err err = { 0 };
	struct run_page *page = r->state = arena_alloc(r->arena, sizeof *page);
	page->view.lang = r->lang;
	page->view.offset = request_query_int(r, "offset", 0, INT64_MAX, 0, &err);
	page->limit = request_query_int(r, "limit", 1, 1000, 100, &err);
	page->filter = read_filter(r, &err);
	page->by_conversation = request_by_conversation(r, &err);
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	take_snapshot(r, &page->view);
	request_defer(r, LANE_READ, read_page, NULL);
}
