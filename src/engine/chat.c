/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "engine/adapter_cache.h"
#include "engine/machine.h"
#include "engine/model_cache.h"
#include "worker/protocol.h"

#define CHAT_TOKENS_MIN 1024
#define KV_SHARE 0.25 /* of the free memory: a validation wants the rest */
#define TRIES 2       /* of a turn whose worker died before it said anything */
#define PROGRESS_STEP 0.01
#define COUNT_MAX (1LL << 31)
#define TIME_MAX_US (30LL * 24 * 3600 * 1000000)

struct chat_turn {
	struct engine *e;
	const struct chat_events *events;
	void *user;
	struct arena *arena;
	struct chat_request request;
	struct model_row model, base;
	const struct remote *remote; /* of a provider's model; NULL: it is on this machine */
	struct remote_turn *remote_turn;
	char *adapter_file;
	int64_t adapter_id;
	uint64_t adapter_incarnation; /* of the worker that has it */
	uint32_t adapter_stream, stream; /* requests under way, 0: none */
	bool prepared, stopping, is_said; /* rows and adapter are there; stop was asked; text came */
	int tries, n_jobs;
	enum chat_phase phase;
	double progress;
	bool phase_told;
	struct chat_turn *next;
};

const char *chat_phase_name(enum chat_phase p)
{
	static const char *const names[] = { "waiting", "validation", "creation", "loading", "reading", "answering" };
	return names[p];
}

/* --- the end of a turn --- */

static void turn_free(struct chat_turn *t)
{
	remote_turn_free(t->remote_turn);
	json_decref(t->request.messages);
	json_decref(t->request.stops);
	mem_free(t->adapter_file);
	arena_free(t->arena);
	mem_free(t);
}

/* Takes the turn out of the line; its job (if one is under way) frees it when it is home. */
static void turn_end(struct chat_turn *t, const struct chat_answer *answer, const struct err *err)
{
	struct engine *e = t->e;
	struct chat_turn **at = &e->turns;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (e->holder == t) {
		e->holder = NULL;
		e->n_groups_since = 0;
	}
	const struct chat_events *events = t->events;
	t->events = NULL;
	events->done(t->user, answer, err);
	if (t->n_jobs == 0)
		turn_free(t);
	if (e->closing)
		return;
	engine_next(e);
	run_advance(e);
	chat_advance(e);
	prompt_advance(e);
}

static void turn_fail(struct chat_turn *t, const struct err *cause)
{
	struct err copy = *cause;
	struct chat_answer stopped = { .text = "", .thinking = "", .is_stopped = true };

	if (t->stopping)
		turn_end(t, &stopped, NULL);
	else
		turn_end(t, NULL, &copy);
}

static void tell_phase(struct chat_turn *t, enum chat_phase phase, double progress)
{
	double change = progress - t->progress;

	if (t->phase_told && phase == t->phase && change < PROGRESS_STEP && change > -PROGRESS_STEP)
		return;
	t->phase_told = true;
	t->phase = phase;
	t->progress = progress;
	t->events->phase(t->user, phase, progress);
}

/* --- rows and adapter --- */

struct turn_job {
	struct job job;
	struct chat_turn *turn;
	char *data_dir, *file;
};

/* True where the turn is still wanted; otherwise it is freed with its last job. */
static bool job_back(struct turn_job *j)
{
	struct chat_turn *t = j->turn;

	t->n_jobs--;
	if (t->events)
		return true;
	mem_free(j->file);
	if (t->n_jobs == 0)
		turn_free(t);
	return false;
}

static void drop_job(struct job *job)
{
	(void)job_back((struct turn_job *)job);
}

static struct turn_job *turn_job_new(struct chat_turn *t, void (*run)(struct task *, void *), void (*home)(struct job *))
{
	struct turn_job *j = job_new(t->e, sizeof *j, run, home);

	j->job.drop = drop_job;
	j->turn = t;
	t->n_jobs++;
	return j;
}

static void turn_prepared(struct chat_turn *t)
{
	t->prepared = true;
	chat_advance(t->e);
}

static void run_adapter(struct task *task, void *context)
{
	struct turn_job *j = (struct turn_job *)task;

	(void)context;
	const struct model_row *base = &j->turn->base;
	char *file = NULL;
	struct model_source source = model_cache_source_as(base, base->weights);
	if (model_cache_get(j->data_dir, source, &file, NULL, &task->cancelled, &task->err) == ERR_OK)
		(void)!adapter_cache_get(j->data_dir, j->turn->model.model.path, file, &j->file, &task->cancelled, &task->err);
	mem_free(file);
}

static void home_adapter(struct job *job)
{
	struct turn_job *j = (struct turn_job *)job;

	if (!job_back(j))
		return;
	j->turn->adapter_file = j->file;
	if (job->task.err.code != ERR_OK)
		turn_fail(j->turn, &job->task.err);
	else
		turn_prepared(j->turn);
}

static void run_rows(struct task *task, void *context)
{
	struct chat_turn *t = ((struct turn_job *)task)->turn;
	struct err *err = &task->err;

	if (model_store_get(context, t->arena, t->request.model_id, &t->model, err) != ERR_OK)
		return;
	if (t->model.model.kind == MODEL_REMOTE)
		t->remote = remote_load(t->e, context, t->arena, &t->model, err);
	else if (t->model.model.kind != MODEL_ADAPTER)
		t->base = t->model;
	else if (t->model.base_model_id == 0)
		err_set(err, ERR_NOT_FOUND, "err_base_missing", "name=%s", t->model.model.base_name);
	else
		(void)!model_store_get(context, t->arena, t->model.base_model_id, &t->base, err);
	if (t->request.params.weights == WEIGHTS_Q8_0) /* as it was validated; or as its base is used by now */
		t->base.weights = WEIGHTS_Q8_0;
}

/* --- a provider's model --- */

static void on_remote_text(void *user, struct str text, bool is_thinking)
{
	struct chat_turn *t = user;

	t->is_said = true;
	tell_phase(t, CHAT_ANSWERING, 0);
	t->events->text(t->user, text, is_thinking);
}

static void on_remote_done(void *user, const struct chat_answer *answer, const struct err *err)
{
	struct chat_turn *t = user;

	if (answer)
		turn_end(t, answer, NULL);
	else
		turn_fail(t, err);
}

static const struct chat_events remote_events = { NULL, on_remote_text, on_remote_done };

static void home_rows(struct job *job)
{
	struct chat_turn *t = ((struct turn_job *)job)->turn;

	if (!job_back((struct turn_job *)job))
		return;
	if (job->task.err.code != ERR_OK) {
		turn_fail(t, &job->task.err);
	} else if (t->remote) {
		tell_phase(t, CHAT_READING, 0);
		t->remote_turn = remote_turn_start(t->e, t->remote, &t->model, &t->request, &remote_events, t);
	} else if (t->model.model.kind == MODEL_ADAPTER) {
		struct turn_job *j = turn_job_new(t, run_adapter, home_adapter);
		j->data_dir = arena_strdup(j->job.arena, t->e->data_dir);
		job_work(&j->job);
	} else {
		turn_prepared(t);
	}
}

/* --- whose machine it is --- */

static bool run_uses_other(const struct engine *e, const struct chat_turn *t)
{
	const struct active *a = e->active;

	if (!a || !a->loaded || a->ending || !a->base_id)
		return false;
	for (size_t i = 0; i < a->n_columns; i++) {
		const struct model_row *base = &a->columns[i].base;
		if (base->id == a->base_id)
			return base->model.kind != MODEL_REMOTE && !same_base(base, &t->base);
	}
	return false;
}

bool chat_keeps_out(const struct engine *e, const struct model_row *base)
{
	return e->holder && !same_base(&e->holder->base, base);
}

bool chat_computes_before(const struct engine *e, uint32_t stream)
{
	return e->holder && e->holder->stream && e->holder->stream < stream;
}

bool chat_waits(const struct engine *e)
{
	return e->turns != NULL;
}

/* Nobody holds the machine: the first turn that may have it takes it. */
static void choose_holder(struct engine *e)
{
	for (struct chat_turn *t = e->turns; t && !e->holder; t = t->next) {
		if (!t->prepared)
			continue;
		if (e->is_reserved || (e->reservations && !e->active))
			return;
		/* The validation answers a group before its model has to go again. */
		if (!run_uses_other(e, t) || e->n_groups_since > 0)
			e->holder = t;
	}
}

static void tell_waiting(struct engine *e)
{
	for (struct chat_turn *t = e->turns, *next; t; t = next) {
		next = t->next;
		if (t == e->holder || t->remote)
			continue;
		bool first = t == e->turns && !e->holder;
		tell_phase(t, e->is_reserved ? CHAT_CREATION : first && t->prepared && e->active ? CHAT_VALIDATION : CHAT_WAITING, 0);
	}
}

/* --- asking --- */

/* KV cells for conversations, the same as long as the worker lives. */
static int64_t chat_tokens(struct engine *e)
{
	struct host *h = &e->host;
	int64_t most = h->n_ctx_train > 0 && h->n_ctx_train < LIMIT_CHAT_TOKENS ? h->n_ctx_train : LIMIT_CHAT_TOKENS;

	if (h->chat_tokens > 0)
		return h->chat_tokens;
	double tokens = host_cells(e, KV_SHARE);
	h->chat_tokens = tokens > (double)most ? most : (int64_t)tokens;
	if (h->chat_tokens < CHAT_TOKENS_MIN)
		h->chat_tokens = most < CHAT_TOKENS_MIN ? most : CHAT_TOKENS_MIN;
	return h->chat_tokens;
}

static json_t *turn_request(struct chat_turn *t)
{
	const struct chat_request *r = &t->request;
	const struct gen_params *p = &r->params;
	json_t *body = json_pack("{s:I, s:I, s:I, s:s, s:s, s:b, s:I, s:f, s:f, s:I, s:f, s:f, s:I, s:I, s:O}", "chat",
				 (json_int_t)r->chat_id, "adapter", (json_int_t)(t->adapter_file ? t->adapter_id : 0),
				 "kv_tokens", (json_int_t)chat_tokens(t->e), "system", p->system, "template", p->template,
				 "thinking", p->thinking, "max_tokens", (json_int_t)p->max_tokens, "temperature",
				 p->temperature, "top_p", p->top_p, "top_k", (json_int_t)p->top_k, "min_p", p->min_p,
				 "repeat_penalty", p->repeat_penalty, "seed", (json_int_t)r->seed, "n_left_out",
				 (json_int_t)r->n_left_out, "messages", r->messages);
	engine_endings(body, p);
	if (r->stops)
		json_object_set(body, "stop", r->stops);
	return body;
}

static void ask(struct chat_turn *t)
{
	struct engine *e = t->e;
	struct err err = { 0 };

	if (t->adapter_file && t->adapter_incarnation != e->host.incarnation) {
		t->adapter_incarnation = e->host.incarnation;
		if (host_adapter(e, t->adapter_file, &t->adapter_id, &t->adapter_stream, &err) != ERR_OK) {
			turn_fail(t, &err);
			return;
		}
	}
	json_t *body = turn_request(t);
	size_t bytes = json_dumpb(body, NULL, 0, JSON_COMPACT);
	if (bytes > LIMIT_FRAME - KIB) {
		json_decref(body);
		err_set(&err, ERR_LIMIT, "err_chat_too_long", "found=%zu|limit=%llu", bytes, (unsigned long long)(LIMIT_FRAME - KIB));
		turn_fail(t, &err);
		return;
	}
	t->stream = host_send(e, REQ_CHAT, body, -1);
	tell_phase(t, active_flights(e->active) > 0 ? CHAT_VALIDATION : CHAT_READING, 0);
}

void chat_advance(struct engine *e)
{
	if (e->closing || !e->turns)
		return;
	if (!e->holder)
		choose_holder(e);
	struct chat_turn *t = e->holder;
	tell_waiting(e);
	if (!t || t != e->holder || t->stream)
		return;
	bool flying = active_flights(e->active) > 0;
	if (flying && !host_is_of(e, &t->base)) {
		tell_phase(t, CHAT_VALIDATION, 0); /* run_advance() sends no more; the end of a group brings us back */
		return;
	}
	if (!flying)
		host_refresh(e);
	if (!host_want(e, &t->base)) {
		if (e->holder == t)
			tell_phase(t, CHAT_LOADING, e->host.progress);
		return;
	}
	ask(t);
}

/* --- the worker speaks --- */

static void on_text(struct chat_turn *t, struct str body)
{
	struct said said;

	if (!host_read_text(body, &said)) {
		host_distrust(t->e, "text");
		return;
	}
	t->is_said = true;
	tell_phase(t, CHAT_ANSWERING, 0);
	t->events->text(t->user, said.text, said.is_thinking);
}

static void on_answer(struct chat_turn *t, const json_t *body)
{
	struct engine *e = t->e;
	struct err err = { 0 };
	const char *finish = json_get_text(body, "finish", "", &err);
	struct chat_answer a = {
		.text = json_get_text(body, "text", "", &err),
		.thinking = json_get_text(body, "thinking", "", &err),
		.is_stopped = strcmp(finish, "cancelled") == 0,
		.finish = strcmp(finish, "length") == 0 ? FINISH_LENGTH : strcmp(finish, "stop") == 0 ? FINISH_STOP : FINISH_NONE,
		.n_prompt = json_get_int(body, "n_prompt", 0, COUNT_MAX, 0, &err),
		.n_reused = json_get_int(body, "n_reused", 0, COUNT_MAX, 0, &err),
		.n_generated = json_get_int(body, "n_generated", 0, COUNT_MAX, 0, &err),
		.n_left_out = json_get_int(body, "n_left_out", 0, COUNT_MAX, 0, &err),
		.n_max = json_get_int(body, "n_max", 0, COUNT_MAX, 0, &err),
		.prompt_us = json_get_int(body, "prompt_us", 0, TIME_MAX_US, 0, &err),
		.total_us = json_get_int(body, "total_us", 0, TIME_MAX_US, 0, &err),
	};
	if (err.code != ERR_OK || (a.is_stopped && !t->stopping) || (!a.is_stopped && a.finish == FINISH_NONE)) {
		host_distrust(e, "chat");
		return;
	}
	e->host.n_open--;
	t->stream = 0;
	host_works(e);
	turn_end(t, &a, NULL);
}

static void on_adapter(struct chat_turn *t, uint8_t kind)
{
	uint32_t stream = t->adapter_stream;

	t->adapter_stream = 0;
	(void)host_adapter_frame(t->e, stream, kind); /* if it was refused, what was asked with it fails by itself */
}

static void on_failed(struct chat_turn *t, const json_t *body)
{
	struct err cause = { 0 };

	t->e->host.n_open--;
	t->stream = 0;
	failure_read(body, &cause);
	turn_fail(t, &cause);
}

bool chat_frame(struct engine *e, const struct frame *f)
{
	struct chat_turn *t = e->holder;
	struct err err = { 0 };

	if (!t || (f->stream != t->stream && f->stream != t->adapter_stream))
		return false;
	if (f->kind == MSG_TEXT && f->stream == t->stream) {
		on_text(t, f->body);
		return true;
	}
	json_t *body = json_parse_frame(f->body, &err);
	if (!json_is_object(body))
		host_distrust(e, "frame");
	else if (f->stream == t->adapter_stream)
		on_adapter(t, f->kind);
	else if (f->kind == MSG_PROGRESS && !t->is_said)
		tell_phase(t, CHAT_READING, json_get_number(body, "fraction", 0, 1.001, 0, &err));
	else if (f->kind == MSG_CHAT)
		on_answer(t, body);
	else if (f->kind == MSG_FAILED)
		on_failed(t, body);
	else if (f->kind != MSG_PROGRESS)
		host_distrust(e, "kind");
	json_decref(body);
	return true;
}

void chat_host_progress(struct engine *e)
{
	if (e->holder && !e->holder->stream && host_is_of(e, &e->holder->base))
		tell_phase(e->holder, CHAT_LOADING, e->host.progress);
}

void chat_host_failed(struct engine *e, const struct model_row *base, const struct err *cause)
{
	if (e->holder && same_base(&e->holder->base, base) && !e->holder->stream)
		turn_fail(e->holder, cause);
}

void chat_host_died(struct engine *e, const struct err *cause)
{
	struct chat_turn *t = e->holder;

	if (!t || !t->stream)
		return;
	t->stream = t->adapter_stream = 0;
	if (t->is_said || t->stopping || ++t->tries >= TRIES)
		turn_fail(t, cause);
}

void chat_fail_all(struct engine *e, const struct err *cause)
{
	while (e->turns)
		turn_fail(e->turns, cause);
}

/* --- life --- */

struct chat_turn *engine_chat(struct engine *e, const struct chat_request *request, const struct chat_events *events,
			      void *user)
{
	struct chat_turn *t = mem_alloc(sizeof *t), **at = &e->turns;

	*t = (struct chat_turn){ .e = e, .events = events, .user = user, .arena = arena_new(), .request = *request };
	t->request.params.system = arena_strdup(t->arena, request->params.system ? request->params.system : "");
	t->request.params.template = arena_strdup(t->arena, request->params.template ? request->params.template : "");
	t->request.params.stop = arena_strdup(t->arena, request->params.stop ? request->params.stop : "");
	json_incref(t->request.messages);
	json_incref(t->request.stops);
	while (*at)
		at = &(*at)->next;
	*at = t;
	struct turn_job *j = turn_job_new(t, run_rows, home_rows);
	job_read(&j->job);
	return t;
}

void chat_turn_stop(struct chat_turn *t)
{
	struct err cause;

	if (t->stopping)
		return;
	t->stopping = true;
	err_set(&cause, ERR_CANCELLED, "err_cancelled", NULL);
	if (t->remote_turn)
		remote_turn_stop(t->remote_turn);
	else if (t->stream)
		host_cancel(t->e, t->stream);
	else
		turn_fail(t, &cause);
}
