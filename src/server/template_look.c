/* SPDX-License-Identifier: Apache-2.0 */
#include "server/template_look.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/checkpoint_name.h"
#include "store/template_store.h"

#define MODELS_MAX 1000

struct look {
	struct task task; /* on the work thread, then on the store's */
	struct app *app;
	struct arena *arena;
	int64_t *ids;
	const struct template_sources **found;
	size_t n;
};

static const struct template_sources *sources_of(struct arena *a, const char *path)
{
	struct checkpoint_name mark;
	const struct template_sources *found = NULL;

	if (fs_is_dir(path)) {
		char *run = fs_dirname(path);
		bool is_part = checkpoint_name_parse(a, fs_basename(path), &mark);
		found = template_sources_of_folder(a, path, is_part ? run : NULL);
		mem_free(run);
		return found;
	}
	struct gguf *g = gguf_open_model(path, NULL);
	if (!g)
		return NULL;
	found = template_sources_of_gguf(a, g, path);
	gguf_close(g);
	return found;
}

static void run_look(struct task *task, void *context)
{
	struct look *l = (struct look *)task;
	struct db *db;
	struct model_row model;
	struct err *err = &task->err;

	(void)context;
	if (store_open_reader(l->app->store, &db, err) != ERR_OK)
		return;
	if (template_store_unknown(db, l->arena, MODELS_MAX, &l->ids, &l->n, err) == ERR_OK)
		l->found = arena_array(l->arena, l->n + 1, sizeof *l->found);
	for (size_t i = 0; i < l->n && err->code == ERR_OK && !atomic_load(&task->cancelled); i++)
		if (model_store_get(db, l->arena, l->ids[i], &model, err) == ERR_OK && fs_exists(model.model.path))
			l->found[i] = sources_of(l->arena, model.model.path);
	db_close(db);
}

static void run_store(struct task *task, void *context)
{
	struct look *l = (struct look *)task;

	for (size_t i = 0; i < l->n && task->err.code == ERR_OK; i++)
		if (l->found[i] && l->found[i]->n)
			(void)!template_store_put(context, l->ids[i], l->found[i], &task->err);
}

static void home_stored(struct task *task)
{
	struct look *l = (struct look *)task;

	if (task->err.code == ERR_OK && !l->app->closing)
		app_publish(l->app, "models", NULL);
	arena_free(l->arena);
}

static void home_looked(struct task *task)
{
	struct look *l = (struct look *)task;
	bool any = false;

	for (size_t i = 0; i < l->n && task->err.code == ERR_OK; i++)
		any |= l->found[i] && l->found[i]->n;
	if (task->err.code != ERR_OK)
		log_warn("server", "chat templates not looked for: %s %s", task->err.key, task->err.args);
	if (!any) {
		arena_free(l->arena);
		return;
	}
	l->task = (struct task){ .run = run_store, .done = home_stored };
	store_write(l->app->store, &l->task);
}

void template_look(struct app *app)
{
	struct arena *a = arena_new();
	struct look *l = arena_alloc(a, sizeof *l);

	*l = (struct look){ .task = { .run = run_look, .done = home_looked }, .app = app, .arena = a };
	executor_post(app->work, &l->task);
}
