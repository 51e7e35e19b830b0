/* SPDX-License-Identifier: Apache-2.0 */
#include "server/found_models.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/family_rescan.h"
#include "server/json_view.h"
#include "server/moved.h"

static const char *environment(const char *name)
{
	return getenv(name);
}

enum err_code found_models_find(struct arena *a, struct place_finds *out, const atomic_bool *cancel, struct err *err)
{
	return known_places_find(a, environment, out, cancel, err);
}

/* --- the view --- */

static bool is_added(const struct place_find *find, const struct model_list *list)
{
	if (find->model)
		for (size_t i = 0; i < list->n_models; i++)
			if (list->models[i].model.size_bytes == find->model->size_bytes &&
			    is_same_file(list->models[i].model.path, find->model->path))
				return true;
	if (find->family)
		for (size_t i = 0; i < list->n_families; i++)
			if (strcmp(list->families[i].path, find->family->path) == 0)
				return true;
	return false;
}

static void view_place(struct buf *b, enum lang lang, const struct known_place *place)
{
	bool is_unreadable = place->problem.code != ERR_OK;
	json_open(b, NULL, '{');
	json_cstr(b, "place", place_kind_id(place->kind));
	json_cstr(b, "place_name", place_kind_name(place->kind));
	json_cstr(b, "path", place->path);
	json_cstr(b, "state", is_unreadable ? "unreadable" : place->exists ? "searched" : "absent");
	json_int(b, "n_found", (int64_t)place->n_found);
	if (is_unreadable)
		view_problem(b, "problem", lang, &place->problem);
	json_close(b, '}');
}

static void view_find(struct buf *b, enum lang lang, const struct place_find *find, const struct model_list *list)
{
	const struct found_model *m = find->model;
	json_open(b, NULL, '{');
	json_cstr(b, "place", place_kind_id(find->kind));
	json_cstr(b, "place_name", place_kind_name(find->kind));
	json_cstr(b, "name", find->name);
	json_cstr(b, "also", find->also);
	json_cstr(b, "path", find->path);
	json_int(b, "size_bytes", (int64_t)find->size_bytes);
	json_cstr(b, "file_type", m && m->file_type ? m->file_type : "");
	json_cstr(b, "architecture", m && m->architecture ? m->architecture : "");
	json_int(b, "n_checkpoints", find->family ? (int64_t)find->family->n_checkpoints : 0);
	json_cstr(b, "base_name", find->family ? find->family->base_name : "");
	json_cstr(b, "system", find->system);
	json_flag(b, "added", is_added(find, list));
	if (find->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &find->problem);
	json_close(b, '}');
}

void found_models_view(struct buf *b, enum lang lang, const struct place_finds *finds, const struct model_list *list)
{
	json_open(b, NULL, '{');
	json_open(b, "places", '[');
	for (size_t i = 0; i < finds->n_places; i++)
		view_place(b, lang, &finds->places[i]);
	json_close(b, ']');
	json_open(b, "found", '[');
	for (size_t i = 0; i < finds->n_finds; i++)
		view_find(b, lang, &finds->finds[i], list);
	json_close(b, ']');
	json_close(b, '}');
}

/* --- the store --- */

enum err_code found_models_store(struct db *db, struct arena *a, const struct place_finds *finds, size_t *n_added, struct err *err)
{
	enum err_code code = ERR_OK;

	*n_added = 0;
	for (size_t i = 0; i < finds->n_finds && code == ERR_OK; i++) {
		const struct place_find *find = &finds->finds[i];
		bool known = true;
		int64_t *ids;
		size_t n;
		if (find->model)
			code = model_store_has(db, find->model->path, &known, err);
		else if (find->family)
			code = family_store_has(db, find->family->path, &known, err);
		if (code != ERR_OK || known)
			continue;
		struct catalogue one = { .path = find->path, .models = find->model, .n_models = find->model != NULL,
					 .families = find->family, .n_families = find->family != NULL };
		code = model_store_merge(db, a, &one, 0, &ids, &n, err);
		*n_added += code == ERR_OK;
	}
	return code;
}

/* --- at the start --- */

struct start {
	struct task task; /* first */
	struct app *app;
	struct arena *arena;
	struct place_finds finds;
	struct family_rescan families;
	size_t n_added;
};

static void end_start(struct start *s)
{
	s->app->finding = NULL;
	arena_free(s->arena);
	mem_free(s);
}

static struct start *start_of(struct task *task)
{
	return (struct start *)task;
}

static void run_store(struct task *task, void *db)
{
	struct start *s = start_of(task);
	size_t n_epochs = 0;
	if (found_models_store(db, s->arena, &s->finds, &s->n_added, &task->err) == ERR_OK)
		err_kept(family_rescan_store(&s->families, s->arena, db, &n_epochs, &task->err));
	s->n_added += n_epochs;
}

static void stored(struct task *task)
{
	struct start *s = start_of(task);
	if (task->err.code != ERR_OK)
		log_warn("models", "what was found at the start was not added: %s", task->err.key);
	else if (s->n_added > 0 && !s->app->closing)
		app_publish(s->app, "models", NULL);
	end_start(s);
}

static void run_find(struct task *task, void *context)
{
	struct start *s = start_of(task);
	(void)context;
	err_kept(found_models_find(s->arena, &s->finds, &task->cancelled, &task->err));
	family_rescan_run(&s->families, s->arena, &task->cancelled);
}

static void found(struct task *task)
{
	struct start *s = start_of(task);
	if (task->err.code != ERR_OK || s->app->closing || s->finds.n_finds + s->families.n == 0) {
		end_start(s);
		return;
	}
	task->run = run_store;
	task->done = stored;
	store_write(s->app->store, task);
}

static void run_list(struct task *task, void *db)
{
	struct start *s = start_of(task);
	family_rescan_list(&s->families, s->arena, db, &task->err);
}

static void listed(struct task *task)
{
	struct start *s = start_of(task);
	if (task->err.code != ERR_OK || s->app->closing) {
		end_start(s);
		return;
	}
	task->run = run_find;
	task->done = found;
	executor_post(s->app->work, task);
}

void found_models_start(struct app *app)
{
	struct start *s = mem_alloc(sizeof *s);
	s->task.run = run_list;
	s->task.done = listed;
	s->app = app;
	s->arena = arena_new();
	app->finding = &s->task;
	store_read(app->store, &s->task);
}
