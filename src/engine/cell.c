/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "engine/active.h"

/* --- under way --- */

void cell_start(struct engine *e, size_t column, struct live_cell *cell)
{
	if (cell->started)
		return;
	cell->started = true;
	e->active->columns[column].n_running++;
	engine_touch(e, &e->active->columns[column]);
}

void cell_init(struct live_cell *cell, int64_t cell_id, int64_t question_id)
{
	*cell = (struct live_cell){ .cell_id = cell_id, .question_id = question_id };
	cell->text.said = cell->thinking.said = BUF_INIT(LIMIT_ANSWER_BYTES);
}

struct cell_live cell_so_far(const struct live_cell *cell, int64_t column_id)
{
	return (struct cell_live){ cell->cell_id, column_id, cell->question_id, buf_str(&cell->text.said),
				   buf_str(&cell->thinking.said) };
}

void cell_release(struct live_cell *cell)
{
	buf_release(&cell->text.said);
	buf_release(&cell->thinking.said);
}

bool cell_text(struct engine *e, size_t column, struct live_cell *cell, struct str text, bool is_thinking)
{
	struct live_text *so_far = is_thinking ? &cell->thinking : &cell->text;

	if (cell->was_done)
		return true;
	size_t known = so_far->said.len - so_far->repeated, again = known < text.len ? known : text.len;
	so_far->repeated += again;
	text.ptr += again;
	text.len -= again;
	if (text.len == 0)
		return true;
	buf_add_str(&so_far->said, text);
	if (!e->active->columns[column].remote)
		eta_heard(e->active, text.len);
	so_far->repeated = so_far->said.len;
	if (so_far->said.overflow)
		return false;
	struct engine_event event = { .kind = ENGINE_TEXT, .run_id = e->active->run_id,
				      .column_id = e->active->columns[column].row.id, .question_id = cell->question_id,
				      .cell_id = cell->cell_id, .text = text, .is_thinking = is_thinking };
	engine_emit(e, &event);
	return true;
}

/* --- storing --- */

struct store_cell {
	struct job job;
	struct cell_row cell; /* texts in job.arena */
	struct err failure;   /* code ERR_OK: an answer */
	bool was_done, equal, is_late;
};

static void run_store_cell(struct task *task, void *context)
{
	struct store_cell *s = (struct store_cell *)task;
	struct db *db = context;

	s->equal = true;
	if (s->is_late)
		(void)!run_store_cell_late(db, s->cell.id, &s->failure, &task->err);
	else if (s->failure.code != ERR_OK)
		(void)!run_store_cell_failed(db, s->cell.id, &s->failure, &task->err);
	else
		(void)!run_store_answer(db, &s->cell, &s->equal, &task->err);
}

static void home_store_cell(struct job *job)
{
	struct store_cell *s = (struct store_cell *)job;
	struct engine *e = job->e;

	if (job->task.err.code != ERR_OK)
		log_error("engine", "answer not stored cell=%lld %s", (long long)s->cell.id, job->task.err.key);
	if (!s->equal)
		log_warn("engine", "run drifted run=%lld cell=%lld", (long long)s->cell.run_id, (long long)s->cell.id);
	if (job_is_current(job)) {
		struct active *a = e->active;
		a->n_storing--;
		for (size_t i = 0; i < a->n_columns; i++) {
			if (a->columns[i].row.id != s->cell.column_id)
				continue;
			a->columns[i].n_storing--;
			if (!s->was_done)
				eta_over(a, &a->columns[i], strlen(s->cell.text) + strlen(s->cell.thinking));
			engine_touch(e, &a->columns[i]);
		}
		if (job->task.err.code != ERR_OK)
			run_interrupt(e, &job->task.err);
	}
	if (job->task.err.code == ERR_OK && !s->was_done) {
		struct engine_event event = { .kind = ENGINE_CELL, .run_id = s->cell.run_id, .column_id = s->cell.column_id,
					      .question_id = s->cell.question_id, .cell_id = s->cell.id, .cell = &s->cell };
		engine_emit(e, &event);
	}
	if (job_is_current(job))
		run_advance(e);
}

static struct store_cell *store_cell_new(struct engine *e, size_t column, const struct live_cell *cell)
{
	struct active *a = e->active;
	struct store_cell *s = job_new(e, sizeof *s, run_store_cell, home_store_cell);

	s->job.serial = a->serial;
	s->was_done = cell->was_done;
	s->cell = (struct cell_row){ .id = cell->cell_id, .run_id = a->run_id, .question_id = cell->question_id,
				     .column_id = a->columns[column].row.id, .text = "", .thinking = "", .tokens = "",
				     .mean_ll = NAN };
	a->n_storing++;
	a->columns[column].n_storing++;
	return s;
}

void cell_over(struct engine *e, size_t column, struct live_cell *cell)
{
	struct active_column *c = &e->active->columns[column];

	if (cell->started)
		c->n_running--;
	cell->over = true;
	cell_release(cell);
	engine_touch(e, c);
}

void cell_answered(struct engine *e, size_t column, struct live_cell *cell, const struct cell_row *answer)
{
	cell_start(e, column, cell);
	cell_over(e, column, cell);
	e->active->columns[column].row.n_done += !cell->was_done;
	struct store_cell *s = store_cell_new(e, column, cell);
	struct cell_row row = *answer;
	row.state = CELL_DONE;
	row.id = s->cell.id;
	row.run_id = s->cell.run_id;
	row.question_id = s->cell.question_id;
	row.column_id = s->cell.column_id;
	row.text = arena_strdup(s->job.arena, answer->text);
	row.thinking = arena_strdup(s->job.arena, answer->thinking);
	row.tokens = arena_strdup(s->job.arena, answer->tokens);
	s->cell = row;
	job_write(&s->job);
}

static void store_failure(struct engine *e, size_t column, struct live_cell *cell, const struct err *cause, bool is_late)
{
	const struct active_column *c = &e->active->columns[column];

	cell_over(e, column, cell);
	if (cell->was_done)
		return;
	struct store_cell *s = store_cell_new(e, column, cell);
	s->is_late = is_late;
	s->failure = c->state == COLUMN_FAILED ? c->problem : *cause; /* the column's cause says more */
	s->cell.state = CELL_FAILED;
	s->cell.problem = s->failure;
	job_write(&s->job);
}

void cell_failed(struct engine *e, size_t column, struct live_cell *cell, const struct err *cause)
{
	store_failure(e, column, cell, cause, false);
}

void cell_late(struct engine *e, size_t column, struct live_cell *cell, const struct err *cause)
{
	store_failure(e, column, cell, cause, true);
}
