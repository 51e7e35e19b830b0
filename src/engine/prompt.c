/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "engine/active.h"
#include "worker/protocol.h"

#define ASK_TRIES 2

/* One question "what was really sent?", or "what would be?", from the store's rows to a worker's rendering. */
struct prompt_call {
	int64_t cell_id; /* 0: of no cell; column and question are known */
	engine_prompt_fn done;
	void *user;
	uint32_t stream; /* asked, 0: waits for a worker */
	int n_deaths;    /* of workers that were asked */
	bool loaded;
	struct arena *arena;
	struct model_row base;
	struct column_row column;
	struct run_question question;
	struct prompt_call *next;
};

static void finish(struct engine *e, struct prompt_call *p, struct str prompt, int64_t n_tokens, const struct err *err)
{
	for (struct prompt_call **at = &e->prompts; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	p->done(p->user, prompt, n_tokens, err);
	arena_free(p->arena);
	mem_free(p);
}

static struct prompt_call *first_loaded(const struct engine *e, bool asked)
{
	for (struct prompt_call *p = e->prompts; p; p = p->next) {
		if (p->loaded && (!asked || p->stream))
			return p;
	}
	return NULL;
}

void prompt_fail_all(struct engine *e, const struct err *cause)
{
	/* From the start each time: a listener may ask again. */
	for (struct prompt_call *p; (p = first_loaded(e, false));)
		finish(e, p, (struct str){ 0 }, 0, cause);
}

void prompt_worker_died(struct engine *e, const struct err *cause)
{
	struct prompt_call *p = e->prompts;

	/* A worker may die of something else, so each is asked twice; one that was not asked yet waits for the next worker. */
	while (p) {
		if (p->stream && ++p->n_deaths >= ASK_TRIES) {
			finish(e, p, (struct str){ 0 }, 0, cause);
			p = e->prompts; /* the list may have changed */
			continue;
		}
		p->stream = 0;
		p = p->next;
	}
}

void prompt_fail_asked(struct engine *e)
{
	struct err busy;

	err_set(&busy, ERR_BUSY, "err_engine_busy", NULL);
	for (struct prompt_call *p; (p = first_loaded(e, true));)
		finish(e, p, (struct str){ 0 }, 0, &busy);
}

bool prompt_waits(const struct engine *e)
{
	return e->prompts != NULL;
}

/* --- rows --- */

struct prompt_job {
	struct job job;
	struct prompt_call *call;
};

static enum err_code read_cell(struct db *db, struct prompt_call *p, struct err *err)
{
	struct arena *a = p->arena;
	struct cell_row cell;
	struct run_row run;
	struct column_row *columns;
	struct run_question *questions;
	size_t n, n_questions;

	if (cell_store_get(db, a, p->cell_id, &cell, err) != ERR_OK ||
	    run_store_get(db, a, cell.run_id, &run, &columns, &n, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		if (columns[i].id == cell.column_id)
			p->column = columns[i];
	}
	if (run_store_column_cells(db, a, cell.column_id, cell.question_position, 1, &questions, &n_questions, err) != ERR_OK)
		return err->code;
	if (n_questions == 0)
		return err_set(err, ERR_NOT_FOUND, "err_cell_not_found", "id=%lld", (long long)p->cell_id);
	p->question = questions[0];
	return engine_check_turns(&p->question, 0, err);
}

static void run_rows(struct task *task, void *context)
{
	struct prompt_job *j = (struct prompt_job *)task;
	struct prompt_call *p = j->call;
	struct db *db = context;
	struct model_row model;

	if ((p->cell_id && read_cell(db, p, &task->err) != ERR_OK) ||
	    model_store_get(db, p->arena, p->column.model_id, &model, &task->err) != ERR_OK)
		return;
	if (model.model.kind == MODEL_REMOTE)
		err_set(&task->err, ERR_UNSUPPORTED, "err_model_remote", "name=%s", model.model.name);
	else if (model.model.kind != MODEL_ADAPTER)
		p->base = model;
	else if (model.base_model_id == 0)
		err_set(&task->err, ERR_NOT_FOUND, "err_base_missing", "name=%s", model.model.base_name);
	else
		(void)!model_store_get(db, p->arena, model.base_model_id, &p->base, &task->err);
	if (p->cell_id)
		p->base.weights = p->column.params.weights;
}

static void home_rows(struct job *job)
{
	struct prompt_job *j = (struct prompt_job *)job;
	struct engine *e = job->e;
	if (job->task.err.code != ERR_OK) {
		finish(e, j->call, (struct str){ 0 }, 0, &job->task.err);
		return;
	}
	j->call->loaded = true;
	prompt_advance(e);
}

static void drop_rows(struct job *job)
{
	struct prompt_call *p = ((struct prompt_job *)job)->call;

	arena_free(p->arena);
	mem_free(p);
}

/* --- asking --- */

static void ask(struct engine *e, struct prompt_call *p)
{
	const struct gen_params *params = &p->column.params;
	json_t *messages = engine_messages(&p->column, &p->question, 0);

	p->stream = host_send(e, REQ_RENDER,
			      json_pack("{s:s, s:s, s:b, s:o}", "system", params->system ? params->system : "", "template",
					params->template ? params->template : "", "thinking", params->thinking, "messages", messages),
			      -1);
}

void prompt_advance(struct engine *e)
{
	struct prompt_call *p = e->prompts;

	while (p) {
		if (!p->loaded || p->stream) {
			p = p->next;
		} else if (e->is_reserved || ((e->active || e->holder) && !host_is_of(e, &p->base))) {
			struct err busy;
			err_set(&busy, ERR_BUSY, "err_engine_busy", NULL);
			finish(e, p, (struct str){ 0 }, 0, &busy);
			p = e->prompts; /* the list may have changed */
		} else if (host_want(e, &p->base)) {
			ask(e, p);
		} else {
			return; /* host_ready or a failure brings us back */
		}
	}
}

bool prompt_frame(struct engine *e, const struct frame *f)
{
	struct err err = { 0 };

	for (struct prompt_call *p = e->prompts; p; p = p->next) {
		if (p->stream != f->stream)
			continue;
		if (f->kind == MSG_PROGRESS)
			return true;
		if (f->kind != MSG_PROMPT && f->kind != MSG_FAILED) {
			host_distrust(e, "kind");
			return true;
		}
		e->host.n_open--;
		json_t *body = json_parse_frame(f->body, &err);
		if (f->kind == MSG_PROMPT && json_is_object(body)) {
			const char *text = json_get_text(body, "prompt", "", &err);
			int64_t n = json_get_int(body, "n_tokens", 0, 1LL << 31, 0, &err);
			finish(e, p, str_of(text), n, &err);
		} else {
			failure_read(body, &err);
			finish(e, p, (struct str){ 0 }, 0, &err);
		}
		json_decref(body);
		return true;
	}
	return false;
}

static struct prompt_call *call_new(struct engine *e, engine_prompt_fn done, void *user)
{
	struct prompt_call *p = mem_alloc(sizeof *p);

	p->done = done;
	p->user = user;
	p->arena = arena_new();
	p->next = e->prompts;
	e->prompts = p;
	return p;
}

static void read_rows(struct engine *e, struct prompt_call *p)
{
	struct prompt_job *j = job_new(e, sizeof *j, run_rows, home_rows);

	j->job.drop = drop_rows;
	j->call = p;
	job_read(&j->job);
}

void engine_prompt(struct engine *e, int64_t cell_id, engine_prompt_fn done, void *user)
{
	struct prompt_call *p = call_new(e, done, user);

	p->cell_id = cell_id;
	read_rows(e, p);
}

void engine_prompt_of(struct engine *e, int64_t model_id, const struct gen_params *params, struct str question,
		      engine_prompt_fn done, void *user)
{
	struct prompt_call *p = call_new(e, done, user);
	struct arena *a = p->arena;

	p->column = (struct column_row){ .model_id = model_id, .params = *params };
	p->column.params.system = arena_strdup(a, params->system ? params->system : "");
	p->column.params.template = arena_strdup(a, params->template ? params->template : "");
	p->column.params.stop = "";
	p->question = (struct run_question){ .q = { .text = { arena_strndup(a, question.ptr, question.len), question.len } } };
	read_rows(e, p);
}
