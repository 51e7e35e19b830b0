/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "engine/machine.h"
#include "engine/model_cache.h"

#define PIECE (64 * MIB)

struct prefetch_job {
	struct job job;
	char *data_dir, *path;
	enum weights weights;
	char *lender; /* the base's path, which may lend the tokenizer */
	atomic_int done; /* of 1000, of a conversion */
};

/* Asks the kernel for the file as long as that takes no memory from anybody. */
static void read_ahead(const char *path, const atomic_bool *cancel)
{
	uint64_t size = 0;
	int fd = fs_open(path, &size, NULL);

	if (fd < 0)
		return;
	for (uint64_t at = 0; at < size && !atomic_load(cancel); at += PIECE) {
		if (machine_memory_available() < (int64_t)(size - at) + machine_memory_total() / 10)
			break;
		if (posix_fadvise(fd, (off_t)at, PIECE, POSIX_FADV_WILLNEED) != 0)
			break;
	}
	close(fd);
}

static void run_prefetch(struct task *task, void *context)
{
	struct prefetch_job *p = (struct prefetch_job *)task;
	char *file = NULL;

	(void)context;
	struct model_source source = { p->path, p->lender, p->weights };
	if (model_cache_get(p->data_dir, source, &file, &p->done, &task->cancelled, &task->err) == ERR_OK)
		read_ahead(file, &task->cancelled);
	mem_free(file);
}

static void home_prefetch(struct job *job)
{
	if (job->e->prefetching == (struct prefetch_job *)job)
		job->e->prefetching = NULL;
	if (job->task.err.code != ERR_OK && job->task.err.code != ERR_CANCELLED)
		log_info("engine", "next model not made ready: %s", job->task.err.key); /* its turn will say it */
}

static const struct active_column *next_base(const struct active *a)
{
	for (size_t i = 0; i < a->n_columns; i++) {
		const struct active_column *c = &a->columns[i];
		if (c->base.id != a->base_id && !c->exhausted && !c->remote && c->state != COLUMN_FAILED && c->state != COLUMN_DONE)
			return c;
	}
	return NULL;
}

void prefetch_next(struct engine *e)
{
	struct active *a = e->active;
	const struct active_column *next = next_base(a);

	if (!next || a->prefetched_id == next->base.id)
		return;
	a->prefetched_id = next->base.id;
	struct prefetch_job *p = job_new(e, sizeof *p, run_prefetch, home_prefetch);
	p->job.serial = a->serial;
	p->data_dir = arena_strdup(p->job.arena, e->data_dir);
	p->path = arena_strdup(p->job.arena, next->base.model.path);
	p->weights = next->base.weights;
	p->lender = arena_strdup(p->job.arena, next->base.base_path);
	e->prefetching = p;
	job_hash(&p->job);
}

int prefetch_done(const struct engine *e, const char *path, enum weights weights)
{
	const struct prefetch_job *p = e->prefetching;

	return p && p->weights == weights && strcmp(p->path, path) == 0 ? atomic_load(&p->done) : 0;
}
