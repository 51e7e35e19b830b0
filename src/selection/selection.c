/* SPDX-License-Identifier: Apache-2.0 */
#include "selection/selection.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "selection/selection_private.h"

#define EVENT_MS 200
#define CLOCK_MS 500 /* how often the budget is looked at */
#define AGAIN_MS 5000 /* before a refused row is written again */

/* --- parameters --- */

void selection_params_write(const struct selection_params *p, struct buf *out)
{
	json_t *dropped = json_array();
	for (size_t i = 0; i < p->n_dropped; i++)
		json_array_append_new(dropped, json_integer(p->dropped[i]));
	json_t *obj = json_pack("{s:I, s:I, s:o, s:I, s:o, s:b}", "budget_s", (json_int_t)p->budget_s, "n_planned", (json_int_t)p->n_planned,
				"training_path", json_text(str_of(p->training_path ? p->training_path : "")), "n_raced",
				(json_int_t)p->n_raced, "dropped", dropped, "fresh", p->fresh);
	json_write(out, obj);
	json_decref(obj);
}

enum err_code selection_params_parse(struct arena *a, const char *text, struct selection_params *out, struct err *err)
{
	json_t *obj = json_parse(str_of(text), "selection", err);
	struct err field = { 0 };

	*out = (struct selection_params){ .training_path = "" };
	if (!json_is_object(obj)) {
		json_decref(obj);
		return err->code != ERR_OK ? err->code : err_set(err, ERR_INTERNAL, "err_store_sql", "reason=selection.params");
	}
	out->budget_s = json_get_int(obj, "budget_s", 0, INT32_MAX, 0, &field);
	out->n_planned = json_get_int(obj, "n_planned", 0, LIMIT_QUESTIONS, 0, &field);
	out->training_path = arena_strdup(a, json_get_text(obj, "training_path", "", &field));
	out->fresh = json_get_bool(obj, "fresh", false, &field);
	out->n_raced = json_get_int(obj, "n_raced", 0, LIMIT_QUESTIONS, 0, &field);
	const json_t *dropped = json_get_array(obj, "dropped", &field);
	for (; out->n_dropped < LIMIT_COLUMNS && out->n_dropped < json_array_size(dropped); out->n_dropped++)
		out->dropped[out->n_dropped] = json_integer_value(json_array_get(dropped, out->n_dropped));
	json_decref(obj);
	if (field.code != ERR_OK)
		*err = field;
	return err->code;
}

void selections_unref(struct selections *ss)
{
	if (--ss->refs > 0)
		return;
	mem_free(ss->data_dir);
	mem_free(ss);
}

/* --- what is told and stored --- */

static const char *const step_names[] = { "answers", "scores", "likelihood", "exam", "judge", "decision" };
static const char *const step_states[] = { "waiting", "running", "done", "skipped", "failed", "cancelled" };

static int64_t step_ms(const struct step *s)
{
	return s->ms + (s->state == STEP_RUNNING ? clock_mono_ms() - s->started_ms : 0);
}

static void write_steps(const struct selection *s, struct buf *out)
{
	json_t *list = json_array();

	for (size_t i = 0; i < STEP_COUNT; i++) {
		const struct step *one = &s->steps[i];
		bool is_whole = one->state == STEP_DONE || one->state == STEP_SKIPPED;
		json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:f, s:I}", "name", step_names[i], "state",
						      step_states[one->state], "fraction", is_whole ? 1.0 : one->fraction, "seconds",
						      (double)(one->earlier_ms + step_ms(one)) / 1000, "calls",
						      (json_int_t)(one->earlier_calls + one->n_calls)));
	}
	json_write(out, list);
	json_decref(list);
}

/* What steps took before: all starts together are told, and this one's alone say how long the rest takes. */
static void read_steps(struct selection *s, const char *steps)
{
	struct err ignored = { 0 };
	json_t *list = json_parse(str_of(steps), "steps", &ignored);

	for (size_t i = 0; i < STEP_COUNT; i++) {
		const json_t *one = json_array_get(list, i);
		s->steps[i].earlier_ms = (int64_t)(1000 * json_number_value(json_object_get(one, "seconds")) + 0.5);
		s->steps[i].earlier_calls = json_integer_value(json_object_get(one, "calls"));
	}
	json_decref(list);
}

static void tell(struct selections *ss, int64_t id, bool list)
{
	if (!ss->closing && ss->options.changed)
		ss->options.changed(ss->options.user, id, list);
}

static void on_events(void *user)
{
	struct selections *ss = user;

	ss->dirty = false;
	if (ss->active)
		tell(ss, ss->active->row.id, false);
}

static void touch(struct selection *s)
{
	if (s->ss->dirty)
		return;
	s->ss->dirty = true;
	loop_timer_set(s->ss->events, EVENT_MS);
}

static int64_t elapsed_ms(const struct selection *s)
{
	return s->row.elapsed_ms + clock_mono_ms() - s->started_ms;
}

int64_t selection_left_ms(const struct selection *s)
{
	return s->params.budget_s > 0 ? s->params.budget_s * 1000 - elapsed_ms(s) : INT64_MAX;
}

struct save {
	struct task task;
	struct selections *ss;
	struct arena *arena;
	struct selection_row row;
	bool list;
	struct save *next; /* unsaved */
};

static void run_save(struct task *task, void *context)
{
	struct save *s = (struct save *)task;
	(void)!selection_store_set(context, &s->row, &task->err);
}

static void save_free(struct save *s)
{
	arena_free(s->arena);
	selections_unref(s->ss);
	mem_free(s);
}

/* How it ended was refused, by a full disk: it is tried again until there is room, else it would seem to run until the next start. */
static void keep_unsaved(struct save *s)
{
	s->next = s->ss->unsaved;
	s->ss->unsaved = s;
	loop_timer_set(s->ss->again, AGAIN_MS);
}

static void home_save(struct task *task)
{
	struct save *s = (struct save *)task;

	if (task->err.code != ERR_OK && task->err.code != ERR_NOT_FOUND) {
		log_error("selection", "%lld not stored: %s %s", (long long)s->row.id, task->err.key, task->err.args);
		if (s->row.state != SELECTION_RUNNING && !s->ss->closing) {
			keep_unsaved(s);
			return;
		}
	}
	tell(s->ss, s->row.id, s->list);
	save_free(s);
}

/* True where it was started again: its row is the newer one. */
static bool goes_on(const struct selections *ss, int64_t id)
{
	for (const struct line_of_selections *entry = ss->line; entry; entry = entry->next)
		if (entry->id == id)
			return true;
	return ss->active && ss->active->row.id == id;
}

static void on_again(void *user)
{
	struct selections *ss = user;
	struct save *one = ss->unsaved;

	ss->unsaved = NULL;
	while (one) {
		struct save *rest = one->next;
		if (goes_on(ss, one->row.id)) {
			save_free(one);
		} else {
			one->task = (struct task){ .run = run_save, .done = home_save };
			store_write(ss->options.store, &one->task);
		}
		one = rest;
	}
}

/* Writes the row as it is now; listeners hear of it when it is on the disk. */
static void save(struct selection *s, bool list)
{
	struct save *one = mem_alloc(sizeof *one);
	struct buf steps = BUF_INIT(LIMIT_JSON_BODY), params = BUF_INIT(LIMIT_JSON_BODY);

	write_steps(s, &steps);
	selection_params_write(&s->params, &params);
	*one = (struct save){ .task = { .run = run_save, .done = home_save }, .ss = s->ss, .arena = arena_new(), .row = s->row,
			      .list = list };
	one->row.elapsed_ms = elapsed_ms(s);
	one->row.params = arena_strdup(one->arena, buf_text(&params));
	one->row.steps = arena_strdup(one->arena, buf_text(&steps));
	one->row.result = arena_strdup(one->arena, s->result ? s->result : s->row.result);
	buf_release(&steps);
	buf_release(&params);
	s->ss->refs++;
	store_write(s->ss->options.store, &one->task);
}

/* --- steps --- */

static void (*const begin_step[])(struct selection *) = { begin_answers, begin_scores, begin_likelihood,
							  begin_exam,	 begin_judge,  begin_round };

static void step_end(struct selection *s, enum step_state state)
{
	struct step *one = &s->steps[s->at];

	s->n_ended++;
	one->state = state;
	one->ms += clock_mono_ms() - one->started_ms;
}

static void selection_end(struct selection *s);

static void step_begin(struct selection *s)
{
	if (s->at == STEP_COUNT) {
		s->row.state = SELECTION_DONE;
		selection_end(s);
		return;
	}
	s->steps[s->at].state = STEP_RUNNING;
	s->steps[s->at].started_ms = clock_mono_ms();
	s->has_lost_worker = false;
	save(s, s->at == 0);
	begin_step[s->at](s);
}

void step_done(struct selection *s)
{
	step_end(s, STEP_DONE);
	s->at++;
	step_begin(s);
}

void step_skip(struct selection *s)
{
	step_end(s, STEP_SKIPPED);
	s->at++;
	step_begin(s);
}

void step_again(struct selection *s, enum step_name first)
{
	step_end(s, STEP_WAITING);
	for (size_t i = first; i < STEP_COUNT; i++) {
		s->steps[i].state = STEP_WAITING;
		s->steps[i].fraction = 0;
	}
	s->at = first;
	step_begin(s);
}

int64_t selection_step_ms(const struct selection *s, enum step_name step)
{
	return step_ms(&s->steps[step]);
}

void step_progress(struct selection *s, double fraction)
{
	s->steps[s->at].fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
	touch(s);
}

/* --- the line --- */

static void next(struct selections *ss);

static void selection_free(struct selection *s)
{
	judging_free(s);
	likelihood_free(s);
	material_free(s->material);
	mem_free(s->result);
	arena_free(s->arena);
	mem_free(s);
}

static void leave(struct selection *s)
{
	s->is_over = true;
	answers_stop(s);
	judging_leave(s);
	selection_give_machine(s);
	for (struct chore *c = s->chores; c; c = c->next)
		atomic_store(&c->task.cancelled, true);
}

static void selection_end(struct selection *s)
{
	struct selections *ss = s->ss;

	if (s->is_over)
		return;
	log_info("selection", "%lld: %s", (long long)s->row.id, selection_state_name(s->row.state));
	save(s, true);
	ss->ended = s; /* freed from the timer: its caller may still stand on it */
	ss->active = NULL;
	leave(s);
	loop_timer_set(ss->burial, 0);
}

void selection_bury(struct selection *s)
{
	if (s->ss->closing)
		selection_free(s);
	else
		loop_timer_set(s->ss->burial, 0);
}

static void on_burial(void *user)
{
	struct selections *ss = user;

	if (ss->ended && ss->ended->chores)
		return; /* the last one of them comes back here */
	if (ss->ended)
		selection_free(ss->ended);
	ss->ended = NULL;
	next(ss);
}

void selection_fail(struct selection *s, const struct err *cause)
{
	if (s->is_over)
		return;
	bool stopped = s->is_stopped || cause->code == ERR_CANCELLED;
	if (s->at < STEP_COUNT)
		step_end(s, stopped ? STEP_CANCELLED : STEP_FAILED);
	s->row.state = stopped ? SELECTION_STOPPED : SELECTION_FAILED;
	if (!stopped)
		s->row.problem = *cause;
	selection_end(s);
}

struct begin_chore {
	struct chore chore;
	struct selection_row row;
	struct selection_before before;
};

/* On the store's thread: its state is the newest there. */
static void run_begin(struct task *task, void *context)
{
	struct begin_chore *b = (struct begin_chore *)task;

	if (selection_store_get(context, b->chore.arena, b->row.id, &b->row, &task->err) == ERR_OK)
		(void)!selection_look_before(context, b->chore.arena, &b->row, &b->before, &task->err);
}

static void home_begin(struct chore *c)
{
	struct begin_chore *b = (struct begin_chore *)c;
	struct selection *s = c->s;
	struct err err = { 0 };

	if (chore_failed(c))
		return;
	s->before = b->before;
	remaining_read_alone(s, b->before.prompt_us);
	s->row = b->row;
	s->row.name = arena_strdup(s->arena, b->row.name);
	read_steps(s, b->row.steps);
	s->row.params = s->row.steps = ""; /* written anew */
	s->row.result = arena_strdup(s->arena, b->row.result);
	s->row.problem = (struct err){ 0 };
	s->row.state = SELECTION_RUNNING;
	if (selection_params_parse(s->arena, b->row.params, &s->params, &err) != ERR_OK) {
		selection_fail(s, &err);
		return;
	}
	step_begin(s);
}

static void next(struct selections *ss)
{
	if (ss->active || ss->ended || ss->closing || !ss->line)
		return;
	struct line_of_selections *first = ss->line;
	struct selection *s = mem_alloc(sizeof *s);
	*s = (struct selection){ .ss = ss, .arena = arena_new(), .row = { .id = first->id, .name = "", .steps = "[]", .result = "{}" },
				 .started_ms = clock_mono_ms(), .share = 1, .params = { .training_path = "" } };
	ss->line = first->next;
	mem_free(first);
	ss->active = s;
	loop_timer_set(ss->clock, CLOCK_MS);
	struct begin_chore *b = chore_new(s, sizeof *b, run_begin, home_begin);
	b->row.id = s->row.id;
	chore_write(&b->chore);
}

void selections_start(struct selections *ss, int64_t id)
{
	struct line_of_selections **at = &ss->line;

	while (*at)
		at = &(*at)->next;
	*at = mem_alloc(sizeof **at);
	(*at)->id = id;
	next(ss);
}

/* --- stopping --- */

struct stop_waiting {
	struct task task;
	struct selections *ss;
	struct arena *arena;
	int64_t id;
};

static void run_stop_waiting(struct task *task, void *context)
{
	struct stop_waiting *w = (struct stop_waiting *)task;
	struct selection_row row;

	if (selection_store_get(context, w->arena, w->id, &row, &task->err) != ERR_OK)
		return;
	row.state = SELECTION_STOPPED;
	(void)!selection_store_set(context, &row, &task->err);
}

static void home_stop_waiting(struct task *task)
{
	struct stop_waiting *w = (struct stop_waiting *)task;

	tell(w->ss, w->id, true);
	arena_free(w->arena);
	selections_unref(w->ss);
	mem_free(w);
}

/* One that waits ends without having begun. */
static bool stop_waiting(struct selections *ss, int64_t id)
{
	struct line_of_selections **at = &ss->line, *entry;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (!(entry = *at))
		return false;
	*at = entry->next;
	mem_free(entry);
	struct stop_waiting *w = mem_alloc(sizeof *w);
	*w = (struct stop_waiting){ .task = { .run = run_stop_waiting, .done = home_stop_waiting }, .ss = ss, .arena = arena_new(),
				    .id = id };
	ss->refs++;
	store_write(ss->options.store, &w->task);
	return true;
}

bool selections_stop(struct selections *ss, int64_t id)
{
	struct selection *s = ss->active;
	struct err cause;

	if (!s || s->row.id != id)
		return stop_waiting(ss, id);
	s->is_stopped = true;
	err_set(&cause, ERR_CANCELLED, "err_cancelled", NULL);
	selection_fail(s, &cause);
	return true;
}

/* --- how far --- */

bool selections_live(const struct selections *ss, int64_t id, struct selection_live *live, struct buf *steps)
{
	*live = (struct selection_live){ 0, -1 };
	for (const struct line_of_selections *entry = ss->line; entry; entry = entry->next)
		if (entry->id == id) {
			buf_add_text(steps, "[]");
			return true;
		}
	if (!ss->active || ss->active->row.id != id)
		return false;
	live->elapsed_ms = elapsed_ms(ss->active);
	live->remaining_ms = selection_remaining_ms(ss->active);
	write_steps(ss->active, steps);
	return true;
}

/* --- life --- */

static void on_engine(void *user, const struct engine_event *event)
{
	struct selections *ss = user;

	if (ss->closing)
		return;
	if (ss->active) {
		remaining_heard(ss->active, event);
		answers_event(ss->active, event);
	}
	/* Nobody waits for the end of that stop. */
	bool is_mine = ss->active && ss->active->row.run_id == event->run_id;
	if (event->kind == ENGINE_RUN && event->run_id == ss->stopping_run_id && !is_mine &&
	    !engine_is_active(ss->options.engine, event->run_id))
		ss->stopping_run_id = 0;
}

/* Looks at the budget. */
static void on_clock(void *user)
{
	struct selections *ss = user;
	struct selection *s = ss->active;

	if (!s)
		return;
	loop_timer_set(ss->clock, CLOCK_MS);
	touch(s);
	if (s->is_time_up || selection_left_ms(s) > 0)
		return;
	s->is_time_up = true;
	answers_stop(s);
	judging_time_up(s);
}

struct selections *selections_new(const struct selections_options *options)
{
	struct selections *ss = mem_alloc(sizeof *ss);

	*ss = (struct selections){ .options = *options, .data_dir = mem_strdup(store_data_dir(options->store)), .refs = 1 };
	ss->events = loop_timer_new(options->loop, on_events, ss);
	ss->burial = loop_timer_new(options->loop, on_burial, ss);
	ss->clock = loop_timer_new(options->loop, on_clock, ss);
	ss->again = loop_timer_new(options->loop, on_again, ss);
	engine_listen(options->engine, on_engine, ss);
	return ss;
}

void selections_free(struct selections *ss)
{
	if (!ss)
		return;
	struct selection *last[] = { ss->active, ss->ended };
	ss->closing = true;
	ss->active = ss->ended = NULL;
	for (size_t i = 0; i < 2; i++) {
		if (!last[i])
			continue;
		leave(last[i]);
		if (!last[i]->chores)
			selection_free(last[i]);
	}
	while (ss->line) {
		struct line_of_selections *entry = ss->line;
		ss->line = entry->next;
		mem_free(entry);
	}
	loop_timer_free(ss->events);
	loop_timer_free(ss->burial);
	loop_timer_free(ss->clock);
	loop_timer_free(ss->again);
	while (ss->unsaved) {
		struct save *one = ss->unsaved;
		ss->unsaved = one->next;
		save_free(one);
	}
	selections_unref(ss);
}
