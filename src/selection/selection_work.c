/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/load_request.h"
#include "engine/machine.h"
#include "selection/selection_private.h"
#include "worker/protocol.h"

/* --- chores --- */

static void chore_done(struct task *task)
{
	struct chore *c = (struct chore *)task;
	struct selection *s = c->s;
	struct selections *ss = s->ss;
	struct chore **at = &s->chores;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (!s->is_over && c->began_at == s->n_ended)
		c->home(c);
	if (c->release)
		c->release(c);
	arena_free(c->arena);
	mem_free(c);
	if (s->is_over && !s->chores)
		selection_bury(s);
	selections_unref(ss);
}

void *chore_new(struct selection *s, size_t size, void (*run)(struct task *, void *), void (*home)(struct chore *))
{
	struct chore *c = mem_alloc(size);

	*c = (struct chore){ .task = { .run = run, .done = chore_done }, .s = s, .arena = arena_new(), .home = home, .began_at = s->n_ended,
			     .next = s->chores };
	s->chores = c;
	s->ss->refs++;
	return c;
}

void chore_work(struct chore *c)
{
	executor_post(c->s->ss->options.work, &c->task);
}

void chore_write(struct chore *c)
{
	store_write(c->s->ss->options.store, &c->task);
}

bool chore_failed(const struct chore *c)
{
	if (c->task.err.code == ERR_OK)
		return false;
	selection_fail(c->s, &c->task.err);
	return true;
}

/* --- machine --- */

static void on_granted(void *user)
{
	struct selection *s = user;

	s->is_granted = true;
	s->on_ready(s);
}

void selection_need_machine(struct selection *s, void (*granted)(struct selection *))
{
	s->on_ready = granted;
	if (s->is_granted) {
		granted(s);
		return;
	}
	s->is_reserved = true;
	engine_reserve(s->ss->options.engine, on_granted, s);
}

void selection_give_machine(struct selection *s)
{
	selection_end_worker(s);
	if (!s->is_reserved)
		return;
	s->is_reserved = s->is_granted = false;
	engine_unreserve(s->ss->options.engine, s);
}

int selection_threads(const struct selection *s)
{
	return s->ss->options.n_threads > 0 ? s->ss->options.n_threads : machine_cores();
}

/* --- worker --- */

void selection_end_worker(struct selection *s)
{
	fit_cancel(s->fit);
	s->fit = NULL;
	job_worker_stop(s->worker);
	s->worker = NULL;
}

void selection_ask(struct selection *s, uint8_t kind, json_t *body, int fd, uint8_t expected,
		   void (*on_reply)(struct selection *, const json_t *))
{
	s->expected = expected;
	s->on_reply = on_reply;
	s->is_waiting = true;
	job_worker_ask(s->worker, kind, body, fd);
}

static void loaded(struct selection *s, const json_t *body)
{
	(void)body;
	s->on_ready(s);
}

void selection_load_adapter(struct selection *s, const char *file, int64_t id, void (*ready)(struct selection *))
{
	struct err err = { 0 };
	uint64_t size;

	s->on_ready = ready;
	if (!file) {
		ready(s);
		return;
	}
	int fd = fs_open(file, &size, &err);
	if (fd < 0)
		s->on_failed(s, &err);
	else
		selection_ask(s, REQ_ADAPTER, json_pack("{s:I}", "adapter", (json_int_t)id), fd, MSG_OK, loaded);
}

static void worker_ready(void *user, const char *build, bool has_gpu)
{
	struct selection *s = user;
	struct err err = { 0 };
	int64_t size;
	int fd;

	(void)build;
	json_t *load = load_request(s->loading, selection_threads(s), &s->loading_gpu, has_gpu, true, &fd, &size,
				    &err);
	if (!load)
		s->on_failed(s, &err);
	else
		selection_ask(s, REQ_LOAD, load, fd, MSG_LOADED, loaded);
}

static void worker_progress(void *user, const json_t *body)
{
	struct selection *s = user;
	struct err err = { 0 };
	double fraction = json_get_number(body, "fraction", 0, 1.001, 0, &err);

	if (err.code == ERR_OK && s->share > 0)
		step_progress(s, s->share_from + fraction * s->share);
}

static void worker_item(void *user, uint8_t kind, const json_t *body)
{
	struct selection *s = user;

	if (s->on_item)
		s->on_item(s, kind, body);
}

static void worker_reply(void *user, uint8_t kind, const json_t *body)
{
	struct selection *s = user;
	struct err err;

	s->is_waiting = false;
	if (kind == s->expected) {
		s->on_reply(s, body);
		return;
	}
	err_set(&err, ERR_INTERNAL, "err_worker_protocol", "what=%s", "kind");
	s->on_failed(s, &err);
}

/* The process ended, but not for want of memory or instructions: what ended it may be gone. */
static bool may_be_gone(const struct err *cause)
{
	static const char *const keys[] = { "err_worker_killed", "err_worker_crashed", "err_worker_exit" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(cause->key, keys[i]) == 0)
			return true;
	return false;
}

static void load(struct selection *s);

/* Once in a step another worker does what the one that died was asked; one that was asked nothing is started when it is needed. */
static void worker_failed(void *user, const struct err *cause)
{
	struct selection *s = user;

	if (!s->is_waiting) {
		selection_end_worker(s);
		return;
	}
	if (!may_be_gone(cause) || s->has_lost_worker) {
		s->on_failed(s, cause);
		return;
	}
	log_info("selection", "another worker goes on: %s", cause->key);
	s->has_lost_worker = true;
	load(s);
}

static const struct job_worker_events worker_events = { worker_ready, worker_progress, worker_item, worker_reply, worker_failed };

static void start_worker(struct selection *s)
{
	struct err err = { 0 };
	const struct selections_options *o = &s->ss->options;
	struct job_worker_options options = { .loop = o->loop, .allow_unsandboxed = o->allow_unsandboxed,
					      .worker = { .program = o->worker_path, .read = { s->loading }, .cpu_only = s->loading_gpu.layers == 0 } };

	s->worker = job_worker_start(&options, &worker_events, s, &err);
	if (!s->worker)
		s->on_failed(s, &err);
}

static void memory_checked(void *user, const struct memory_answer *answer, const struct err *err)
{
	struct selection *s = user;

	(void)answer;
	s->fit = NULL;
	if (err->code == ERR_OK)
		start_worker(s);
	else
		s->on_failed(s, err);
}

void selection_load(struct selection *s, const char *path, const struct model_row *base, size_t longest,
		    void (*ready)(struct selection *), void (*failed)(struct selection *, const struct err *))
{
	s->loading = path;
	s->loading_base = base;
	s->loading_longest = longest;
	s->on_loaded = ready;
	s->on_failed = failed;
	load(s);
}

static void load(struct selection *s)
{
	struct engine *engine = s->ss->options.engine;
	const struct model_row *base = s->loading_base;
	struct fit_wish wish = fit_wish_of(engine, base, s->loading, fit_tokens(base, s->loading_longest));

	selection_end_worker(s);
	s->loading_gpu = gpu_use_of(&s->ss->options.gpu, base);
	s->on_ready = s->on_loaded;
	s->is_waiting = true;
	s->on_item = NULL;
	s->share = 0;
	s->fit = fit_start(engine, &wish, memory_checked, s);
}
