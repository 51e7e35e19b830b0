/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/match_check.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/adapter_cache.h"
#include "engine/fit.h"
#include "engine/job_worker.h"
#include "engine/load_request.h"
#include "engine/model_cache.h"
#include "model/gguf.h"
#include "worker/protocol.h"

#define REMEMBERED 64 /* checks that have ended */

enum ask { ASK_LOAD, ASK_WITHOUT, ASK_ADAPTER, ASK_WITH };

/* What the other thread does: files and hashes. */
struct preparation {
	struct task task;
	struct check *check; /* NULL: nobody wants it any more */
	struct arena *arena; /* kept while it runs */
	const char *data_dir;
	struct model_source base;
	char *base_file; /* owned; as llama.cpp reads it */
	char base_sha[65], base_stamp[FILE_STAMP_SIZE];
	size_t n;
	struct prepared {
		const char *path;
		char *file; /* owned */
		char sha256[65], stamp[FILE_STAMP_SIZE];
	} *items;
};

/* What is stored. */
struct keeping {
	struct task task;
	struct arena *arena;
	struct check *check; /* NULL: nobody waits for it */
	int64_t base_id;
	enum weights weights; /* that the base was used with */
	char base_sha[65], base_stamp[FILE_STAMP_SIZE];
	size_t n;
	struct kept {
		int64_t model_id;
		char stamp[FILE_STAMP_SIZE];
		struct match_row row;
	} *rows;
};

struct check {
	struct match_check seen;
	struct match_checks *all;
	struct preparation *preparation; /* under way, NULL: none is */
	struct keeping *keeping;	 /* the same, of what was found */
	char *base_file, **files;	 /* base and adapters as llama.cpp reads them */
	char base_sha[65], base_stamp[FILE_STAMP_SIZE]; /* of base_file */
	struct fit *fit; /* whether it fits is being found out; NULL: is not */
	struct job_worker *worker;
	bool is_reserved;
	size_t at; /* item at work */
	enum ask ask;
	struct check *next;
};

struct match_checks {
	struct match_checks_options options;
	char *data_dir;
	struct check *first; /* the newest */
};

static void leave_machine(struct check *c)
{
	fit_cancel(c->fit);
	c->fit = NULL;
	job_worker_stop(c->worker);
	c->worker = NULL;
	if (c->is_reserved)
		engine_unreserve(c->all->options.engine, c);
	c->is_reserved = false;
}

static bool is_over(const struct check *c)
{
	return c->seen.state >= MATCH_DONE;
}

static void end(struct check *c, enum match_state state)
{
	c->seen.state = state;
	leave_machine(c);
	if (c->preparation) {
		atomic_store(&c->preparation->task.cancelled, true);
		c->preparation->check = NULL;
		c->preparation = NULL;
	}
	if (c->keeping)
		c->keeping->check = NULL;
	c->keeping = NULL;
}

static void tell(const struct match_checks *all)
{
	if (all->options.changed)
		all->options.changed(all->options.user);
}

static void fail(struct check *c, const struct err *cause)
{
	c->seen.problem = *cause;
	end(c, MATCH_FAILED);
	tell(c->all);
}

static void check_free(struct check *c)
{
	end(c, MATCH_CANCELLED);
	for (size_t i = 0; i < c->seen.n_items; i++)
		mem_free(c->files[i]);
	mem_free(c->base_file);
	arena_free(c->seen.arena);
	mem_free(c);
}

/* --- the outcome --- */

static void run_keep(struct task *task, void *context)
{
	struct keeping *k = (struct keeping *)task;
	struct err *err = &task->err;

	enum err_code code = k->weights == WEIGHTS_Q8_0 ? model_store_set_q8_hash(context, k->base_id, k->base_sha, k->base_stamp, err) :
							  model_store_set_hash(context, k->base_id, k->base_sha, k->base_stamp, err);
	if (code != ERR_OK)
		return;
	for (size_t i = 0; i < k->n; i++)
		if (model_store_set_hash(context, k->rows[i].model_id, k->rows[i].row.adapter_sha256, k->rows[i].stamp, err) != ERR_OK ||
		    match_store_put(context, &k->rows[i].row, err) != ERR_OK)
			return;
}

static void home_keep(struct task *task)
{
	struct keeping *k = (struct keeping *)task;
	struct check *c = k->check;

	if (c && task->err.code != ERR_OK) {
		fail(c, &task->err);
	} else if (c) {
		end(c, MATCH_DONE);
		tell(c->all);
	}
	arena_free(k->arena);
}

static void keep(struct check *c)
{
	struct arena *a = arena_new();
	struct keeping *k = arena_alloc(a, sizeof *k);

	*k = (struct keeping){ .task = { .run = run_keep, .done = home_keep }, .arena = a, .check = c, .base_id = c->seen.base.id,
			       .weights = c->seen.base.weights,
			       .n = c->seen.n_items, .rows = arena_array(a, c->seen.n_items + 1, sizeof *k->rows) };
	str_format(k->base_sha, sizeof k->base_sha, "%s", c->base_sha);
	str_format(k->base_stamp, sizeof k->base_stamp, "%s", c->base_stamp);
	for (size_t i = 0; i < k->n; i++) {
		const struct match_item *item = &c->seen.items[i];
		struct match_row *row = &k->rows[i].row;
		k->rows[i].model_id = item->model.id;
		str_format(k->rows[i].stamp, sizeof k->rows[i].stamp, "%s", item->stamp);
		*row = (struct match_row){ .result = item->result, .source = arena_strdup(a, c->seen.source), .checked_ms = clock_wall_ms() };
		str_format(row->adapter_sha256, sizeof row->adapter_sha256, "%s", item->sha256);
		str_format(row->base_sha256, sizeof row->base_sha256, "%s", c->base_sha);
	}
	c->keeping = k;
	store_write(c->all->options.store, &k->task);
}

/* --- asking --- */

static json_t *items_of(const struct check *c, const struct gen_params *params)
{
	json_t *list = json_array();
	struct column_row column = { .params = *params };

	for (size_t i = 0; i < c->seen.n_questions; i++) {
		const struct run_question *q = &c->seen.questions[i];
		json_array_append_new(list, json_pack("{s:I, s:o, s:o}", "cell", (json_int_t)(i + 1), "messages",
						      engine_messages(&column, q, 0), "answer", json_text(q->q.reference)));
	}
	return list;
}

static void ask_likelihood(struct check *c, enum ask ask)
{
	const struct gen_params *p = &c->seen.items[c->at].params;

	c->ask = ask;
	job_worker_ask(c->worker, REQ_LIKELIHOOD,
		       json_pack("{s:I, s:o, s:o, s:b, s:o}", "adapter", (json_int_t)(ask == ASK_WITH ? c->at + 1 : 0), "system",
				 json_text(str_of(p->system ? p->system : "")), "template",
				 json_text(str_of(p->template ? p->template : "")), "thinking", p->thinking, "items", items_of(c, p)),
		       -1);
}

static void give_adapter(struct check *c)
{
	struct err err = { 0 };
	uint64_t size;
	int fd = fs_open(c->files[c->at], &size, &err);

	if (fd < 0) {
		fail(c, &err);
		return;
	}
	c->ask = ASK_ADAPTER;
	job_worker_ask(c->worker, REQ_ADAPTER, json_pack("{s:I}", "adapter", (json_int_t)(c->at + 1)), fd);
}

static bool is_same(const struct gen_params *a, const struct gen_params *b)
{
	return strcmp(a->template, b->template) == 0 && strcmp(a->system, b->system) == 0;
}

/* The epochs of a family are asked the same way as a rule: then the base is asked once. */
static void begin_item(struct check *c)
{
	struct match_item *item = &c->seen.items[c->at];

	if (c->at == 0 || !is_same(&item->params, &item[-1].params)) {
		ask_likelihood(c, ASK_WITHOUT);
		return;
	}
	for (size_t i = 0; i < c->seen.n_questions; i++)
		item->pairs[i] = (struct match_pair){ .without = item[-1].pairs[i].without, .with = NAN,
						      .n_tokens = item[-1].pairs[i].n_tokens };
	give_adapter(c);
}

static void end_item(struct check *c)
{
	struct match_item *item = &c->seen.items[c->at];

	item->result = match_judge(item->pairs, c->seen.n_questions, item->model.model.train_loss);
	item->is_done = true;
	if (++c->at < c->seen.n_items) {
		begin_item(c);
		return;
	}
	c->seen.fraction = 1;
	leave_machine(c);
	keep(c);
}

static void on_ready(void *user, const char *build, bool has_gpu)
{
	struct check *c = user;
	const struct match_checks_options *o = &c->all->options;
	struct err err = { 0 };
	int64_t size;
	int fd;

	(void)build;
	struct gpu_use gpu = gpu_use_of(&o->gpu, &c->seen.base);
	json_t *load = load_request(c->base_file, o->n_threads > 0 ? o->n_threads : machine_cores(), &gpu, has_gpu,
				    true, &fd, &size, &err);
	if (!load) {
		fail(c, &err);
		return;
	}
	c->ask = ASK_LOAD;
	job_worker_ask(c->worker, REQ_LOAD, load, fd);
}

static void on_progress(void *user, const json_t *body)
{
	struct check *c = user;
	struct err err = { 0 };
	double fraction = json_get_number(body, "fraction", 0, 1.001, 0, &err);
	double parts = 1 + 2 * (double)c->seen.n_items, at = c->ask == ASK_LOAD ? 0 : 1 + 2 * (double)c->at + (c->ask >= ASK_ADAPTER);

	c->seen.fraction = fmin(1, (at + fraction) / parts);
}

static void on_item(void *user, uint8_t kind, const json_t *body)
{
	struct check *c = user;
	struct err err = { 0 };
	int64_t cell = json_get_int(body, "cell", 1, (int64_t)c->seen.n_questions, 0, &err);
	int64_t n_tokens = json_get_int(body, "n_tokens", 1, INT32_MAX, 0, &err);
	double sum = json_get_number(body, "log_likelihood", -1e12, 1e-6, NAN, &err);

	if (kind != MSG_LIKELIHOOD || err.code != ERR_OK || !cell || !n_tokens || !isfinite(sum))
		return; /* it stays without a figure, and is left out */
	struct match_pair *pair = &c->seen.items[c->at].pairs[cell - 1];
	if (c->ask == ASK_WITHOUT)
		*pair = (struct match_pair){ .without = sum, .with = NAN, .n_tokens = n_tokens };
	else if (c->ask == ASK_WITH)
		pair->with = sum;
}

static void on_reply(void *user, uint8_t kind, const json_t *body)
{
	struct check *c = user;
	struct err err;

	(void)body;
	if (kind != (c->ask == ASK_LOAD ? MSG_LOADED : MSG_OK)) {
		err_set(&err, ERR_INTERNAL, "err_worker_protocol", "what=%s", "kind");
		fail(c, &err);
	} else if (c->ask == ASK_LOAD) {
		begin_item(c);
	} else if (c->ask == ASK_WITHOUT) {
		give_adapter(c);
	} else if (c->ask == ASK_ADAPTER) {
		ask_likelihood(c, ASK_WITH);
	} else {
		end_item(c);
	}
}

static void on_failed(void *user, const struct err *cause)
{
	fail(user, cause);
}

static const struct job_worker_events events = { on_ready, on_progress, on_item, on_reply, on_failed };

static void start_worker(struct check *c)
{
	const struct match_checks_options *o = &c->all->options;
	struct err err = { 0 };
	struct job_worker_options options = { .loop = o->loop, .allow_unsandboxed = o->allow_unsandboxed,
					      .worker = { .program = o->worker_path, .read = { c->base_file }, .cpu_only = gpu_use_of(&o->gpu, &c->seen.base).layers == 0 } };

	c->worker = job_worker_start(&options, &events, c, &err);
	if (!c->worker)
		fail(c, &err);
}

static void memory_checked(void *user, const struct memory_answer *answer, const struct err *err)
{
	struct check *c = user;

	(void)answer;
	c->fit = NULL;
	if (err->code == ERR_OK)
		start_worker(c);
	else
		fail(c, err);
}

/* Bytes of the longest answer with its question and what stands before it. */
static size_t longest_text(const struct check *c)
{
	size_t longest = 0, system = 0;

	for (size_t i = 0; i < c->seen.n_questions; i++) {
		const struct run_question *q = &c->seen.questions[i];
		size_t bytes = (size_t)engine_message_bytes(q, 0) + q->q.reference.len;
		longest = bytes > longest ? bytes : longest;
	}
	for (size_t i = 0; i < c->seen.n_items; i++) {
		const char *text = c->seen.items[i].params.system;
		size_t bytes = text ? strlen(text) : 0;
		system = bytes > system ? bytes : system;
	}
	return longest + system;
}

static void on_granted(void *user)
{
	struct check *c = user;
	struct engine *engine = c->all->options.engine;
	const struct model_row *base = &c->seen.base;
	struct fit_wish wish = fit_wish_of(engine, base, c->base_file, fit_tokens(base, longest_text(c)));

	c->seen.state = MATCH_RUNNING;
	c->fit = fit_start(engine, &wish, memory_checked, c);
}

/* --- preparing --- */

static void run_prepare(struct task *task, void *context)
{
	struct preparation *p = (struct preparation *)task;
	uint8_t digest[HASH_SIZE];
	char stamp[FILE_STAMP_SIZE];
	struct err *err = &task->err;

	(void)context;
	if (model_cache_get(p->data_dir, p->base, &p->base_file, NULL, &task->cancelled, err) != ERR_OK)
		return;
	machine_file_stamp(p->base_file, stamp);
	if (!p->base_sha[0] || strcmp(stamp, p->base_stamp) != 0) {
		if (gguf_model_hash(p->base_file, digest, &task->cancelled, err) != ERR_OK)
			return;
		hash_hex(digest, p->base_sha);
		str_format(p->base_stamp, sizeof p->base_stamp, "%s", stamp);
	}
	for (size_t i = 0; i < p->n; i++) {
		struct prepared *item = &p->items[i];
		adapter_stamp(item->path, item->stamp);
		if (adapter_hash(item->path, item->sha256, &task->cancelled, err) != ERR_OK ||
		    adapter_cache_get(p->data_dir, item->path, p->base_file, &item->file, &task->cancelled, err) != ERR_OK)
			return;
	}
}

static void take_prepared(struct check *c, struct preparation *p)
{
	str_format(c->base_sha, sizeof c->base_sha, "%s", p->base_sha);
	str_format(c->base_stamp, sizeof c->base_stamp, "%s", p->base_stamp);
	c->base_file = p->base_file;
	p->base_file = NULL;
	for (size_t i = 0; i < p->n; i++) {
		struct match_item *item = &c->seen.items[i];
		str_format(item->sha256, sizeof item->sha256, "%s", p->items[i].sha256);
		str_format(item->stamp, sizeof item->stamp, "%s", p->items[i].stamp);
		c->files[i] = p->items[i].file;
		p->items[i].file = NULL;
	}
}

static void home_prepare(struct task *task)
{
	struct preparation *p = (struct preparation *)task;
	struct check *c = p->check;

	if (c) {
		c->preparation = NULL;
		if (task->err.code != ERR_OK) {
			fail(c, &task->err);
		} else {
			take_prepared(c, p);
			c->is_reserved = true;
			engine_reserve(c->all->options.engine, on_granted, c);
		}
	}
	for (size_t i = 0; i < p->n; i++)
		mem_free(p->items[i].file);
	mem_free(p->base_file);
	arena_free(p->arena);
}

static void prepare(struct check *c)
{
	const struct model_row *base = &c->seen.base;
	bool is_q8 = base->weights == WEIGHTS_Q8_0;
	struct arena *a = arena_new();
	struct preparation *p = c->preparation = arena_alloc(a, sizeof *p);

	*p = (struct preparation){ .task = { .run = run_prepare, .done = home_prepare }, .check = c, .arena = a,
				   .data_dir = arena_strdup(a, c->all->data_dir), .base = model_cache_source_as(base, base->weights),
				   .n = c->seen.n_items, .items = arena_array(a, c->seen.n_items + 1, sizeof *p->items) };
	p->base.path = arena_strdup(a, p->base.path);
	p->base.base_path = arena_strdup(a, p->base.base_path);
	str_format(p->base_sha, sizeof p->base_sha, "%s", is_q8 ? base->q8_sha256 : base->sha256);
	str_format(p->base_stamp, sizeof p->base_stamp, "%s", is_q8 ? base->q8_sha256_of : base->sha256_of);
	for (size_t i = 0; i < p->n; i++)
		p->items[i].path = arena_strdup(a, c->seen.items[i].model.model.path);
	executor_post(c->all->options.hash, &p->task);
}

/* --- all of them --- */

struct match_checks *match_checks_new(const struct match_checks_options *options)
{
	struct match_checks *all = mem_alloc(sizeof *all);

	*all = (struct match_checks){ .options = *options, .data_dir = mem_strdup(store_data_dir(options->store)) };
	return all;
}

void match_checks_free(struct match_checks *all)
{
	struct check *next;

	if (!all)
		return;
	for (struct check *c = all->first; c; c = next) {
		next = c->next;
		check_free(c);
	}
	mem_free(all->data_dir);
	mem_free(all);
}

static struct check *find(const struct match_checks *all, int64_t family_id)
{
	for (struct check *c = all->first; c; c = c->next)
		if (c->seen.family_id == family_id)
			return c;
	return NULL;
}

/* The one before of the same family, and the oldest ones beyond what is remembered. */
static void forget(struct match_checks *all, int64_t family_id)
{
	size_t n = 0;

	for (struct check **at = &all->first; *at;) {
		struct check *c = *at;
		if (is_over(c) && (c->seen.family_id == family_id || ++n >= REMEMBERED)) {
			*at = c->next;
			check_free(c);
		} else {
			at = &c->next;
		}
	}
}

enum err_code match_check_start(struct match_checks *all, const struct match_check *wish, struct err *err)
{
	struct check *c = find(all, wish->family_id);

	if (c && !is_over(c)) {
		arena_free(wish->arena);
		return err_set(err, ERR_CONFLICT, "err_match_running", NULL);
	}
	forget(all, wish->family_id);
	c = mem_alloc(sizeof *c);
	*c = (struct check){ .seen = *wish, .all = all, .next = all->first };
	c->seen.state = MATCH_WAITING;
	c->files = arena_array(wish->arena, wish->n_items + 1, sizeof *c->files);
	all->first = c;
	prepare(c);
	return ERR_OK;
}

const struct match_check *match_check_find(const struct match_checks *all, int64_t family_id)
{
	const struct check *c = find(all, family_id);

	return c ? &c->seen : NULL;
}

bool match_check_cancel(struct match_checks *all, int64_t family_id)
{
	struct check *c = find(all, family_id);

	if (!c || is_over(c))
		return false;
	end(c, MATCH_CANCELLED);
	return true;
}
