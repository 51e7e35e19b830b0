/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/publication.h"

struct sweep {
	struct task task;
	struct creations *cs;
	struct arena *arena;
	struct publication *found;
};

static void sweep_end(struct task *task)
{
	struct sweep *s = (struct sweep *)task;
	struct creations *cs = s->cs;
	int64_t id = s->found ? s->found->id : 0;

	cs->sweep = NULL;
	arena_free(s->arena);
	mem_free(s);
	creations_swept(cs, id);
	creations_unref(cs);
}

static void run_forget(struct task *task, void *context)
{
	const struct sweep *s = (struct sweep *)task;

	(void)context;
	for (const struct publication *p = s->found; p; p = p->next)
		publication_forget(s->cs->data_dir, p->id);
}

static void run_adopt(struct task *task, void *context)
{
	struct sweep *s = (struct sweep *)task;

	for (struct publication *p = s->found; p; p = p->next)
		publication_adopt(context, s->arena, p);
}

/* A row that could not be written is tried again by the next start. */
static void home_adopt(struct task *task)
{
	struct sweep *s = (struct sweep *)task;
	bool stands = task->err.code == ERR_OK && !s->cs->closing;

	s->task = (struct task){ .run = run_forget, .done = sweep_end };
	if (stands)
		executor_post(s->cs->options.work, &s->task);
	else
		sweep_end(&s->task);
}

static void run_read(struct task *task, void *context)
{
	struct sweep *s = (struct sweep *)task;

	(void)context;
	s->found = publication_read(s->cs->data_dir, s->arena, &task->cancelled);
}

static void home_read(struct task *task)
{
	struct sweep *s = (struct sweep *)task;

	if (!s->found || s->cs->closing) {
		sweep_end(task);
		return;
	}
	s->task = (struct task){ .run = run_adopt, .done = home_adopt };
	store_write(s->cs->options.store, &s->task);
}

void sweep_start(struct creations *cs)
{
	struct sweep *s = cs->sweep = mem_alloc(sizeof *s);

	*s = (struct sweep){ .task = { .run = run_read, .done = home_read }, .cs = cs, .arena = arena_new() };
	cs->refs++;
	executor_post(cs->options.hash, &s->task);
}

void sweep_stop(struct creations *cs)
{
	if (cs->sweep)
		atomic_store(&cs->sweep->task.cancelled, true);
}
