/* SPDX-License-Identifier: Apache-2.0
 *
 * api_rating - what people may do who were invited by a link: come in with a name, see the questions of that one run with answers
 * in an order of their own, say which they like.  Nothing here tells a model, a setting or another's opinion. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "server/audit.h"
#include "server/json_view.h"
#include "server/panel_view.h"
#include "server/routes.h"
#include "store/audit_store.h"
#include "store/run_store.h"

void panel_order(const char *salt, int64_t root, size_t n, size_t *order)
{
	uint8_t keys[LIMIT_COLUMNS][HASH_SIZE];
	char text[HASH_HEX_SIZE + 48];
	for (size_t i = 0; i < n && i < LIMIT_COLUMNS; i++) {
		(void)str_format(text, sizeof text, "%s:%lld:%zu", salt, (long long)root, i);
		hash_bytes(text, strlen(text), keys[i]);
		size_t at = i;
		for (; at > 0 && memcmp(keys[order[at - 1]], keys[i], HASH_SIZE) > 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

/* --- coming in --- */

struct joining {
	struct rater_row rater;
	struct panel_row panel;
	char code_hash[HASH_HEX_SIZE], cookie[HALF_SIZE], key[HALF_SIZE];
	bool is_crowded;            /* all places for sessions are taken: */
	struct session_row *open;   /* those of panels that are still open */
	size_t n_open;
};

static void find_panel(struct request *r, struct db *db)
{
	struct joining *in = r->state;
	struct err *err = request_err(r);
	if (panel_store_find(db, r->arena, PANEL_RATE, in->code_hash, clock_wall_ms(), &in->panel, err) == ERR_OK && in->is_crowded)
		err_kept(rater_store_sessions(db, r->arena, clock_wall_ms(), &in->open, &in->n_open, err));
}

static void store_rater(struct request *r, struct db *db)
{
	struct joining *in = r->state;
	struct err *err = request_err(r);
	struct audit_row row = { .who = "rater", .what = "join_panel", .source = r->from };
	if (panel_store_find(db, r->arena, PANEL_RATE, in->code_hash, clock_wall_ms(), &in->panel, err) != ERR_OK ||
	    rater_store_add(db, &in->panel, &in->rater, err) != ERR_OK)
		return;
	in->rater.session.expires_ms = in->panel.expires_ms;
	row.subject = arena_printf(r->arena, "%lld, %s", (long long)in->panel.id, in->rater.name);
	err_kept(audit_add(db, &row, err));
}

static void rater_stored(struct request *r)
{
	struct joining *in = r->state;
	int64_t now = clock_wall_ms();
	sessions_remove(r->app->raters, in->rater.id); /* who came again has another one now */
	sessions_add(r->app->raters, &in->rater.session, now, NULL);
	r->cookie = arena_printf(r->arena, "%s%lld=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict", r->app->rater_cookies,
				 (long long)in->panel.id, in->cookie, (long long)(in->panel.expires_ms - now) / 1000);
	panel_changed(r, in->panel.run_id);
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "key", in->key);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

/* Sessions of panels that were closed stay until their place is needed: their raters are told what happened. */
static void panel_found(struct request *r)
{
	const struct joining *in = r->state;
	struct err err = { 0 };
	if (in->is_crowded)
		sessions_keep(r->app->raters, in->open, in->n_open);
	if (!sessions_have_room(r->app->raters, clock_wall_ms())) {
		err_set(&err, ERR_BUSY, "err_raters_limit", NULL);
		request_fail(r, &err);
		return;
	}
	request_defer(r, LANE_WRITE, store_rater, rater_stored);
}

void api_join_panel(struct request *r)
{
	struct err err = { 0 };
	struct joining *in = r->state = arena_alloc(r->arena, sizeof *in);
	const char *code = body_text(r->json, "code", 0, 64, NULL, &err);
	in->rater.name = body_text(r->json, "name", 1, LIMIT_NAME_BYTES, NULL, &err);
	const char *nonce = body_text(r->json, "nonce", 0, 64, "", &err);
	if (err.code == ERR_OK && (!code || !in->rater.name))
		err_set(&err, ERR_INVALID, "err_field_needed", "field=%s", code ? "name" : "code");
	if (err.code != ERR_OK) {
		request_fail(r, &err);
		return;
	}
	/* 128 bits cannot be guessed: slowing everybody down would only keep those out who have the right one.  Who has not does not
	 * get as far as the writer's thread, on which votes wait. */
	hash_bytes_hex(code, strlen(code), in->code_hash);
	if (*nonce)
		hash_bytes_hex(nonce, strlen(nonce), in->rater.nonce_hash);
	in->is_crowded = !sessions_have_room(r->app->raters, clock_wall_ms());
	sessions_make(clock_wall_ms(), &in->rater.session, in->cookie, in->key);
	random_hex(in->rater.salt, (HALF_SIZE - 1) / 2);
	request_defer(r, LANE_READ, find_panel, panel_found);
}

/* --- one question --- */

struct rating {
	struct rater_row rater;
	struct panel_row panel;
	struct run_question *question;
	bool is_rated;
	bool liked[LIMIT_COLUMNS]; /* by position of the column, as all below */
	int64_t column_likes[LIMIT_COLUMNS];
	size_t order[LIMIT_COLUMNS];
	const json_t *slots; /* that the rater likes */
};

/* Who asks, while the panel is open. */
static bool find_rater(struct request *r, struct db *db, struct rating *s)
{
	struct err *err = request_err(r);
	if (rater_store_get(db, r->arena, r->session, &s->rater, err) != ERR_OK ||
	    panel_store_get(db, r->arena, s->rater.panel_id, &s->panel, err) != ERR_OK)
		return false;
	if (!panel_is_open(&s->panel, clock_wall_ms()))
		err_set(err, ERR_DENIED, "err_panel_closed", NULL);
	return err->code == ERR_OK;
}

/* The question of that number, of the rater's own panel: there is no way to name another. */
static bool find_question(struct request *r, struct db *db, struct rating *s)
{
	struct err *err = request_err(r);
	int64_t total;
	size_t n = 0;
	if (!find_rater(r, db, s) || run_store_read_page(db, r->arena, s->panel.run_id, RUN_ALL, r->id - 1, 1, &s->question, &n, &total,
							 err) != ERR_OK)
		return false;
	if (!n) {
		err_set(err, ERR_NOT_FOUND, "err_rating_question", "id=%lld", (long long)r->id);
		return false;
	}
	const struct run_question *q = s->question;
	panel_order(s->rater.salt, q->q.turn ? q->earlier[0].position : q->position, q->n_cells, s->order);
	return rater_store_said(db, s->rater.id, q->id, &s->is_rated, s->liked, q->n_cells, err) == ERR_OK;
}

static void view_answers(struct buf *b, const struct rating *s)
{
	json_open(b, "answers", '[');
	for (size_t slot = 0; slot < s->question->n_cells; slot++) {
		const struct cell_row *cell = &s->question->cells[s->order[slot]];
		if (cell->state != CELL_DONE)
			continue;
		json_open(b, NULL, '{');
		json_int(b, "slot", (int64_t)slot);
		json_cstr(b, "text", cell->text);
		json_flag(b, "liked", s->liked[s->order[slot]]);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void view_rating_question(struct request *r, struct db *db)
{
	struct rating *s = r->state;
	if (!find_question(r, db, s))
		return;
	const struct run_question *q = s->question;
	json_open(&r->out, NULL, '{');
	json_int(&r->out, "number", r->id);
	json_open(&r->out, "earlier", '[');
	for (int64_t i = 0; i < q->q.turn; i++)
		json_str(&r->out, NULL, q->earlier[i].text);
	json_close(&r->out, ']');
	json_str(&r->out, "text", q->q.text);
	json_flag(&r->out, "rated", s->is_rated);
	view_answers(&r->out, s);
	json_close(&r->out, '}');
}

void api_get_rating_question(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct rating));
	request_defer(r, LANE_READ, view_rating_question, NULL);
}

static void view_rating(struct request *r, struct db *db)
{
	struct rating *s = r->state;
	if (!find_rater(r, db, s))
		return;
	json_open(&r->out, NULL, '{');
	json_cstr(&r->out, "title", s->panel.title);
	json_cstr(&r->out, "name", s->rater.name);
	json_int(&r->out, "expires_ms", s->panel.expires_ms);
	json_int(&r->out, "n_questions", s->panel.n_questions);
	json_int(&r->out, "n_rated", s->rater.n_rated);
	json_close(&r->out, '}');
}

void api_get_rating(struct request *r)
{
	r->state = arena_alloc(r->arena, sizeof(struct rating));
	request_defer(r, LANE_READ, view_rating, NULL);
}

/* --- an opinion --- */

static bool read_slots(struct request *r, struct rating *s)
{
	struct err *err = request_err(r);
	memset(s->liked, 0, sizeof s->liked);
	for (size_t i = 0; i < json_array_size(s->slots); i++) {
		json_int_t slot = json_integer_value(json_array_get(s->slots, i));
		if (slot < 0 || (size_t)slot >= s->question->n_cells) {
			err_set(err, ERR_INVALID, "err_rating_slot", "field=likes|slot=%lld", (long long)slot);
			return false;
		}
		s->liked[s->order[slot]] = true;
	}
	return true;
}

/* What the rater has seen is what the reader finds: texts stay off the thread on which everybody's votes wait. */
static void read_rating(struct request *r, struct db *db)
{
	struct rating *s = r->state;
	if (find_question(r, db, s))
		(void)read_slots(r, s);
}

static void store_rating(struct request *r, struct db *db)
{
	struct rating *s = r->state;
	struct err *err = request_err(r);
	if (find_rater(r, db, s) && vote_store_rate(db, s->question, s->rater.id, s->liked, s->column_likes, err) == ERR_OK)
		err_kept(rater_store_get(db, r->arena, s->rater.id, &s->rater, err));
}

/* The owner's tables follow.  Called after the commit: what is acknowledged is on the disk. */
static void rating_stored(struct request *r)
{
	struct rating *s = r->state;
	for (size_t i = 0; i < s->question->n_cells; i++)
		if (s->column_likes[i] >= 0)
			vote_publish(r->app, &s->question->cells[i], s->column_likes[i]);
	panel_changed(r, s->panel.run_id);
	json_open(&r->out, NULL, '{');
	json_int(&r->out, "n_rated", s->rater.n_rated);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

static void rating_read(struct request *r)
{
	request_defer(r, LANE_WRITE, store_rating, rating_stored);
}

void api_rate_question(struct request *r)
{
	struct err err = { 0 };
	struct rating *s = r->state = arena_alloc(r->arena, sizeof *s);
	s->slots = json_object_get(r->json, "likes");
	bool is_list = json_is_array(s->slots) && json_array_size(s->slots) <= LIMIT_COLUMNS;
	for (size_t i = 0; is_list && i < json_array_size(s->slots); i++)
		is_list = json_is_integer(json_array_get(s->slots, i));
	if (!is_list) {
		err_set(&err, ERR_INVALID, "err_rating_likes", "field=likes");
		request_fail(r, &err);
		return;
	}
	request_defer(r, LANE_READ, read_rating, rating_read);
}
