/* SPDX-License-Identifier: Apache-2.0 */
#include "server/model_arrival.h"

#include <stddef.h>

#include "base/mem.h"
#include "server/app_private.h"

void model_arrival_free(struct model_arrival *v)
{
	if (!v)
		return;
	arena_free(v->arena);
	mem_free(v);
}

/* Whether the step that came home lets the next one begin. */
static bool goes_on(struct model_arrival *v)
{
	struct err err = v->task.err;

	if (err.code == ERR_OK && v->app->closing)
		err_set(&err, ERR_CANCELLED, "err_cancelled", NULL);
	if (err.code != ERR_OK)
		v->done(v->user, v, &err);
	return err.code == ERR_OK;
}

static struct model_arrival *arrival_of(struct task *task)
{
	return (struct model_arrival *)((char *)task - offsetof(struct model_arrival, task));
}

static void run_store(struct task *task, void *db)
{
	struct model_arrival *v = arrival_of(task);
	model_scan_store(v->arena, &v->scan, db, &task->err);
}

static void stored(struct task *task)
{
	struct model_arrival *v = arrival_of(task);
	struct err none = { 0 };

	if (!goes_on(v))
		return;
	app_publish(v->app, "models", NULL);
	v->done(v->user, v, &none);
}

static void store_it(struct model_arrival *v)
{
	v->task = (struct task){ .run = run_store, .done = stored };
	store_write(v->app->store, &v->task);
}

static void run_check(struct task *task, void *context)
{
	(void)context;
	model_scan_check_moved(&arrival_of(task)->scan, &task->cancelled);
}

static void checked(struct task *task)
{
	struct model_arrival *v = arrival_of(task);

	if (goes_on(v))
		store_it(v);
}

static void run_find(struct task *task, void *db)
{
	struct model_arrival *v = arrival_of(task);
	model_scan_find_moved(v->arena, &v->scan, db, &task->err);
}

static void found(struct task *task)
{
	struct model_arrival *v = arrival_of(task);

	if (!goes_on(v))
		return;
	if (v->scan.n_moved == 0) {
		store_it(v);
		return;
	}
	v->task = (struct task){ .run = run_check, .done = checked };
	executor_post(v->app->work, &v->task);
}

static void run_scan(struct task *task, void *context)
{
	struct model_arrival *v = arrival_of(task);
	const char *name = v->scan.name;

	(void)context;
	v->scan.name = NULL;
	model_scan_run(v->arena, &v->scan, &task->cancelled, &task->err);
	if (v->scan.found.n_families + v->scan.found.n_models == 1)
		v->scan.name = name;
}

static void scanned(struct task *task)
{
	struct model_arrival *v = arrival_of(task);

	if (!goes_on(v))
		return;
	v->task = (struct task){ .run = run_find, .done = found };
	store_read(v->app->store, &v->task);
}

void model_arrival_start(struct app *app, const char *path, const char *name, int64_t id, model_arrival_fn done, void *user)
{
	struct model_arrival *v = mem_alloc(sizeof *v);

	*v = (struct model_arrival){ .task = { .run = run_scan, .done = scanned }, .app = app, .arena = arena_new(), .id = id,
				     .done = done, .user = user };
	v->scan.path = arena_strdup(v->arena, path);
	v->scan.name = name ? arena_strdup(v->arena, name) : NULL;
	v->scan.data_dir = store_data_dir(app->store);
	executor_post(app->work, &v->task);
}
