/* SPDX-License-Identifier: Apache-2.0
 *
 * api_panels - the owner invites people to rate a run, or to see its results: links, who came by them, how far they are. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "server/audit.h"
#include "server/json_view.h"
#include "server/live.h"
#include "server/panel_view.h"
#include "server/routes.h"
#include "store/run_store.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)
#define DAYS 7
#define RATERS 20

void panel_changed(struct request *r, int64_t run_id)
{
	app_publish(r->app, "panels", arena_printf(r->arena, "{\"run_id\":%lld}", (long long)run_id));
	live_touch_run(r->app->live, run_id); /* how many they are */
}

static const char *state_of(const struct panel_row *panel, int64_t wall_ms)
{
	return panel->closed_ms ? "closed" : panel_is_open(panel, wall_ms) ? "open" : "expired";
}

static void view_rater(struct buf *b, const struct rater_row *rater)
{
	json_open(b, NULL, '{');
	json_int(b, "id", rater->id);
	json_cstr(b, "name", rater->name);
	json_int(b, "joined_ms", rater->created_ms);
	json_int(b, "n_rated", rater->n_rated);
	json_int(b, "n_likes", rater->n_likes);
	json_close(b, '}');
}

/* `link` NULL: what was shown once is not shown again. */
static void view_panel(struct request *r, struct db *db, const struct panel_row *panel, const char *link)
{
	struct buf *b = &r->out;
	struct rater_row *raters;
	size_t n;
	if (rater_store_list(db, r->arena, panel->id, &raters, &n, request_err(r)) != ERR_OK)
		return;
	json_open(b, NULL, '{');
	json_int(b, "id", panel->id);
	json_int(b, "run_id", panel->run_id);
	json_cstr(b, "run_name", panel->run_name);
	json_cstr(b, "kind", panel_kind_name(panel->kind));
	json_cstr(b, "title", panel->title);
	json_cstr(b, "state", state_of(panel, clock_wall_ms()));
	json_int(b, "created_ms", panel->created_ms);
	json_int(b, "expires_ms", panel->expires_ms);
	json_int(b, "max_raters", panel->max_raters);
	json_int(b, "n_questions", panel->n_questions);
	json_int(b, "n_viewers", panel->n_viewers);
	json_flag(b, "is_lan", r->app->lan.url[0] != 0);
	if (link)
		json_cstr(b, "link", link);
	json_open(b, "raters", '[');
	for (size_t i = 0; i < n; i++)
		view_rater(b, &raters[i]);
	json_close(b, ']');
	json_close(b, '}');
}

static void view_panels(struct request *r, struct db *db, const struct panel_row *panels, size_t n)
{
	json_open(&r->out, NULL, '{');
	json_open(&r->out, "panels", '[');
	for (size_t i = 0; i < n; i++)
		view_panel(r, db, &panels[i], NULL);
	json_close(&r->out, ']');
	json_close(&r->out, '}');
}

static void list_panels(struct request *r, struct db *db)
{
	struct panel_row *panels;
	size_t n;
	if (panel_store_list(db, r->arena, r->id, &panels, &n, request_err(r)) == ERR_OK)
		view_panels(r, db, panels, n);
}

void api_list_panels(struct request *r)
{
	request_defer(r, LANE_READ, list_panels, NULL);
}

static void search_panels(struct request *r, struct db *db)
{
	struct panel_row *panels;
	size_t n;
	if (panel_store_search(db, r->arena, r->state, &panels, &n, request_err(r)) == ERR_OK)
		view_panels(r, db, panels, n);
}

void api_list_all_panels(struct request *r)
{
	struct err err = { 0 };
	struct panel_search *search = r->state = arena_alloc(r->arena, sizeof *search);
	const char *state = request_query(r, "state");
	search->is_open = state ? !strcmp(state, "open") : -1;
	search->wall_ms = clock_wall_ms();
	search->before_id = request_query_int(r, "before", 0, INT64_MAX, 0, &err);
	search->limit = request_query_int(r, "limit", 1, 1000, 100, &err);
	if (err.code == ERR_OK && state && !search->is_open && strcmp(state, "ended") != 0)
		err_set(&err, ERR_INVALID, "err_field_choice", "field=state|choices=open, ended");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, search_panels, NULL);
}

/* --- links --- */

struct invitation {
	struct panel_row panel;
	char code[CODE_SIZE];
};

static void make_code(struct invitation *in)
{
	random_hex(in->code, (CODE_SIZE - 1) / 2);
	hash_bytes_hex(in->code, CODE_SIZE - 1, in->panel.code_hash);
}

/* In the fragment, which no server and no log ever sees. */
static const char *link_of(struct request *r, const struct invitation *in)
{
	const char *url = r->app->lan.url[0] ? r->app->lan.url : r->app->url;
	return *url ? arena_printf(r->arena, "%s/%s/%lld#p=%s", url, panel_kind_name(in->panel.kind), (long long)in->panel.id, in->code) : "";
}

/* "add_panel", or "add_share" of one to see by. */
static const char *audited(struct request *r, const char *verb, const struct panel_row *panel)
{
	return arena_printf(r->arena, "%s_%s", verb, panel->kind == PANEL_VIEW ? "share" : "panel");
}

/* What is being answered cannot be rated yet, and a list of nothing never.  Seeing it is possible at any time. */
static bool check_run(struct request *r, struct db *db, enum panel_kind kind)
{
	struct err *err = request_err(r);
	struct run_row run;
	struct column_row *columns;
	struct panel_row *panels;
	size_t n, n_panels, n_open = 0;
	if (run_store_get(db, r->arena, r->id, &run, &columns, &n, err) != ERR_OK ||
	    panel_store_list(db, r->arena, r->id, &panels, &n_panels, err) != ERR_OK)
		return false;
	for (size_t i = 0; i < n_panels; i++)
		n_open += panel_is_open(&panels[i], clock_wall_ms());
	if (kind == PANEL_RATE && (run.state == RUN_RUNNING || run.state == RUN_WAITING))
		err_set(err, ERR_CONFLICT, "err_panel_running", NULL);
	else if (kind == PANEL_RATE && !run.n_done)
		err_set(err, ERR_CONFLICT, "err_panel_no_answer", NULL);
	else if (n_open >= LIMIT_PANELS)
		err_set(err, ERR_CONFLICT, "err_panels_limit", "limit=%d", LIMIT_PANELS);
	return err->code == ERR_OK;
}

static void store_panel(struct request *r, struct db *db)
{
	struct invitation *in = r->state;
	struct err *err = request_err(r);
	if (!check_run(r, db, in->panel.kind) || panel_store_add(db, &in->panel, err) != ERR_OK ||
	    panel_store_get(db, r->arena, in->panel.id, &in->panel, err) != ERR_OK)
		return;
	audit_note(r, db, audited(r, "add", &in->panel), arena_printf(r->arena, "%lld%s%s", (long long)in->panel.id, *in->panel.title ? ", " : "", in->panel.title));
	view_panel(r, db, &in->panel, link_of(r, in));
}

static void panel_stored(struct request *r)
{
	struct invitation *in = r->state;
	panel_changed(r, in->panel.run_id);
	request_reply(r, 200);
}

static enum panel_kind read_kind(const json_t *body, struct err *err)
{
	const char *text = body_text(body, "kind", 0, LIMIT_NAME_BYTES, "rate", err);
	if (err->code == ERR_OK && strcmp(text, "view") != 0 && strcmp(text, "rate") != 0)
		err_set(err, ERR_INVALID, "err_panel_kind", "field=kind|found=%s", text);
	return err->code == ERR_OK && !strcmp(text, "view") ? PANEL_VIEW : PANEL_RATE;
}

void api_add_panel(struct request *r)
{
	struct err err = { 0 };
	struct invitation *in = r->state = arena_alloc(r->arena, sizeof *in);
	in->panel.run_id = r->id;
	in->panel.kind = read_kind(r->json, &err);
	in->panel.title = body_text(r->json, "title", 0, LIMIT_NAME_BYTES, "", &err);
	in->panel.max_raters = json_get_int(r->json, "max_raters", 1, LIMIT_RATERS, RATERS, &err);
	in->panel.expires_ms = clock_wall_ms() + json_get_int(r->json, "days", 1, LIMIT_RATING_DAYS, DAYS, &err) * DAY_MS;
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	make_code(in);
	request_defer(r, LANE_WRITE, store_panel, panel_stored);
}

static void renew_panel(struct request *r, struct db *db)
{
	struct invitation *in = r->state;
	struct err *err = request_err(r);
	if (panel_store_get(db, r->arena, r->id, &in->panel, err) != ERR_OK)
		return;
	if (!panel_is_open(&in->panel, clock_wall_ms())) {
		err_set(err, ERR_CONFLICT, "err_panel_closed", NULL);
		return;
	}
	make_code(in);
	if (panel_store_set_code(db, r->id, in->panel.code_hash, err) != ERR_OK)
		return;
	audit_note(r, db, audited(r, "renew", &in->panel), NULL);
	view_panel(r, db, &in->panel, link_of(r, in));
}

void api_renew_panel(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct invitation));
	request_defer(r, LANE_WRITE, renew_panel, panel_stored);
}

static void close_panel(struct request *r, struct db *db)
{
	struct invitation *in = r->state;
	struct err *err = request_err(r);
	if (panel_store_close(db, r->id, err) != ERR_OK || panel_store_get(db, r->arena, r->id, &in->panel, err) != ERR_OK)
		return;
	audit_note(r, db, audited(r, "close", &in->panel), NULL);
	view_panel(r, db, &in->panel, NULL);
}

void api_close_panel(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct invitation));
	request_defer(r, LANE_WRITE, close_panel, panel_stored);
}

/* --- raters --- */

static void remove_rater(struct request *r, struct db *db)
{
	struct panel_row *panel = r->state;
	struct err *err = request_err(r);
	struct rater_row rater;
	if (rater_store_get(db, r->arena, r->id, &rater, err) == ERR_OK &&
	    panel_store_get(db, r->arena, rater.panel_id, panel, err) == ERR_OK && rater_store_remove(db, r->id, err) == ERR_OK)
		audit_note(r, db, "remove_rater", arena_printf(r->arena, "%lld, %s", (long long)r->id, rater.name));
}

static void rater_removed(struct request *r)
{
	const struct panel_row *panel = r->state;
	panel_changed(r, panel->run_id);
	request_reply(r, 204);
}

void api_remove_rater(struct request *r)
{
	sessions_remove(r->app->raters, r->id); /* at once, whatever the store says */
	r->state = arena_alloc(r->arena, sizeof(struct panel_row));
	request_defer(r, LANE_WRITE, remove_rater, rater_removed);
}
