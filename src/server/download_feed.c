/* SPDX-License-Identifier: Apache-2.0 */
#include "server/download_feed.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/json_view.h"
#include "server/model_scan.h"

/* --- showing --- */

static const char *state_name(enum download_state state)
{
	static const char *const names[] = { "waiting", "running", "adding", "done", "failed", "cancelled", "interrupted" };
	return names[state];
}

static void view_numbers(struct buf *b, const struct download *d)
{
	json_int(b, "have_bytes", (int64_t)d->have);
	json_int(b, "size_bytes", (int64_t)d->size);
	json_int(b, "n_files", (int64_t)d->job->n_files);
	json_int(b, "n_whole", (int64_t)d->n_whole);
	json_cstr(b, "current", d->file);
	json_int(b, "bytes_per_s", (int64_t)d->bytes_per_s);
	if (d->bytes_per_s > 0 && d->state == DOWNLOAD_RUNNING)
		json_int(b, "remaining_ms", (int64_t)(1000.0 * (double)(d->size - d->have) / d->bytes_per_s));
}

/* What has arrived, once it was added. */
struct arrival {
	struct task task;
	struct app *app;
	struct arena *arena;
	int64_t id;
	struct model_scan scan;
};

void view_download(struct buf *b, const char *name, enum lang lang, const struct download *d)
{
	const struct hub_job *job = d->job;
	const struct arrival *arrival = d->result;
	struct arena *a = arena_new();

	json_open(b, name, '{');
	json_int(b, "id", d->id);
	json_cstr(b, "state", state_name(d->state));
	json_cstr(b, "model", job->repo);
	json_cstr(b, "file", job->name);
	json_cstr(b, "kind", hub_kind_name(job->kind));
	json_cstr(b, "format", job->format);
	json_cstr(b, "revision", job->revision);
	json_cstr(b, "commit", job->commit);
	json_cstr(b, "license", job->license);
	json_cstr(b, "endpoint", job->endpoint);
	json_cstr(b, "path", hub_job_target(a, d->dir, job));
	view_numbers(b, d);
	if (d->problem.code != ERR_OK)
		view_problem(b, "problem", lang, &d->problem);
	if (d->pause.code != ERR_OK)
		view_problem(b, "pause", lang, &d->pause);
	if (arrival)
		view_scan(b, lang, &arrival->scan);
	json_close(b, '}');
	arena_free(a);
}

static void changed(void *user, const struct download *d)
{
	struct app *app = user;
	struct buf en = BUF_INIT(MIB), zh = BUF_INIT(MIB);

	if (app->closing)
		return;
	view_download(&en, NULL, LANG_EN, d);
	view_download(&zh, NULL, LANG_ZH_TW, d);
	hub_publish(app->hub, "download", buf_str(&en), buf_str(&zh));
	buf_release(&en);
	buf_release(&zh);
}

/* --- adding --- */

static void forget(void *user, void *result)
{
	struct arrival *v = result;

	(void)user;
	arena_free(v->arena);
	mem_free(v);
}

static void give_up(struct arrival *v, const struct err *err)
{
	struct downloads *downloads = v->app->downloads;
	int64_t id = v->id;
	struct err why = *err;

	forget(NULL, v);
	downloads_added(downloads, id, NULL, &why);
}

/* Whether the step that came home lets the next one begin. */
static bool goes_on(struct arrival *v)
{
	struct err err = v->task.err;

	if (err.code == ERR_OK && v->app->closing)
		err_set(&err, ERR_CANCELLED, "err_cancelled", NULL);
	if (err.code != ERR_OK)
		give_up(v, &err);
	return err.code == ERR_OK;
}

static void run_store(struct task *task, void *db)
{
	struct arrival *v = (struct arrival *)task;
	model_scan_store(v->arena, &v->scan, db, &task->err);
}

static void stored(struct task *task)
{
	struct arrival *v = (struct arrival *)task;
	struct err none = { 0 };

	if (!goes_on(v))
		return;
	app_publish(v->app, "models", NULL);
	downloads_added(v->app->downloads, v->id, v, &none);
}

static void store_it(struct arrival *v)
{
	v->task = (struct task){ .run = run_store, .done = stored };
	store_write(v->app->store, &v->task);
}

static void run_check(struct task *task, void *context)
{
	(void)context;
	model_scan_check_moved(&((struct arrival *)task)->scan, &task->cancelled);
}

static void checked(struct task *task)
{
	struct arrival *v = (struct arrival *)task;

	if (goes_on(v))
		store_it(v);
}

static void run_find(struct task *task, void *db)
{
	struct arrival *v = (struct arrival *)task;
	model_scan_find_moved(v->arena, &v->scan, db, &task->err);
}

static void found(struct task *task)
{
	struct arrival *v = (struct arrival *)task;

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
	struct arrival *v = (struct arrival *)task;
	const char *name = v->scan.name;

	(void)context;
	v->scan.name = NULL;
	model_scan_run(v->arena, &v->scan, &task->cancelled, &task->err);
	if (v->scan.found.n_families + v->scan.found.n_models == 1)
		v->scan.name = name;
}

static void scanned(struct task *task)
{
	struct arrival *v = (struct arrival *)task;

	if (!goes_on(v))
		return;
	v->task = (struct task){ .run = run_find, .done = found };
	store_read(v->app->store, &v->task);
}

static void fetched(void *user, const struct download *d, const char *target)
{
	struct app *app = user;
	struct arrival *v = mem_alloc(sizeof *v);

	*v = (struct arrival){ .task = { .run = run_scan, .done = scanned }, .app = app, .arena = arena_new(), .id = d->id };
	v->scan.path = arena_strdup(v->arena, target);
	v->scan.data_dir = store_data_dir(app->store);
	/* A folder is called after its commit; the model has a name. */
	if (d->job->kind != HUB_GGUF && !*d->job->name)
		v->scan.name = arena_strdup(v->arena, strchr(d->job->repo, '/') + 1);
	executor_post(app->work, &v->task);
}

struct downloads *download_feed_new(struct app *app)
{
	struct downloads_options options = {
		.loop = app->loop,
		.home = app->home,
		.http_client = app->http_client,
		.data_dir = store_data_dir(app->store),
		.changed = changed,
		.fetched = fetched,
		.forget = forget,
		.user = app,
	};
	return downloads_new(&options);
}
