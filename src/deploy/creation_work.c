/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"
#include "base/mem.h"
#include "deploy/creation_private.h"

/* --- errands --- */

static void errand_done(struct task *task)
{
	struct errand *e = (struct errand *)task;
	struct creation *c = e->c;
	struct creations *cs = c->cs;
	struct errand **at = &c->errands;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	if (!c->is_over)
		e->home(e);
	arena_free(e->arena);
	mem_free(e);
	if (c->is_over && !c->errands)
		creation_bury(c);
	creations_unref(cs);
}

void *errand_new(struct creation *c, size_t size, void (*run)(struct task *, void *), void (*home)(struct errand *))
{
	struct errand *e = mem_alloc(size);

	*e = (struct errand){ .task = { .run = run, .done = errand_done }, .c = c, .arena = arena_new(), .home = home,
			      .next = c->errands };
	c->errands = e;
	c->cs->refs++;
	return e;
}

void errand_read(struct errand *e)
{
	store_read(e->c->cs->options.store, &e->task);
}

void errand_write(struct errand *e)
{
	store_write(e->c->cs->options.store, &e->task);
}

void errand_work(struct errand *e)
{
	executor_post(e->c->cs->options.work, &e->task);
}

void errand_hash(struct errand *e)
{
	executor_post(e->c->cs->options.hash, &e->task);
}

bool errand_failed(const struct errand *e)
{
	if (e->task.err.code == ERR_OK)
		return false;
	creation_fail(e->c, &e->task.err);
	return true;
}

/* --- machine and worker --- */

static void on_granted(void *user)
{
	struct creation *c = user;

	c->is_granted = true;
	c->on_granted(c);
}

void creation_need_machine(struct creation *c, void (*granted)(struct creation *))
{
	c->on_granted = granted;
	if (c->is_granted) {
		granted(c);
		return;
	}
	c->is_reserved = true;
	engine_reserve(c->cs->options.engine, on_granted, c);
}

void creation_give_machine(struct creation *c)
{
	if (!c->is_reserved)
		return;
	c->is_reserved = c->is_granted = false;
	engine_unreserve(c->cs->options.engine, c);
}

static void memory_checked(void *user, const struct memory_answer *answer, const struct err *err)
{
	struct creation *c = user;

	c->fit = NULL;
	c->on_memory(c, answer, err);
}

void creation_check_memory(struct creation *c, const struct fit_wish *wish,
			   void (*checked)(struct creation *, const struct memory_answer *, const struct err *))
{
	c->on_memory = checked;
	c->fit = fit_start(c->cs->options.engine, wish, memory_checked, c);
}

static void worker_ready(void *user, const char *build, bool has_gpu)
{
	struct creation *c = user;

	c->has_gpu = has_gpu;
	c->facts.build = arena_strdup(c->arena, build);
	c->on_ready(c);
}

static void worker_progress(void *user, const json_t *body)
{
	struct creation *c = user;
	struct err err = { 0 };
	double fraction = json_get_number(body, "fraction", 0, 1.001, 0, &err);
	const char *detail = json_get_text(body, "detail", "", &err);

	if (err.code == ERR_OK)
		creation_step_progress(c, c->share_from + fraction * c->share, detail);
}

static void worker_reply(void *user, uint8_t kind, const json_t *body)
{
	struct creation *c = user;
	struct err err;

	if (kind == c->expected) {
		c->on_reply(c, body);
		return;
	}
	err_set(&err, ERR_INTERNAL, "err_worker_protocol", "what=%s", "kind");
	creation_fail(c, &err);
}

void creation_refused(struct creation *c, const struct err *cause)
{
	if (c->at < c->n_steps && c->steps[c->at].begin == begin_proof)
		proof_give_up(c, cause);
	else
		creation_fail(c, cause);
}

static void worker_failed(void *user, const struct err *cause)
{
	creation_refused(user, cause);
}

static void worker_item(void *user, uint8_t kind, const json_t *body)
{
	ollama_item(user, kind, body);
}

static const struct job_worker_events worker_events = { worker_ready, worker_progress, worker_item, worker_reply, worker_failed };

void creation_need_worker(struct creation *c, void (*ready)(struct creation *))
{
	struct err err = { 0 };
	const struct creations_options *o = &c->cs->options;
	struct job_worker_options options = { .loop = o->loop, .allow_unsandboxed = o->allow_unsandboxed,
					      .worker = { .program = o->worker_path, .read = { c->job_dir, c->facts.base.model.path, c->facts.adapter_file },
							  .write_dir = c->job_dir, .cpu_only = creation_gpu(c).layers == 0 } };

	c->on_ready = ready;
	c->worker = job_worker_start(&options, &worker_events, c, &err);
	if (!c->worker)
		creation_fail(c, &err);
}

void creation_end_worker(struct creation *c)
{
	fit_cancel(c->fit);
	c->fit = NULL;
	job_worker_stop(c->worker);
	c->worker = NULL;
	c->has_reference = false;
}

void creation_with_worker(struct creation *c, void (*ready)(struct creation *))
{
	if (c->worker)
		ready(c);
	else
		creation_need_worker(c, ready);
}

void creation_ask(struct creation *c, uint8_t kind, json_t *body, int fd, uint8_t expected,
		  void (*on_reply)(struct creation *, const json_t *))
{
	c->expected = expected;
	c->on_reply = on_reply;
	job_worker_ask(c->worker, kind, body, fd);
}

void creation_share(struct creation *c, double from, double share)
{
	c->share_from = from;
	c->share = share;
}
