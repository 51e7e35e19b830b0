/* SPDX-License-Identifier: Apache-2.0
 *
 * api_memory - what there is of memory, what Ollama holds of it, whether a model would fit; and Ollama asked to let go.
 *
 * Letting go: every model that an Ollama of this machine lists is unloaded by its API, and the reply waits until none of them is
 * listed any more, 20 s at most. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/machine.h"
#include "engine/memory.h"
#include "engine/model_cache.h"
#include "server/held_ask.h"
#include "server/json_view.h"
#include "server/routes.h"
#include "server/system.h"
#include "store/template_store.h"

#define LARGE ((int64_t)1000000000)
#define FREE_MS 20000
#define FREE_STEP_MS 200

struct memory {
	struct held_ask ask;
	int64_t model_id; /* 0: none is meant */
	int64_t num_ctx;  /* that it is meant to have; 0: what its trainer left */
	struct memory_tokens tokens;
	struct model_row base;
	struct engine_program program;
	int64_t reserve;
	bool is_loaded, has_answer;
	struct memory_answer answer;
	struct err problem; /* why it does not fit */
	struct machine_process largest;
	/* letting go */
	struct held before;
	struct provider_call *unloads;
	int64_t until_ms, freed; /* -1: nobody was asked to */
};

/* The longest question that may be asked of it fills the context. */
static void choose_tokens(struct memory *m, int64_t num_ctx)
{
	int64_t most = (int64_t)m->base.model.n_ctx_train;

	if (most > 0 && num_ctx > most)
		num_ctx = most;
	m->tokens = (struct memory_tokens){ num_ctx > MEMORY_TOKENS_WANTED ? num_ctx : MEMORY_TOKENS_WANTED, MEMORY_TOKENS_LEAST };
}

static void read_memory(struct request *r, struct db *db)
{
	struct memory *m = r->state;
	struct err *err = request_err(r);
	struct gen_params params = { .num_ctx = m->num_ctx };

	held_ask_read(r, db, &m->ask);
	if (err->code != ERR_OK || !m->model_id || model_store_get(db, r->arena, m->model_id, &m->base, err) != ERR_OK)
		return;
	if (m->base.model.kind == MODEL_REMOTE)
		err_set(err, ERR_INVALID, "err_gpu_remote", "name=%s", m->base.model.name);
	else if (m->base.model.kind == MODEL_ADAPTER && !m->base.base_model_id)
		err_set(err, ERR_NOT_FOUND, "err_base_missing", "name=%s", m->base.model.base_name);
	else if (m->base.model.kind == MODEL_ADAPTER)
		(void)!model_store_get(db, r->arena, m->base.base_model_id, &m->base, err);
	if (err->code == ERR_OK && (m->num_ctx || template_store_fill(db, r->arena, m->model_id, PARAM_NUM_CTX, &params, err) == ERR_OK))
		choose_tokens(m, params.num_ctx);
}

/* --- the reply --- */

static void measure(struct request *r, struct db *db)
{
	struct memory *m = r->state;
	struct err not_there = { 0 };
	char *file = NULL;

	(void)db;
	(void)machine_largest_process(&m->largest);
	struct model_source source = model_cache_source_as(&m->base, m->base.weights);
	if (m->base.id && model_cache_find(store_data_dir(r->app->store), source, &file, &not_there) == ERR_OK && *file) {
		enum err_code code = engine_check_memory(&m->program, file, NULL, &m->tokens, m->reserve, &m->answer, &m->problem);
		m->has_answer = code == ERR_OK || code == ERR_LIMIT;
		memory_name(&m->problem, m->base.model.name);
	}
	mem_free(file);
}

static double gigabytes(int64_t bytes)
{
	return bytes > 0 ? (double)bytes / 1e9 : 0;
}

PRINTF_LIKE(4, 5)
static void add_sentence(struct request *r, struct buf *text, const char *key, const char *args, ...)
{
	char values[sizeof(((struct err *)NULL)->args)];
	va_list list;

	va_start(list, args);
	err_args_format(values, sizeof values, args, list);
	va_end(list);
	buf_add_text(text, r->lang == LANG_EN ? " " : "");
	msg_render(text, r->lang, key, values);
}

static void view_sentence(struct request *r, const struct memory *m)
{
	struct buf text = BUF_INIT(8 * KIB);

	msg_format(&text, r->lang, "core_memory_need", "need=%.1f|free=%.1f", gigabytes(m->answer.need), gigabytes(m->answer.available));
	if (m->answer.gpu_free > 0)
		add_sentence(r, &text, "core_memory_gpu", "layers=%d|all=%d|need=%.1f|free=%.1f", m->answer.layers, m->answer.all_layers,
			     gigabytes(m->answer.gpu_need), gigabytes(m->answer.gpu_free));
	if (m->answer.kv_tokens < m->tokens.wanted)
		add_sentence(r, &text, "core_memory_short_context", "n=%lld", (long long)m->answer.kv_tokens);
	else if (m->tokens.wanted > MEMORY_TOKENS_WANTED)
		add_sentence(r, &text, "core_memory_context", "n=%lld", (long long)m->answer.kv_tokens);
	if (m->problem.code == ERR_LIMIT && m->largest.bytes >= LARGE)
		add_sentence(r, &text, "core_memory_largest", "process=%s|taken=%.1f", m->largest.name, gigabytes(m->largest.bytes));
	json_str(&r->out, "message", buf_str(&text));
	buf_release(&text);
}

static void view_estimate(struct request *r)
{
	const struct memory *m = r->state;
	struct buf *b = &r->out;

	json_open(b, "model", '{');
	json_int(b, "id", m->base.id);
	json_cstr(b, "name", m->base.model.name);
	json_flag(b, "is_loaded", m->is_loaded);
	json_int(b, "need_bytes", m->answer.need);
	json_int(b, "free_bytes", m->answer.available > 0 ? m->answer.available : 0);
	json_int(b, "gpu_need_bytes", m->answer.gpu_need);
	json_int(b, "gpu_free_bytes", m->answer.gpu_free);
	json_int(b, "context_tokens", m->answer.kv_tokens);
	json_int(b, "gpu_layers", m->answer.layers);
	json_int(b, "n_layers", m->answer.all_layers);
	view_sentence(r, m);
	if (m->problem.code != ERR_OK && !m->is_loaded)
		view_problem(b, "problem", r->lang, &m->problem);
	json_close(b, '}');
}

static void reply_memory(struct request *r)
{
	struct memory *m = r->state;
	struct machine_memory memory = machine_memory();

	json_open(&r->out, NULL, '{');
	json_int(&r->out, "memory_total", memory.total);
	json_int(&r->out, "memory_available", memory.available);
	system_gpus(r->app, &r->out);
	view_held(&r->out, r->lang, &m->ask);
	if (m->freed >= 0)
		json_int(&r->out, "freed_bytes", m->freed);
	if (m->largest.bytes > 0) {
		json_open(&r->out, "largest", '{');
		json_int(&r->out, "pid", m->largest.pid);
		json_cstr(&r->out, "name", m->largest.name);
		json_int(&r->out, "bytes", m->largest.bytes);
		json_close(&r->out, '}');
	}
	if (m->has_answer) {
		struct held all = { .bytes = m->ask.bytes, .gpu_bytes = m->ask.gpu_bytes };
		if (m->problem.code == ERR_LIMIT)
			err_add(&m->problem, "base=%lld", (long long)m->base.id);
		held_tell(&all, machine_has_gpu() && m->program.gpu.layers != 0, &m->problem);
		view_estimate(r);
	}
	json_close(&r->out, '}');
	request_reply(r, 200);
}

static void measure_now(struct request *r)
{
	struct memory *m = r->state;
	struct worker_info worker;

	m->program = engine_program(r->app->engine, m->base.id ? &m->base : NULL);
	m->reserve = engine_memory_reserve(r->app->engine);
	m->is_loaded = m->base.id && engine_workers(r->app->engine, &worker, 1) == 1 && worker.base_model_id == m->base.id;
	request_defer(r, LANE_WORK, measure, reply_memory);
}

static void asked(struct request *r)
{
	struct memory *m = r->state;

	held_ask_take(r, &m->ask);
	measure_now(r);
}

static void ask(struct request *r)
{
	struct memory *m = r->state;

	held_ask_start(r, &m->ask, asked);
}

void api_get_memory(struct request *r)
{
	struct err err = { 0 };
	struct memory *m = r->state = arena_alloc(r->arena, sizeof *m);

	*m = (struct memory){ .freed = -1 };
	m->model_id = request_query_int(r, "model_id", 1, INT64_MAX, 0, &err);
	m->num_ctx = request_query_int(r, "num_ctx", 1, LIMIT_NUM_CTX, 0, &err);
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, read_memory, ask);
}

/* --- letting go --- */

static bool is_still_held(const struct held *before, const struct held *now)
{
	for (size_t i = 0; i < before->n; i++)
		for (size_t k = 0; k < now->n; k++)
			if (!strcmp(before->models[i].name, now->models[k].name))
				return true;
	return false;
}

static void poll_held(struct request *r);

static void on_look_again(void *user)
{
	struct app *app = user;
	struct request *r = app->freeing;

	app->freeing = NULL;
	if (r)
		poll_held(r);
}

static void polled(struct request *r)
{
	struct memory *m = r->state;
	struct held now = { 0 };
	char names[400];
	struct err err;

	held_ask_take(r, &m->ask);
	for (size_t i = 0; i < m->ask.n && !now.n; i++)
		if (is_still_held(&m->before, &m->ask.servers[i].held))
			now = m->ask.servers[i].held;
	if (!now.n) {
		m->freed = m->before.bytes > m->ask.bytes ? m->before.bytes - m->ask.bytes : 0;
		measure_now(r);
		return;
	}
	if (clock_mono_ms() >= m->until_ms || r->app->closing) {
		held_ask_names(&m->ask, names, sizeof names);
		err_set(&err, ERR_BUSY, "err_held_stays", "models=%s", names);
		request_fail(r, &err);
		return;
	}
	if (r->app->freeing) {
		err_set(&err, ERR_BUSY, "err_held_freeing", NULL);
		request_fail(r, &err);
		return;
	}
	if (!r->app->free_timer)
		r->app->free_timer = loop_timer_new(r->app->loop, on_look_again, r->app);
	r->app->freeing = r;
	loop_timer_set(r->app->free_timer, FREE_STEP_MS);
}

static void poll_held(struct request *r)
{
	struct memory *m = r->state;

	held_ask_start(r, &m->ask, polled);
}

/* What one Ollama refused is said; what the others let go of is gone all the same. */
static void unloaded(struct request *r)
{
	struct memory *m = r->state;

	for (size_t i = 0; i < m->before.n; i++) {
		const struct provider_call *call = &m->unloads[i];
		struct err err = call->err;
		if (err.code == ERR_OK && (call->reply.status < 200 || call->reply.status > 299) && call->reply.status != 404)
			remote_fail(call->remote, &call->reply, &err);
		if (err.code != ERR_OK) {
			request_fail(r, &err);
			return;
		}
	}
	m->until_ms = clock_mono_ms() + FREE_MS;
	poll_held(r);
}

static void unload(struct request *r)
{
	struct memory *m = r->state;
	struct http_limits limits = provider_limits_quick();
	size_t n = 0;

	held_ask_take(r, &m->ask);
	for (size_t i = 0; i < m->ask.n; i++)
		n += m->ask.servers[i].held.n;
	m->before = (struct held){ .models = arena_array(r->arena, n, sizeof *m->before.models), .bytes = m->ask.bytes };
	m->unloads = arena_array(r->arena, n, sizeof *m->unloads);
	provider_calls_init(&m->ask.calls, r, unloaded);
	for (size_t i = 0; i < m->ask.n; i++) {
		const struct held_server *s = &m->ask.servers[i];
		for (size_t k = 0; k < s->held.n; k++) {
			m->before.models[m->before.n] = s->held.models[k];
			provider_call_start(&m->ask.calls, &m->unloads[m->before.n++], &s->remote, "POST", "/api/generate",
					    json_pack("{s:s, s:i, s:b}", "model", s->held.models[k].name, "keep_alive", 0, "stream", 0),
					    &limits);
		}
	}
	provider_calls_wait(&m->ask.calls);
}

static void ask_first(struct request *r)
{
	struct memory *m = r->state;

	held_ask_start(r, &m->ask, unload);
}

void api_free_memory(struct request *r)
{
	struct err err = { 0 };
	struct memory *m = r->state = arena_alloc(r->arena, sizeof *m);

	*m = (struct memory){ .model_id = r->json ? json_get_int(r->json, "model_id", 1, INT64_MAX, 0, &err) : 0 };
	if (err.code != ERR_OK)
		request_fail(r, &err);
	else
		request_defer(r, LANE_READ, read_memory, ask_first);
}
