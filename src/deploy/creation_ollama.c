/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/ollama_import.h"
#include "engine/load_request.h"
#include "engine/ollama.h"
#include "model/gguf.h"
#include "store/audit_store.h"
#include "store/secret_store.h"
#include "store/workspace_store.h"
#include "worker/protocol.h"

#define OWN_SHARE 0.15 /* of the upload step: our own answer comes first */
#define ANSWER_KV 8192
#define ANSWER_TOKENS 256
#define QUESTION "What can you help me with?" /* where there is no validation to take one from */

/* What goes along to Ollama.  Texts belong to the job's arena. */
struct to_ollama {
	struct remote remote;
	const char *jinja;
	char name[256];
	struct run_question question;
	struct gen_params params;
	const char *prompt, *answer;
	struct unfinished_row noted;  /* provider_id 0: nothing is made in the Ollama yet */
	enum import_left left;
	struct err cause;             /* why it failed */
	bool is_ending;               /* only the store is still to hear of it */
	struct ollama_import *import; /* NULL: not at work */
};

/* --- the import --- */

static bool at_step(const struct creation *c, const char *name)
{
	return strcmp(c->steps[c->at].name, name) == 0;
}

/* The import's steps are ours: where it is ahead, those before are done. */
static void on_progress(void *user, const char *step, double fraction, const char *detail)
{
	struct creation *c = user;
	double from = strcmp(step, "upload") == 0 ? OWN_SHARE : 0;

	if (!at_step(c, step)) {
		bool is_later = false;
		for (size_t i = c->at + 1; i < c->n_steps; i++)
			is_later |= strcmp(c->steps[i].name, step) == 0;
		if (!is_later)
			return; /* tried again from an earlier one */
		creation_step_done(c);
		if (!c->is_over && !at_step(c, step))
			on_progress(user, step, fraction, detail);
		return;
	}
	creation_step_progress(c, from + (1 - from) * fraction, detail);
}

/* What is to be undone if we are killed. */
struct noted_errand {
	struct errand errand;
	struct unfinished_row row;
	enum import_left left;
};

static struct noted_errand *noted_errand_new(struct creation *c, size_t size, void (*run)(struct task *, void *),
					     void (*home)(struct errand *))
{
	struct noted_errand *n = errand_new(c, size, run, home);

	n->row = c->ollama->noted;
	n->left = c->ollama->left;
	return n;
}

static void run_note(struct task *task, void *context)
{
	const struct noted_errand *n = (struct noted_errand *)task;
	(void)!unfinished_store_add(context, &n->row, &task->err);
}

static void home_note(struct errand *e)
{
	if (e->c->ollama->import)
		ollama_import_noted(e->c->ollama->import, &e->task.err);
}

static void on_note(void *user, const char *name, const char *backup)
{
	struct creation *c = user;

	c->ollama->noted = (struct unfinished_row){ c->ollama->remote.row.id, c->ollama->remote.row.url,
						    arena_strdup(c->arena, name), arena_strdup(c->arena, backup) };
	errand_write(&noted_errand_new(c, sizeof(struct noted_errand), run_note, home_note)->errand);
}

static void run_ended(struct task *task, void *context)
{
	const struct noted_errand *n = (struct noted_errand *)task;

	if (n->row.provider_id && n->left == IMPORT_LEFT_NOTHING)
		(void)!unfinished_store_remove(context, &n->row, &task->err);
	else if (n->row.provider_id && n->left == IMPORT_LEFT_BACKUP)
		(void)!unfinished_store_keep_new(context, &n->row, &task->err);
}

static void home_ended(struct errand *e)
{
	creation_fail(e->c, &e->c->ollama->cause);
}

struct imported_errand {
	struct noted_errand noted;
	struct imported_row row;
	const char *where; /* of the audit: the name, and the Ollama that has it */
};

static void run_imported(struct task *task, void *context)
{
	const struct imported_errand *i = (struct imported_errand *)task;

	const struct audit_row audit = { .who = "owner", .what = "import", .subject = i->where, .source = "server" };

	if (imported_store_set(context, &i->row, &task->err) == ERR_OK && audit_add(context, &audit, &task->err) == ERR_OK)
		run_ended(task, context);
}

static void home_imported(struct errand *e)
{
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	while (!c->is_over)
		creation_step_done(c); /* this one, and those that the import did not need */
}

static void keep_import(struct creation *c, const json_t *result)
{
	struct imported_errand *i = (struct imported_errand *)noted_errand_new(c, sizeof *i, run_imported, home_imported);
	struct errand *e = &i->noted.errand;
	struct arena *a = e->arena;
	struct buf parity = BUF_INIT(LIMIT_JSON_BODY);

	json_write(&parity, json_object_get(result, "parity"));
	i->row = (struct imported_row){
		.provider_id = c->ollama->remote.row.id,
		.name = arena_strdup(a, json_string_value(json_object_get(result, "ollama_name"))),
		.digest = arena_strdup(a, json_string_value(json_object_get(result, "digest"))),
		.artifact_id = c->artifact.id,
		.run_id = c->facts.run.id,
		.column_id = c->facts.column.id,
		.parity = arena_strdup(a, buf_text(&parity)),
	};
	i->row.name = i->row.name ? i->row.name : "";
	i->row.digest = i->row.digest ? i->row.digest : "";
	i->where = arena_printf(a, "%s -> %s", i->row.name, c->ollama->remote.row.url);
	buf_release(&parity);
	errand_write(e);
}

static void on_done(void *user, json_t *result, enum import_left left, const struct err *err)
{
	struct creation *c = user;

	c->ollama->import = NULL;
	if (err->code == ERR_CANCELLED && !c->is_cancelled)
		return; /* the program ends: the next one finds the job interrupted */
	c->ollama->is_ending = true;
	c->ollama->left = left;
	c->ollama->cause = *err;
	if (left != IMPORT_LEFT_NOTHING)
		undo_later(c->cs);
	if (err->code != ERR_OK) {
		errand_write(&noted_errand_new(c, sizeof(struct noted_errand), run_ended, home_ended)->errand);
		return;
	}
	json_object_set(c->result, "ollama_name", json_object_get(result, "ollama_name"));
	json_object_set(c->result, "parity", json_object_get(result, "parity"));
	json_object_set_new(c->result, "provider_id", json_integer(c->ollama->remote.row.id));
	keep_import(c, result);
}

static void start_import(struct creation *c)
{
	struct to_ollama *o = c->ollama;
	const struct ollama_import_options options = {
		.loop = c->cs->options.loop,
		.client = c->cs->options.http_client,
		.remote = &o->remote,
		.path = c->artifact.path,
		.sha256 = c->artifact.sha256,
		.size_bytes = c->artifact.size_bytes,
		.name = o->name,
		.replace = c->params.replace,
		.jinja = o->jinja,
		.params = o->params,
		.n_ctx_train = (int64_t)c->facts.base.model.n_ctx_train,
		.question = arena_strndup(c->arena, o->question.q.text.ptr, o->question.q.text.len),
		.prompt = o->prompt,
		.answer = o->answer,
		.answer_tokens = o->params.max_tokens < ANSWER_TOKENS ? o->params.max_tokens : ANSWER_TOKENS,
		.note = on_note,
		.progress = on_progress,
		.done = on_done,
		.user = c,
	};

	creation_end_worker(c);
	creation_give_machine(c);
	o->import = ollama_import_start(&options);
}

/* --- our own rendering and answer, which Ollama's are compared with --- */

static void answered(struct creation *c, const json_t *body)
{
	(void)body;
	start_import(c);
}

void ollama_item(struct creation *c, uint8_t kind, const json_t *body)
{
	const char *text = json_string_value(json_object_get(body, "text"));

	if (kind == MSG_ANSWER && text && c->ollama)
		c->ollama->answer = arena_strdup(c->arena, text);
}

static void rendered(struct creation *c, const json_t *body)
{
	struct to_ollama *o = c->ollama;
	const struct gen_params *p = &o->params;
	const char *prompt = json_string_value(json_object_get(body, "prompt"));
	struct column_row column = { .params = *p };
	int64_t max_tokens = p->max_tokens < ANSWER_TOKENS ? p->max_tokens : ANSWER_TOKENS;

	o->prompt = arena_strdup(c->arena, prompt ? prompt : "");
	json_t *cell = json_pack("{s:i, s:i, s:o}", "cell", 1, "seed", 0, "messages", engine_messages(&column, &o->question, 0));
	json_t *request =
		json_pack("{s:i, s:i, s:i, s:s, s:s, s:b, s:I, s:f, s:f, s:i, s:f, s:f, s:[o]}", "adapter", 0, "slots", 1,
			       "kv_tokens", ANSWER_KV, "system", p->system ? p->system : "", "template",
			       p->template ? p->template : "", "thinking", p->thinking, "max_tokens", (json_int_t)max_tokens, "temperature", 0.0, "top_p", 1.0, "top_k", 0,
			       "min_p", 0.0, "repeat_penalty", p->repeat_penalty, "cells", cell);
	engine_endings(request, p);
	creation_ask(c, REQ_GROUP, request, -1, MSG_OK, answered);
}

static void made_loaded(struct creation *c, const json_t *body)
{
	struct to_ollama *o = c->ollama;
	struct column_row column = { .params = o->params };

	(void)body;
	creation_ask(c, REQ_RENDER,
		     json_pack("{s:s, s:s, s:b, s:o}", "system", o->params.system ? o->params.system : "", "template",
			       o->params.template ? o->params.template : "", "thinking", o->params.thinking, "messages", engine_messages(&column, &o->question, 0)),
		     -1, MSG_PROMPT, rendered);
}

static void load_made(struct creation *c)
{
	struct err err = { 0 };
	int64_t size;
	int fd;
	struct gpu_use gpu = creation_gpu(c);
	json_t *load = load_request(c->artifact.path, creation_threads(c), &gpu, c->has_gpu, true, &fd,
				    &size, &err);

	if (!load)
		creation_fail(c, &err);
	else
		creation_ask(c, REQ_LOAD, load, fd, MSG_LOADED, made_loaded);
}

static void memory_checked(struct creation *c, const struct memory_answer *answer, const struct err *err)
{
	(void)answer;
	if (err->code != ERR_OK)
		creation_fail(c, err);
	else
		creation_need_worker(c, load_made);
}

/* Its own answer has to be given beside the one question. */
static void machine_ours(struct creation *c)
{
	const struct to_ollama *o = c->ollama;
	size_t bytes = (size_t)engine_message_bytes(&o->question, 0) + (o->params.system ? strlen(o->params.system) : 0);
	const struct model_row *base = &c->facts.base;
	struct fit_wish wish = { .path = c->artifact.path, .gpu = creation_gpu(c), .tokens = fit_tokens(base, bytes) };

	creation_share(c, 0, OWN_SHARE);
	creation_end_worker(c); /* another model may be loaded in it */
	creation_check_memory(c, &wish, memory_checked);
}

/* --- what is needed before --- */

struct provider_errand {
	struct errand errand;
	const char *data_dir, *path;
	int64_t provider_id; /* 0: the default Ollama */
	struct remote remote;
	const char *jinja;
};

static void run_provider(struct task *task, void *context)
{
	struct provider_errand *p = (struct provider_errand *)task;
	struct arena *a = p->errand.arena;
	struct provider_row *rows;
	size_t n = 0;

	if (!p->provider_id) {
		if (provider_store_list(context, a, &rows, &n, &task->err) != ERR_OK)
			return;
		p->provider_id = n > 0 && rows[0].is_default ? rows[0].id : 0;
	}
	if (provider_store_get(context, a, p->provider_id, &p->remote.row, &task->err) != ERR_OK)
		return;
	if (p->remote.row.kind != PROVIDER_OLLAMA) {
		err_set(&task->err, ERR_INVALID, "err_create_no_ollama", "name=%s", p->remote.row.name);
		return;
	}
	(void)!secret_store_get(p->data_dir, a, &p->remote.row, &p->remote.key, &task->err);
}

static void run_jinja(struct task *task, void *context)
{
	struct provider_errand *p = (struct provider_errand *)task;
	struct buf text = BUF_INIT(2 * LIMIT_TEMPLATE);
	struct gguf *g = gguf_open(p->path, &task->err);

	(void)context;
	if (!g)
		return;
	p->jinja = gguf_get_text(g, "tokenizer.chat_template", &text) ? arena_strdup(p->errand.arena, buf_text(&text)) : "";
	buf_release(&text);
	gguf_close(g);
}

static void home_jinja(struct errand *e)
{
	const struct provider_errand *p = (const struct provider_errand *)e;

	if (errand_failed(e))
		return;
	e->c->ollama->jinja = arena_strdup(e->c->arena, p->jinja);
	creation_need_machine(e->c, machine_ours);
}

/* Nothing of an earlier import is left there. */
static void undone(struct creation *c)
{
	struct provider_errand *jinja = errand_new(c, sizeof *jinja, run_jinja, home_jinja);

	jinja->path = arena_strdup(jinja->errand.arena, c->artifact.path);
	errand_work(&jinja->errand);
}

static void home_provider(struct errand *e)
{
	const struct provider_errand *p = (const struct provider_errand *)e;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	c->ollama->remote = p->remote;
	c->ollama->remote.row.name = arena_strdup(c->arena, p->remote.row.name);
	c->ollama->remote.row.url = arena_strdup(c->arena, p->remote.row.url);
	c->ollama->remote.key = arena_strdup(c->arena, p->remote.key);
	undo_before(c, p->remote.row.id, undone);
}

/* A question of the validation that stands alone and brings no system prompt of its own. */
static struct run_question choose_question(const struct creation *c)
{
	for (size_t i = 0; i < c->facts.n_answered; i++)
		if (c->facts.answered[i].q.system.len == 0 && c->facts.answered[i].q.turn == 0)
			return c->facts.answered[i];
	return (struct run_question){ .q = { .text = str_of(QUESTION) } };
}

void begin_upload(struct creation *c)
{
	struct provider_errand *p = errand_new(c, sizeof *p, run_provider, home_provider);
	struct to_ollama *o = c->ollama = arena_alloc(c->arena, sizeof *c->ollama);

	o->question = choose_question(c);
	o->params = c->facts.column.id ? c->facts.column.params : c->facts.plain;
	o->prompt = o->answer = "";
	if (ollama_name_ok(c->row.name))
		str_format(o->name, sizeof o->name, "%s", c->row.name);
	else
		ollama_name_make(c->row.name, o->name, sizeof o->name);
	p->data_dir = arena_strdup(p->errand.arena, c->cs->data_dir);
	p->provider_id = c->params.provider_id;
	errand_read(&p->errand);
}

void begin_on_progress(struct creation *c)
{
	(void)c; /* the import says how far it is */
}

bool ollama_stop(struct creation *c)
{
	if (!c->ollama || (!c->ollama->import && !c->ollama->is_ending))
		return false;
	if (c->ollama->import)
		ollama_import_cancel(c->ollama->import);
	return true;
}

void ollama_free(struct creation *c)
{
	if (c->ollama)
		ollama_import_free(c->ollama->import);
	c->ollama = NULL;
}
