/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/standing.h"

#include <math.h>

#include "metric/interval.h"

static void count(void *user, const bool *answered, const int64_t *likes)
{
	struct standing *s = user;
	int64_t base = s->opponent ? s->opponent->position : -1;

	for (size_t i = 0; base >= 0 && answered[base] && i < s->n_columns; i++) {
		if (!answered[i])
			continue;
		s->columns[i].n_wins += likes[i] > likes[base];
		s->columns[i].n_losses += likes[i] < likes[base];
	}
}

/* Whose base the others are of, or else the only one with full weights. */
static const struct column_row *find_opponent(const struct standing *s, const struct model_row *models)
{
	const struct column_row *found = NULL;

	for (size_t i = 0; i < s->n_columns; i++) {
		if (!s->columns[i].is_base)
			continue;
		bool is_theirs = false;
		for (size_t k = 0; k < s->n_columns; k++)
			is_theirs |= models[k].base_model_id == models[i].id;
		if (is_theirs)
			return s->columns[i].column;
		if (!found)
			found = s->columns[i].column;
	}
	return found;
}

static bool is_better(const struct standing_column *a, const struct standing_column *b)
{
	if (a->column->n_likes != b->column->n_likes)
		return a->column->n_likes > b->column->n_likes;
	/* The earlier one; a base model has no epoch and comes first. */
	double ea = isnan(a->column->epoch) ? 0 : a->column->epoch, eb = isnan(b->column->epoch) ? 0 : b->column->epoch;
	return ea < eb;
}

enum err_code standing_read(struct db *db, struct arena *a, int64_t run_id, struct standing *out, struct err *err)
{
	struct run_row run;
	struct column_row *columns;
	struct model_row *models;
	struct err gone;

	*out = (struct standing){ 0 };
	if (run_store_get(db, a, run_id, &run, &columns, &out->n_columns, err) != ERR_OK)
		return err->code;
	out->n_raters = run.n_raters;
	out->columns = arena_array(a, out->n_columns + 1, sizeof *out->columns);
	models = arena_array(a, out->n_columns + 1, sizeof *models);
	for (size_t i = 0; i < out->n_columns; i++) {
		out->columns[i] = (struct standing_column){ .column = &columns[i], .win_rate = NAN, .low = NAN, .high = NAN };
		if (model_store_get(db, a, columns[i].model_id, &models[i], &gone) == ERR_OK)
			out->columns[i].is_base = models[i].model.kind == MODEL_BASE;
	}
	out->opponent = find_opponent(out, models);
	if (vote_store_each(db, run_id, count, out, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < out->n_columns; i++) {
		struct standing_column *c = &out->columns[i];
		int64_t n = c->n_wins + c->n_losses;
		if (n > 0) {
			c->win_rate = (double)c->n_wins / (double)n;
			struct interval wilson = interval_wilson((double)c->n_wins, (double)n, .95);
			c->low = wilson.low;
			c->high = wilson.high;
		}
		if (c->column->n_likes > 0 && (!out->recommended || is_better(c, out->recommended)))
			out->recommended = c;
	}
	return ERR_OK;
}

bool standing_misses(const struct standing *s, const struct model_list *list, const struct model_row *model)
{
	bool same_family = false;

	if (!model->family_id)
		return false;
	for (size_t i = 0; i < s->n_columns; i++) {
		int64_t id = s->columns[i].column->model_id;
		if (id == model->id)
			return false;
		for (size_t k = 0; k < list->n_models; k++)
			same_family |= list->models[k].id == id && list->models[k].family_id == model->family_id;
	}
	return same_family;
}
