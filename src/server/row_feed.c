/* SPDX-License-Identifier: Apache-2.0 */
#include "server/row_feed.h"

#include "base/mem.h"

struct look {
	struct task task;
	struct row_feed *feed;
	int64_t id;
	bool again;
	struct arena *arena;
	void *row;
	struct look *next;
};

struct row_feed {
	struct app *app;
	row_load_fn load;
	row_send_fn send;
	struct look *looks;
};

struct row_feed *row_feed_new(struct app *app, row_load_fn load, row_send_fn send)
{
	struct row_feed *f = mem_alloc(sizeof *f);

	*f = (struct row_feed){ app, load, send, NULL };
	return f;
}

void row_feed_free(struct row_feed *f)
{
	mem_free(f);
}

static void run_look(struct task *task, void *context)
{
	struct look *l = (struct look *)task;
	l->row = l->feed->load(context, l->arena, l->id, &task->err);
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

	if (task->err.code == ERR_OK && l->row && !closing)
		l->feed->send(l->feed->app, l->row);
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

void row_feed_changed(struct row_feed *f, int64_t id)
{
	if (f->app->closing)
		return;
	for (struct look *l = f->looks; l; l = l->next)
		if (l->id == id) {
			l->again = true;
			return;
		}
	struct look *l = mem_alloc(sizeof *l);
	*l = (struct look){ .feed = f, .id = id, .next = f->looks };
	f->looks = l;
	post(l);
}
