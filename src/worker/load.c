/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/load.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/finite.h"
#include "worker/engine.h"
#include "worker/offload.h"
#include "worker/protocol.h"
#include "worker/relay.h"
#include "worker/sandbox.h"

#define PROGRESS_US 50000
#define PATHS_MAX 512

const char *load_reason(const struct shim_why *why)
{
	if (why->text[0])
		return why->text;
	const char *complaint = relay_complaint();
	return complaint[0] ? complaint : "no reason given";
}

struct progress {
	struct link *link;
	uint32_t stream;
	int64_t sent_us;
	double before; /* what was done before this part, of all */
};

static bool on_progress(float fraction, void *user)
{
	struct progress *p = user;
	int64_t now = clock_mono_us();
	if (now - p->sent_us >= PROGRESS_US || fraction >= 1.0f) {
		p->sent_us = now;
		link_send_json(p->link, MSG_PROGRESS, p->stream, json_pack("{s:f}", "fraction", p->before + (1 - p->before) * (double)fraction));
		link_flush(p->link);
	}
	return !link_cancelled(p->link);
}

/* --- the file --- */

/* A FILE over a duplicate of the request's descriptor, so that both are closed by their owners. */
static FILE *open_request(struct request *r)
{
	int fd = dup(r->fd);
	if (fd < 0)
		return NULL;
	lseek(fd, 0, SEEK_SET);
	FILE *f = fdopen(fd, "rb");
	if (!f)
		close(fd);
	return f;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

#define VALUES_SHARE 0.5 /* of the progress, where the values are looked at first */

static bool on_values(void *user, double fraction)
{
	return on_progress((float)(VALUES_SHARE * fraction), user);
}

/* Whether the weights are numbers.  A header that our own reader does not take is left to llama.cpp, which says more about it. */
static enum err_code check_values(struct request *r, struct progress *p, struct err *err)
{
	struct err why = { 0 };
	struct stat st;
	const char *path = json_string_value(json_array_get(json_object_get(r->body, "paths"), 0));
	struct gguf *g = NULL;
	if (path)
		g = gguf_open_model(path, &why);
	else if (r->fd >= 0 && fstat(r->fd, &st) == 0)
		g = gguf_read(r->fd, (uint64_t)st.st_size, "the model", &why);
	if (!g)
		return ERR_OK;
	enum err_code code = finite_check(g, on_values, p, err);
	gguf_close(g);
	p->before = VALUES_SHARE;
	return code;
}

/* `before`: the file as it was before anybody read it. */
static enum err_code call_loader(struct loaded *m, struct link *l, struct request *r, const struct stat *before,
				 struct llama_model_params *params, struct err *err)
{
	struct shim_why why = { "" };
	struct stat after = *before;
	json_t *paths = json_get_array(r->body, "paths", err);
	int64_t size = json_get_int(r->body, "size", 0, INT64_MAX, 0, err);
	if (err->code != ERR_OK)
		return err->code;
	if (paths) {
		size_t n = json_array_size(paths);
		const char *list[PATHS_MAX];
		if (n == 0 || n > PATHS_MAX)
			return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "paths");
		for (size_t i = 0; i < n; i++) {
			list[i] = json_string_value(json_array_get(paths, i));
			if (!list[i])
				return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "paths");
		}
		m->model = shim_load(NULL, list, n, *params, &why);
	} else {
		FILE *file = r->fd >= 0 ? open_request(r) : NULL;
		if (!file)
			return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "fd");
		if (size > 0 && before->st_size != size) {
			fclose(file);
			return err_set(err, ERR_DATA, "err_model_changed", "%s", "");
		}
		m->model = shim_load(file, NULL, 0, *params, &why);
		fclose(file);
		fstat(r->fd, &after);
	}
	if (m->model && !same_file(before, &after))
		return err_set(err, ERR_DATA, "err_model_changed", "%s", "");
	if (!m->model && link_cancelled(l))
		return err_set(err, ERR_CANCELLED, "err_cancelled", "%s", "");
	if (!m->model)
		return err_set(err, ERR_DATA, "err_model_load", "reason=%s", load_reason(&why));
	return ERR_OK;
}

/* --- what the model says about itself --- */

static void collect_specials(struct loaded *m)
{
	m->specials = mem_array((size_t)m->n_vocab, sizeof(*m->specials));
	for (llama_token t = 0; t < m->n_vocab; t++) {
		enum llama_token_attr attr = llama_vocab_get_attr(m->vocab, t);
		if (!(attr & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)))
			continue;
		struct str text = str_of(llama_vocab_get_text(m->vocab, t));
		if (text.len == 0)
			continue;
		m->specials[m->n_specials++] = text;
		m->special_first[(unsigned char)text.ptr[0]] = true;
		if (text.len > m->longest_special)
			m->longest_special = text.len;
	}
}

static enum err_code check_model(struct loaded *m, struct err *err)
{
	m->vocab = llama_model_get_vocab(m->model);
	m->n_vocab = llama_vocab_n_tokens(m->vocab);
	m->n_ctx_train = llama_model_n_ctx_train(m->model);
	if (!llama_model_has_decoder(m->model) || llama_model_has_encoder(m->model) ||
	    llama_model_is_diffusion(m->model))
		return err_set(err, ERR_UNSUPPORTED, "err_model_kind", "%s", "");
	if (m->n_vocab <= 0 || llama_vocab_type(m->vocab) == LLAMA_VOCAB_TYPE_NONE)
		return err_set(err, ERR_DATA, "err_model_load", "reason=%s", "it has no vocabulary");
	if (m->n_ctx_train <= 0)
		return err_set(err, ERR_DATA, "err_model_load", "reason=%s", "its context length is 0");
	return ERR_OK;
}

#define PROBE_TOKENS 32

/* Measured on a small context: head counts and sizes differ by layer in many architectures. */
static void measure_places(struct loaded *m, struct shim_places *places, int64_t *kv_bytes, int64_t *kv_host_bytes)
{
	struct llama_context_params p = llama_context_default_params();
	p.n_ctx = 256;
	p.n_batch = p.n_ubatch = PROBE_TOKENS;
	p.n_outputs_max = 1;
	p.op_offload = !m->keep_ops;
	p.n_threads = p.n_threads_batch = m->n_threads;
	struct llama_context *ctx = shim_context(m->model, p, NULL);
	*kv_bytes = *kv_host_bytes = 0;
	*places = (struct shim_places){ .room = SIZE_MAX };
	if (!ctx)
		return;
	shim_place(ctx, PROBE_TOKENS, ENGINE_STEP_TOKENS, places);
	size_t cells = llama_n_ctx(ctx);
	*kv_bytes = (int64_t)((places->kv_host + places->kv_gpu) / cells);
	*kv_host_bytes = (int64_t)(places->kv_host / cells);
	llama_free(ctx);
}

static json_t *describe(struct loaded *m)
{
	char architecture[128] = "", description[256] = "", hex[HASH_HEX_SIZE] = "";
	const char *template = llama_model_chat_template(m->model, NULL);
	llama_model_meta_val_str(m->model, "general.architecture", architecture, sizeof(architecture));
	llama_model_desc(m->model, description, sizeof(description));
	if (template)
		hash_bytes_hex(template, strlen(template), hex);
	bool shown = template && strlen(template) <= LIMIT_TEMPLATE;
	struct shim_places places;
	int64_t kv_bytes, kv_host_bytes;
	measure_places(m, &places, &kv_bytes, &kv_host_bytes);
	json_t *body = json_pack("{s:o, s:o, s:I, s:I, s:i, s:i, s:i, s:b, s:o, s:s, s:I}", "architecture",
			 json_text(str_of(architecture)), "description", json_text(str_of(description)), "n_params",
			 (json_int_t)llama_model_n_params(m->model), "size_bytes", (json_int_t)llama_model_size(m->model),
			 "n_ctx_train", m->n_ctx_train, "n_layer", llama_model_n_layer(m->model), "n_vocab", m->n_vocab,
			 "has_template", template != NULL, "template", json_text(str_of(shown ? template : "")),
			 "template_hash", hex, "kv_bytes_per_token", (json_int_t)kv_bytes);
	json_object_set_new(body, "kv_host_bytes_per_token", json_integer(kv_host_bytes));
	json_object_set_new(body, "weights_host_bytes", json_integer((json_int_t)places.weights_host));
	json_object_set_new(body, "gpu_layers", json_integer(m->gpu_layers));
	if (places.room != SIZE_MAX)
		json_object_set_new(body, "kv_room", json_integer((json_int_t)(places.room < INT32_MAX ? places.room : INT32_MAX)));
	return body;
}

enum err_code load_model(struct loaded *m, struct link *l, struct request *r, json_t **reply, struct err *err)
{
	struct progress progress = { .link = l, .stream = r->stream };
	struct llama_model_params params = llama_model_default_params();
	struct offload offload;
	struct stat before = { 0 };
	if (m->model)
		return err_set(err, ERR_CONFLICT, "err_worker_loaded", "%s", "");
	m->n_threads = (int)json_get_int(r->body, "n_threads", 1, 1024, 4, err);
	params.load_mode = json_get_bool(r->body, "use_mmap", true, err) ? LLAMA_LOAD_MODE_AUTO : LLAMA_LOAD_MODE_NONE;
	bool looks = json_get_bool(r->body, "check_values", false, err);
	m->memory_limit = (uint64_t)json_get_int(r->body, "memory_limit", 0, INT64_MAX, 0, err);
	if (err->code != ERR_OK || offload_choose(r, &offload, err) != ERR_OK)
		return err->code;
	params.n_gpu_layers = offload.layers;
	params.devices = offload.devices;
	params.progress_callback = on_progress;
	params.progress_callback_user_data = &progress;
	sandbox_limit_memory(m->memory_limit);
	relay_reset();
	if (r->fd >= 0)
		fstat(r->fd, &before);
	if ((looks && check_values(r, &progress, err) != ERR_OK) || call_loader(m, l, r, &before, &params, err) != ERR_OK ||
	    check_model(m, err) != ERR_OK) {
		if (m->model)
			llama_model_free(m->model);
		m->model = NULL;
		return err->code;
	}
	int n_layers = llama_model_n_layer(m->model) + 1;
	m->gpu_layers = !offload.devices[0] ? 0 : offload.layers < 0 || offload.layers > n_layers ? n_layers : offload.layers;
	m->keep_ops = offload_keeps_ops(m->gpu_layers > 0 && m->gpu_layers < n_layers);
	collect_specials(m);
	*reply = describe(m);
	return ERR_OK;
}

void load_release(struct loaded *m)
{
	if (m->model)
		llama_model_free(m->model);
	mem_free(m->specials);
	mem_free(m->adapters);
	*m = (struct loaded){ 0 };
}

bool load_is_recurrent(const struct loaded *m)
{
	return llama_model_is_recurrent(m->model) || llama_model_is_hybrid(m->model);
}

/* --- adapters --- */

enum err_code load_adapter(struct loaded *m, struct request *r, struct err *err)
{
	struct shim_why why;
	int64_t id = json_get_int(r->body, "adapter", 1, INT32_MAX, 0, err);
	if (err->code != ERR_OK)
		return err->code;
	if (!m->model)
		return err_set(err, ERR_CONFLICT, "err_worker_not_loaded", "%s", "");
	for (size_t i = 0; i < m->n_adapters; i++) {
		if (id == m->adapters[i].id)
			return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "adapter");
	}
	FILE *file = id > 0 && r->fd >= 0 ? open_request(r) : NULL;
	if (!file)
		return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", id > 0 ? "fd" : "adapter");
	relay_reset();
	struct llama_adapter_lora *lora = shim_adapter(m->model, file, &why);
	fclose(file);
	if (!lora)
		return err_set(err, ERR_DATA, "err_adapter_load", "reason=%s", load_reason(&why));
	m->adapters = mem_grow(m->adapters, (m->n_adapters + 1) * sizeof(*m->adapters));
	m->adapters[m->n_adapters++] = (struct loaded_adapter){ id, lora };
	return ERR_OK;
}

enum err_code load_find_adapter(const struct loaded *m, int64_t id, struct llama_adapter_lora **lora, struct err *err)
{
	*lora = NULL;
	if (id == 0)
		return ERR_OK;
	for (size_t i = 0; i < m->n_adapters; i++) {
		if (m->adapters[i].id == id) {
			*lora = m->adapters[i].lora;
			return ERR_OK;
		}
	}
	return err_set(err, ERR_INVALID, "err_adapter_unknown", "adapter=%lld", (long long)id);
}
