/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/ollama_import.h"
#include "store/secret_store.h"

#define AGAIN_MS 10000 /* between tries while an Ollama is not reachable */

struct left_over {
	struct unfinished_row row;
	struct remote remote;
	struct err err; /* why it cannot be undone now */
};

/* One after the other.  Either a task is under way or `import` is at work. */
struct undo {
	struct task task;
	struct creations *cs;
	struct arena *arena;
	struct left_over *all;
	size_t n, at;
	struct ollama_import *import;
	struct creation *c; /* who waits for it; NULL: nobody */
	int64_t provider_id;
	void (*then)(struct creation *c);
};

static void undo_free(struct undo *u)
{
	ollama_import_free(u->import);
	u->cs->undo = NULL;
	arena_free(u->arena);
	mem_free(u);
}

/* Who waits goes on where nothing is left in its Ollama. */
static void undo_end(struct undo *u)
{
	struct creations *cs = u->cs;
	struct creation *c = u->c == cs->active ? u->c : NULL; /* it may be over; no other has begun */
	void (*then)(struct creation *) = u->then;
	struct err cause = u->task.err;
	bool is_left = cause.code != ERR_OK;

	for (size_t i = 0; i < u->n; i++) {
		const struct left_over *l = &u->all[i];
		is_left |= l->err.code != ERR_OK;
		if (l->row.provider_id == u->provider_id && l->err.code != ERR_OK)
			cause = l->err;
	}
	undo_free(u);
	if (is_left && !cs->closing)
		undo_later(cs);
	if (c && cause.code != ERR_OK)
		creation_fail(c, &cause);
	else if (c)
		then(c);
	creations_undone(cs);
	creations_unref(cs);
}

static void undo_next(struct undo *u);

static void run_remove(struct task *task, void *context)
{
	const struct undo *u = (struct undo *)task;
	(void)!unfinished_store_remove(context, &u->all[u->at].row, &task->err);
}

static void run_keep_new(struct task *task, void *context)
{
	const struct undo *u = (struct undo *)task;
	(void)!unfinished_store_keep_new(context, &u->all[u->at].row, &task->err);
}

static void home_written(struct task *task)
{
	struct undo *u = (struct undo *)task;

	if (task->err.code != ERR_OK)
		u->all[u->at].err = task->err;
	u->at++;
	undo_next(u);
}

static void on_undone(void *user, json_t *result, enum import_left left, const struct err *err)
{
	struct undo *u = user;

	(void)result;
	u->import = NULL;
	u->all[u->at].err = *err;
	if (left == IMPORT_LEFT_MODEL) {
		u->at++;
		undo_next(u);
		return;
	}
	u->task = (struct task){ .run = left == IMPORT_LEFT_NOTHING ? run_remove : run_keep_new, .done = home_written };
	store_write(u->cs->options.store, &u->task);
}

static void undo_next(struct undo *u)
{
	while (u->at < u->n && u->all[u->at].err.code != ERR_OK)
		u->at++;
	if (u->at == u->n || u->cs->closing) {
		undo_end(u);
		return;
	}
	const struct left_over *l = &u->all[u->at];
	const struct ollama_import_options options = {
		.loop = u->cs->options.loop,
		.client = u->cs->options.http_client,
		.remote = &l->remote,
		.name = l->row.name,
		.done = on_undone,
		.user = u,
	};
	u->import = ollama_import_undo(&options, l->row.backup);
}

static void run_list(struct task *task, void *context)
{
	struct undo *u = (struct undo *)task;
	struct unfinished_row *rows;
	struct arena *a = u->arena;
	size_t n = 0;

	if (unfinished_store_list(context, a, &rows, &n, &task->err) != ERR_OK)
		return;
	u->all = arena_array(a, n + 1, sizeof *u->all);
	for (size_t i = 0; i < n; i++) {
		struct left_over *l = &u->all[u->n];
		*l = (struct left_over){ .row = rows[i] };
		if (provider_store_get(context, a, rows[i].provider_id, &l->remote.row, &l->err) == ERR_OK)
			(void)!secret_store_get(u->cs->data_dir, a, &l->remote.row, &l->remote.key, &l->err);
		/* Another Ollama answers there now: its models are not ours to touch. */
		u->n += l->err.code != ERR_OK || !strcmp(l->remote.row.url, rows[i].url);
	}
}

static void home_list(struct task *task)
{
	undo_next((struct undo *)task);
}

void undo_before(struct creation *c, int64_t provider_id, void (*then)(struct creation *))
{
	undo_start(c->cs);
	c->cs->undo->c = c;
	c->cs->undo->provider_id = provider_id;
	c->cs->undo->then = then;
}

void undo_start(struct creations *cs)
{
	struct undo *u = cs->undo = mem_alloc(sizeof *u);

	*u = (struct undo){ .task = { .run = run_list, .done = home_list }, .cs = cs, .arena = arena_new() };
	cs->refs++;
	store_read(cs->options.store, &u->task);
}

void undo_later(struct creations *cs)
{
	loop_timer_set(cs->undo_timer, AGAIN_MS);
}

/* A job that works may have told what is to be undone of itself. */
void undo_again(void *user)
{
	struct creations *cs = user;

	if (cs->active || cs->ended || cs->sweep || cs->undo)
		undo_later(cs);
	else
		undo_start(cs);
}

void undo_stop(struct creations *cs)
{
	if (!cs->undo || !cs->undo->import)
		return; /* its task comes home */
	undo_free(cs->undo);
	creations_unref(cs);
}
