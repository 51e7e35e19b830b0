/* SPDX-License-Identifier: Apache-2.0
 *
 * api_cells - one answer: read it, vote on it, see the prompt it got; and the prompt that a question would get. */
#include "base/json.h"
#include "base/limits.h"
#include "server/json_view.h"
#include "server/live.h"
#include "server/panel_view.h"
#include "server/routes.h"
#include "server/run_body.h"
#include "store/gen_params.h"
#include "store/template_store.h"

#define OWNER_RATER 1

static void read_cell(struct request *r, struct db *db)
{
	struct cell_row *cell = r->state = arena_alloc(r->arena, sizeof *cell);
	err_kept(cell_store_get(db, r->arena, r->id, cell, request_err(r)));
}

static void reply_cell(struct request *r)
{
	view_cell(&r->out, r->lang, r->state, NULL);
	request_reply(r, 200);
}

void api_get_cell(struct request *r)
{
	request_defer(r, LANE_READ, read_cell, reply_cell);
}

/* --- votes --- */

struct vote {
	struct cell_row cell; /* as it is afterwards */
	int64_t column_likes;
};

static void store_vote(struct request *r, struct db *db)
{
	struct vote *vote = r->state;
	struct err *err = request_err(r);
	bool liked = vote->cell.is_liked;
	if (cell_store_get(db, r->arena, r->id, &vote->cell, err) == ERR_OK)
		err_kept(vote_store_set(db, r->id, OWNER_RATER, liked, &vote->cell.n_likes, &vote->column_likes, err));
	vote->cell.is_liked = liked;
}

static void view_vote(struct buf *out, const struct cell_row *cell, int64_t column_likes, bool with_run)
{
	json_open(out, NULL, '{');
	if (with_run)
		json_int(out, "run_id", cell->run_id);
	json_int(out, "cell_id", cell->id);
	json_flag(out, "liked", cell->is_liked);
	json_int(out, "likes", cell->n_likes);
	json_int(out, "column_id", cell->column_id);
	json_int(out, "column_likes", column_likes);
	json_close(out, '}');
}

void vote_publish(struct app *app, const struct cell_row *cell, int64_t column_likes)
{
	struct buf event = BUF_INIT(KIB);
	view_vote(&event, cell, column_likes, true);
	app_publish(app, "vote", buf_text(&event));
	buf_release(&event);
}

/* Called after the commit: an acknowledged vote is on the disk. */
static void vote_stored(struct request *r)
{
	const struct vote *vote = r->state;
	vote_publish(r->app, &vote->cell, vote->column_likes);
	live_touch_run(r->app->live, vote->cell.run_id); /* how many have rated */
	view_vote(&r->out, &vote->cell, vote->column_likes, false);
	request_reply(r, 200);
}

void api_vote(struct request *r)
{
	struct err err = { 0 };
	struct vote *vote = r->state = arena_alloc(r->arena, sizeof *vote);
	vote->cell.is_liked = json_get_bool(r->json, "liked", false, &err);
	if (err.code == ERR_OK && !json_is_boolean(json_object_get(r->json, "liked")))
		err_set(&err, ERR_INVALID, "err_field_needed", "field=liked");
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_WRITE, store_vote, vote_stored);
}

/* --- the prompt --- */

static void prompt_ready(void *user, struct str prompt, int64_t n_tokens, const struct err *err)
{
	struct request *r = user;
	if (err && err->code != ERR_OK) {
		request_fail(r, err);
		return;
	}
	json_open(&r->out, NULL, '{');
	json_str(&r->out, "prompt", prompt);
	json_int(&r->out, "n_tokens", n_tokens);
	view_gen_params(&r->out, r->state);
	json_close(&r->out, '}');
	request_reply(r, 200);
}

/* The settings that the cell's column is asked with. */
static void read_params(struct request *r, struct db *db)
{
	struct gen_params *params = r->state = arena_alloc(r->arena, sizeof *params);
	struct err *err = request_err(r);
	struct cell_row cell;
	struct run_row run;
	struct column_row *columns;
	size_t n;
	if (cell_store_get(db, r->arena, r->id, &cell, err) != ERR_OK ||
	    run_store_get(db, r->arena, cell.run_id, &run, &columns, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		if (columns[i].id == cell.column_id)
			*params = columns[i].params;
}

static void cell_known(struct request *r)
{
	engine_prompt(r->app->engine, r->id, prompt_ready, r);
}

void api_get_prompt(struct request *r)
{
	request_defer(r, LANE_READ, read_params, cell_known);
}

/* --- the prompt that a model would get --- */

static void fill_params(struct request *r, struct db *db)
{
	unsigned given = gen_params_named(json_object_get(r->json, "params"));
	err_kept(template_store_fill(db, r->arena, r->id, PARAM_ALL & ~given, r->state, request_err(r)));
}

static void params_known(struct request *r)
{
	const json_t *question = json_object_get(r->json, "question");
	struct str text = { json_string_value(question), json_string_length(question) };
	engine_prompt_of(r->app->engine, r->id, r->state, text, prompt_ready, r);
}

void api_preview_prompt(struct request *r)
{
	struct err err = { 0 };
	struct gen_params *params = r->state = arena_alloc(r->arena, sizeof *params);
	*params = gen_params_default();
	if (!body_text(r->json, "question", 1, LIMIT_QUESTION_BYTES, NULL, &err) && err.code == ERR_OK)
		err_set(&err, ERR_INVALID, "err_field_needed", "field=question");
	params_body_read(json_get_object(r->json, "params", &err), r->arena, params, "params.", &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, fill_params, params_known);
}
