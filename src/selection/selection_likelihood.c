/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/adapter_cache.h"
#include "engine/model_cache.h"
#include "selection/selection_private.h"
#include "worker/protocol.h"

#define QUESTIONS_MAX 100       /* of which likelihoods are taken, spread over the set */
#define ITEM_BYTES (64 * KIB)   /* of question and reference; longer ones are left out */
#define REQUEST_BYTES (2 * MIB) /* of all: JSON may take six times as many, and a frame 16 MiB */
#define SHARE_OF_BUDGET 5	/* with less than a fifth of it left there are more important things to do */

struct likelihood_work {
	size_t column, n_columns; /* at work */
	char *loaded;		  /* file of the base in the worker, owned; NULL: none */
	char *base_file, *adapter_file; /* of the column at work, owned; without an adapter NULL */
	struct likelihood_row *rows;
	size_t n, cap;
};

static void next_column(struct selection *s);

static bool is_due(const struct material *m, size_t q, size_t c)
{
	const struct run_question *question = &m->questions[q];

	return question->q.reference.len > 0 && question->q.reference.len + (size_t)engine_message_bytes(question, c) <= ITEM_BYTES &&
	       m->likelihoods[q * m->n_columns + c].n_tokens == 0;
}

/* Questions with references, every how many one is taken. */
static size_t stride(size_t n_references)
{
	return 1 + n_references / (QUESTIONS_MAX + 1);
}

int64_t likelihood_count(int64_t n_references)
{
	size_t n = (size_t)n_references;

	return (int64_t)((n + stride(n) - 1) / stride(n));
}

static size_t count_due(const struct material *m, size_t c)
{
	size_t n = 0, seen = 0;

	if (m->is_out[c] || m->models[c].model.kind == MODEL_REMOTE)
		return 0;
	for (size_t i = 0; i < m->n_answered; i++) {
		size_t q = m->answered[i];
		if (m->questions[q].q.reference.len > 0 && seen++ % stride(m->n_references) == 0)
			n += is_due(m, q, c);
	}
	return n;
}

static json_t *items(const struct material *m, size_t c)
{
	json_t *list = json_array();
	size_t seen = 0, bytes = 0;

	for (size_t i = 0; i < m->n_answered && bytes < REQUEST_BYTES; i++) {
		size_t q = m->answered[i];
		const struct run_question *question = &m->questions[q];
		if (question->q.reference.len == 0 || seen++ % stride(m->n_references) != 0 || !is_due(m, q, c))
			continue;
		bytes += (size_t)engine_message_bytes(question, c) + question->q.reference.len;
		json_array_append_new(list, json_pack("{s:I, s:o, s:o}", "cell", (json_int_t)question->cells[c].id, "messages",
						      engine_messages(&m->columns[c], question, c), "answer",
						      json_text(question->q.reference)));
	}
	return list;
}

/* --- what comes back --- */

static void on_item(struct selection *s, uint8_t kind, const json_t *body)
{
	struct likelihood_work *w = s->likelihood;
	struct err err = { 0 };
	struct likelihood_row row = { json_get_int(body, "cell", 1, INT64_MAX, 0, &err), json_get_int(body, "n_tokens", 1, INT32_MAX, 0, &err),
				      json_get_number(body, "log_likelihood", -1e12, 1e-6, NAN, &err) };

	if (kind != MSG_LIKELIHOOD || err.code != ERR_OK || !row.cell_id || !row.n_tokens || !isfinite(row.log_likelihood))
		return;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		w->rows = mem_grow(w->rows, w->cap * sizeof *w->rows);
	}
	w->rows[w->n++] = row;
}

struct keep_chore {
	struct chore chore;
	struct likelihood_row *rows;
	size_t n;
};

static void run_keep(struct task *task, void *context)
{
	struct keep_chore *k = (struct keep_chore *)task;
	(void)!likelihood_store_add(context, k->rows, k->n, &task->err);
}

static void home_kept(struct chore *c)
{
	if (!chore_failed(c))
		next_column(c->s);
}

/* The material knows them too; cells of a column have ascending ids. */
static void remember(struct material *m, size_t c, const struct likelihood_row *row)
{
	size_t low = 0, high = m->n_questions;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (m->questions[middle].cells[c].id < row->cell_id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < m->n_questions && m->questions[low].cells[c].id == row->cell_id)
		m->likelihoods[low * m->n_columns + c] = *row;
}

static void answered(struct selection *s, const json_t *body)
{
	struct likelihood_work *w = s->likelihood;
	struct keep_chore *k = chore_new(s, sizeof *k, run_keep, home_kept);

	(void)body;
	k->rows = arena_array(k->chore.arena, w->n + 1, sizeof *k->rows);
	k->n = w->n;
	memcpy(k->rows, w->rows, w->n * sizeof *w->rows);
	for (size_t i = 0; i < w->n; i++)
		remember(s->material, w->column, &w->rows[i]);
	w->n = 0;
	w->column++;
	chore_write(&k->chore);
}

/* They are shown and decide nothing: without them it goes on. */
static void give_up(struct selection *s, const struct err *cause)
{
	log_info("selection", "no likelihoods: %s %s", cause->key, cause->args);
	s->no_likelihoods = *cause;
	memory_keeps_weights(&s->no_likelihoods); /* as the answers were given, or not at all */
	selection_end_worker(s);
	step_skip(s);
}

/* --- a column --- */

/* Of the step: an adapter is computed beside its base. */
static double work_of(const struct material *m, size_t c)
{
	return m->models[c].model.kind == MODEL_ADAPTER ? 1.5 : 1;
}

static double work_before(const struct material *m, size_t column)
{
	double sum = 0;

	for (size_t c = 0; c < column; c++)
		sum += work_of(m, c);
	return sum;
}

static void ask(struct selection *s)
{
	struct likelihood_work *w = s->likelihood;
	const struct gen_params *p = &s->material->columns[w->column].params;
	json_t *body = json_pack("{s:I, s:o, s:o, s:b, s:o}", "adapter", (json_int_t)(w->adapter_file ? w->column + 1 : 0), "system",
				 json_text(str_of(p->system ? p->system : "")), "template",
				 json_text(str_of(p->template ? p->template : "")), "thinking", p->thinking, "items",
				 items(s->material, w->column));

	w->n = 0; /* of a worker that died */
	s->on_item = on_item;
	s->share_from = work_before(s->material, w->column) / work_before(s->material, w->n_columns);
	s->share = work_of(s->material, w->column) / work_before(s->material, w->n_columns);
	selection_ask(s, REQ_LIKELIHOOD, body, -1, MSG_OK, answered);
}

static void give_adapter(struct selection *s)
{
	struct likelihood_work *w = s->likelihood;

	selection_load_adapter(s, w->adapter_file, (int64_t)w->column + 1, ask);
}

/* Bytes of the longest text with its question and what stands before it, whichever column it is for. */
static size_t longest_text(const struct material *m)
{
	size_t longest = 0;

	for (size_t c = 0; c < m->n_columns; c++) {
		const char *system = m->columns[c].params.system;
		for (size_t i = 0; i < m->n_answered; i++) {
			const struct run_question *q = &m->questions[m->answered[i]];
			size_t bytes = (size_t)engine_message_bytes(q, c) + q->q.reference.len;
			bytes = bytes < ITEM_BYTES ? bytes : ITEM_BYTES;
			bytes += system ? strlen(system) : 0;
			longest = bytes > longest ? bytes : longest;
		}
	}
	return longest;
}

static void load_base(struct selection *s)
{
	struct likelihood_work *w = s->likelihood;

	if (s->worker && w->loaded && strcmp(w->loaded, w->base_file) == 0) {
		give_adapter(s);
		return;
	}
	mem_free(w->loaded);
	w->loaded = mem_strdup(w->base_file);
	selection_load(s, w->loaded, &s->material->bases[w->column], longest_text(s->material), give_adapter, give_up);
}

struct files_chore {
	struct chore chore;
	const char *data_dir, *adapter_path; /* adapter_path NULL: none */
	struct model_source base;
	char *base_file, *adapter_file;
};

static void run_files(struct task *task, void *context)
{
	struct files_chore *f = (struct files_chore *)task;

	(void)context;
	if (model_cache_get(f->data_dir, f->base, &f->base_file, NULL, &task->cancelled, &task->err) == ERR_OK && f->adapter_path)
		(void)!adapter_cache_get(f->data_dir, f->adapter_path, f->base_file, &f->adapter_file, &task->cancelled, &task->err);
}

static void home_files(struct chore *c)
{
	struct files_chore *f = (struct files_chore *)c;
	struct likelihood_work *w = c->s->likelihood;

	if (c->task.err.code != ERR_OK) {
		give_up(c->s, &c->task.err);
		return;
	}
	w->base_file = f->base_file;
	w->adapter_file = f->adapter_file;
	f->base_file = f->adapter_file = NULL;
	selection_need_machine(c->s, load_base);
}

static void release_files(struct chore *c)
{
	mem_free(((struct files_chore *)c)->base_file);
	mem_free(((struct files_chore *)c)->adapter_file);
}

static void find_files(struct selection *s)
{
	struct likelihood_work *w = s->likelihood;
	struct files_chore *f = chore_new(s, sizeof *f, run_files, home_files);
	const struct found_model *model = &s->material->models[w->column].model;

	f->chore.release = release_files;
	f->data_dir = s->ss->data_dir;
	f->adapter_path = model->kind == MODEL_ADAPTER ? model->path : NULL;
	/* As the answers were given. */
	f->base = model_cache_source_as(&s->material->bases[w->column], s->material->columns[w->column].params.weights);
	chore_work(&f->chore);
}

static void next_column(struct selection *s)
{
	struct likelihood_work *w = s->likelihood;
	const struct material *m = s->material;

	mem_free(w->base_file);
	mem_free(w->adapter_file);
	w->base_file = w->adapter_file = NULL;
	while (w->column < w->n_columns && count_due(m, w->column) == 0)
		w->column++;
	if (w->column == w->n_columns) {
		selection_end_worker(s);
		step_done(s);
	} else {
		find_files(s);
	}
}

void begin_likelihood(struct selection *s)
{
	bool is_short = s->params.budget_s > 0 && selection_left_ms(s) < s->params.budget_s * 1000 / SHARE_OF_BUDGET;

	if (s->material->n_references == 0 || s->is_time_up || is_short || selection_may_ask_more(s)) {
		step_skip(s);
		return;
	}
	likelihood_free(s);
	s->no_likelihoods = (struct err){ 0 };
	s->likelihood = mem_alloc(sizeof *s->likelihood);
	s->likelihood->n_columns = s->material->n_columns;
	next_column(s);
}

void likelihood_free(struct selection *s)
{
	if (!s->likelihood)
		return;
	mem_free(s->likelihood->loaded);
	mem_free(s->likelihood->base_file);
	mem_free(s->likelihood->adapter_file);
	mem_free(s->likelihood->rows);
	mem_free(s->likelihood);
	s->likelihood = NULL;
}
