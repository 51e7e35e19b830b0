/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_test - a store, an engine and a loop in a temporary folder, and runs that are followed to their end. */
#ifndef ASSAY_TESTS_ENGINE_TEST_H
#define ASSAY_TESTS_ENGINE_TEST_H

#include <math.h>
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "store/model_store.h"
#include "support/check.h"
#include "support/model_files.h"
#include "support/temp.h"

#define FAKE_WORKER TEST_BIN "/../tests/engine_fake_worker"
#define CELLS_MAX 4096

struct bench {
	struct temp temp;
	struct loop *loop;
	struct queue *home;
	struct loop_fd *home_watch;
	struct loop_timer *timeout, *kill_timer;
	struct executor *work, *hash, *values;
	struct store *store;
	struct engine *engine;
	struct engine_options options;
	int64_t watched;              /* the loop stops when this run is over */
	int64_t stop_after;           /* engine_stop() after so many answers, 0: never */
	int64_t act_after;            /* act() after so many answers, 0: never */
	void (*act)(struct bench *b);
	int64_t kill_after;           /* kill -9 of the worker after so many answers, 0: never */
	int kills;                    /* by kill_timer: how many are left */
	int killed;                   /* pid of the last one */
	bool timed_out;
	int64_t n_cells, n_run_events, n_column_events, n_text, stop_ms;
	struct {
		int64_t id;
		int n;
		struct buf text, thinking;
	} heard[CELLS_MAX];           /* ENGINE_CELL and ENGINE_TEXT by cell */
	size_t n_heard;
};

static inline int bench_heard(struct bench *b, int64_t cell_id)
{
	for (size_t i = 0; i < b->n_heard; i++) {
		if (b->heard[i].id == cell_id)
			return (int)i;
	}
	assert_true(b->n_heard < CELLS_MAX);
	b->heard[b->n_heard].id = cell_id;
	b->heard[b->n_heard].n = 0;
	b->heard[b->n_heard].text = b->heard[b->n_heard].thinking = BUF_INIT(MIB);
	return (int)b->n_heard++;
}

/* True if there was one that had not been killed yet. */
static inline bool bench_kill_worker(struct bench *b)
{
	struct worker_info info;

	if (engine_workers(b->engine, &info, 1) != 1 || info.pid <= 1 || info.pid == b->killed)
		return false;
	b->killed = info.pid;
	return kill(info.pid, SIGKILL) == 0;
}

static inline void bench_on_event(void *user, const struct engine_event *event)
{
	struct bench *b = user;

	if (event->kind == ENGINE_TEXT) {
		int i = bench_heard(b, event->cell_id);
		buf_add_str(event->is_thinking ? &b->heard[i].thinking : &b->heard[i].text, event->text);
		b->n_text++;
	} else if (event->kind == ENGINE_CELL) {
		b->heard[bench_heard(b, event->cell_id)].n++;
		b->n_cells++;
		if (b->stop_after && b->n_cells == b->stop_after) {
			b->stop_ms = clock_mono_ms();
			engine_stop(b->engine, b->watched);
		}
		if (b->act_after && b->n_cells == b->act_after)
			b->act(b);
		if (b->kill_after && b->n_cells == b->kill_after)
			(void)bench_kill_worker(b);
	} else if (event->kind == ENGINE_COLUMN) {
		b->n_column_events++;
	} else if (event->kind == ENGINE_RUN) {
		b->n_run_events++;
		if (b->watched && !engine_is_active(b->engine, b->watched))
			loop_stop(b->loop);
	}
}

static inline void bench_on_home(void *user, int events)
{
	(void)events;
	queue_drain(((struct bench *)user)->home);
}

static inline void bench_on_timeout(void *user)
{
	struct bench *b = user;
	b->timed_out = true;
	loop_stop(b->loop);
}

/* Kills whatever worker there is, again and again. */
static inline void bench_on_kill(void *user)
{
	struct bench *b = user;

	b->kills -= bench_kill_worker(b);
	if (b->kills > 0)
		loop_timer_set(b->kill_timer, 7 + (b->kills * 13) % 31);
}

/* `worker` NULL: a fake one in the temporary folder. */
static inline void bench_open(struct bench *b, const char *worker)
{
	struct err err = { 0 };

	*b = (struct bench){ 0 };
	log_set_quiet(!getenv("ASSAY_TEST_LOG"));
	temp_open(&b->temp);
	if (!worker) {
		struct buf program = BUF_INIT(64 * MIB);
		assert_ok(fs_read(FAKE_WORKER, &program, &err));
		worker = temp_file(&b->temp, "fake", program.ptr, program.len);
		chmod(worker, 0700);
		buf_release(&program);
	}
	b->loop = loop_new();
	b->home = queue_new();
	b->home_watch = loop_add_fd(b->loop, queue_fd(b->home), LOOP_READ, bench_on_home, b);
	b->timeout = loop_timer_new(b->loop, bench_on_timeout, b);
	b->kill_timer = loop_timer_new(b->loop, bench_on_kill, b);
	b->work = executor_start("work", NULL, NULL, b->home, NULL);
	b->hash = executor_start("hash", NULL, NULL, b->home, NULL);
	b->values = executor_start("values", NULL, NULL, b->home, NULL);
	assert_ok(store_open(temp_path(&b->temp, "data"), b->home, &b->store, &err));
	b->options = (struct engine_options){ .loop = b->loop, .store = b->store, .work = b->work, .hash = b->hash, .values = b->values,
					      .worker_path = worker, .n_threads = 2, .memory_reserve = 1,
					      .quick_retries = true };
	b->engine = engine_new(&b->options);
	engine_listen(b->engine, bench_on_event, b);
}

/* A new engine over the same store, as after a restart. */
static inline void bench_reopen(struct bench *b)
{
	engine_free(b->engine);
	queue_drain(b->home);
	b->engine = engine_new(&b->options);
	engine_listen(b->engine, bench_on_event, b);
}

static inline void bench_forget(struct bench *b)
{
	for (size_t i = 0; i < b->n_heard; i++) {
		buf_release(&b->heard[i].text);
		buf_release(&b->heard[i].thinking);
	}
	b->n_heard = 0;
	b->n_cells = b->n_text = b->n_run_events = b->n_column_events = 0;
	b->stop_after = b->act_after = b->kill_after = 0;
}

static inline void bench_close(struct bench *b)
{
	bench_forget(b);
	engine_free(b->engine);
	executor_stop(b->work);
	executor_stop(b->hash);
	executor_stop(b->values);
	queue_drain(b->home);
	store_close(b->store);
	queue_drain(b->home);
	loop_timer_free(b->timeout);
	loop_timer_free(b->kill_timer);
	loop_remove_fd(b->home_watch);
	loop_free(b->loop);
	queue_free(b->home);
	temp_close(&b->temp);
}

/* --- the store, blocking --- */

struct bench_task {
	struct task task;
	void (*fn)(struct db *db, void *user, struct err *err);
	void *user;
};

static inline void bench_task_run(struct task *task, void *context)
{
	struct bench_task *t = (struct bench_task *)task;
	t->fn(context, t->user, &task->err);
}

static inline void bench_store(struct bench *b, void (*fn)(struct db *, void *, struct err *), void *user)
{
	struct bench_task t = { .task = { .run = bench_task_run }, .fn = fn, .user = user };
	struct err err = { 0 };

	assert_ok(store_write_now(b->store, &t.task, &err));
}

struct bench_model {
	struct found_model model;
	int64_t base_id, id;
};

static inline void bench_add_model(struct db *db, void *user, struct err *err)
{
	struct bench_model *m = user;
	struct arena *a = arena_new();
	struct found_family family = { .name = "tune", .path = m->model.path, .base_name = "", .checkpoints = &m->model,
				       .n_checkpoints = 1 };
	bool is_base = m->model.kind == MODEL_BASE || m->model.kind == MODEL_REMOTE;
	struct catalogue found = { .models = is_base ? &m->model : NULL, .n_models = is_base,
				   .families = is_base ? NULL : &family, .n_families = !is_base };
	int64_t *ids;
	size_t n;

	if (model_store_merge(db, a, &found, m->base_id, &ids, &n, err) == ERR_OK)
		m->id = ids[0];
	arena_free(a);
}

static inline int64_t bench_model(struct bench *b, struct found_model model, int64_t base_id)
{
	struct bench_model m = { .model = model, .base_id = base_id };

	m.model.epoch = m.model.train_loss = m.model.eval_loss = NAN;
	if (!m.model.base_name)
		m.model.base_name = "";
	bench_store(b, bench_add_model, &m);
	assert_true(m.id > 0);
	return m.id;
}

/* A base of the fake worker. */
static inline int64_t bench_tiny(struct bench *b, const char *name)
{
	struct tiny_model tiny = { .name = name };
	const char *path = tiny_model_write(temp_path(&b->temp, name), tiny);

	return bench_model(b, (struct found_model){ .kind = MODEL_BASE, .path = path, .name = name, .size_bytes = 1000 }, 0);
}

struct bench_run {
	const int64_t *models;
	size_t n_models, n_questions;
	bool is_fast;
	int64_t slots; /* 0: measured */
	struct gen_params params;
	const char *const *questions; /* NULL: "question 0", ... */
	size_t n_turns; /* of each conversation: the questions are so many equal parts; 0: one */
	int64_t id;
};

static inline void bench_questions(const struct bench_run *r, struct question *out, struct arena *a, size_t first)
{
	size_t part = r->n_questions / (r->n_turns ? r->n_turns : 1);

	for (size_t i = 0; i < r->n_questions; i++)
		out[i] = (struct question){
			.text = str_of(r->questions ? r->questions[i] : arena_printf(a, "question %zu", first + i)), .line = 1,
			.turn = (int64_t)(i / part), .back = i < part ? 0 : (int64_t)part };
}

static inline void bench_add_run(struct db *db, void *user, struct err *err)
{
	struct bench_run *r = user;
	struct arena *a = arena_new();
	struct run_row run = { .name = "a run", .seed = 7, .params = r->params, .is_fast = r->is_fast };
	struct column_row columns[LIMIT_COLUMNS] = { 0 };
	struct question *questions = arena_array(a, r->n_questions, sizeof *questions);

	for (size_t i = 0; i < r->n_models; i++)
		columns[i] = (struct column_row){ .model_id = r->models[i], .label = "m", .epoch = NAN, .params = r->params,
						  .slots = r->slots };
	bench_questions(r, questions, a, 0);
	if (run_store_add(db, &run, columns, r->n_models, questions, r->n_questions, err) == ERR_OK)
		r->id = run.id;
	arena_free(a);
}

static inline void bench_more_questions(struct db *db, void *user, struct err *err)
{
	struct bench_run *r = user;
	struct arena *a = arena_new();
	struct question *questions = arena_array(a, r->n_questions, sizeof *questions);

	bench_questions(r, questions, a, 1000);
	(void)!run_store_add_questions(db, r->id, questions, r->n_questions, err);
	arena_free(a);
}

static inline void bench_reset(struct db *db, void *user, struct err *err)
{
	(void)!run_store_reset(db, *(int64_t *)user, true, true, 0, err);
}

static inline int64_t bench_run(struct bench *b, const int64_t *models, size_t n_models, size_t n_questions)
{
	struct bench_run r = { .models = models, .n_models = n_models, .n_questions = n_questions,
			       .params = gen_params_default() };

	bench_store(b, bench_add_run, &r);
	return r.id;
}

/* Starts the run and turns the loop until it is over. */
static inline void bench_follow(struct bench *b, int64_t run_id)
{
	b->watched = run_id;
	b->timed_out = false;
	loop_timer_set(b->timeout, 250000);
	engine_start(b->engine, run_id);
	loop_run(b->loop);
	loop_timer_set(b->timeout, -1);
	if (b->timed_out)
		fail_msg("the run did not end");
}

/* --- what is stored --- */

struct bench_result {
	int64_t run_id;
	struct arena *a;
	struct run_row run;
	struct column_row *columns;
	size_t n_columns;
	struct run_question *questions;
	size_t n;
};

static inline void bench_read(struct db *db, void *user, struct err *err)
{
	struct bench_result *r = user;
	int64_t total;

	if (run_store_get(db, r->a, r->run_id, &r->run, &r->columns, &r->n_columns, err) == ERR_OK)
		(void)!run_store_page(db, r->a, r->run_id, RUN_ALL, 0, CELLS_MAX, &r->questions, &r->n, &total, err);
}

/* Belongs to the bench until it is closed. */
static inline struct bench_result bench_result(struct bench *b, int64_t run_id)
{
	struct bench_result r = { .run_id = run_id, .a = b->temp.arena };

	bench_store(b, bench_read, &r);
	return r;
}

static inline size_t bench_count(const struct bench_result *r, enum cell_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		for (size_t c = 0; c < r->n_columns; c++)
			n += r->questions[i].cells[c].state == state;
	}
	return n;
}

#endif
