/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns that a provider answers.  Each cell is one request; a provider gets at most its number of them at once, whatever the
 * number of its columns.  A request that fails for a reason that may pass is sent again (6 tries, full jitter, Retry-After);
 * after several failures in a row the provider gets a pause, and after several pauses its columns fail.  Where the requests that one
 * validation may send it are used up, its columns fail too: continuing or retrying them is a decision to send as many again. */
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "engine/remote_answer.h"
#include "store/secret_store.h"

#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000
#define FAILURES_MAX 5      /* in a row, then the provider gets a pause */
#define PAUSE_MS 10000
#define PAUSES_MAX 3        /* without an answer between them, then its columns fail */
#define PAGE_CELLS 32

/* One provider, for all columns of the run. */
struct remote_endpoint {
	int64_t provider_id;
	struct engine *e;
	int n_open;             /* requests under way or waiting for another try */
	int64_t n_asked;        /* requests sent, also those that failed */
	int n_failures, n_pauses; /* in a row */
	bool is_paused, is_closed; /* closed: the program ends */
	struct loop_timer *pause;
	struct remote_endpoint *next;
};

struct remote_column {
	struct remote remote;
	const char *model;      /* its name at the provider */
	struct remote_endpoint *endpoint;
	struct arena *page;     /* of the questions */
	struct run_question *questions;
	size_t n_questions, at;
	bool reading, read_all, is_announced;
	int64_t from;           /* position where the page begins */
	bool is_quiet;          /* nothing of the column was under way when it was read */
	int n_open;
	uint64_t generation;    /* of this struct: a page that was read for an earlier one is none of ours */
};

struct remote_flight {
	struct engine *e;
	size_t column;
	struct live_cell cell;
	struct buf body;        /* of the request */
	struct remote_answer answer;
	struct http_call *call;
	struct loop_timer *retry;
	int tries;
	bool was_plain;         /* the last request */
	int64_t started_us, first_us;
	json_t *messages;
	int64_t seed;
	struct remote_flight *next, **at;
};

static struct remote_column *column_of(const struct remote_flight *f)
{
	return f->e->active->columns[f->column].remote;
}

/* --- making and freeing --- */

const struct remote *remote_load(struct engine *e, struct db *db, struct arena *a, const struct model_row *model,
				 struct err *problem)
{
	struct remote *remote = arena_alloc(a, sizeof *remote);

	if (!e->options.http_client || !model->provider_id) {
		err_set(problem, ERR_UNSUPPORTED, "err_model_remote", "name=%s", model->model.name);
		return NULL;
	}
	if (provider_store_get(db, a, model->provider_id, &remote->row, problem) != ERR_OK ||
	    secret_store_get(e->data_dir, a, &remote->row, &remote->key, problem) != ERR_OK)
		return NULL;
	return remote;
}

static void on_pause_over(void *user)
{
	struct remote_endpoint *p = user;

	p->is_paused = false;
	run_advance(p->e);
}

static struct remote_endpoint *endpoint_for(struct engine *e, int64_t provider_id)
{
	struct active *a = e->active;

	for (struct remote_endpoint *p = a->remote_endpoints; p; p = p->next)
		if (p->provider_id == provider_id)
			return p;
	struct remote_endpoint *p = mem_alloc(sizeof *p);
	*p = (struct remote_endpoint){ .provider_id = provider_id, .e = e, .next = a->remote_endpoints };
	p->pause = loop_timer_new(e->options.loop, on_pause_over, p);
	a->remote_endpoints = p;
	return p;
}

void remote_adopt(struct engine *e, const struct remote *const *remotes)
{
	struct active *a = e->active;

	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		c->remote = NULL;
		if (!remotes[i])
			continue;
		const char *slash = strchr(c->model.model.path, '/');
		struct remote_column *r = c->remote = mem_alloc(sizeof *r);
		*r = (struct remote_column){ .remote = *remotes[i], .model = slash ? slash + 1 : c->model.model.name };
		r->endpoint = endpoint_for(e, r->remote.row.id);
		r->generation = ++e->next_serial;
		r->read_all = c->exhausted;
	}
}

static void flight_end(struct remote_flight *f)
{
	struct remote_column *r = column_of(f);

	http_call_cancel(f->call);
	r->n_open--;
	r->endpoint->n_open--;
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	remote_answer_release(&f->answer);
	loop_timer_free(f->retry);
	cell_release(&f->cell);
	json_decref(f->messages);
	mem_free(f);
}

/* Breaks off what is under way for this column, or for all where it is n_columns. */
static void break_off(struct engine *e, size_t column)
{
	struct active *a = e->active;

	for (struct remote_flight *f = a->remote_flights, *next; f; f = next) {
		next = f->next;
		if (column != a->n_columns && f->column != column)
			continue;
		cell_over(e, f->column, &f->cell);
		flight_end(f);
	}
}

void remote_stop(struct engine *e)
{
	break_off(e, e->active->n_columns);
}

void remote_release(struct active *a)
{
	while (a->remote_flights) {
		struct remote_flight *f = a->remote_flights;
		flight_end(f);
	}
	for (size_t i = 0; i < a->n_columns; i++) {
		struct remote_column *r = a->columns[i].remote;
		if (r)
			arena_free(r->page);
		mem_free(r);
		a->columns[i].remote = NULL;
	}
	for (struct remote_endpoint *p = a->remote_endpoints, *next; p; p = next) {
		next = p->next;
		loop_timer_free(p->pause);
		mem_free(p);
	}
	a->remote_endpoints = NULL;
}

bool remote_is_busy(const struct active *a)
{
	for (size_t i = 0; i < a->n_columns; i++) {
		const struct active_column *c = &a->columns[i];
		if (c->remote && (c->remote->n_open > 0 || (!c->exhausted && c->state != COLUMN_FAILED)))
			return true;
	}
	return false;
}

size_t remote_cells(const struct active *a, struct cell_live *out, size_t n, size_t max)
{
	for (const struct remote_flight *f = a->remote_flights; f && n < max; f = f->next)
		if (f->cell.started && !f->cell.over)
			out[n++] = cell_so_far(&f->cell, a->columns[f->column].row.id);
	return n;
}

/* --- one answer --- */

static void send(struct remote_flight *f);
static void end_failed(struct remote_flight *f, const struct err *cause);

static void on_retry(void *user)
{
	struct remote_flight *f = user;
	struct remote_column *r = column_of(f);
	struct err cause;

	if (r->endpoint->is_paused)
		loop_timer_set(f->retry, f->e->options.quick_retries ? 5 : BACKOFF_MS);
	else if (remote_may_ask(&r->remote, r->endpoint->n_asked, &cause) == ERR_OK)
		send(f);
	else
		end_failed(f, &cause);
}

/* All questions of the column would fail in the same way. */
static bool is_of_column(const struct err *cause)
{
	return cause->code == ERR_DENIED || cause->code == ERR_NOT_FOUND;
}

static void fail_columns(struct engine *e, const struct remote_endpoint *p, const struct err *cause)
{
	struct active *a = e->active;

	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (c->remote && c->remote->endpoint == p && c->state != COLUMN_DONE)
			column_fail(e, c, cause);
	}
}

/* Counts a failure that may pass; true when the provider's columns have failed with it. */
static bool note_failure(struct remote_flight *f, const struct err *cause)
{
	struct remote_endpoint *p = column_of(f)->endpoint;

	if (++p->n_failures < FAILURES_MAX || p->is_paused)
		return false;
	p->n_failures = 0;
	if (++p->n_pauses > PAUSES_MAX) {
		fail_columns(f->e, p, cause);
		return true;
	}
	p->is_paused = true;
	log_warn("engine", "provider pauses id=%lld %s", (long long)p->provider_id, cause->key);
	loop_timer_set(p->pause, f->e->options.quick_retries ? 20 : (int64_t)PAUSE_MS << (p->n_pauses - 1));
	return false;
}

static void end_failed(struct remote_flight *f, const struct err *cause)
{
	struct engine *e = f->e;
	struct err copy = *cause;

	cell_failed(e, f->column, &f->cell, &copy);
	flight_end(f);
	run_advance(e);
}

static void try_again(struct remote_flight *f, const struct err *cause, int64_t retry_after_ms)
{
	struct err copy = *cause;
	int64_t base = f->e->options.quick_retries ? 10 : BACKOFF_MS, most = base << f->tries;

	if (note_failure(f, &copy) || ++f->tries >= LIMIT_REMOTE_TRIES) {
		end_failed(f, &copy);
		return;
	}
	most = most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS;
	int64_t wait = (int64_t)(random_u64() % (uint64_t)(most + 1));
	if (retry_after_ms > wait)
		wait = f->e->options.quick_retries ? base : retry_after_ms;
	log_info("engine", "asks again cell=%lld try=%d %s", (long long)f->cell.cell_id, f->tries + 1, copy.key);
	loop_timer_set(f->retry, wait);
}

/* Tokens are not known here: what a replay compares is the text. */
static void hash_answer(const struct remote_answer *a, char hex[HASH_HEX_SIZE])
{
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];

	hash_add(h, buf_text(&a->thinking), a->thinking.len + 1);
	hash_add(h, buf_text(&a->text), a->text.len);
	hash_finish(h, digest);
	hash_hex(digest, hex);
}

static void end_answered(struct remote_flight *f)
{
	struct engine *e = f->e;
	struct remote_column *r = column_of(f);
	int64_t now = clock_mono_us();
	char hex[HASH_HEX_SIZE];
	struct cell_row row = {
		.finish = f->answer.finish,
		.n_prompt = f->answer.n_prompt,
		.n_generated = f->answer.n_generated,
		.prompt_us = (f->first_us ? f->first_us : now) - f->started_us,
		.total_us = now - f->started_us,
		.mean_ll = __builtin_nan(""),
		.text = buf_text(&f->answer.text),
		.thinking = buf_text(&f->answer.thinking),
		.tokens = hex,
	};

	hash_answer(&f->answer, hex);
	r->endpoint->n_failures = r->endpoint->n_pauses = 0;
	cell_answered(e, f->column, &f->cell, &row);
	flight_end(f);
	run_advance(e);
}

static bool on_data(void *user, struct str data)
{
	struct remote_flight *f = user;

	return remote_answer_feed(&f->answer, data);
}

static void on_text(void *user, struct str text, bool is_thinking)
{
	struct remote_flight *f = user;

	if (!f->first_us)
		f->first_us = clock_mono_us();
	cell_start(f->e, f->column, &f->cell);
	/* Of a second try only what goes beyond the first is shown; the whole of it comes with the answer. */
	(void)cell_text(f->e, f->column, &f->cell, text, is_thinking);
}

static void on_done(void *user, const struct http_reply *reply, const struct err *err)
{
	struct remote_flight *f = user;
	struct remote_column *r = column_of(f);
	struct err cause = *err;
	bool may_retry = cause.code == ERR_IO;

	f->call = NULL;
	if (cause.code == ERR_CANCELLED && f->answer.err.code == ERR_OK) { /* the program ends */
		r->endpoint->is_closed = true;
		cell_over(f->e, f->column, &f->cell);
		flight_end(f);
		return;
	}
	if (cause.code == ERR_CANCELLED) {
		cause = f->answer.err;
		may_retry = f->answer.may_retry;
	} else if (cause.code == ERR_OK && (reply->status < 200 || reply->status > 299)) {
		remote_fail(&r->remote, reply, &cause);
		may_retry = cause.code == ERR_BUSY || cause.code == ERR_IO || reply->status == 408;
		if ((reply->status == 400 || reply->status == 422) && !f->was_plain && r->remote.row.kind == PROVIDER_OPENAI)
			r->remote.is_plain = may_retry = true;
	} else if (cause.code == ERR_OK && remote_answer_finish(&f->answer) != ERR_OK) {
		cause = f->answer.err;
		may_retry = f->answer.may_retry;
	}
	if (cause.code == ERR_OK) {
		end_answered(f);
	} else if (may_retry) {
		try_again(f, &cause, reply->retry_after_ms);
	} else {
		if (is_of_column(&cause))
			column_fail(f->e, &f->e->active->columns[f->column], &cause);
		end_failed(f, &cause);
	}
}

static void send(struct remote_flight *f)
{
	const struct active_column *c = &f->e->active->columns[f->column];
	struct remote_column *r = c->remote;
	struct buf body = BUF_INIT(LIMIT_PROMPT_BYTES);
	const struct provider_dialect *dialect = provider_dialect_of(r->remote.row.kind);
	json_t *json = dialect->body(&r->remote, r->model, &c->row.params, json_incref(f->messages), f->seed);

	json_write(&body, json);
	json_decref(json);
	remote_answer_release(&f->answer);
	remote_answer_init(&f->answer, &r->remote, c->row.params.max_tokens);
	f->answer.on_text = on_text;
	f->answer.user = f;
	f->cell.text.repeated = f->cell.thinking.repeated = 0;
	f->was_plain = r->remote.is_plain;
	f->started_us = clock_mono_us();
	f->first_us = 0;
	char *url = mem_printf("%s%s", r->remote.row.url, dialect->path);
	struct http_request request = { .method = "POST", .url = url, .json = buf_str(&body),
					.limits = remote_limits(&r->remote, c->row.params.max_tokens), .on_data = on_data, .done = on_done, .user = f };
	remote_introduce(&r->remote, &request);
	r->endpoint->n_asked++;
	f->call = http_client_start(f->e->options.http_client, &request);
	buf_release(&body);
	mem_free(url);
}

static json_t *messages_of(const struct active_column *c, const struct run_question *q)
{
	json_t *messages = engine_messages(&c->row, q, 0);

	if (c->row.params.system && c->row.params.system[0])
		json_array_insert_new(messages, 0,
				      json_pack("{s:s, s:o}", "role", "system", "content", json_text(str_of(c->row.params.system))));
	return messages;
}

static void start_flight(struct engine *e, size_t column, const struct run_question *q)
{
	struct active *a = e->active;
	struct active_column *c = &a->columns[column];
	struct remote_flight *f = mem_alloc(sizeof *f);

	*f = (struct remote_flight){ .e = e, .column = column, .messages = messages_of(c, q), .seed = group_seed(a->run.seed, q->position, c->row.position) };
	cell_init(&f->cell, q->cells[0].id, q->id);
	f->retry = loop_timer_new(e->options.loop, on_retry, f);
	f->next = a->remote_flights;
	f->at = &a->remote_flights;
	if (f->next)
		f->next->at = &f->next;
	a->remote_flights = f;
	c->remote->n_open++;
	c->remote->endpoint->n_open++;
	c->state = COLUMN_ANSWERING;
	engine_touch(e, c);
	send(f);
}

/* --- which cell next --- */

struct remote_page {
	struct job job;
	size_t column;
	int64_t column_id, from;
	struct arena *keep; /* becomes the column's */
	uint64_t generation;
	struct run_question *questions;
	size_t n;
};

static void run_page(struct task *task, void *context)
{
	struct remote_page *j = (struct remote_page *)task;

	(void)!run_store_column_cells(context, j->keep, j->column_id, j->from, PAGE_CELLS, &j->questions, &j->n, &task->err);
}

static void drop_page(struct job *job)
{
	arena_free(((struct remote_page *)job)->keep);
}

static void home_page(struct job *job)
{
	struct remote_page *j = (struct remote_page *)job;
	struct engine *e = job->e;

	struct active_column *c = job_is_current(job) ? &e->active->columns[j->column] : NULL;
	if (!c || !c->remote || c->remote->generation != j->generation) {
		arena_free(j->keep);
		return;
	}
	struct remote_column *r = c->remote;
	r->reading = false;
	if (job->task.err.code != ERR_OK) {
		arena_free(j->keep);
		column_fail(e, c, &job->task.err);
		run_advance(e);
		return;
	}
	arena_free(r->page);
	r->page = j->keep;
	r->questions = j->questions;
	r->n_questions = j->n;
	r->at = 0;
	r->read_all = j->n == 0;
	if (j->n > 0)
		c->next = j->questions[j->n - 1].position + 1;
	run_advance(e);
}

static void read_page(struct engine *e, size_t column)
{
	struct active_column *c = &e->active->columns[column];
	struct remote_page *j = job_new(e, sizeof *j, run_page, home_page);

	j->job.serial = e->active->serial;
	j->job.drop = drop_page;
	j->keep = arena_new();
	j->column = column;
	j->column_id = c->row.id;
	j->from = c->next;
	j->generation = c->remote->generation;
	c->remote->reading = true;
	c->remote->from = j->from;
	c->remote->is_quiet = c->remote->n_open == 0 && c->n_storing == 0;
	job_read(&j->job);
}

/* What the column's answers come from, told once. */
static void announce(struct engine *e, struct active_column *c)
{
	struct remote_column *r = c->remote;

	r->is_announced = true;
	c->row.slots = r->remote.row.concurrency;
	c->row.build = provider_kind_name(r->remote.row.kind);
	c->row.device = r->remote.row.url;
	column_store(e, c);
}

static bool has_room(const struct remote_column *r)
{
	const struct remote_endpoint *p = r->endpoint;

	return !p->is_paused && !p->is_closed && p->n_open < (p->n_pauses > 0 ? 1 : r->remote.row.concurrency);
}

/* Asks what comes next.  False where it has to wait for the turns before it (when they are over it is read again), and where no more
 * may be asked: then the column fails once what is under way has ended. */
static bool ask_next(struct engine *e, size_t column)
{
	struct active_column *c = &e->active->columns[column];
	struct remote_column *r = c->remote;
	const struct run_question *q = &r->questions[r->at];
	struct live_cell cell = { .cell_id = q->cells[0].id, .question_id = q->id };
	struct err cause;

	if (q->cells[0].state != CELL_WAITING) {
		r->at++;
		return true;
	}
	for (int64_t t = 0; t < q->q.turn; t++) {
		if (q->earlier[t].answers[0].state != CELL_WAITING || (r->is_quiet && q->earlier[t].position < r->from))
			continue;
		if (r->n_open == 0 && c->n_storing == 0) {
			c->next = q->position;
			r->n_questions = r->at;
		}
		return false;
	}
	if (remote_may_ask(&r->remote, r->endpoint->n_asked, &cause) != ERR_OK) {
		if (r->n_open == 0 && c->n_storing == 0)
			column_fail(e, c, &cause);
		return false;
	}
	r->at++;
	if (engine_check_turns(q, 0, &cause) == ERR_OK)
		start_flight(e, column, q);
	else
		cell_failed(e, column, &cell, &cause);
	return true;
}

static void advance_column(struct engine *e, size_t column)
{
	struct active_column *c = &e->active->columns[column];
	struct remote_column *r = c->remote;
	struct err cause;

	if (c->row.params.template && c->row.params.template[0]) {
		err_set(&cause, ERR_UNSUPPORTED, "err_remote_template", "provider=%s", r->remote.row.name);
		column_fail(e, c, &cause);
		return;
	}
	if (!r->is_announced)
		announce(e, c);
	while (r->at < r->n_questions && has_room(r) && ask_next(e, column))
		continue;
	if (r->at == r->n_questions && !r->reading && !r->read_all && !r->endpoint->is_closed)
		read_page(e, column);
	if (r->read_all && r->n_open == 0 && r->at == r->n_questions)
		c->exhausted = true;
}

void remote_advance(struct engine *e)
{
	for (size_t i = 0; i < e->active->n_columns; i++) {
		const struct active_column *c = &e->active->columns[i];
		if (c->remote && c->state == COLUMN_FAILED)
			break_off(e, i);
		else if (c->remote && !c->exhausted)
			advance_column(e, i);
	}
}
