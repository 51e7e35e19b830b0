/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/job_files.h"
#include "deploy/publication.h"
#include "store/workspace_store.h"

/* --- file --- */

struct copy_errand {
	struct errand errand;
	const char *from, *path;
	bool replace;
};

static void run_copy(struct task *task, void *context)
{
	struct copy_errand *k = (struct copy_errand *)task;

	const struct creation *c = k->errand.c;
	const struct artifact_row copy = { .path = k->path, .sha256 = "" };

	(void)context;
	if (publication_note(c->cs->data_dir, c->row.id, &copy, &task->err) != ERR_OK)
		return;
	(void)!artifact_copy(k->from, k->path, k->replace, &task->cancelled, &task->err);
	publication_forget(c->cs->data_dir, c->row.id);
}

static void file_ready(struct creation *c, const char *path)
{
	json_object_set_new(c->result, "path", json_text(str_of(path)));
	creation_step_done(c);
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

/* --- workspace --- */

struct workspace_errand {
	struct errand errand;
	struct workspace_row row;
};

static void run_workspace(struct task *task, void *context)
{
	struct workspace_errand *w = (struct workspace_errand *)task;
	(void)!workspace_store_add(context, &w->row, &task->err);
}

static void home_workspace(struct errand *e)
{
	const struct workspace_errand *w = (const struct workspace_errand *)e;

	if (errand_failed(e))
		return;
	json_object_set_new(e->c->result, "workspace_id", json_integer(w->row.id));
	creation_step_done(e->c);
}

/* It answers as it did in the validation, but a chat may say more. */
static struct gen_params workspace_params(const struct creation *c)
{
	struct gen_params fresh = c->facts.plain, p = c->facts.column.params;

	if (!c->facts.column.id)
		return fresh;
	p.weights = WEIGHTS_STORED; /* of the new file */
	if (p.max_tokens < fresh.max_tokens)
		p.max_tokens = fresh.max_tokens;
	return p;
}

static void begin_workspace(struct creation *c)
{
	struct workspace_errand *w = errand_new(c, sizeof *w, run_workspace, home_workspace);

	w->row = (struct workspace_row){ .name = c->row.name, .model_id = c->artifact.model_id, .artifact_id = c->artifact.id,
					 .run_id = c->facts.run.id, .column_id = c->facts.column.id,
					 .params = workspace_params(c), .n_passages = WORKSPACE_PASSAGES };
	errand_write(&w->errand);
}

/* --- by target --- */

void target_add_steps(struct creation *c)
{
	if (strcmp(c->row.target, "file") == 0)
		creation_add_step(c, "publish", begin_publish);
	if (strcmp(c->row.target, "workspace") == 0)
		creation_add_step(c, "workspace", begin_workspace);
	if (strcmp(c->row.target, "ollama") == 0) {
		creation_add_step(c, "upload", begin_upload);
		creation_add_step(c, "import", begin_on_progress);
		creation_add_step(c, "template", begin_on_progress);
		creation_add_step(c, "ask", begin_on_progress);
	}
}
