/* SPDX-License-Identifier: Apache-2.0
 *
 * api_viewing - what a browser sees that opened a share link: the results of that one run, and nothing else.  What is told stands here
 * field by field, so that nothing new of a run is told by itself: no problem (its sentence may name a file or an address), no hash, no
 * device, nobody who rated. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "deploy/standing.h"
#include "server/json_view.h"
#include "server/panel_view.h"
#include "server/routes.h"
#include "store/audit_store.h"
#include "store/question_store.h"
#include "store/viewer_store.h"

#define PAGE 20
#define PAGE_MAX 100

/* --- opening the link --- */

struct opening {
	struct panel_row panel;
	struct session_row session;
	char code_hash[HASH_HEX_SIZE], cookie[HALF_SIZE], key[HALF_SIZE];
	int64_t dropped; /* the viewer that made room */
};

static void find_panel(struct request *r, struct db *db)
{
	struct opening *in = r->state;
	err_kept(panel_store_find(db, r->arena, PANEL_VIEW, in->code_hash, clock_wall_ms(), &in->panel, request_err(r)));
}

static void store_viewer(struct request *r, struct db *db)
{
	struct opening *in = r->state;
	struct err *err = request_err(r);
	struct audit_row row = { .who = "viewer", .what = "open_share", .source = r->from };
	if (panel_store_find(db, r->arena, PANEL_VIEW, in->code_hash, clock_wall_ms(), &in->panel, err) != ERR_OK ||
	    viewer_store_add(db, in->panel.id, &in->session, &in->dropped, err) != ERR_OK)
		return;
	in->session.expires_ms = in->panel.expires_ms;
	row.subject = arena_printf(r->arena, "%lld", (long long)in->panel.id);
	err_kept(audit_add(db, &row, err));
}

static void viewer_stored(struct request *r)
{
	const struct opening *in = r->state;
	int64_t now = clock_wall_ms();
	sessions_remove(r->app->viewers, in->dropped);
	sessions_add(r->app->viewers, &in->session, now, NULL);
	r->cookie = arena_printf(r->arena, "%s%lld=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict", r->app->viewer_cookies,
				 (long long)in->panel.id, in->cookie, (long long)(in->panel.expires_ms - now) / 1000);
	panel_changed(r, in->panel.run_id);
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "key", in->key);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

/* Who has not the right code does not get as far as the writer's thread, on which votes wait. */
static void panel_found(struct request *r)
{
	request_defer(r, LANE_WRITE, store_viewer, viewer_stored);
}

void api_open_viewing(struct request *r)
{
	struct err err = { 0 };
	struct opening *in = r->state = arena_alloc(r->arena, sizeof *in);
	const char *code = body_text(r->json, "code", 0, 64, NULL, &err);
	if (err.code == ERR_OK && !code)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=code");
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	hash_bytes_hex(code, strlen(code), in->code_hash);
	sessions_make(clock_wall_ms(), &in->session, in->cookie, in->key);
	request_defer(r, LANE_READ, find_panel, panel_found);
}

/* --- the whole --- */

static void view_standing_column(struct buf *b, const struct standing_column *s)
{
	const struct column_row *c = s->column;
	struct gen_params params = c->params;
	json_open(b, NULL, '{');
	json_cstr(b, "label", c->label);
	json_num(b, "epoch", c->epoch);
	json_flag(b, "own_template", params.template && *params.template);
	params.template = "";
	view_gen_params(b, &params);
	json_int(b, "n_done", c->n_done);
	json_int(b, "n_failed", c->n_failed);
	json_int(b, "n_total", c->n_done + c->n_failed + c->n_cancelled + c->n_waiting);
	json_int(b, "likes", c->n_likes);
	json_int(b, "rated", c->n_rated);
	json_int(b, "n_wins", s->n_wins);
	json_int(b, "n_losses", s->n_losses);
	json_num(b, "win_rate", s->win_rate);
	json_num(b, "low", s->low);
	json_num(b, "high", s->high);
	json_close(b, '}');
}

static void view_results(struct buf *b, const struct panel_row *panel, const struct run_row *run, const char *set_name,
			 const struct standing *s)
{
	json_open(b, NULL, '{');
	json_cstr(b, "title", *panel->title ? panel->title : run->name);
	json_cstr(b, "question_set", set_name);
	json_int(b, "expires_ms", panel->expires_ms);
	json_int(b, "created_ms", run->created_ms);
	json_cstr(b, "state", run_state_name(run->state));
	json_cstr(b, "mode", run->is_fast ? "fast" : "exact");
	json_int(b, "seed", run->seed);
	json_int(b, "n_questions", run->n_questions);
	json_int(b, "n_cells", run->n_cells);
	json_int(b, "n_done", run->n_done);
	json_int(b, "n_failed", run->n_failed);
	json_int(b, "n_raters", run->n_raters);
	if (s->opponent)
		json_cstr(b, "opponent", s->opponent->label);
	else
		json_raw(b, "opponent", "null");
	json_open(b, "columns", '[');
	for (size_t i = 0; i < s->n_columns; i++)
		view_standing_column(b, &s->columns[i]);
	json_close(b, ']');
	json_close(b, '}');
}

static void read_results(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct panel_row panel;
	struct run_row run;
	struct column_row *columns;
	struct standing standing;
	const char *set_name;
	size_t n;
	if (viewer_store_panel(db, r->arena, r->session, clock_wall_ms(), &panel, err) == ERR_OK &&
	    run_store_get(db, r->arena, panel.run_id, &run, &columns, &n, err) == ERR_OK &&
	    question_set_name(db, r->arena, run.question_set_id, &set_name, err) == ERR_OK &&
	    standing_read(db, r->arena, panel.run_id, &standing, err) == ERR_OK)
		view_results(&r->out, &panel, &run, set_name, &standing);
}

void api_get_viewing(struct request *r)
{
	request_defer(r, LANE_READ, read_results, NULL);
}

/* --- question by question --- */

struct page {
	int64_t offset, limit, total;
	struct run_question *questions;
	size_t n;
};

static void view_answer(struct buf *b, const struct cell_row *cell)
{
	json_open(b, NULL, '{');
	json_cstr(b, "state", cell_state_name(cell->state));
	if (cell->state == CELL_DONE) {
		json_cstr(b, "text", cell->text);
		if (*cell->thinking)
			json_cstr(b, "thinking", cell->thinking);
		json_cstr(b, "finish", finish_name(cell->finish));
		json_int(b, "n_generated", cell->n_generated);
		json_int(b, "likes", cell->n_likes);
	}
	json_close(b, '}');
}

static void view_questions(struct buf *b, const struct page *page)
{
	json_open(b, NULL, '{');
	json_int(b, "total", page->total);
	json_int(b, "offset", page->offset);
	json_open(b, "questions", '[');
	for (size_t i = 0; i < page->n; i++) {
		const struct run_question *q = &page->questions[i];
		json_open(b, NULL, '{');
		json_int(b, "number", page->offset + (int64_t)i + 1);
		if (q->q.turn)
			json_int(b, "turn", q->q.turn + 1);
		json_str(b, "text", q->q.text);
		json_open(b, "answers", '[');
		for (size_t c = 0; c < q->n_cells; c++)
			view_answer(b, &q->cells[c]);
		json_close(b, ']');
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

/* Of the viewer's own panel: there is no way to name another run. */
static void read_questions(struct request *r, struct db *db)
{
	struct page *page = r->state;
	struct err *err = request_err(r);
	struct panel_row panel;
	if (viewer_store_panel(db, r->arena, r->session, clock_wall_ms(), &panel, err) == ERR_OK &&
	    run_store_read_page(db, r->arena, panel.run_id, RUN_ALL, page->offset, page->limit, &page->questions, &page->n,
				&page->total, err) == ERR_OK)
		view_questions(&r->out, page);
}

void api_list_viewing_questions(struct request *r)
{
	struct err err = { 0 };
	struct page *page = r->state = arena_alloc(r->arena, sizeof *page);
	page->offset = request_query_int(r, "offset", 0, INT64_MAX, 0, &err);
	page->limit = request_query_int(r, "limit", 1, PAGE_MAX, PAGE, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, read_questions, NULL);
}
