/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/creation.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/job_files.h"

#define EVENT_MS 200
#define SAVE_MS 1000 /* between tries to store a row */

/* --- parameters --- */

void creation_params_write(const struct creation_params *p, struct buf *out)
{
	json_t *obj = json_pack("{s:s, s:b, s:b, s:b, s:s, s:I}", "format", p->format, "imatrix", p->imatrix, "prove", p->prove,
				"replace", p->replace, "path", p->path ? p->path : "", "provider_id",
				(json_int_t)p->provider_id);
	json_write(out, obj);
	json_decref(obj);
}

enum err_code creation_params_parse(struct arena *a, const char *text, struct creation_params *out, struct err *err)
{
	json_t *obj = json_parse(str_of(text), "creation", err);
	struct err field = { 0 };

	*out = (struct creation_params){ .format = "", .path = "" };
	if (!json_is_object(obj)) {
		json_decref(obj);
		return err->code != ERR_OK ? err->code : err_set(err, ERR_INTERNAL, "err_store_sql", "reason=creation.params");
	}
	out->format = arena_strdup(a, json_get_text(obj, "format", "", &field));
	out->imatrix = json_get_bool(obj, "imatrix", false, &field);
	out->prove = json_get_bool(obj, "prove", true, &field);
	out->replace = json_get_bool(obj, "replace", false, &field);
	out->path = arena_strdup(a, json_get_text(obj, "path", "", &field));
	out->provider_id = json_get_int(obj, "provider_id", 0, INT64_MAX, 0, &field);
	json_decref(obj);
	if (field.code != ERR_OK)
		*err = field;
	return err->code;
}

/* --- references: jobs on other threads keep `cs` --- */

void creations_unref(struct creations *cs)
{
	if (--cs->refs > 0)
		return;
	mem_free(cs->data_dir);
	mem_free(cs);
}

/* --- what is told and stored --- */

static const char *const step_states[] = { "waiting", "running", "done", "skipped", "failed", "cancelled" };

static json_t *step_json(const struct step *s)
{
	int64_t ms = s->state == STEP_RUNNING ? clock_mono_ms() - s->started_ms : s->ms;
	json_t *eta = json_null();

	if (s->state == STEP_RUNNING && s->fraction > 0.02)
		eta = json_real((double)ms / 1000 * (1 - s->fraction) / s->fraction);
	return json_pack("{s:s, s:s, s:f, s:o, s:f, s:o}", "name", s->name, "state", step_states[s->state], "fraction",
			 s->state == STEP_DONE || s->state == STEP_SKIPPED ? 1.0 : s->fraction, "detail",
			 json_text(str_of(s->detail)), "seconds", (double)ms / 1000, "eta_s", eta);
}

static void write_steps(const struct creation *c, struct buf *out)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_steps; i++)
		json_array_append_new(list, step_json(&c->steps[i]));
	json_write(out, list);
	json_decref(list);
}

static void tell(struct creations *cs, int64_t id, bool artifacts)
{
	if (!cs->closing && cs->options.changed)
		cs->options.changed(cs->options.user, id, artifacts);
}

static void on_events(void *user)
{
	struct creations *cs = user;

	cs->dirty = false;
	if (cs->active)
		tell(cs, cs->active->row.id, false);
}

static void touch(struct creation *c)
{
	if (c->cs->dirty)
		return;
	c->cs->dirty = true;
	loop_timer_set(c->cs->events, EVENT_MS);
}

struct save {
	struct task task;
	struct creations *cs;
	struct arena *arena;
	struct creation_row row;
	bool artifacts;
	struct save *next;
};

static void run_save(struct task *task, void *context)
{
	struct save *s = (struct save *)task;
	(void)!creation_store_set(context, &s->row, &task->err);
}

static void home_save(struct task *task);

/* The disk was full or broken: what became of the job is not forgotten. */
static void save_again(void *user)
{
	struct creations *cs = user;
	struct save *waiting = cs->unsaved;

	cs->unsaved = NULL;
	while (waiting) {
		struct save *s = waiting;
		waiting = s->next;
		s->task = (struct task){ .run = run_save, .done = home_save };
		store_write(cs->options.store, &s->task);
	}
}

static void home_save(struct task *task)
{
	struct save *s = (struct save *)task;
	struct creations *cs = s->cs;

	if (task->err.code != ERR_OK && task->err.code != ERR_NOT_FOUND && !cs->closing) {
		log_error("deploy", "job %lld not stored: %s %s", (long long)s->row.id, task->err.key, task->err.args);
		s->next = cs->unsaved;
		cs->unsaved = s;
		loop_timer_set(cs->save_timer, SAVE_MS);
		return;
	}
	tell(s->cs, s->row.id, s->artifacts);
	arena_free(s->arena);
	creations_unref(s->cs);
	mem_free(s);
}

/* Writes the job's row as it is now; listeners hear of it when it is on the disk. */
static void save(struct creation *c)
{
	struct save *s = mem_alloc(sizeof *s);
	struct buf steps = BUF_INIT(LIMIT_JSON_BODY), result = BUF_INIT(LIMIT_JSON_BODY);

	write_steps(c, &steps);
	json_write(&result, c->result);
	*s = (struct save){ .task = { .run = run_save, .done = home_save }, .cs = c->cs, .arena = arena_new(), .row = c->row,
			    .artifacts = c->artifact.id != 0 };
	s->row.artifact_id = c->artifact.id;
	s->row.steps = arena_strdup(s->arena, buf_text(&steps));
	s->row.result = arena_strdup(s->arena, buf_text(&result));
	buf_release(&steps);
	buf_release(&result);
	c->cs->refs++;
	store_write(c->cs->options.store, &s->task);
}

/* --- steps --- */

static struct step *step_now(struct creation *c)
{
	return &c->steps[c->at];
}

static void step_end(struct creation *c, enum step_state state)
{
	struct step *s = step_now(c);

	s->state = state;
	s->ms = clock_mono_ms() - s->started_ms;
	s->detail[0] = 0;
}

static void creation_end(struct creation *c);

static void step_begin(struct creation *c)
{
	if (c->at == c->n_steps) {
		c->row.state = CREATION_DONE;
		creation_end(c);
		return;
	}
	struct step *s = step_now(c);
	s->state = STEP_RUNNING;
	s->started_ms = clock_mono_ms();
	save(c);
	s->begin(c);
}

void creation_step_done(struct creation *c)
{
	step_end(c, STEP_DONE);
	c->at++;
	step_begin(c);
}

void creation_step_skip(struct creation *c)
{
	step_end(c, STEP_SKIPPED);
	c->at++;
	step_begin(c);
}

void creation_step_progress(struct creation *c, double fraction, const char *detail)
{
	struct step *s = step_now(c);

	s->fraction = fraction;
	if (detail)
		str_format(s->detail, sizeof s->detail, "%s", detail);
	touch(c);
}

void creation_add_step(struct creation *c, const char *name, void (*begin)(struct creation *))
{
	if (c->n_steps == STEPS_MAX)
		BUG("a job of more than %d steps", STEPS_MAX);
	c->steps[c->n_steps++] = (struct step){ .name = name, .begin = begin };
}

/* --- the line --- */

static void next(struct creations *cs);

/* Their results are for nobody; they come home before the job is freed, because they may look at what is its. */
static void cancel_errands(struct creation *c)
{
	for (struct errand *e = c->errands; e; e = e->next)
		atomic_store(&e->task.cancelled, true);
}

static void creation_free(struct creation *c)
{
	proof_free(c);
	if (!c->cs->closing) /* otherwise the next start does it */
		job_dir_remove_later(c->cs->options.work, c->job_dir);
	json_decref(c->result);
	mem_free(c->job_dir);
	mem_free(c->merged);
	mem_free(c->imatrix);
	mem_free(c->part);
	arena_free(c->facts.arena);
	arena_free(c->arena);
	mem_free(c);
}

static void leave(struct creation *c)
{
	c->is_over = true;
	creation_end_worker(c);
	creation_give_machine(c);
	cancel_errands(c);
	ollama_free(c);
}

/* The job's row says what became of it; the next one begins. */
static void creation_end(struct creation *c)
{
	struct creations *cs = c->cs;

	if (c->is_over)
		return;
	log_info("deploy", "job %lld: %s", (long long)c->row.id, creation_state_name(c->row.state));
	save(c);
	cs->ended = c; /* freed from the timer: its caller may still stand on it */
	cs->active = NULL;
	leave(c);
	loop_timer_set(cs->burial, 0);
}

void creation_bury(struct creation *c)
{
	if (c->cs->closing)
		creation_free(c);
	else
		loop_timer_set(c->cs->burial, 0);
}

static void on_burial(void *user)
{
	struct creations *cs = user;

	if (cs->ended && cs->ended->errands)
		return; /* the last one of them comes back here */
	if (cs->ended)
		creation_free(cs->ended);
	cs->ended = NULL;
	next(cs);
}

void creation_fail(struct creation *c, const struct err *cause)
{
	if (c->is_over)
		return;
	bool cancelled = c->is_cancelled || cause->code == ERR_CANCELLED;
	if (c->at < c->n_steps)
		step_end(c, cancelled ? STEP_CANCELLED : STEP_FAILED);
	c->row.state = cancelled ? CREATION_CANCELLED : CREATION_FAILED;
	if (!cancelled)
		c->row.problem = *cause;
	creation_end(c);
}

struct begin_errand {
	struct errand errand;
	struct creation_row row;
};

static void run_begin(struct task *task, void *context)
{
	struct begin_errand *b = (struct begin_errand *)task;
	(void)!creation_store_get(context, b->errand.arena, b->row.id, &b->row, &task->err);
}

static void add_steps(struct creation *c)
{
	creation_add_step(c, "prepare", begin_facts);
	creation_add_step(c, "merge", begin_merge);
	if (c->params.imatrix)
		creation_add_step(c, "imatrix", begin_imatrix);
	creation_add_step(c, "quantize", begin_quantize);
	creation_add_step(c, "check", begin_check);
	if (c->params.prove)
		creation_add_step(c, "proof", begin_proof);
	target_add_steps(c);
}

static void home_begin(struct errand *e)
{
	struct begin_errand *b = (struct begin_errand *)e;
	struct creation *c = e->c;
	struct err err = { 0 };

	if (errand_failed(e))
		return;
	c->row = b->row;
	c->row.target = arena_strdup(c->arena, b->row.target);
	c->row.name = arena_strdup(c->arena, b->row.name);
	c->row.params = c->row.steps = c->row.result = ""; /* written anew */
	if (creation_params_parse(c->arena, b->row.params, &c->params, &err) != ERR_OK) {
		creation_fail(c, &err);
		return;
	}
	c->row.state = CREATION_RUNNING;
	c->row.problem = (struct err){ 0 };
	add_steps(c);
	step_begin(c);
}

static void next(struct creations *cs)
{
	if (cs->active || cs->ended || cs->closing || cs->sweep || cs->undo || !cs->line)
		return;
	struct line_of_creations *first = cs->line;
	struct creation *c = mem_alloc(sizeof *c);
	*c = (struct creation){ .cs = cs, .arena = arena_new(), .row = { .id = first->id, .steps = "[]", .result = "{}" },
				.result = json_object(), .share = 1 };
	c->job_dir = mem_printf("%s/jobs/%lld", cs->data_dir, (long long)first->id);
	cs->line = first->next;
	mem_free(first);
	cs->active = c;
	struct begin_errand *b = errand_new(c, sizeof *b, run_begin, home_begin);
	b->row.id = c->row.id;
	errand_read(&b->errand);
}

void creations_swept(struct creations *cs, int64_t id)
{
	if (id)
		tell(cs, id, true);
	next(cs);
}

void creations_undone(struct creations *cs)
{
	next(cs);
}

void creations_start(struct creations *cs, int64_t id)
{
	struct line_of_creations **at = &cs->line;

	while (*at)
		at = &(*at)->next;
	*at = mem_alloc(sizeof **at);
	(*at)->id = id;
	next(cs);
}

/* One that waits ends without having begun. */
static bool cancel_waiting(struct creations *cs, int64_t id)
{
	struct line_of_creations **at = &cs->line, *entry;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (!(entry = *at))
		return false;
	*at = entry->next;
	mem_free(entry);
	struct save *s = mem_alloc(sizeof *s);
	*s = (struct save){ .task = { .run = run_save, .done = home_save }, .cs = cs, .arena = arena_new(),
			    .row = { .id = id, .state = CREATION_CANCELLED, .steps = "[]", .result = "{}" } };
	cs->refs++;
	store_write(cs->options.store, &s->task);
	return true;
}

bool creations_cancel(struct creations *cs, int64_t id)
{
	struct creation *c = cs->active;
	struct err cause;

	if (!c || c->row.id != id)
		return cancel_waiting(cs, id);
	c->is_cancelled = true;
	proof_stop(c);
	if (ollama_stop(c))
		return true;
	err_set(&cause, ERR_CANCELLED, "err_cancelled", NULL);
	creation_fail(c, &cause);
	return true;
}

bool creations_hold(const struct creations *cs, int64_t artifact_id)
{
	return cs->active && cs->active->artifact.id == artifact_id;
}

bool creations_live(const struct creations *cs, int64_t id, struct buf *steps)
{
	for (const struct line_of_creations *entry = cs->line; entry; entry = entry->next)
		if (entry->id == id) {
			buf_add_text(steps, "[]");
			return true;
		}
	if (!cs->active || cs->active->row.id != id)
		return false;
	write_steps(cs->active, steps);
	return true;
}

/* --- life --- */

static void on_engine(void *user, const struct engine_event *event)
{
	struct creations *cs = user;

	if (!cs->closing && cs->active && event->kind == ENGINE_RUN)
		proof_run_changed(cs->active, event->run_id);
}

struct creations *creations_new(const struct creations_options *options)
{
	struct creations *cs = mem_alloc(sizeof *cs);

	*cs = (struct creations){ .options = *options, .data_dir = mem_strdup(store_data_dir(options->store)), .refs = 1 };
	cs->events = loop_timer_new(options->loop, on_events, cs);
	cs->burial = loop_timer_new(options->loop, on_burial, cs);
	cs->save_timer = loop_timer_new(options->loop, save_again, cs);
	char *jobs = fs_join(cs->data_dir, "jobs");
	job_dir_remove_later(options->work, jobs);
	mem_free(jobs);
	cs->undo_timer = loop_timer_new(options->loop, undo_again, cs);
	sweep_start(cs);
	undo_start(cs);
	engine_listen(options->engine, on_engine, cs);
	return cs;
}

void creations_free(struct creations *cs)
{
	if (!cs)
		return;
	struct creation *last[] = { cs->active, cs->ended };
	cs->closing = true;
	sweep_stop(cs);
	undo_stop(cs);
	cs->active = cs->ended = NULL;
	for (size_t i = 0; i < 2; i++) {
		if (!last[i])
			continue;
		leave(last[i]);
		if (!last[i]->errands)
			creation_free(last[i]);
	}
	while (cs->line) {
		struct line_of_creations *entry = cs->line;
		cs->line = entry->next;
		mem_free(entry);
	}
	loop_timer_free(cs->events);
	loop_timer_free(cs->burial);
	loop_timer_free(cs->save_timer);
	loop_timer_free(cs->undo_timer);
	while (cs->unsaved) {
		struct save *s = cs->unsaved;
		cs->unsaved = s->next;
		arena_free(s->arena);
		mem_free(s);
		creations_unref(cs);
	}
	creations_unref(cs);
}
