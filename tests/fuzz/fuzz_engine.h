/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_engine - the engine without threads, processes, clock and disk, so that one input always takes the same way.
 *
 * The linker's --wrap puts the functions below in the place of the real ones (CMakeLists.txt has the list): work for other
 * threads is done at once, the store is a database in memory that is rolled back after every input, timers fire when the
 * target says so, and the worker is whatever bytes the target hands to fuzz_frame(). */
#ifndef ASSAY_TESTS_FUZZ_ENGINE_H
#define ASSAY_TESTS_FUZZ_ENGINE_H

#include <math.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/machine.h"
#include "engine/worker_process.h"
#include "store/model_store.h"
#include "store/sql.h"
#include "support/temp.h"

#define FUZZ_TASKS_MAX 100000 /* for one input; more would be a circle */
#define FUZZ_QUESTIONS 9
#define FUZZ_COLUMNS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- tasks --- */

static struct db *fuzz_db;
static struct temp fuzz_temp;
static struct task *fuzz_home, **fuzz_home_end = &fuzz_home;

static void fuzz_exec(const char *sql)
{
	struct err err = { 0 };

	if (db_exec(fuzz_db, sql, &err) != ERR_OK)
		BUG("%s: %s %s", sql, err.key, err.args);
}

static void fuzz_go_home(struct task *task)
{
	task->next = NULL;
	*fuzz_home_end = task;
	fuzz_home_end = &task->next;
}

/* Brings home what was done, and what that brings about. */
static void fuzz_settle(void)
{
	for (int n = 0; fuzz_home; n++) {
		struct task *task = fuzz_home;
		if (n == FUZZ_TASKS_MAX)
			BUG("no end of tasks");
		fuzz_home = task->next;
		if (!fuzz_home)
			fuzz_home_end = &fuzz_home;
		if (task->done)
			task->done(task);
	}
}

static void fuzz_store_task(struct task *task)
{
	task->err = (struct err){ 0 };
	fuzz_exec("SAVEPOINT task");
	task->run(task, fuzz_db);
	if (task->err.code != ERR_OK)
		fuzz_exec("ROLLBACK TO task");
	fuzz_exec("RELEASE task");
	fuzz_go_home(task);
}

void __wrap_store_write(struct store *s, struct task *task);
void __wrap_store_write(struct store *s, struct task *task)
{
	(void)s;
	fuzz_store_task(task);
}

void __wrap_store_read(struct store *s, struct task *task);
void __wrap_store_read(struct store *s, struct task *task)
{
	(void)s;
	fuzz_store_task(task);
}

void __wrap_executor_post(struct executor *e, struct task *task);
void __wrap_executor_post(struct executor *e, struct task *task)
{
	(void)e;
	task->run(task, NULL);
	fuzz_go_home(task);
}

const char *__wrap_store_data_dir(const struct store *s);
const char *__wrap_store_data_dir(const struct store *s)
{
	(void)s;
	return fuzz_temp.dir;
}

bool __wrap_store_low_space(const struct store *s);
bool __wrap_store_low_space(const struct store *s)
{
	(void)s;
	return false;
}

enum err_code __wrap_store_open_reader(const struct store *s, struct db **out, struct err *err);
enum err_code __wrap_store_open_reader(const struct store *s, struct db **out, struct err *err)
{
	(void)s;
	*out = NULL;
	return err_set(err, ERR_BUSY, "err_store_busy", "reason=%s", "fuzzing");
}

/* --- the machine --- */

char *__wrap_machine_name(int n_threads);
char *__wrap_machine_name(int n_threads)
{
	(void)n_threads;
	return mem_strdup("fuzz");
}

struct machine_memory __wrap_machine_memory(void);
struct machine_memory __wrap_machine_memory(void)
{
	return (struct machine_memory){ 16 * (int64_t)GIB, 16 * (int64_t)GIB, 8 * (int64_t)GIB };
}

/* --- timers: `struct loop_timer` is ours here --- */

struct loop_timer {
	void (*fn)(void *user);
	void *user;
	bool is_set;
	struct loop_timer *next;
};
static struct loop_timer *fuzz_timers;

struct loop_timer *__wrap_loop_timer_new(struct loop *l, loop_fn fn, void *user);
struct loop_timer *__wrap_loop_timer_new(struct loop *l, loop_fn fn, void *user)
{
	struct loop_timer *t = mem_alloc(sizeof *t);

	(void)l;
	*t = (struct loop_timer){ fn, user, false, fuzz_timers };
	fuzz_timers = t;
	return t;
}

void __wrap_loop_timer_set(struct loop_timer *t, int64_t delay_ms);
void __wrap_loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	t->is_set = delay_ms >= 0;
}

void __wrap_loop_timer_free(struct loop_timer *t);
void __wrap_loop_timer_free(struct loop_timer *t)
{
	struct loop_timer **at = &fuzz_timers;

	if (!t)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	mem_free(t);
}

/* Every timer that is set fires once.  None of them frees a timer. */
static void fuzz_fire(void)
{
	for (struct loop_timer *t = fuzz_timers; t; t = t->next) {
		if (!t->is_set)
			continue;
		t->is_set = false;
		t->fn(t->user);
		fuzz_settle();
	}
}

/* --- the worker --- */

struct worker_process {
	bool alive, killed;
	struct err cause;
	const struct worker_events *events;
	void *user;
	uint32_t last_stream; /* of the newest request */
};
static struct worker_process fuzz_worker;
static bool fuzz_no_worker; /* none can be started */

struct worker_process *__wrap_worker_process_start(struct loop *loop, const struct worker_options *options,
						   const struct worker_events *events, void *user, struct err *err);
struct worker_process *__wrap_worker_process_start(struct loop *loop, const struct worker_options *options,
						   const struct worker_events *events, void *user, struct err *err)
{
	(void)loop;
	if (fuzz_worker.alive)
		BUG("two workers");
	if (fuzz_no_worker) {
		err_set(err, ERR_NOT_FOUND, "err_worker_start", "path=%s|reason=%s", options->program, "fuzzing");
		return NULL;
	}
	fuzz_worker = (struct worker_process){ .alive = true, .events = events, .user = user };
	return &fuzz_worker;
}

void __wrap_worker_process_send(struct worker_process *w, uint8_t kind, uint32_t stream, json_t *body, int fd);
void __wrap_worker_process_send(struct worker_process *w, uint8_t kind, uint32_t stream, json_t *body, int fd)
{
	if (!w->alive || !kind || !stream)
		BUG("request %u of stream %u to a worker that is %s", kind, stream, w->alive ? "alive" : "gone");
	w->last_stream = stream;
	json_decref(body);
	if (fd >= 0)
		close(fd);
}

void __wrap_worker_process_kill(struct worker_process *w, const struct err *cause);
void __wrap_worker_process_kill(struct worker_process *w, const struct err *cause)
{
	if (w->killed)
		return;
	w->killed = true;
	w->cause = *cause;
}

void __wrap_worker_process_stop(struct worker_process *w);
void __wrap_worker_process_stop(struct worker_process *w)
{
	if (w)
		w->alive = false;
}

pid_t __wrap_worker_process_pid(const struct worker_process *w);
pid_t __wrap_worker_process_pid(const struct worker_process *w)
{
	(void)w;
	return getpid();
}

void __wrap_worker_process_listen(struct worker_process *w);
void __wrap_worker_process_listen(struct worker_process *w)
{
	(void)w;
}

int64_t __wrap_worker_process_silent_ms(const struct worker_process *w);
int64_t __wrap_worker_process_silent_ms(const struct worker_process *w)
{
	(void)w;
	return 0;
}

/* --- the world that every input finds --- */

struct fuzz_rows {
	int64_t base_id, run_id;
};
static struct fuzz_rows fuzz_rows;

static void fuzz_add_model(struct err *err)
{
	struct arena *a = arena_new();
	struct found_model model = { .kind = MODEL_BASE, .path = temp_path(&fuzz_temp, "base.gguf"), .name = "base", .base_name = "", .architecture = "llama",
				     .file_type = "F16", .epoch = NAN, .train_loss = NAN, .eval_loss = NAN, .step = -1 };
	struct catalogue found = { .models = &model, .n_models = 1 };
	int64_t *ids;
	size_t n;

	if (model_store_merge(fuzz_db, a, &found, 0, &ids, &n, err) == ERR_OK)
		fuzz_rows.base_id = ids[0];
	arena_free(a);
}

static void fuzz_add_run(struct err *err)
{
	struct arena *a = arena_new();
	struct run_row run = { .name = "a run", .seed = 7, .params = gen_params_default() };
	struct column_row columns[FUZZ_COLUMNS];
	struct question questions[FUZZ_QUESTIONS];

	for (size_t i = 0; i < FUZZ_COLUMNS; i++)
		columns[i] = (struct column_row){ .model_id = fuzz_rows.base_id, .label = "m", .epoch = NAN,
						  .params = gen_params_default(), .slots = 1 };
	for (size_t i = 0; i < FUZZ_QUESTIONS; i++)
		questions[i] = (struct question){ .text = str_of(arena_printf(a, "question %zu", i)), .line = 1 };
	if (run_store_add(fuzz_db, &run, columns, FUZZ_COLUMNS, questions, FUZZ_QUESTIONS, err) == ERR_OK)
		fuzz_rows.run_id = run.id;
	arena_free(a);
}

static void fuzz_leave(void)
{
	db_close(fuzz_db);
	temp_close(&fuzz_temp);
}

/* Once: folder, database, one model and one run of FUZZ_QUESTIONS x FUZZ_COLUMNS waiting cells. */
static void fuzz_world(void)
{
	/* What is read of a base before a worker starts is its header. */
	static const char head[] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\0\0\0\0general.architecture\10\0\0\0"
				   "\5\0\0\0\0\0\0\0llama";
	struct err err = { 0 };

	log_set_quiet(true);
	temp_open(&fuzz_temp);
	temp_file(&fuzz_temp, "base.gguf", head, sizeof head - 1);
	if (db_open_plain(":memory:", &fuzz_db, &err) != ERR_OK)
		BUG("no database: %s %s", err.key, err.args);
	fuzz_add_model(&err);
	fuzz_add_run(&err);
	if (err.code != ERR_OK)
		BUG("no rows: %s %s", err.key, err.args);
	atexit(fuzz_leave);
}

static struct engine *fuzz_engine_new(void)
{
	struct engine_options options = { .worker_path = "/nowhere/assay-worker", .n_threads = 1, .memory_reserve = 1,
					  .quick_retries = true };

	fuzz_worker = (struct worker_process){ 0 };
	return engine_new(&options);
}

#endif
