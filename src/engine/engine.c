/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "engine/machine.h"

#define EVENT_MS 200

/* --- jobs --- */

static void engine_unref(struct engine *e)
{
	if (--e->refs > 0)
		return;
	while (e->listeners) {
		struct listener *l = e->listeners;
		e->listeners = l->next;
		mem_free(l);
	}
	mem_free(e->hashed.path);
	mem_free(e->looked.path);
	mem_free(e->worker_path);
	mem_free(e->data_dir);
	mem_free(e->device);
	mem_free(e->gpu_device);
	mem_free(e);
}

static void job_done(struct task *task)
{
	struct job *job = (struct job *)task;
	struct engine *e = job->e;

	*job->at = job->next;
	if (job->next)
		job->next->at = job->at;
	void (*end)(struct job *) = e->closing ? job->drop : job->home;
	if (end)
		end(job);
	arena_free(job->arena);
	mem_free(job);
	engine_unref(e);
}

void *job_new(struct engine *e, size_t size, void (*run)(struct task *, void *), void (*home)(struct job *))
{
	struct job *job = mem_alloc(size);

	job->task.run = run;
	job->task.done = job_done;
	job->e = e;
	job->arena = arena_new();
	job->home = home;
	job->next = e->jobs;
	job->at = &e->jobs;
	if (e->jobs)
		e->jobs->at = &job->next;
	e->jobs = job;
	e->refs++;
	return job;
}

void jobs_cancel(struct engine *e, uint64_t serial)
{
	for (struct job *job = e->jobs; job; job = job->next) {
		if (job->is_long && (serial == 0 || job->serial == serial))
			atomic_store(&job->task.cancelled, true);
	}
}

void job_write(struct job *job)
{
	store_write(job->e->options.store, &job->task);
}

void job_read(struct job *job)
{
	store_read(job->e->options.store, &job->task);
}

void job_work(struct job *job)
{
	job->is_long = true;
	executor_post(job->e->options.work, &job->task);
}

void job_hash(struct job *job)
{
	job->is_long = true;
	executor_post(job->e->options.hash, &job->task);
}

void job_values(struct job *job)
{
	job->is_long = true;
	executor_post(job->e->options.values, &job->task);
}

void job_home_now(struct job *job)
{
	job_done(&job->task);
}

bool job_is_current(const struct job *job)
{
	return job->e->active && job->serial != 0 && job->e->active->serial == job->serial;
}

/* --- events --- */

void engine_listen(struct engine *e, engine_listener_fn fn, void *user)
{
	struct listener *l = mem_alloc(sizeof *l);

	*l = (struct listener){ fn, user, e->listeners };
	e->listeners = l;
}

void engine_emit(struct engine *e, const struct engine_event *event)
{
	for (struct listener *l = e->listeners; l && !e->closing; l = l->next)
		l->fn(l->user, event);
}

void engine_emit_run(struct engine *e, int64_t run_id)
{
	struct engine_event event = { .kind = ENGINE_RUN, .run_id = run_id };
	engine_emit(e, &event);
}

static void arm_events(struct engine *e)
{
	struct active *a = e->active;

	if (!a->dirty) {
		a->dirty = true;
		loop_timer_set(e->events, EVENT_MS);
	}
}

void engine_touch(struct engine *e, struct active_column *c)
{
	c->dirty = true;
	if (e->active)
		arm_events(e);
}

static void on_events(void *user)
{
	struct engine *e = user;
	struct active *a = e->active;

	if (!a)
		return;
	a->dirty = false;
	for (size_t i = 0; i < a->n_columns; i++) {
		if (!a->columns[i].dirty)
			continue;
		a->columns[i].dirty = false;
		struct engine_event event = { .kind = ENGINE_COLUMN, .run_id = a->run_id, .column_id = a->columns[i].row.id };
		engine_emit(e, &event);
	}
	engine_emit_run(e, a->run_id);
}

/* --- the line --- */

bool line_has(const struct line_entry *list, int64_t run_id)
{
	while (list && list->run_id != run_id)
		list = list->next;
	return list != NULL;
}

struct line_entry *line_add(struct line_entry **list, int64_t run_id)
{
	while (*list && (*list)->run_id != run_id)
		list = &(*list)->next;
	if (!*list) {
		*list = mem_alloc(sizeof **list);
		(*list)->run_id = run_id;
	}
	return *list;
}

bool line_take(struct line_entry **list, int64_t run_id)
{
	while (*list && (*list)->run_id != run_id)
		list = &(*list)->next;
	struct line_entry *entry = *list;
	if (!entry)
		return false;
	*list = entry->next;
	mem_free(entry);
	return true;
}

struct reservation {
	engine_granted_fn granted;
	void *user;
	struct reservation *next;
};

static void grant(struct engine *e)
{
	const struct reservation *first = e->reservations;

	e->is_reserved = true;
	prompt_fail_asked(e);
	host_drop(e);
	prompt_advance(e); /* those that waited for a model */
	chat_advance(e);   /* tells them why they wait */
	first->granted(first->user);
}

void engine_reserve(struct engine *e, engine_granted_fn granted, void *user)
{
	struct reservation **at = &e->reservations;

	while (*at)
		at = &(*at)->next;
	*at = mem_alloc(sizeof **at);
	**at = (struct reservation){ granted, user, NULL };
	engine_next(e);
}

void engine_unreserve(struct engine *e, const void *user)
{
	struct reservation **at = &e->reservations, *r;

	while (*at && (*at)->user != user)
		at = &(*at)->next;
	if (!(r = *at))
		return;
	e->is_reserved &= r != e->reservations;
	*at = r->next;
	mem_free(r);
	engine_next(e);
	chat_advance(e);
	prompt_advance(e);
}

void engine_next(struct engine *e)
{
	if (e->active && e->active->ending && !e->active->loaded) {
		run_release(e->active);
		e->active = NULL;
	}
	if (e->active || e->closing || e->is_reserved)
		return;
	if (e->reservations && e->holder)
		return; /* the turn that has the machine ends first */
	if (e->reservations) {
		grant(e);
		return;
	}
	if (!e->line)
		return;
	int64_t run_id = e->line->run_id;
	(void)line_take(&e->line, run_id);
	run_begin(e, run_id);
}

void engine_start(struct engine *e, int64_t run_id)
{
	(void)line_take(&e->unsaved, run_id);
	if (e->active && e->active->run_id == run_id && !e->active->ending && !e->active->stopping) {
		e->active->reload = true;
		run_advance(e);
		return;
	}
	line_add(&e->line, run_id);
	engine_next(e);
}

struct stop_job {
	struct job job;
	int64_t run_id;
};

static void run_stop_waiting(struct task *task, void *context)
{
	struct stop_job *j = (struct stop_job *)task;

	if (run_store_cancel_waiting(context, j->run_id, &task->err) == ERR_OK)
		(void)!run_store_set_state(context, j->run_id, RUN_STOPPED, &task->err);
}

static void home_stopped(struct job *job)
{
	engine_emit_run(job->e, ((struct stop_job *)job)->run_id);
}

void engine_stop(struct engine *e, int64_t run_id)
{
	if (line_take(&e->line, run_id)) {
		struct stop_job *j = job_new(e, sizeof *j, run_stop_waiting, home_stopped);
		j->run_id = run_id;
		job_write(&j->job);
	}
	if (e->active && e->active->run_id == run_id)
		run_stop(e);
}

/* The worker did not react to being cancelled. */
static void on_stop_timer(void *user)
{
	struct engine *e = user;
	struct err cause;

	if (!e->active || !e->active->stopping || !e->host.process)
		return;
	if (run_waits_for_chat(e)) { /* its groups wait for a turn, which nobody has stopped */
		loop_timer_set(e->stop_timer, STOP_PATIENCE_MS);
		return;
	}
	err_set(&cause, ERR_CANCELLED, "err_cancelled", NULL);
	worker_process_kill(e->host.process, &cause);
}

bool engine_is_active(const struct engine *e, int64_t run_id)
{
	return line_has(e->line, run_id) || (e->active && e->active->run_id == run_id);
}

bool engine_is_unsaved(const struct engine *e, int64_t run_id, struct err *cause)
{
	const struct line_entry *entry = e->unsaved;

	while (entry && entry->run_id != run_id)
		entry = entry->next;
	if (entry)
		*cause = entry->cause;
	return entry != NULL;
}

/* --- live state --- */

const char *column_state_name(enum column_state s)
{
	static const char *const names[] = { "waiting", "loading", "answering", "done", "failed" };
	return names[s];
}

static bool is_live(const struct engine *e, int64_t run_id)
{
	return e->active && e->active->run_id == run_id && e->active->loaded;
}

size_t engine_columns(const struct engine *e, int64_t run_id, struct column_live *out, size_t max)
{
	size_t n = 0;

	for (; is_live(e, run_id) && n < e->active->n_columns && n < max; n++) {
		const struct active_column *c = &e->active->columns[n];
		bool loading = c->state == COLUMN_LOADING;
		out[n] = (struct column_live){ .column_id = c->row.id, .state = c->state, .n_running = c->n_running,
					       .progress = loading ? e->host.progress : 0,
					       .bytes = loading ? (int64_t)(e->host.progress * (double)e->host.file_bytes) : 0,
					       .bytes_total = loading ? e->host.file_bytes : 0,
					       .is_converting = loading && e->host.state == HOST_CONVERTING,
					       .problem = c->state == COLUMN_FAILED ? &c->problem : NULL };
	}
	return n;
}

int64_t engine_eta_ms(const struct engine *e, int64_t run_id)
{
	return is_live(e, run_id) ? eta_ms(e->active) : -1;
}

size_t engine_cells(const struct engine *e, int64_t run_id, struct cell_live *out, size_t max)
{
	size_t n = 0;

	if (!is_live(e, run_id))
		return 0;
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		const struct flight *f = &e->active->flights[i];
		for (size_t k = 0; k < f->n_cells && n < max; k++) {
			const struct live_cell *cell = &f->cells[k];
			if (cell->started && !cell->over && !cell->was_done)
				out[n++] = cell_so_far(cell, e->active->columns[f->column].row.id);
		}
	}
	return remote_cells(e->active, out, n, max);
}

size_t engine_workers(const struct engine *e, struct worker_info *out, size_t max)
{
	const struct host *h = &e->host;

	if (!h->process || max == 0)
		return 0;
	bool answering = h->state == HOST_READY && h->n_open > 0;
	out[0] = (struct worker_info){ .pid = (int)worker_process_pid(h->process), .base_model_id = h->base_id,
				       .model_name = h->base_name, .sandbox = h->sandbox,
				       .state = h->state == HOST_STARTING ? "starting"
						: h->state == HOST_LOADING || h->calibrating ? "loading"
						: answering ? "answering" : "idle",
				       .rss_bytes = machine_resident(worker_process_pid(h->process)) };
	return 1;
}

static struct worker_facts *probed(struct engine *e)
{
	if (!e->probed.sandbox[0])
		(void)worker_probe(e->worker_path, e->options.gpu.layers == 0, &e->probed);
	return &e->probed;
}

const char *engine_sandbox(struct engine *e)
{
	if (e->host.sandbox[0])
		return e->host.sandbox;
	return probed(e)->sandbox;
}

const struct devices *engine_devices(struct engine *e, bool *has_backend)
{
	struct worker_facts *facts = probed(e);

	*has_backend = facts->has_gpu_backend;
	return &facts->devices;
}

struct engine_program engine_program(const struct engine *e, const struct model_row *base)
{
	return (struct engine_program){ e->worker_path, e->device, base ? gpu_use_of(&e->options.gpu, base) : e->options.gpu };
}

void engine_model_changed(struct engine *e, int64_t model_id)
{
	if (e->host.base_id == model_id)
		e->host.is_stale = true;
}

int64_t engine_memory_reserve(const struct engine *e)
{
	int64_t tenth = machine_memory().total / 10, reserve = e->options.memory_reserve;

	return reserve > 0 ? reserve : tenth < (int64_t)GIB ? tenth : (int64_t)GIB;
}

/* --- life --- */

struct engine *engine_new(const struct engine_options *options)
{
	struct engine *e = mem_alloc(sizeof *e);

	e->options = *options;
	e->refs = 1;
	e->gpu_device = mem_strdup(options->gpu.device ? options->gpu.device : "");
	e->options.gpu.device = e->gpu_device;
	e->worker_path = mem_strdup(options->worker_path);
	e->data_dir = mem_strdup(store_data_dir(options->store));
	e->n_threads = options->n_threads > 0 ? options->n_threads : machine_cores();
	e->device = machine_name(e->n_threads);
	e->events = loop_timer_new(options->loop, on_events, e);
	e->stop_timer = loop_timer_new(options->loop, on_stop_timer, e);
	e->unsaved_timer = loop_timer_new(options->loop, run_save, e);
	host_init(e);
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->active && !e->active->ending) /* else its end is with the store already */
		run_leave(e, e->active->run_id);
	for (const struct line_entry *entry = e->line; entry; entry = entry->next)
		run_leave(e, entry->run_id);
	struct err cause;
	err_set(&cause, ERR_CANCELLED, "err_cancelled", NULL);
	prompt_fail_all(e, &cause);
	e->closing = true;
	chat_fail_all(e, &cause);
	jobs_cancel(e, 0);
	host_release(e);
	loop_timer_free(e->events);
	loop_timer_free(e->stop_timer);
	loop_timer_free(e->unsaved_timer);
	while (e->line)
		(void)line_take(&e->line, e->line->run_id);
	while (e->unsaved)
		(void)line_take(&e->unsaved, e->unsaved->run_id);
	while (e->reservations) {
		struct reservation *first = e->reservations;
		e->reservations = first->next;
		mem_free(first);
	}
	run_release(e->active);
	e->active = NULL;
	engine_unref(e);
}
