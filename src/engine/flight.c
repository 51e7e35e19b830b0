/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/hash.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "store/gen_params.h"
#include "worker/protocol.h"

#define COUNT_MAX (1LL << 31)
#define TIME_MAX_US (30LL * 24 * 3600 * 1000000)

/* --- request --- */

void engine_endings(json_t *request, const struct gen_params *p)
{
	json_t *stops = gen_params_stops(p);

	if (stops)
		json_object_set_new(request, "stop", stops);
	if (p->num_ctx > 0)
		json_object_set_new(request, "num_ctx", json_integer(p->num_ctx));
}

static json_t *cell_request(const struct engine *e, const struct active_column *c, const struct run_question *q)
{
	return json_pack("{s:I, s:I, s:I, s:o}", "cell", (json_int_t)q->cells[0].id, "question", (json_int_t)q->id, "seed",
			 (json_int_t)group_seed(e->active->run.seed, q->position, c->row.position), "messages",
			 engine_messages(&c->row, q, 0));
}

static json_t *group_request(const struct engine *e, const struct active_column *c, struct run_question *questions, size_t n)
{
	const struct gen_params *p = &c->row.params;
	json_t *cells = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(cells, cell_request(e, c, &questions[i]));
	json_t *request = json_pack("{s:b, s:I, s:I, s:I, s:s, s:s, s:b, s:I, s:f, s:f, s:I, s:f, s:f, s:o}", "drafts",
			 e->active->run.is_fast, "adapter", c->adapter_file ? (json_int_t)c->adapter_id : 0, "slots",
			 (json_int_t)c->row.slots, "kv_tokens", (json_int_t)c->row.kv_tokens, "system", p->system ? p->system : "", "template",
			 p->template ? p->template : "", "thinking", p->thinking, "max_tokens", (json_int_t)p->max_tokens,
			 "temperature", p->temperature, "top_p", p->top_p, "top_k", (json_int_t)p->top_k, "min_p", p->min_p,
			 "repeat_penalty", p->repeat_penalty, "cells", cells);
	engine_endings(request, p);
	return request;
}

/* --- texts that were shown before a death --- */

void flight_keep_texts(struct active *a, struct flight *f)
{
	for (size_t i = 0; i < f->n_cells; i++) {
		struct live_cell *cell = &f->cells[i];
		if (cell->over || cell->was_done || cell->text.said.len + cell->thinking.said.len == 0)
			continue;
		struct heard_text *h = mem_alloc(sizeof *h);
		*h = (struct heard_text){ cell->cell_id, cell->text.said, cell->thinking.said, a->heard };
		cell->text.said = cell->thinking.said = BUF_INIT(LIMIT_ANSWER_BYTES);
		a->heard = h;
	}
}

static void take_heard(struct active *a, struct live_cell *cell)
{
	for (struct heard_text **at = &a->heard; *at; at = &(*at)->next) {
		struct heard_text *h = *at;
		if (h->cell_id != cell->cell_id)
			continue;
		cell->text.said = h->text;
		cell->thinking.said = h->thinking;
		*at = h->next;
		mem_free(h);
		return;
	}
}

void heard_free(struct active *a)
{
	for (struct heard_text *h = a->heard, *next; h; h = next) {
		next = h->next;
		buf_release(&h->text);
		buf_release(&h->thinking);
		mem_free(h);
	}
	a->heard = NULL;
}

/* --- what another run may take over --- */

/* Only exact groups, and whole ones: what fast mode says depends on which questions were left when it was asked. */
static void make_key(const struct engine *e, struct flight *f, const struct run_question *questions, size_t n)
{
	const struct active_column *c = &e->active->columns[f->column];
	struct group_facts facts = { .machine = e->host.machine, .base_stamp = e->host.base_stamp,
				     .adapter = c->adapter_file ? c->adapter_file : "", .params = &c->row.params,
				     .plan = { c->row.slots, c->row.kv_tokens }, .run_seed = e->active->run.seed,
				     .column_position = c->row.position };

	f->sent_ms = clock_wall_ms();
	if (!e->active->run.is_fast && (int64_t)n == f->group.count && e->host.machine[0] && e->host.base_stamp[0])
		group_key(&facts, questions, n, f->key);
}

struct group_job {
	struct job job;
	int64_t column_id, first, count, made_ms;
	char key[HASH_HEX_SIZE];
};

static void run_group(struct task *task, void *context)
{
	struct group_job *j = (struct group_job *)task;
	(void)!group_store_add(context, j->column_id, j->first, j->count, j->key, j->made_ms, &task->err);
}

static void home_group(struct job *job)
{
	if (job->task.err.code != ERR_OK)
		log_error("engine", "group not stored: %s %s", job->task.err.key, job->task.err.args);
}

/* Behind the last of its answers. */
static void keep_group(struct engine *e, const struct flight *f)
{
	if (!f->key[0])
		return;
	struct group_job *j = job_new(e, sizeof *j, run_group, home_group);
	j->column_id = e->active->columns[f->column].row.id;
	j->first = f->group.first;
	j->count = f->group.count;
	j->made_ms = clock_same_day(f->sent_ms, clock_wall_ms()) ? f->sent_ms : 0;
	str_format(j->key, sizeof j->key, "%s", f->key);
	job_write(&j->job);
}

/* --- life --- */

void flight_send(struct engine *e, struct flight *f, struct run_question *questions, size_t n)
{
	struct active_column *c = &e->active->columns[f->column];

	f->cells = mem_array(n, sizeof *f->cells);
	f->n_cells = n;
	for (size_t i = 0; i < n; i++) {
		const struct cell_row *cell = &questions[i].cells[0];
		cell_init(&f->cells[i], cell->id, questions[i].id);
		f->cells[i].was_done = cell->state == CELL_DONE;
		take_heard(e->active, &f->cells[i]);
	}
	make_key(e, f, questions, n);
	f->stream = host_send(e, REQ_GROUP, group_request(e, c, questions, n), -1);
	c->state = COLUMN_ANSWERING;
	engine_touch(e, c);
}

void flight_free(struct flight *f)
{
	for (size_t i = 0; i < f->n_cells; i++)
		cell_release(&f->cells[i]);
	mem_free(f->cells);
	*f = (struct flight){ 0 };
}

/* --- ends --- */

void flight_fail(struct engine *e, struct flight *f, const struct err *cause)
{
	for (size_t i = 0; i < f->n_cells; i++) {
		if (!f->cells[i].over)
			cell_failed(e, f->column, &f->cells[i], cause);
	}
}

/* --- messages --- */

static struct live_cell *find_cell(struct flight *f, int64_t id)
{
	for (size_t i = 0; i < f->n_cells; i++) {
		if (f->cells[i].cell_id == id && !f->cells[i].over)
			return &f->cells[i];
	}
	return NULL;
}

static void on_text(struct engine *e, struct flight *f, struct str body)
{
	struct said said;
	struct live_cell *cell = host_read_text(body, &said) ? find_cell(f, said.cell_id) : NULL;

	if (!cell) {
		host_distrust(e, "text");
		return;
	}
	cell_start(e, f->column, cell);
	if (!cell_text(e, f->column, cell, said.text, said.is_thinking))
		host_distrust(e, "text");
}

static bool hash_tokens(const json_t *tokens, char hex[HASH_HEX_SIZE])
{
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	const json_t *token;
	size_t i;
	bool good = json_is_array(tokens);

	json_array_foreach(tokens, i, token) {
		int64_t id = json_integer_value(token);
		good = good && json_is_integer(token) && id >= 0 && id < COUNT_MAX;
		hash_add(h, &id, sizeof id);
	}
	hash_finish(h, digest);
	hash_hex(digest, hex);
	return good;
}

static void on_answer(struct engine *e, struct flight *f, const json_t *body, struct live_cell *cell)
{
	struct err err = { 0 };
	char hex[HASH_HEX_SIZE];
	const char *text = json_get_text(body, "text", "", &err);
	const char *thinking = json_get_text(body, "thinking", "", &err);
	const char *finish = json_get_text(body, "finish", "", &err);
	struct cell_row row = {
		.finish = strcmp(finish, "length") == 0 ? FINISH_LENGTH : FINISH_STOP,
		.n_prompt = json_get_int(body, "n_prompt", 0, COUNT_MAX, 0, &err),
		.n_generated = json_get_int(body, "n_generated", 0, COUNT_MAX, 0, &err),
		.n_thinking = json_get_int(body, "n_thinking", 0, COUNT_MAX, 0, &err),
		.prompt_us = json_get_int(body, "prompt_us", 0, TIME_MAX_US, 0, &err),
		.total_us = json_get_int(body, "total_us", 0, TIME_MAX_US, 0, &err),
		.mean_ll = json_get_number(body, "mean_ll", -1e6, 0.001, NAN, &err),
	};
	const json_t *tokens = json_object_get(body, "tokens");
	if (err.code != ERR_OK || !hash_tokens(tokens, hex) || (int64_t)json_array_size(tokens) != row.n_generated ||
	    (strcmp(finish, "stop") != 0 && strcmp(finish, "length") != 0)) {
		host_distrust(e, "answer");
		return;
	}
	host_works(e);
	e->active->columns[f->column].n_given_up = 0;
	row.text = text;
	row.thinking = thinking;
	row.tokens = hex;
	cell_answered(e, f->column, cell, &row);
}

static void on_cell_message(struct engine *e, struct flight *f, uint8_t kind, const json_t *body)
{
	struct err cause = { 0 };
	struct live_cell *cell = find_cell(f, json_integer_value(json_object_get(body, "cell")));

	if (!cell) {
		host_distrust(e, "cell");
		return;
	}
	if (kind == MSG_ANSWER) {
		on_answer(e, f, body, cell);
		return;
	}
	failure_read(body, &cause);
	if (cause.code == ERR_CANCELLED && !e->active->stopping)
		host_distrust(e, "cancelled");
	else if (cause.code == ERR_CANCELLED)
		cell_over(e, f->column, cell); /* stays waiting in the store; stopping the run decides about it */
	else
		cell_failed(e, f->column, cell, &cause);
}

static void on_end(struct engine *e, struct flight *f, uint8_t kind, const json_t *body)
{
	struct err cause = { 0 };

	if (kind == MSG_FAILED)
		failure_read(body, &cause);
	if (cause.code == ERR_CANCELLED && !e->active->stopping) {
		host_distrust(e, "cancelled");
		return;
	}
	e->host.n_open--;
	if (kind == MSG_FAILED) {
		if (cause.code != ERR_CANCELLED)
			flight_fail(e, f, &cause);
	} else {
		err_set(&cause, ERR_INTERNAL, "err_worker_protocol", "what=%s", "a cell without an answer");
		flight_fail(e, f, &cause);
	}
	for (size_t i = 0; i < f->n_cells; i++) {
		if (!f->cells[i].over)
			cell_over(e, f->column, &f->cells[i]);
	}
	if (kind == MSG_OK)
		keep_group(e, f);
	flight_free(f);
	run_advance(e);
	chat_advance(e);
}

bool flight_frame(struct engine *e, const struct frame *frame)
{
	struct flight *f = NULL;
	struct err err = { 0 };

	for (int i = 0; e->active && i < FLIGHTS_MAX; i++) {
		if (e->active->flights[i].stream == frame->stream)
			f = &e->active->flights[i];
	}
	if (!f)
		return false;
	if (frame->kind == MSG_TEXT) {
		on_text(e, f, frame->body);
		return true;
	}
	if (frame->kind == MSG_PROGRESS)
		return true;
	json_t *body = json_parse_frame(frame->body, &err);
	if (!json_is_object(body))
		host_distrust(e, "frame");
	else if (frame->kind == MSG_ANSWER || frame->kind == MSG_CELL_FAILED)
		on_cell_message(e, f, frame->kind, body);
	else if (frame->kind == MSG_OK || frame->kind == MSG_FAILED)
		on_end(e, f, frame->kind, body);
	else
		host_distrust(e, "kind");
	json_decref(body);
	return true;
}
