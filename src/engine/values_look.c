/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/values_look.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "model/finite.h"

struct look_job {
	struct job job;
	struct values_look *look; /* NULL: nobody waits any more */
	char *path;
	char stamp[FILE_STAMP_SIZE];
	atomic_int done; /* of 1000 */
};

struct values_look {
	struct look_job *job;
	values_look_fn done;
	void *user;
};

static bool on_tick(void *user, double fraction)
{
	struct look_job *j = user;

	atomic_store_explicit(&j->done, (int)(1000 * fraction), memory_order_relaxed);
	return !atomic_load_explicit(&j->job.task.cancelled, memory_order_relaxed);
}

static void run_look(struct task *task, void *context)
{
	struct look_job *j = (struct look_job *)task;
	struct gguf *g = gguf_open_model(j->path, &task->err);

	(void)context;
	if (g)
		(void)!finite_check(g, on_tick, j, &task->err);
	gguf_close(g);
}

static void home_look(struct job *job)
{
	struct look_job *j = (struct look_job *)job;
	struct engine *e = job->e;
	struct values_look *look = j->look;
	const struct err fine = { 0 }, *told = &fine;

	if (job->task.err.code == ERR_OK) {
		mem_free(e->looked.path);
		e->looked.path = mem_strdup(j->path);
		str_format(e->looked.stamp, sizeof e->looked.stamp, "%s", j->stamp);
	} else if (strcmp(job->task.err.key, "err_values") == 0) {
		told = &job->task.err;
	} else {
		log_debug("engine", "weights were not looked at: %s", job->task.err.key);
	}
	if (!look)
		return;
	values_look_fn done = look->done;
	void *user = look->user;
	mem_free(look);
	done(user, told);
}

static void drop_look(struct job *job)
{
	struct look_job *j = (struct look_job *)job;

	if (j->look)
		j->look->job = NULL;
}

struct values_look *values_look_start(struct engine *e, const char *path, const char *stamp, const char *known, values_look_fn done,
				      void *user)
{
	bool is_known = stamp[0] && (strcmp(stamp, known) == 0 ||
				     (e->looked.path && strcmp(path, e->looked.path) == 0 && strcmp(stamp, e->looked.stamp) == 0));
	if (is_known)
		return NULL;
	struct look_job *j = job_new(e, sizeof *j, run_look, home_look);
	struct values_look *look = mem_alloc(sizeof *look);

	*look = (struct values_look){ .job = j, .done = done, .user = user };
	j->job.drop = drop_look;
	j->look = look;
	j->path = arena_strdup(j->job.arena, path);
	str_format(j->stamp, sizeof j->stamp, "%s", stamp);
	job_values(&j->job);
	return look;
}

double values_look_progress(const struct values_look *look)
{
	return look->job ? atomic_load(&look->job->done) / 1000.0 : 1;
}

void values_look_cancel(struct values_look *look)
{
	if (!look)
		return;
	if (look->job) {
		atomic_store(&look->job->job.task.cancelled, true);
		look->job->look = NULL;
	}
	mem_free(look);
}
