/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "worker/protocol.h"

#define GIVEN_UP_MAX 2         /* groups in a row, then the column has failed */
#define SAVE_MS 1000           /* between tries to store the end of a run */

void run_release(struct active *a)
{
	if (!a)
		return;
	for (int i = 0; i < FLIGHTS_MAX; i++)
		flight_free(&a->flights[i]);
	remote_release(a);
	for (size_t i = 0; i < a->n_columns; i++)
		mem_free(a->columns[i].adapter_file);
	heard_free(a);
	prefetch_release(a);
	arena_free(a->arena);
	mem_free(a);
}

int active_flights(const struct active *a)
{
	int n = 0;

	for (int i = 0; a && i < FLIGHTS_MAX; i++)
		n += a->flights[i].n_cells > 0;
	return n;
}

/* --- states in the store --- */

struct state_job {
	struct job job;
	int64_t run_id, column_id;
	enum run_state state;
	struct err problem; /* with column_id: why its waiting cells fail; with RUN_INTERRUPTED: why */
	bool cancels;
};

static void run_state(struct task *task, void *context)
{
	struct state_job *j = (struct state_job *)task;

	if (j->column_id && run_store_fail_waiting(context, j->column_id, &j->problem, &task->err) != ERR_OK)
		return;
	if (j->cancels && run_store_cancel_waiting(context, j->run_id, &task->err) != ERR_OK)
		return;
	if (!j->column_id && j->state == RUN_INTERRUPTED)
		(void)!run_store_interrupt(context, j->run_id, &j->problem, &task->err);
	else if (!j->column_id)
		(void)!run_store_set_state(context, j->run_id, j->state, &task->err);
}

static void home_running(struct job *job)
{
	struct state_job *j = (struct state_job *)job;
	engine_emit_run(job->e, j->run_id);
}

static void save_later(struct engine *e, int64_t run_id, const struct err *cause)
{
	line_add(&e->unsaved, run_id)->cause = *cause;
	loop_timer_set(e->unsaved_timer, e->options.quick_retries ? 10 : SAVE_MS);
}

static void home_saved(struct job *job)
{
	struct state_job *j = (struct state_job *)job;
	struct engine *e = job->e;

	if (!line_has(e->unsaved, j->run_id))
		return; /* it was started again */
	if (job->task.err.code != ERR_OK && job->task.err.code != ERR_NOT_FOUND) {
		save_later(e, j->run_id, &j->problem);
		return;
	}
	(void)line_take(&e->unsaved, j->run_id);
	engine_emit_run(e, j->run_id);
}

void run_save(void *engine)
{
	struct engine *e = engine;

	for (const struct line_entry *entry = e->unsaved; entry; entry = entry->next) {
		struct state_job *j = job_new(e, sizeof *j, run_state, home_saved);
		j->run_id = entry->run_id;
		j->state = RUN_INTERRUPTED;
		j->problem = entry->cause;
		job_write(&j->job);
	}
}

static void home_ended(struct job *job)
{
	struct state_job *j = (struct state_job *)job;
	struct engine *e = job->e;

	if (job->task.err.code != ERR_OK) {
		log_error("engine", "state of run %lld not stored: %s", (long long)j->run_id, job->task.err.key);
		save_later(e, j->run_id, j->problem.code != ERR_OK ? &j->problem : &job->task.err);
	}
	if (job_is_current(job)) {
		run_release(e->active);
		e->active = NULL;
	}
	engine_emit_run(e, j->run_id);
	engine_next(e);
	chat_advance(e);
	if (!e->active)
		prompt_advance(e);
}

static void store_state(struct engine *e, enum run_state state, bool cancels, void (*home)(struct job *))
{
	struct state_job *j = job_new(e, sizeof *j, run_state, home);

	j->job.serial = e->active->serial;
	j->run_id = e->active->run_id;
	j->state = state;
	j->problem = e->active->cause;
	j->cancels = cancels;
	job_write(&j->job);
}

/* --- loading from the store --- */

struct load_job {
	struct job job;
	struct arena *keep; /* becomes the active run's */
	int64_t run_id;
	struct run_row run;
	struct run_extent extent;
	struct column_row *rows;
	struct model_row *models, *bases;
	struct err *problems;
	const struct remote **remotes; /* NULL: answered here */
	size_t n;
	int64_t *parts;
	size_t n_parts;
};

static void load_models(struct load_job *j, struct db *db)
{
	j->models = arena_array(j->keep, j->n, sizeof *j->models);
	j->bases = arena_array(j->keep, j->n, sizeof *j->bases);
	j->problems = arena_array(j->keep, j->n, sizeof *j->problems);
	j->remotes = arena_array(j->keep, j->n, sizeof *j->remotes);
	for (size_t i = 0; i < j->n; i++) {
		struct model_row *m = &j->models[i];
		struct err *problem = &j->problems[i];
		if (model_store_get(db, j->keep, j->rows[i].model_id, m, problem) != ERR_OK)
			continue;
		if (m->model.kind == MODEL_BASE || (m->model.kind == MODEL_FULL && m->model.adapter_format == ADAPTER_NONE))
			j->bases[i] = *m;
		else if (m->model.kind == MODEL_REMOTE)
			j->remotes[i] = remote_load(j->job.e, db, j->keep, m, problem);
		else if (m->base_model_id == 0)
			err_set(problem, ERR_NOT_FOUND, "err_base_missing", "name=%s", m->model.base_name);
		else
			(void)!model_store_get(db, j->keep, m->base_model_id, &j->bases[i], problem);
		j->bases[i].weights = j->rows[i].params.weights; /* whatever the model's choice is by now */
	}
}

static void run_load(struct task *task, void *context)
{
	struct load_job *j = (struct load_job *)task;
	struct db *db = context;

	if (run_store_get(db, j->keep, j->run_id, &j->run, &j->rows, &j->n, &task->err) == ERR_OK &&
	    run_store_parts(db, j->keep, j->run_id, &j->parts, &j->n_parts, &task->err) == ERR_OK &&
	    run_store_extent(db, j->run_id, &j->extent, &task->err) == ERR_OK)
		load_models(j, db);
}

/* Keeps what earlier loads of this run have already made ready. */
static void adopt_columns(struct active *a, struct load_job *j)
{
	struct active_column *columns = arena_array(j->keep, j->n, sizeof *columns);

	for (size_t i = 0; i < j->n; i++) {
		struct active_column *c = &columns[i];
		if (i < a->n_columns)
			*c = a->columns[i];
		bool was_planned = c->prepared;
		int64_t slots = c->row.slots, kv_tokens = c->row.kv_tokens;
		c->row = j->rows[i];
		if (was_planned) {
			c->row.slots = slots;
			c->row.kv_tokens = kv_tokens;
		}
		c->model = j->models[i];
		c->base = j->bases[i];
		c->next = 0;
		c->problem = j->problems[i];
		c->state = c->row.n_waiting > 0 ? COLUMN_WAITING : COLUMN_DONE;
		c->first_group_done = c->exhausted = c->state == COLUMN_DONE;
		c->tries = c->n_given_up = c->n_adapter_deaths = 0;
	}
	a->columns = columns;
	a->n_columns = j->n;
	eta_begin(a);
}

static void home_load(struct job *job)
{
	struct load_job *j = (struct load_job *)job;
	struct engine *e = job->e;

	if (!job_is_current(job)) {
		arena_free(j->keep);
		return;
	}
	struct active *a = e->active;
	a->reading = false;
	if (job->task.err.code != ERR_OK) {
		log_error("engine", "run %lld not loaded: %s", (long long)a->run_id, job->task.err.key);
		arena_free(j->keep);
		a->ending = true;
		a->cause = job->task.err;
		store_state(e, RUN_INTERRUPTED, false, home_ended);
		return;
	}
	struct arena *old = a->arena;
	remote_release(a);
	adopt_columns(a, j);
	a->run = j->run;
	a->extent = j->extent;
	a->parts = j->parts;
	a->n_parts = j->n_parts;
	a->arena = j->keep;
	arena_free(old);
	a->loaded = true;
	a->base_id = 0;
	a->started_ms = clock_mono_ms();
	if (active_flights(a) == 0 && !e->holder)
		host_refresh(e);
	remote_adopt(e, j->remotes);
	for (size_t i = 0; i < a->n_columns; i++) {
		if (a->columns[i].problem.code != ERR_OK && a->columns[i].state == COLUMN_WAITING) {
			struct err cause = a->columns[i].problem;
			column_fail(e, &a->columns[i], &cause);
		}
	}
	engine_emit_run(e, a->run_id);
	run_advance(e);
}

static void drop_load(struct job *job)
{
	arena_free(((struct load_job *)job)->keep);
}

static void load_run(struct engine *e)
{
	struct active *a = e->active;
	struct load_job *j = job_new(e, sizeof *j, run_load, home_load);

	j->job.drop = drop_load;
	j->job.serial = a->serial;
	j->keep = arena_new();
	j->run_id = a->run_id;
	a->reading = true;
	a->reload = false;
	job_read(&j->job);
}

/* --- the end of a column --- */

static void home_column_failed(struct job *job)
{
	struct state_job *j = (struct state_job *)job;

	if (job_is_current(job)) {
		job->e->active->n_storing--;
		run_advance(job->e);
	}
	engine_emit_run(job->e, j->run_id);
}

void column_fail(struct engine *e, struct active_column *c, const struct err *cause)
{
	struct active *a = e->active;

	if (c->state == COLUMN_FAILED)
		return;
	c->problem = *cause;
	if (strcmp(cause->key, "err_worker_memory") == 0 && c->row.n_done > 0)
		err_set(&c->problem, cause->code, "err_worker_memory_kept", "n=%lld", (long long)c->row.n_done);
	c->state = COLUMN_FAILED;
	c->exhausted = true;
	log_warn("engine", "column failed run=%lld column=%lld %s", (long long)a->run_id, (long long)c->row.id, cause->key);
	column_store(e, c);
	struct state_job *j = job_new(e, sizeof *j, run_state, home_column_failed);
	j->job.serial = a->serial;
	j->run_id = a->run_id;
	j->column_id = c->row.id;
	j->problem = c->problem;
	a->n_storing++;
	job_write(&j->job);
	engine_touch(e, c);
}

/* --- which group next --- */

static struct plan column_plan(const struct active *a, const struct active_column *c)
{
	return (struct plan){ .starts = a->parts, .n_starts = a->n_parts, .n_questions = a->run.n_questions,
			      .slots = c->row.slots, .is_fast = a->run.is_fast };
}

static bool is_flying(const struct active *a, const struct active_column *c)
{
	for (int k = 0; k < FLIGHTS_MAX; k++)
		if (a->flights[k].n_cells > 0 && a->flights[k].column == (size_t)(c - a->columns))
			return true;
	return false;
}

/* What the column's next group needs is under way. */
static bool turns_hold(const struct active *a, struct active_column *c)
{
	c->holds = c->holds && (is_flying(a, c) || c->n_storing > 0);
	return c->holds;
}

/* The column that is furthest behind: a run that ends early has questions that all of them answered. */
static struct active_column *next_column(struct active *a)
{
	struct active_column *found = NULL;

	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (c->exhausted || c->state == COLUMN_FAILED || c->remote || c->base.id != a->base_id || turns_hold(a, c))
			continue;
		if (!c->first_group_done)
			return c;
		if (!found || c->next < found->next)
			found = c;
	}
	return found;
}

#define PAGE_CELLS 64

struct page_job {
	struct job job;
	size_t column;
	struct plan_group group;
	uint64_t incarnation; /* of the worker it was read for */
	bool is_quiet;        /* nothing of the column was under way when it was read */
	int64_t column_id;
	struct run_question *questions;
	size_t n;
};

static void run_page(struct task *task, void *context)
{
	struct page_job *j = (struct page_job *)task;
	struct run_question *page;
	size_t n = 0;
	int64_t bytes = 0;

	j->questions = arena_array(j->job.arena, (size_t)j->group.count, sizeof *j->questions);
	do {
		int64_t left = j->group.count - (int64_t)j->n;
		if (run_store_column_cells(context, j->job.arena, j->column_id, j->group.first + (int64_t)j->n,
					   left < PAGE_CELLS ? left : PAGE_CELLS, &page, &n, &task->err) != ERR_OK)
			return;
		for (size_t i = 0; i < n; i++) {
			bytes += engine_message_bytes(&page[i], 0);
			if (!plan_fits((int64_t)j->n, bytes))
				return;
			j->questions[j->n++] = page[i];
		}
	} while (n > 0 && (int64_t)j->n < j->group.count);
}

static struct flight *free_flight(struct active *a)
{
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		if (a->flights[i].n_cells == 0)
			return &a->flights[i];
	}
	return NULL;
}

/* Fast mode repeats nothing: only questions without an answer are asked, as many as one request takes.  Returns true where something
 * is left for another time. */
static bool drop_stored(struct page_job *j)
{
	size_t kept = 0;
	int64_t bytes = 0;
	bool is_rest = false;

	for (size_t i = 0; i < j->n; i++) {
		if (j->questions[i].cells[0].state != CELL_WAITING)
			continue;
		bytes += engine_asked_bytes(&j->questions[i], 0);
		if (is_rest || !plan_fits((int64_t)kept, bytes))
			is_rest = true;
		else
			j->questions[kept++] = j->questions[i];
	}
	j->n = kept;
	return is_rest;
}

/* The group that begins at `position` has to be asked again. */
static void step_back(struct active_column *c, int64_t position)
{
	c->exhausted = false;
	if (position < c->next)
		c->next = position;
	if (c->next == 0)
		c->first_group_done = false;
}

/* --- turns of conversations --- */

/* A turn is asked when the turns before it are over.  True where one of them may still be answered: it is under way, or was when
 * the group was read, or an earlier group is to be asked again. */
static bool turns_wait(const struct page_job *j, const struct active_column *c)
{
	if (j->is_quiet && c->next >= j->group.first)
		return false;
	for (size_t i = 0; i < j->n; i++) {
		const struct run_question *q = &j->questions[i];
		for (int64_t t = 0; t < q->q.turn && q->cells[0].state == CELL_WAITING; t++)
			if (q->earlier[t].answers[0].state == CELL_WAITING)
				return true;
	}
	return false;
}

/* Questions that cannot be asked, since a turn before them has no answer, fail. */
static void turns_fail(struct engine *e, struct page_job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct cell_row *cell = &j->questions[i].cells[0];
		struct live_cell live = { .cell_id = cell->id, .question_id = j->questions[i].id };
		struct err cause;

		if (cell->state != CELL_WAITING || engine_check_turns(&j->questions[i], 0, &cause) == ERR_OK)
			continue;
		cell_late(e, j->column, &live, &cause);
		cell->state = CELL_FAILED;
		cell->is_late = true;
	}
}

/* What exact mode asks of a group: all of it, whose answers depend on each other, or one of those that came too late for that.
 * Returns true where something is left for another time. */
static bool choose_exact(struct page_job *j)
{
	size_t n_together = 0, late = j->n, n_late = 0;
	bool waits = false;

	for (size_t i = 0; i < j->n; i++) {
		bool is_waiting = j->questions[i].cells[0].state == CELL_WAITING;
		if (!j->questions[i].cells[0].is_late)
			waits |= is_waiting;
		else if (is_waiting && n_late++ == 0)
			late = i;
	}
	if (!waits && n_late > 0) {
		j->questions += late;
		j->n = 1;
		return n_late > 1;
	}
	for (size_t i = 0; i < j->n; i++)
		if (!j->questions[i].cells[0].is_late)
			j->questions[n_together++] = j->questions[i];
	j->n = n_together;
	return n_late > 0;
}

static void home_page(struct job *job)
{
	struct page_job *j = (struct page_job *)job;
	struct engine *e = job->e;
	bool waits = false;

	if (!job_is_current(job))
		return;
	struct active *a = e->active;
	struct active_column *c = &a->columns[j->column];
	a->reading = false;
	if (job->task.err.code != ERR_OK) {
		column_fail(e, c, &job->task.err);
		run_advance(e);
		return;
	}
	if (j->n > 0 && (int64_t)j->n < j->group.count) { /* long questions: the group is smaller */
		if (c->next == j->group.first + j->group.count)
			c->next = j->group.first + (int64_t)j->n;
		j->group.count = (int64_t)j->n;
	}
	if (a->stopping || c->state == COLUMN_FAILED) {
		run_advance(e);
		return;
	}
	if (turns_wait(j, c)) {
		c->holds = true;
		step_back(c, j->group.first);
		run_advance(e);
		return;
	}
	turns_fail(e, j);
	bool is_rest = a->run.is_fast ? drop_stored(j) : choose_exact(j);
	for (size_t i = 0; i < j->n; i++)
		waits = waits || j->questions[i].cells[0].state == CELL_WAITING;
	if (is_rest) {
		c->holds = true;
		step_back(c, j->group.first);
	}
	struct flight *f = free_flight(a);
	if (waits && f && e->host.state == HOST_READY && j->incarnation == e->host.incarnation) {
		f->column = j->column;
		f->group = j->group;
		flight_send(e, f, j->questions, j->n);
		eta_group_sent(a, j->n);
		e->n_groups_since++;
	} else if (waits) {
		/* The worker died meanwhile: look at this group again when there is one, or at an earlier one that it lost. */
		step_back(c, j->group.first);
	}
	run_advance(e);
}

static void read_group(struct engine *e, struct active_column *c)
{
	struct active *a = e->active;
	struct plan plan = column_plan(a, c);
	struct plan_group group = plan_group_at(&plan, c->next);

	c->first_group_done = true;
	if (group.count == 0) {
		c->exhausted = true;
		run_advance(e);
		return;
	}
	c->next = group.first + group.count;
	struct page_job *j = job_new(e, sizeof *j, run_page, home_page);
	j->job.serial = a->serial;
	j->column = (size_t)(c - a->columns);
	j->column_id = c->row.id;
	j->group = group;
	j->incarnation = e->host.incarnation;
	j->is_quiet = !is_flying(a, c) && c->n_storing == 0;
	a->reading = true;
	job_read(&j->job);
}

/* --- the machine --- */

static void finish_columns(struct engine *e)
{
	struct active *a = e->active;

	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (c->exhausted && !is_flying(a, c) && c->state != COLUMN_FAILED && c->state != COLUMN_DONE) {
			c->state = COLUMN_DONE;
			engine_touch(e, c);
		}
	}
}

/* The first column of this machine that still has something to do; NULL when all is done. */
static struct active_column *choose_base(struct active *a)
{
	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (!c->exhausted && !c->remote && c->state != COLUMN_FAILED && c->state != COLUMN_DONE)
			return c;
	}
	return NULL;
}

/* The columns that wait for the base are shown as loading while it loads, and as waiting when it is there. */
static void show_loading(struct engine *e, bool loads)
{
	struct active *a = e->active;
	enum column_state before = loads ? COLUMN_WAITING : COLUMN_LOADING, after = loads ? COLUMN_LOADING : COLUMN_WAITING;

	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (c->base.id == a->base_id && !c->remote && c->state == before) {
			c->state = after;
			engine_touch(e, c);
		}
	}
}

static void end_run(struct engine *e)
{
	struct active *a = e->active;

	if (a->reload) {
		a->reload = false;
		load_run(e);
		return;
	}
	a->ending = true;
	store_state(e, RUN_DONE, false, home_ended);
}

static void advance_stopping(struct engine *e)
{
	struct active *a = e->active;

	if (active_flights(a) > 0 || a->n_storing > 0 || a->reading)
		return;
	/* Meanwhile it was told to go on: what waits is to be asked then. */
	bool goes_on = line_has(e->line, a->run_id);
	a->ending = true;
	loop_timer_set(e->stop_timer, -1);
	store_state(e, a->interrupted ? RUN_INTERRUPTED : RUN_STOPPED, !a->interrupted && !goes_on, home_ended);
}

void run_advance(struct engine *e)
{
	struct active *a = e->active;

	if (!a || !a->loaded || a->ending || e->closing)
		return;
	if (!a->stopping)
		remote_advance(e);
	finish_columns(e);
	if (a->stopping) {
		advance_stopping(e);
		return;
	}
	a->settling = a->settling && a->n_storing > 0;
	if (a->reading || a->settling || active_flights(a) == FLIGHTS_MAX)
		return;
	struct active_column *c = a->base_id ? next_column(a) : NULL;
	if (!c) {
		if (active_flights(a) > 0)
			return;
		struct active_column *first = choose_base(a);
		if (!first) {
			if (a->n_storing == 0 && !remote_is_busy(a))
				end_run(e);
			return;
		}
		a->base_id = first->base.id;
		if (turns_hold(a, first))
			return; /* storing what it needs brings us back */
		c = first;
	}
	if (chat_keeps_out(e, &c->base)) {
		chat_advance(e); /* perhaps the last group under way was what it waited for */
		return;
	}
	bool ready = host_want(e, &c->base);
	show_loading(e, !ready);
	if (!ready)
		return;
	prefetch_next(e);
	if (column_prepare(e, c))
		read_group(e, c);
}

void run_host_ready(struct engine *e)
{
	run_advance(e);
}

void run_host_failed(struct engine *e, const struct model_row *base, const struct err *cause)
{
	struct active *a = e->active;
	struct err copy = *cause;

	if (!a || !a->loaded || a->base_id != base->id)
		return;
	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (same_base(&c->base, base) && !c->remote && c->state != COLUMN_DONE)
			column_fail(e, c, &copy);
	}
	run_advance(e);
}

/* The first open group was computing when the worker died; it is tried again, then given up. */
void run_host_died(struct engine *e, const struct err *cause)
{
	struct active *a = e->active;
	struct flight *oldest = NULL;

	if (!a || !a->loaded)
		return;
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		struct flight *f = &a->flights[i];
		if (f->n_cells > 0 && (!oldest || f->stream < oldest->stream))
			oldest = f;
	}
	/* It was a turn of a conversation that was computing. */
	if (oldest && chat_computes_before(e, oldest->stream))
		oldest = NULL;
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		struct flight *f = &a->flights[i];
		if (f->n_cells == 0)
			continue;
		struct active_column *c = &a->columns[f->column];
		if (f == oldest) {
			c->tries = c->tries_at == f->group.first ? c->tries + 1 : 1;
			c->tries_at = f->group.first;
		}
		flight_keep_texts(a, f);
		if (f == oldest && c->tries >= GROUP_TRIES && !a->stopping) {
			flight_fail(e, f, cause);
			c->tries = 0;
			c->n_given_up++;
		} else {
			step_back(c, f->group.first);
		}
		c->n_running = 0;
		engine_touch(e, c);
		flight_free(f);
	}
	a->settling = true;
	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (c->adapter_stream)
			c->n_adapter_deaths++;
		c->adapter_stream = 0;
		if (c->n_adapter_deaths >= LOAD_TRIES || c->n_given_up >= GIVEN_UP_MAX)
			column_fail(e, c, cause);
	}
	run_advance(e);
}

bool run_waits_for_chat(const struct engine *e)
{
	const struct active *a = e->active;

	for (int i = 0; i < FLIGHTS_MAX; i++) {
		if (a->flights[i].n_cells > 0 && !chat_computes_before(e, a->flights[i].stream))
			return false;
	}
	return active_flights(a) > 0;
}

void run_stop(struct engine *e)
{
	struct active *a = e->active;

	if (a->stopping || a->ending)
		return;
	a->stopping = true;
	jobs_cancel(e, a->serial);
	remote_stop(e);
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		if (a->flights[i].n_cells > 0)
			host_cancel(e, a->flights[i].stream);
	}
	if (active_flights(a) == 0 && e->host.state != HOST_READY && !e->holder)
		host_drop(e); /* a load that nobody wants any more; the end of the run asks for what prompts want */
	loop_timer_set(e->stop_timer, STOP_PATIENCE_MS);
	run_advance(e);
}

void run_interrupt(struct engine *e, const struct err *cause)
{
	log_error("engine", "run %lld interrupted: %s", (long long)e->active->run_id, cause->key);
	e->active->interrupted = true;
	if (e->active->cause.code == ERR_OK)
		e->active->cause = *cause;
	run_stop(e);
}

void run_leave(struct engine *e, int64_t run_id)
{
	struct state_job *j = job_new(e, sizeof *j, run_state, NULL);

	j->run_id = run_id;
	j->state = RUN_INTERRUPTED;
	job_write(&j->job);
}

void run_begin(struct engine *e, int64_t run_id)
{
	struct active *a = mem_alloc(sizeof *a);

	a->serial = ++e->next_serial;
	a->run_id = run_id;
	a->prefetched_fd = -1;
	e->active = a;
	store_state(e, RUN_RUNNING, false, home_running);
	load_run(e);
}
