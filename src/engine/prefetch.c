/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "engine/cache_room.h"
#include "engine/machine.h"
#include "engine/model_cache.h"

#define PIECE (64 * MIB)

struct prefetch_job {
	struct job job;
	char *data_dir, *path;
	enum weights weights;
	char *lender; /* the base's path, which may lend the tokenizer */
	atomic_int done; /* of 1000, of a conversion */
	int fd;		 /* of the file, held as one in use; -1: none yet */
};

/* Asks the kernel for the file as long as that takes no memory from anybody. */
static void read_ahead(int fd, uint64_t size, const atomic_bool *cancel)
{
	for (uint64_t at = 0; at < size && !atomic_load(cancel); at += PIECE) {
		struct machine_memory memory = machine_memory();
		if (memory.available < (int64_t)(size - at) + memory.total / 10)
			break;
		if (posix_fadvise(fd, (off_t)at, PIECE, POSIX_FADV_WILLNEED) != 0)
			break;
	}
}

static void run_prefetch(struct task *task, void *context)
{
	struct prefetch_job *p = (struct prefetch_job *)task;
	char *file = NULL;
	uint64_t size = 0;

	(void)context;
	struct model_source source = { p->path, p->lender, p->weights };
	if (model_cache_get(p->data_dir, source, &file, &p->done, &task->cancelled, &task->err) == ERR_OK)
		p->fd = fs_open(file, &size, NULL);
	if (p->fd >= 0) {
		cache_hold(p->fd);
		read_ahead(p->fd, size, &task->cancelled);
	}
	mem_free(file);
}

static void drop_prefetch(struct job *job)
{
	const struct prefetch_job *p = (struct prefetch_job *)job;

	if (p->fd >= 0)
		close(p->fd);
}

void prefetch_release(struct active *a)
{
	if (a->prefetched_fd >= 0)
		close(a->prefetched_fd);
	a->prefetched_fd = -1;
}

static void home_prefetch(struct job *job)
{
	struct prefetch_job *p = (struct prefetch_job *)job;
	struct active *a = job->e->active;

	if (job->e->prefetching == p)
		job->e->prefetching = NULL;
	if (job_is_current(job)) {
		prefetch_release(a);
		a->prefetched_fd = p->fd;
	} else {
		drop_prefetch(job);
	}
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
	p->job.drop = drop_prefetch;
	p->fd = -1;
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
