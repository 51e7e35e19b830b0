/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/adapter_cache.h"
#include "engine/model_cache.h"
#include "engine/group_key.h"
#include "engine/plan.h"
#include "engine/worker_probe.h"
#include "model/gguf.h"
#include "selection/selection_private.h"

#define PLANS_MAX 8	  /* of earlier columns that are tried */
#define COPY_ANSWERS 100 /* in one piece */

/* --- looking: long work, on a connection of its own --- */

struct look_chore {
	struct chore chore;
	struct store *store;
	const char *data_dir, *worker_path, *device;
	struct gpu_use gpu; /* as the settings say */
	int64_t run_id;
	/* What a worker that started now would compute with, by whether it looks for GPUs; "": its answers are not used again. */
	char machines[2][HASH_HEX_SIZE];
	bool is_probed[2];
	struct run_row run;
	int64_t *parts; /* room for one at each question */
	size_t n_parts;
	bool may_part; /* nothing has been answered yet: parts may begin where they began in an earlier run */
	struct group_copy *copies;
	size_t n;
};

/* A column that has something to answer, and what its answers depend on. */
struct looked {
	const struct column_row *column;
	struct run_question *questions; /* with the column's cell each */
	size_t n_questions;
	bool has_turns;
	struct turn_answer *answers; /* where it has: by position, those of the run and those that are known to be taken over */
	struct arena *texts;	     /* of the latter */
	const char *machine;
	char base_stamp[FILE_STAMP_SIZE], adapter_hash[HASH_HEX_SIZE];
	const char *base_path, *base_hash;
	char *adapter; /* owned, NULL: none */
};

/* What the turns before a question were answered with; false where one of them is not known. */
static bool tell_turns(const struct looked *l, const struct run_question *q)
{
	for (int64_t t = 0; t < q->q.turn; t++) {
		struct turn_answer *answer = q->earlier[t].answers;
		*answer = l->answers[q->earlier[t].position];
		if (answer->state != CELL_DONE)
			return false;
	}
	return true;
}

/* How long the group is that begins at `first`, as the engine cuts it; 0 where that depends on answers that are not known. */
static size_t group_length(const struct looked *l, const struct plan *plan, size_t first)
{
	struct plan_group group = plan_group_at(plan, (int64_t)first);
	int64_t bytes = 0;

	for (int64_t i = 0; i < group.count; i++) {
		if (!tell_turns(l, &l->questions[first + (size_t)i]))
			return 0;
		bytes += engine_message_bytes(&l->questions[first + (size_t)i], 0);
		if (!plan_fits(i, bytes))
			return (size_t)i;
	}
	return (size_t)group.count;
}

/* Where the part ends that `first` is in. */
static size_t part_end(const struct plan *plan, size_t first)
{
	for (size_t i = 0; i < plan->n_starts; i++)
		if (plan->starts[i] > (int64_t)first)
			return (size_t)plan->starts[i];
	return (size_t)plan->n_questions;
}

/* Something is missing in it, and nothing has failed, was left behind or is asked alone. */
static bool is_open(const struct run_question *questions, size_t n)
{
	bool waits = false;

	for (size_t i = 0; i < n; i++) {
		if ((questions[i].cells[0].state != CELL_WAITING && questions[i].cells[0].state != CELL_DONE) || questions[i].cells[0].is_late)
			return false;
		waits |= questions[i].cells[0].state == CELL_WAITING;
	}
	return waits;
}

/* Later turns go on from the answers that are taken over; false where those are gone. */
static bool remember(struct db *db, const struct looked *l, const struct group_copy *copy, struct err *err)
{
	bool whole = true;

	return !l->has_turns || (group_store_texts(db, l->texts, &copy->source, copy->count, &l->answers[copy->first], &whole, err) == ERR_OK &&
				 whole);
}

/* The answers that the run has itself. */
static void forget(const struct looked *l)
{
	for (size_t i = 0; i < l->n_questions && l->has_turns; i++) {
		const struct cell_row *cell = &l->questions[i].cells[0];
		l->answers[i] = (struct turn_answer){ cell->state, cell->text };
	}
}

/* Whether the group of `n` questions is known. */
static bool find(struct db *db, const struct looked *l, const struct group_facts *facts, size_t n, struct group_copy *copy,
		 struct err *err)
{
	bool found = false;

	group_key(facts, &l->questions[copy->first], n, copy->key);
	copy->count = (int64_t)n;
	return group_store_find(db, l->column->id, copy->key, l->base_hash, l->adapter_hash, &copy->source, &found, err) == ERR_OK &&
	       found && remember(db, l, copy, err);
}

/* Questions that were added since: where those of the earlier run ended, a part ends here too. */
static bool find_end(struct look_chore *w, struct db *db, const struct looked *l, const struct group_facts *facts, size_t n,
		     struct group_copy *copy, struct err *err)
{
	while (--n > 0 && err->code == ERR_OK)
		if (find(db, l, facts, n, copy, err)) {
			w->parts[w->n_parts++] = copy->first + copy->count;
			return true;
		}
	return false;
}

/* Adds the groups that are known under this plan; returns how many answers they have. */
static size_t look_up(struct look_chore *w, struct db *db, struct looked *l, struct group_plan plan, struct err *err)
{
	if (w->may_part)
		w->n_parts = 1;
	struct plan cut = { .starts = w->parts, .n_questions = (int64_t)l->n_questions, .slots = plan.slots };
	struct group_facts facts = { .machine = l->machine, .base_stamp = l->base_stamp, .adapter = l->adapter ? l->adapter : "",
				     .params = &l->column->params, .plan = plan, .run_seed = w->run.seed,
				     .column_position = l->column->position };
	bool may_end = w->may_part; /* all before it are known */
	size_t n_answers = 0, n;

	l->texts = arena_new();
	forget(l);
	for (size_t first = 0; first < l->n_questions && err->code == ERR_OK; first += n) {
		struct group_copy copy = { .column_id = l->column->id, .first = (int64_t)first };
		cut.n_starts = w->n_parts;
		n = group_length(l, &cut, first);
		if (n == 0) { /* nor where the next one begins */
			n = part_end(&cut, first) - first;
			continue;
		}
		if (!is_open(&l->questions[first], n))
			continue;
		bool found = find(db, l, &facts, n, &copy, err) || (may_end && find_end(w, db, l, &facts, n, &copy, err));
		may_end &= found;
		if (!found)
			continue;
		n = (size_t)copy.count;
		w->copies[w->n++] = copy;
		n_answers += n;
	}
	arena_free(l->texts);
	return n_answers;
}

/* A template that prints the date makes another prompt every day; one that cannot be read may. */
static bool has_date(const struct looked *l)
{
	const char *own = l->column->params.template;
	struct buf text = BUF_INIT(MIB);
	struct err err = { 0 };
	struct gguf *g = own && *own ? NULL : gguf_open_model(l->base_path, &err);

	if (own)
		buf_add_text(&text, own);
	if (g)
		(void)gguf_get_text(g, "tokenizer.chat_template", &text);
	bool found = err.code != ERR_OK || text.overflow || strstr(buf_text(&text), "strftime") || strstr(buf_text(&text), "date");
	gguf_close(g);
	buf_release(&text);
	return found;
}

/* The plan of an earlier column under which most answers are known is taken over with them. */
static void look_up_plans(struct look_chore *w, struct db *db, struct looked *l, struct err *err)
{
	struct group_plan plans[PLANS_MAX];
	size_t n_plans, begin = w->n, best = PLANS_MAX, most = 0;

	if (group_store_plans(db, l->base_hash, l->adapter_hash, plans, PLANS_MAX, &n_plans, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n_plans && err->code == ERR_OK; i++) {
		const struct column_row *c = l->column;
		if ((c->slots && c->slots != plans[i].slots) || (c->kv_tokens && c->kv_tokens != plans[i].kv_tokens))
			continue;
		size_t n_answers = look_up(w, db, l, plans[i], err);
		w->n = begin;
		if (n_answers > most)
			best = i;
		most = n_answers > most ? n_answers : most;
	}
	if (w->may_part)
		w->n_parts = 1;
	if (best == PLANS_MAX || err->code != ERR_OK)
		return;
	(void)look_up(w, db, l, plans[best], err);
	w->may_part = false;
	if (!has_date(l))
		return;
	size_t end = w->n;
	w->n = begin;
	for (size_t i = begin; i < end; i++)
		if (clock_same_day(w->copies[i].source.made_ms, clock_wall_ms()))
			w->copies[w->n++] = w->copies[i];
}

static const char *machine_of(struct look_chore *w, const struct model_row *base)
{
	bool uses_gpu = gpu_use_of(&w->gpu, base).layers != 0;
	struct worker_facts facts;

	if (!w->is_probed[uses_gpu]) {
		w->is_probed[uses_gpu] = true;
		(void)worker_probe(w->worker_path, !uses_gpu, &facts);
		group_machine(w->worker_path, facts.build, w->device, devices_have_gpu(&facts.devices), w->machines[uses_gpu]);
	}
	return w->machines[uses_gpu];
}

/* False where its files are not those that were hashed, or cannot be read: the engine will say why. */
static bool look_at_files(struct look_chore *w, struct db *db, struct looked *l)
{
	struct arena *a = w->chore.arena;
	struct model_row model, base;
	struct err gone = { 0 };

	if (model_store_get(db, a, l->column->model_id, &model, &gone) != ERR_OK || model.model.kind == MODEL_REMOTE)
		return false;
	base = model;
	if (model.model.kind == MODEL_ADAPTER && model_store_get(db, a, model.base_model_id, &base, &gone) != ERR_OK)
		return false;
	bool is_q8 = l->column->params.weights == WEIGHTS_Q8_0;
	l->machine = machine_of(w, &base);
	if (!l->machine[0])
		return false;
	char *file = NULL;
	if (model_cache_find(w->data_dir, model_cache_source_as(&base, l->column->params.weights), &file, &gone) != ERR_OK)
		return false;
	l->base_path = arena_strdup(a, file);
	mem_free(file);
	l->base_hash = arena_strdup(a, is_q8 ? base.q8_sha256 : base.sha256);
	machine_file_stamp(l->base_path, l->base_stamp);
	if (!l->base_hash[0] || !l->base_stamp[0] || strcmp(l->base_stamp, is_q8 ? base.q8_sha256_of : base.sha256_of) != 0)
		return false;
	return model.model.kind != MODEL_ADAPTER ||
	       (adapter_cache_get(w->data_dir, model.model.path, l->base_path, &l->adapter, &w->chore.task.cancelled, &gone) == ERR_OK &&
		adapter_hash(model.model.path, l->adapter_hash, &w->chore.task.cancelled, &gone) == ERR_OK);
}

static void look_at(struct look_chore *w, struct db *db, const struct column_row *column, struct err *err)
{
	struct looked l = { .column = column };

	if (look_at_files(w, db, &l) &&
	    run_store_column_cells(db, w->chore.arena, column->id, 0, w->run.n_questions, &l.questions, &l.n_questions, err) == ERR_OK) {
		for (size_t i = 0; i < l.n_questions; i++)
			l.has_turns |= l.questions[i].q.turn > 0;
		l.answers = arena_array(w->chore.arena, l.has_turns ? l.n_questions : 0, sizeof *l.answers);
		look_up_plans(w, db, &l, err);
	}
	mem_free(l.adapter);
}

static void run_look(struct task *task, void *context)
{
	struct look_chore *w = (struct look_chore *)task;
	struct arena *a = w->chore.arena;
	struct column_row *columns;
	struct err *err = &task->err;
	struct db *db = NULL;
	int64_t *parts;
	size_t n = 0;

	(void)context;
	if (store_open_reader(w->store, &db, err) != ERR_OK)
		return;
	if (run_store_get(db, a, w->run_id, &w->run, &columns, &n, err) == ERR_OK &&
	    run_store_parts(db, a, w->run_id, &parts, &w->n_parts, err) == ERR_OK) {
		w->parts = arena_array(a, (size_t)w->run.n_questions + 1, sizeof *w->parts);
		memcpy(w->parts, parts, w->n_parts * sizeof *w->parts);
		w->may_part = w->run.n_done == 0 && w->n_parts == 1;
	}
	w->copies = arena_array(a, (size_t)w->run.n_questions * n + 1, sizeof *w->copies);
	for (size_t i = 0; i < n && err->code == ERR_OK && !atomic_load(&task->cancelled); i++)
		if (columns[i].n_waiting > 0)
			look_at(w, db, &columns[i], err);
	db_close(db);
}

/* --- taking over --- */

struct copy_chore {
	struct chore chore;
	int64_t run_id;
	const int64_t *parts;
	size_t n_parts;
	const struct group_copy *copies; /* all that are left */
	size_t n_left;
	size_t n_copied;   /* of them; out */
	int64_t n_answers; /* out */
	int64_t prompt_us; /* out: run_store_first_prompt() */
};

/* Whole groups, and not so many that others wait for the store; after a death the rest is looked for again. */
static void run_copy(struct task *task, void *context)
{
	struct copy_chore *c = (struct copy_chore *)task;
	int64_t n;

	for (size_t i = 0; i < c->n_parts; i++)
		if (run_store_add_part(context, c->run_id, c->parts[i], &task->err) != ERR_OK)
			return;
	for (; c->n_copied < c->n_left && c->n_answers < COPY_ANSWERS; c->n_copied++) {
		if (group_store_copy(context, &c->copies[c->n_copied], &n, &task->err) != ERR_OK)
			return;
		c->n_answers += n;
	}
	(void)!run_store_first_prompt(context, c->run_id, &c->prompt_us, &task->err);
}

static void home_copied(struct chore *chore);

/* The next of them; what `from` has read goes on with it. */
static void copy_next(struct chore *from, const struct group_copy *copies, size_t n, const int64_t *parts, size_t n_parts)
{
	struct copy_chore *c = chore_new(from->s, sizeof *c, run_copy, home_copied);
	struct arena *spare = c->chore.arena;

	c->chore.arena = from->arena;
	from->arena = spare;
	c->run_id = from->s->row.run_id;
	c->parts = parts;
	c->n_parts = n_parts;
	c->copies = copies;
	c->n_left = n;
	chore_write(&c->chore);
}

static void home_copied(struct chore *chore)
{
	const struct copy_chore *c = (struct copy_chore *)chore;
	struct selection *s = chore->s;

	if (chore_failed(chore))
		return;
	s->n_cells_done += c->n_answers;
	remaining_read_alone(s, c->prompt_us);
	step_progress(s, (double)s->n_cells_done / (double)s->n_cells);
	if (c->n_copied < c->n_left && !s->is_time_up)
		copy_next(chore, c->copies + c->n_copied, c->n_left - c->n_copied, NULL, 0);
	else
		answers_compute(s, true);
}

static void home_looked_up(struct chore *chore)
{
	const struct look_chore *w = (struct look_chore *)chore;
	struct selection *s = chore->s;

	if (chore_failed(chore))
		return;
	log_info("selection", "%lld: %zu groups of answers are known", (long long)s->row.id, w->n);
	/* Where somebody has started it meanwhile, the engine has made its own plan. */
	bool is_active = engine_is_active(s->ss->options.engine, s->row.run_id);
	if (w->n == 0 || is_active)
		answers_compute(s, !is_active);
	else
		copy_next(chore, w->copies, w->n, w->parts, w->n_parts);
}

void answers_reuse(struct selection *s)
{
	struct look_chore *w = chore_new(s, sizeof *w, run_look, home_looked_up);
	struct engine_program program = engine_program(s->ss->options.engine, NULL);

	s->is_reusing = true;
	w->store = s->ss->options.store;
	w->data_dir = s->ss->data_dir;
	w->run_id = s->row.run_id;
	w->worker_path = arena_strdup(w->chore.arena, program.worker_path);
	w->device = arena_strdup(w->chore.arena, program.device);
	w->gpu = program.gpu;
	chore_work(&w->chore);
}
