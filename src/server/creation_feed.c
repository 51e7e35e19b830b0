/* SPDX-License-Identifier: Apache-2.0 */
#include "server/creation_feed.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "deploy/creation.h"
#include "server/create_view.h"

struct look {
	struct task task;
	struct creation_feed *feed;
	int64_t id;
	bool again;
	struct arena *arena;
	struct creation_whole whole;
	struct look *next;
};

struct creation_feed {
	struct app *app;
	struct look *looks;
};

struct creation_feed *creation_feed_new(struct app *app)
{
	struct creation_feed *f = mem_alloc(sizeof *f);

	f->app = app;
	return f;
}

void creation_feed_free(struct creation_feed *f)
{
	mem_free(f);
}

static void run_look(struct task *task, void *context)
{
	struct look *l = (struct look *)task;
	err_kept(creation_load(context, l->arena, l->id, &l->whole, &task->err));
}

static void send(struct app *app, const struct creation_whole *whole)
{
	struct buf steps = BUF_INIT(MIB), en = BUF_INIT(MIB), zh = BUF_INIT(MIB);
	struct str live = { 0 };

	if (creations_live(app->creations, whole->row.id, &steps))
		live = (struct str){ buf_text(&steps), steps.len };
	view_creation(&en, NULL, LANG_EN, whole, live);
	view_creation(&zh, NULL, LANG_ZH_TW, whole, live);
	hub_publish(app->hub, "creation", buf_str(&en), buf_str(&zh));
	if (whole->row.state == CREATION_DONE && strcmp(whole->row.target, "workspace") == 0)
		app_publish(app, "workspaces", NULL);
	buf_release(&steps);
	buf_release(&en);
	buf_release(&zh);
}

static void look_done(struct task *task);

static void post(struct look *l)
{
	l->again = false;
	l->task = (struct task){ .run = run_look, .done = look_done };
	l->arena = arena_new();
	store_read(l->feed->app->store, &l->task);
}

static void look_done(struct task *task)
{
	struct look *l = (struct look *)task;
	bool closing = l->feed->app->closing;

	if (task->err.code == ERR_OK && !closing)
		send(l->feed->app, &l->whole);
	arena_free(l->arena);
	if (l->again && !closing) {
		post(l);
		return;
	}
	struct look **at = &l->feed->looks;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	mem_free(l);
}

void creation_feed_changed(void *user, int64_t creation_id, bool artifacts_changed)
{
	struct creation_feed *f = user;

	if (f->app->closing)
		return;
	if (artifacts_changed) {
		app_publish(f->app, "artifacts", NULL);
		app_publish(f->app, "models", NULL);
	}
	for (struct look *l = f->looks; l; l = l->next)
		if (l->id == creation_id) {
			l->again = true;
			return;
		}
	struct look *l = mem_alloc(sizeof *l);
	*l = (struct look){ .feed = f, .id = creation_id, .next = f->looks };
	f->looks = l;
	post(l);
}
