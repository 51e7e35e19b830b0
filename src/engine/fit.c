/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/fit.h"

#include <string.h>

#include "base/mem.h"
#include "engine/active.h"

#define BYTES_PER_TOKEN 3 /* of a text: English has more, Chinese about as many */
#define STEP_TOKENS 512	  /* beside the longest text there is room for a step of the others */
#define BUCKET_TOKENS 1024 /* the least, then half as many more and twice as many in turns, as worker/plan.c does it */

struct fit_job {
	struct job job;
	struct fit *fit; /* NULL: nobody waits for it any more */
	struct engine_program program;
	struct fit_wish wish;
	int64_t reserve;
	struct memory_answer answer;
};

struct fit {
	struct fit_job *job; /* under way; NULL: it is home */
	struct held_look *look;
	struct memory_answer answer;
	fit_fn done;
	void *user;
};

struct fit_wish fit_wish_of(const struct engine *e, const struct model_row *base, const char *path, struct memory_tokens tokens)
{
	return (struct fit_wish){ .path = path, .name = base->model.name, .base_id = base->id, .gpu = gpu_use_of(&e->options.gpu, base),
				  .tokens = tokens };
}

struct memory_tokens fit_tokens(const struct model_row *base, size_t longest)
{
	int64_t tokens = (int64_t)(longest / BYTES_PER_TOKEN), most = (int64_t)base->model.n_ctx_train, power = BUCKET_TOKENS;

	if (most > 0 && tokens > most)
		tokens = most; /* longer ones are left out */
	tokens += STEP_TOKENS;
	while (power < tokens && power + power / 2 < tokens)
		power *= 2;
	if (power < tokens)
		power += power / 2;
	return (struct memory_tokens){ power, power };
}

int64_t fit_answer_tokens(const struct model_row *base, const struct gen_params *params, const struct run_extent *extent)
{
	int64_t system = params->system ? (int64_t)strlen(params->system) : 0, most = (int64_t)base->model.n_ctx_train;
	int64_t tokens = (system + extent->bytes) / BYTES_PER_TOKEN + extent->turns * params->max_tokens;

	if (params->num_ctx > 0 && (most <= 0 || params->num_ctx < most))
		most = params->num_ctx;
	return most > 0 && tokens > most ? most : tokens;
}

void fit_cancel(struct fit *fit)
{
	if (!fit)
		return;
	if (fit->job)
		fit->job->fit = NULL;
	held_look_free(fit->look);
	mem_free(fit);
}

static void finish(struct fit *fit, const struct err *err)
{
	struct fit last = *fit;
	struct err copy = *err;

	fit_cancel(fit);
	last.done(last.user, &last.answer, &copy);
}

static void told(void *user, const struct err *err)
{
	finish(user, err);
}

static void run_fit(struct task *task, void *context)
{
	struct fit_job *j = (struct fit_job *)task;
	const struct fit_wish *w = &j->wish;

	(void)context;
	if (engine_check_memory(&j->program, w->path, w->beside, &w->tokens, j->reserve, &j->answer, &task->err) != ERR_LIMIT ||
	    j->answer.is_beside)
		return;
	if (w->base_id)
		err_add(&task->err, "base=%lld", (long long)w->base_id);
	if (w->name)
		memory_name(&task->err, w->name);
}

static void home_fit(struct job *job)
{
	struct fit_job *j = (struct fit_job *)job;
	struct fit *fit = j->fit;

	if (!fit)
		return;
	fit->job = NULL;
	fit->answer = j->answer;
	if (job->task.err.code == ERR_LIMIT && job->e->options.http_client)
		fit->look = held_look_start(job->e, &job->task.err, machine_has_gpu() && j->program.gpu.layers != 0, told, fit);
	else
		finish(fit, &job->task.err);
}

static void drop_fit(struct job *job)
{
	struct fit_job *j = (struct fit_job *)job;

	if (j->fit)
		j->fit->job = NULL;
}

struct fit *fit_start(struct engine *e, const struct fit_wish *wish, fit_fn done, void *user)
{
	struct fit *fit = mem_alloc(sizeof *fit);
	struct fit_job *j = job_new(e, sizeof *j, run_fit, home_fit);
	struct arena *a = j->job.arena;

	*fit = (struct fit){ .job = j, .done = done, .user = user };
	j->job.drop = drop_fit;
	j->fit = fit;
	j->wish = *wish;
	j->wish.path = arena_strdup(a, wish->path);
	j->wish.name = wish->name ? arena_strdup(a, wish->name) : NULL;
	j->wish.beside = wish->beside ? arena_strdup(a, wish->beside) : NULL;
	j->program = (struct engine_program){ .worker_path = e->worker_path, .device = e->device, .gpu = wish->gpu };
	j->program.gpu.device = arena_strdup(a, wish->gpu.device ? wish->gpu.device : "");
	j->reserve = engine_memory_reserve(e);
	job_work(&j->job);
	return fit;
}
