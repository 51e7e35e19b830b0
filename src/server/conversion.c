/* SPDX-License-Identifier: Apache-2.0 */
#include "server/conversion.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "convert/python_convert.h"
#include "model/checkpoint_name.h"
#include "server/app_private.h"
#include "server/json_view.h"
#include "server/model_arrival.h"
#include "store/model_store.h"

enum state { STATE_NONE, STATE_RUNNING, STATE_ADDING, STATE_DONE, STATE_FAILED, STATE_CANCELLED };

struct conversion {
	struct app *app;
	struct executor *thread;
	enum state state;
	struct task task;   /* the conversion */
	struct task tidying; /* of the refusal that it makes untrue */
	char *path, *out, *data_dir;
	struct err problem;
	/* Told by the converter's thread. */
	pthread_mutex_t lock;
	enum python_phase phase;
	double share; /* negative: not known */
	char line[200];
};

/* "DATA/models/converted/1a2b3c4d/RUN/checkpoint-48.gguf": epochs of a run lie side by side, so that they are a family; the digits
 * tell places of one name apart. */
static char *target(const char *data_dir, const char *path)
{
	struct checkpoint_name mark;
	struct arena *a = arena_new();
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE], *parent = fs_dirname(path);
	bool is_epoch = checkpoint_name_parse(a, fs_basename(path), &mark);
	const char *place = is_epoch ? parent : path;
	struct hash *h = hash_new();
	hash_add_text(h, str_of(place));
	hash_finish(h, digest);
	hash_hex(digest, hex);
	char *out = mem_printf("%s/models/converted/%.8s/%s/%s.gguf", data_dir, hex, fs_basename(place), fs_basename(path));
	mem_free(parent);
	arena_free(a);
	return out;
}

/* --- on its own thread --- */

static void on_progress(void *user, enum python_phase phase, double share, struct str line)
{
	struct conversion *c = user;
	pthread_mutex_lock(&c->lock);
	c->phase = phase;
	c->share = share;
	str_format(c->line, sizeof c->line, "%.*s", (int)line.len, line.len ? line.ptr : "");
	c->line[utf8_whole(str_of(c->line))] = 0;
	pthread_mutex_unlock(&c->lock);
}

static struct conversion *conversion_of(struct task *task)
{
	return (struct conversion *)((char *)task - offsetof(struct conversion, task));
}

static void run_conversion(struct task *task, void *context)
{
	struct conversion *c = conversion_of(task);
	char *dir = fs_dirname(c->out), *lender = hf_convert_tokenizer_from(c->path, NULL);
	struct python_convert_options o = { .data_dir = c->data_dir, .type = HF_AUTO, .base = lender, .replace = true,
					    .watch = { on_progress, c, &task->cancelled } };
	(void)context;
	if (fs_make_dirs(dir, &task->err) == ERR_OK)
		(void)!python_convert(c->path, c->out, &o, NULL, &task->err);
	mem_free(lender);
	mem_free(dir);
}

/* --- at home --- */

static void finish(struct conversion *c, const struct err *err)
{
	c->problem = *err;
	c->state = err->code == ERR_OK ? STATE_DONE : err->code == ERR_CANCELLED ? STATE_CANCELLED : STATE_FAILED;
	if (!c->app->closing)
		app_publish(c->app, "models", NULL);
}

static void run_tidying(struct task *task, void *db)
{
	struct conversion *c = (struct conversion *)((char *)task - offsetof(struct conversion, tidying));
	(void)!model_store_forget_refusal(db, c->path, &task->err);
}

static void tidied(struct task *task)
{
	struct conversion *c = (struct conversion *)((char *)task - offsetof(struct conversion, tidying));
	finish(c, &task->err);
}

static void arrived(void *user, struct model_arrival *v, const struct err *err)
{
	struct conversion *c = user;
	struct err why = *err;
	model_arrival_free(v);
	if (why.code != ERR_OK) {
		finish(c, &why);
		return;
	}
	c->tidying = (struct task){ .run = run_tidying, .done = tidied };
	store_write(c->app->store, &c->tidying);
}

static void converted(struct task *task)
{
	struct conversion *c = conversion_of(task);
	struct err err = task->err;
	if (err.code == ERR_OK && c->app->closing)
		err_set(&err, ERR_CANCELLED, "err_cancelled", NULL);
	if (err.code != ERR_OK) {
		finish(c, &err);
		return;
	}
	c->state = STATE_ADDING;
	model_arrival_start(c->app, c->out, NULL, 0, arrived, c);
}

static bool is_under_way(const struct conversion *c)
{
	return c->state == STATE_RUNNING || c->state == STATE_ADDING;
}

struct conversion *conversion_new(struct app *app)
{
	struct conversion *c = mem_alloc(sizeof *c);
	*c = (struct conversion){ .app = app, .data_dir = mem_strdup(store_data_dir(app->store)) };
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void conversion_close(struct conversion *c)
{
	if (!c)
		return;
	if (c->state == STATE_RUNNING)
		atomic_store(&c->task.cancelled, true);
	if (c->thread)
		executor_stop(c->thread);
	c->thread = NULL;
}

void conversion_free(struct conversion *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	mem_free(c->path);
	mem_free(c->out);
	mem_free(c->data_dir);
	mem_free(c);
}

enum err_code conversion_start(struct conversion *c, const char *path, struct err *err)
{
	if (is_under_way(c))
		return err_set(err, ERR_BUSY, "err_python_busy", "path=%s", c->path);
	if (!c->thread && !(c->thread = executor_start("convert", NULL, NULL, c->app->home, err)))
		return ERR_IO;
	mem_free(c->path);
	mem_free(c->out);
	c->path = mem_strdup(path);
	c->out = target(c->data_dir, path);
	c->problem = (struct err){ 0 };
	c->state = STATE_RUNNING;
	c->phase = PYTHON_MAKING;
	c->share = -1;
	c->line[0] = 0;
	c->task = (struct task){ .run = run_conversion, .done = converted };
	executor_post(c->thread, &c->task);
	return ERR_OK;
}

void conversion_cancel(struct conversion *c)
{
	if (c->state == STATE_RUNNING)
		atomic_store(&c->task.cancelled, true);
	else if (!is_under_way(c))
		c->state = STATE_NONE;
}

void view_conversion(struct buf *b, enum lang lang, struct conversion *c)
{
	static const char *const states[] = { "none", "running", "adding", "done", "failed", "cancelled" };
	static const char *const phases[] = { "making", "installing", "converting" };
	json_cstr(b, "state", states[c->state]);
	json_cstr(b, "path", c->state != STATE_NONE ? c->path : "");
	if (c->state == STATE_RUNNING) {
		pthread_mutex_lock(&c->lock);
		json_cstr(b, "phase", phases[c->phase]);
		if (c->share >= 0)
			json_num(b, "share", c->share);
		json_cstr(b, "line", c->line);
		pthread_mutex_unlock(&c->lock);
	}
	if (c->state == STATE_FAILED)
		view_problem(b, "problem", lang, &c->problem);
}
