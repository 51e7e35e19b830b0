/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/group.h"

#include "base/limits.h"
#include "base/mem.h"
#include "worker/pace.h"

#define CELLS_MAX 4096
#define KV_TOKENS_MAX (1 << 24)
#define SHARED_MORE_MIN 32 /* tokens */

enum err_code group_settings(struct group *g, const struct loaded *m, const json_t *request, struct err *err)
{
	g->slots = (int)json_get_int(request, "slots", 1, LIMIT_SLOTS, 1, err);
	g->kv_tokens = (int)json_get_int(request, "kv_tokens", 256, KV_TOKENS_MAX, 4096, err);
	g->max_tokens = (int)json_get_int(request, "max_tokens", 1, LIMIT_MAX_TOKENS, 256, err);
	g->sampling.temperature = (float)json_get_number(request, "temperature", 0, 100, 0, err);
	g->sampling.top_p = (float)json_get_number(request, "top_p", 0, 1, 1, err);
	g->sampling.top_k = (int32_t)json_get_int(request, "top_k", 0, INT32_MAX, 0, err);
	g->sampling.min_p = (float)json_get_number(request, "min_p", 0, 1, 0, err);
	g->sampling.repeat_penalty = (float)json_get_number(request, "repeat_penalty", 0.01, 100, 1, err);
	int num_ctx = (int)json_get_int(request, "num_ctx", 0, LIMIT_NUM_CTX, 0, err);
	g->has_drafts = json_get_bool(request, "drafts", false, err) && !load_is_recurrent(m);
	g->guesses = (int)json_get_int(request, "guesses", 0, PACE_GUESSES_MAX, 0, err);
	g->n_ctx = num_ctx > 0 && (m->n_ctx_train <= 0 || num_ctx < m->n_ctx_train) ? num_ctx : m->n_ctx_train;
	return err->code;
}

static enum err_code read_cells(struct group *g, const json_t *cells, struct err *err)
{
	size_t n = json_array_size(cells), i;
	const json_t *item;
	if (n == 0 || n > CELLS_MAX)
		return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "cells");
	g->cells = mem_array(n, sizeof(*g->cells));
	json_array_foreach(cells, i, item) {
		if (!json_is_object(item) || !json_is_integer(json_object_get(item, "cell")))
			return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "cells");
		struct cell *c = &g->cells[g->n++];
		c->id = (uint64_t)json_integer_value(json_object_get(item, "cell"));
		c->question = json_integer_value(json_object_get(item, "question"));
		c->seed = cell_seed((uint64_t)json_integer_value(json_object_get(item, "seed")));
		answer_init(&c->answer, &g->ending.rules);
	}
	return ERR_OK;
}

/* The prompt's tokens, and how many more the cell may get. */
static enum err_code measure_cell(struct group *g, struct engine *e, struct cell *c, const json_t *item, struct err *err)
{
	const json_t *messages = json_object_get(item, "messages");
	struct loaded *m = e->model;
	if (column_prompt(g->column, m, e->stream, messages, &c->prompt, NULL, err) != ERR_OK)
		return err->code;
	if (c->prompt.n >= g->n_ctx)
		return err_set(err, ERR_LIMIT, g->n_ctx < m->n_ctx_train ? "err_prompt_num_ctx" : "err_prompt_tokens",
			       "tokens=%d|limit=%d", c->prompt.n, g->n_ctx);
	c->shared = column_shared(g->column, &c->prompt);
	if (c->shared < g->column->prefix.n && load_is_recurrent(m))
		c->shared = 0;
	int room = g->n_ctx - c->prompt.n;
	c->max_new = g->max_tokens < room ? g->max_tokens : room;
	int needed = g->column->prefix.n + c->prompt.n - c->shared + c->max_new;
	if (needed > g->kv_tokens) {
		c->max_new = 0;
		return err_set(err, ERR_LIMIT, "err_cell_too_long", "needed=%d|available=%d", needed, g->kv_tokens);
	}
	return ERR_OK;
}

/* A document or a system prompt that stands in every row of a file is no part of the column's prefix, which two made-up questions
 * taught: where all cells begin alike for longer, that is computed once for the group.  Short ones are left as they are: "What is" is
 * no document. */
static void share_more(struct group *g)
{
	const struct cell *first = NULL;
	size_t n_open = 0;
	int shared = 0;
	for (size_t i = 0; i < g->n; i++) {
		const struct cell *c = &g->cells[i];
		if (c->max_new <= 0)
			continue;
		if (!first) {
			first = c;
			shared = c->prompt.n - 1;
		}
		shared = tokens_common(&first->prompt, &c->prompt, shared);
		n_open++;
	}
	if (n_open < 2 || shared < g->column->prefix.n + SHARED_MORE_MIN)
		return;
	g->prefix = (struct tokens){ .ids = first->prompt.ids, .n = shared };
	g->is_prefix_of_column = false;
	for (size_t i = 0; i < g->n; i++)
		g->cells[i].shared = shared;
}

void group_fail_cell(struct group *g, struct engine *e, struct cell *c, const struct err *err)
{
	(void)g;
	if (c->done)
		return;
	c->done = true;
	c->max_new = 0;
	link_fail_cell(e->link, e->stream, c->id, err);
}

void group_fail_rest(struct group *g, struct engine *e, const struct err *err)
{
	for (size_t i = 0; i < g->n; i++)
		group_fail_cell(g, e, &g->cells[i], err);
}

static void plan_cells(struct group *g)
{
	int *own = mem_array(g->n, sizeof(*own));
	for (size_t i = 0; i < g->n; i++) {
		const struct cell *c = &g->cells[i];
		own[i] = c->max_new > 0 ? c->prompt.n - c->shared + c->max_new : 0;
	}
	g->plan = plan_group(own, g->n, g->prefix.n, g->slots, g->kv_tokens);
	mem_free(own);
}

enum err_code group_open(struct group *g, struct engine *e, const json_t *request, struct err *err)
{
	*g = (struct group){ 0 };
	const json_t *cells = json_object_get(request, "cells");
	int64_t adapter = json_get_int(request, "adapter", 0, INT32_MAX, 0, err);
	if (err->code != ERR_OK || group_settings(g, e->model, request, err) != ERR_OK ||
	    load_find_adapter(e->model, adapter, &g->lora, err) != ERR_OK ||
	    column_get(&e->columns, e->model, e->stream, request, &g->column, err) != ERR_OK ||
	    ending_open(&g->ending, g->column, e->model, request, err) != ERR_OK || read_cells(g, cells, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < g->n; i++) {
		struct cell *c = &g->cells[i];
		struct err cell_err = { 0 };
		if (measure_cell(g, e, c, json_array_get(cells, i), &cell_err) != ERR_OK)
			group_fail_cell(g, e, c, &cell_err);
	}
	g->prefix = g->column->prefix;
	g->is_prefix_of_column = true;
	share_more(g);
	plan_cells(g);
	return ERR_OK;
}

void group_release(struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		cell_release(&g->cells[i]);
	mem_free(g->cells);
	ending_release(&g->ending);
}
