/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/job_files.h"

/* --- file --- */

struct copy_errand {
	struct errand errand;
	const char *from, *path;
	bool replace;
};

static void run_copy(struct task *task, void *context)
{
	struct copy_errand *k = (struct copy_errand *)task;

	(void)context;
	(void)!artifact_copy(k->from, k->path, k->replace, &task->cancelled, &task->err);
}

static void file_ready(struct creation *c, const char *path)
{
	json_object_set_new(c->result, "path", json_text(str_of(path)));
	step_done(c);
}

static void home_copy(struct errand *e)
{
	struct copy_errand *k = (struct copy_errand *)e;

	if (!errand_failed(e))
		file_ready(e->c, k->path);
}

/* A file that was made before lies where it was made: who asked for another place gets a copy. */
static void begin_publish(struct creation *c)
{
	if (!c->params.path[0] || strcmp(c->params.path, c->artifact.path) == 0) {
		file_ready(c, c->artifact.path);
		return;
	}
	struct copy_errand *k = errand_new(c, sizeof *k, run_copy, home_copy);
	k->from = arena_strdup(k->errand.arena, c->artifact.path);
	k->path = arena_strdup(k->errand.arena, c->params.path);
	k->replace = c->params.replace;
	errand_work(&k->errand);
}

/* --- by target --- */

void target_add_steps(struct creation *c)
{
	if (strcmp(c->row.target, "file") == 0)
		creation_add_step(c, "publish", begin_publish);
}

void target_stop(struct creation *c)
{
	(void)c;
}
