/* SPDX-License-Identifier: Apache-2.0
 *
 * api_standing - how the columns of a run stand by their votes: what Create chooses from. */
#include <math.h>

#include "deploy/standing.h"
#include "server/json_view.h"
#include "server/model_name.h"
#include "server/routes.h"

static void view_columns(struct buf *b, const struct standing *s)
{
	json_open(b, "columns", '[');
	for (size_t i = 0; i < s->n_columns; i++) {
		const struct standing_column *c = &s->columns[i];
		json_open(b, NULL, '{');
		json_int(b, "column_id", c->column->id);
		json_int(b, "model_id", c->column->model_id);
		json_cstr(b, "label", c->column->label);
		json_num(b, "epoch", c->column->epoch);
		json_int(b, "n_likes", c->column->n_likes);
		json_int(b, "n_rated", c->column->n_rated);
		json_int(b, "n_wins", c->n_wins);
		json_int(b, "n_losses", c->n_losses);
		json_num(b, "win_rate", c->win_rate);
		json_num(b, "low", c->low);
		json_num(b, "high", c->high);
		json_close(b, '}');
	}
	json_close(b, ']');
}

/* Epochs of the same families that are no column. */
static void view_unvalidated(struct buf *b, struct arena *a, const struct standing *s, const struct model_list *list)
{
	json_open(b, "unvalidated", '[');
	for (size_t i = 0; i < list->n_models; i++) {
		const struct model_row *m = &list->models[i];
		if (!standing_misses(s, list, m))
			continue;
		json_open(b, NULL, '{');
		json_int(b, "model_id", m->id);
		json_cstr(b, "label", model_column_name(a, list, m));
		json_num(b, "epoch", m->model.epoch);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void view_standing(struct request *r, struct db *db)
{
	struct err *err = request_err(r);
	struct standing s;
	struct model_list list;
	if (standing_read(db, r->arena, r->id, &s, err) != ERR_OK || model_store_list(db, r->arena, &list, err) != ERR_OK)
		return;
	json_open(&r->out, NULL, '{');
	if (s.opponent)
		json_cstr(&r->out, "opponent", s.opponent->label);
	else
		json_raw(&r->out, "opponent", "null");
	json_int(&r->out, "n_raters", s.n_raters);
	json_id(&r->out, "recommended_column_id", s.recommended ? s.recommended->column->id : 0);
	view_columns(&r->out, &s);
	view_unvalidated(&r->out, r->arena, &s, &list);
	json_close(&r->out, '}');
}

void api_get_standing(struct request *r)
{
	request_defer(r, LANE_READ, view_standing, NULL);
}
