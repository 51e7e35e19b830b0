/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "engine/active.h"
#include "engine/load_request.h"
#include "engine/machine.h"
#include "engine/memory.h"
#include "engine/model_cache.h"
#include "engine/values_look.h"
#include "model/gguf.h"
#include "store/setting_store.h"
#include "worker/protocol.h"

#define CALIBRATE_MS 4000
#define CALIBRATE_TOKENS 4096
#define WATCH_PARTS 12 /* looks at the worker as often while it may be silent */
#define BACKOFF_MS 1000
#define STREAM_FIRST 1
#define CONVERT_LOOK_MS 300 /* between two looks at how far a conversion is */

uint32_t host_send(struct engine *e, uint8_t kind, json_t *body, int fd)
{
	struct host *h = &e->host;
	uint32_t stream = h->next_stream++;

	if (h->n_open++ == 0)
		worker_process_listen(h->process);
	worker_process_send(h->process, kind, stream, body, fd);
	return stream;
}

void host_cancel(struct engine *e, uint32_t stream)
{
	if (e->host.process)
		worker_process_send(e->host.process, REQ_CANCEL, stream, NULL, -1);
}

void host_distrust(struct engine *e, const char *what)
{
	struct err cause;

	err_set(&cause, ERR_INTERNAL, "err_worker_protocol", "what=%s", what);
	if (e->host.process)
		worker_process_kill(e->host.process, &cause);
}

bool host_read_text(struct str body, struct said *out)
{
	uint64_t id = 0;

	if (body.len <= TEXT_HEAD_SIZE || (uint8_t)body.ptr[sizeof id] > 1)
		return false;
	for (size_t i = 0; i < sizeof id; i++)
		id |= (uint64_t)(uint8_t)body.ptr[i] << (8 * i);
	*out = (struct said){ (int64_t)id, body.ptr[sizeof id] == 1, { body.ptr + TEXT_HEAD_SIZE, body.len - TEXT_HEAD_SIZE } };
	return utf8_valid(out->text, NULL);
}

/* --- conversion of a model that llama.cpp does not read as it is --- */

struct convert_job {
	struct job job;
	char *data_dir, *path, *file;
	enum weights weights;
	char *lender; /* the base's path, which may lend the tokenizer */
	atomic_int done; /* of 1000 */
};

static void check_memory(struct engine *e);
static void host_fail(struct engine *e, const struct err *cause);

static void cancel_conversion(struct host *h)
{
	if (h->converting)
		atomic_store(&h->converting->job.task.cancelled, true);
	h->converting = NULL;
	loop_timer_set(h->convert_timer, -1);
}

static void run_convert(struct task *task, void *context)
{
	struct convert_job *c = (struct convert_job *)task;

	(void)context;
	(void)!model_cache_get(c->data_dir, (struct model_source){ c->path, c->lender, c->weights }, &c->file, &c->done, &task->cancelled,
			       &task->err);
}

static void home_convert(struct job *job)
{
	struct convert_job *c = (struct convert_job *)job;
	struct host *h = &job->e->host;

	if (h->converting != c) { /* nobody waits for it any more */
		mem_free(c->file);
		return;
	}
	h->converting = NULL;
	loop_timer_set(h->convert_timer, -1);
	if (job->task.err.code != ERR_OK) {
		mem_free(c->file);
		host_fail(job->e, &job->task.err);
		return;
	}
	mem_free(h->base_path);
	h->base_path = c->file;
	h->progress = 0;
	check_memory(job->e);
}

static void drop_convert(struct job *job)
{
	mem_free(((struct convert_job *)job)->file);
}

static void show_progress(struct engine *e)
{
	for (size_t i = 0; e->active && i < e->active->n_columns; i++) {
		if (e->active->columns[i].state == COLUMN_LOADING)
			engine_touch(e, &e->active->columns[i]);
	}
	chat_host_progress(e);
}

static void on_convert_look(void *user)
{
	struct engine *e = user;

	if (e->host.look) {
		e->host.progress = values_look_progress(e->host.look);
		show_progress(e);
		loop_timer_set(e->host.convert_timer, CONVERT_LOOK_MS);
	}
	if (!e->host.converting)
		return;
	int done = atomic_load(&e->host.converting->done), ahead = prefetch_done(e, e->host.converting->path, e->host.base_weights);
	e->host.progress = (done > ahead ? done : ahead) / 1000.0;
	show_progress(e);
	loop_timer_set(e->host.convert_timer, CONVERT_LOOK_MS);
}

/* On the thread of big files: the others go on meanwhile. */
static void convert_base(struct engine *e, const struct model_row *base)
{
	struct convert_job *c = job_new(e, sizeof *c, run_convert, home_convert);
	struct host *h = &e->host;

	c->job.drop = drop_convert;
	c->data_dir = arena_strdup(c->job.arena, e->data_dir);
	c->path = arena_strdup(c->job.arena, base->model.path);
	c->weights = base->weights;
	c->lender = arena_strdup(c->job.arena, h->lender);
	h->converting = c;
	h->state = HOST_CONVERTING;
	h->progress = 0;
	h->file_bytes = (int64_t)base->model.size_bytes;
	loop_timer_set(h->convert_timer, CONVERT_LOOK_MS);
	job_hash(&c->job);
}

/* --- end of a worker --- */

static void forget(struct host *h)
{
	cancel_conversion(h);
	fit_cancel(h->fit);
	h->fit = NULL;
	values_look_cancel(h->look);
	h->look = NULL;
	h->awaits_look = false;
	worker_process_stop(h->process);
	h->process = NULL;
	h->n_open = 0;
	h->calibrating = false;
	h->load_stream = h->calibrate_stream = 0;
	h->state = HOST_NONE;
	for (size_t i = 0; i < h->n_adapters; i++)
		mem_free(h->adapters[i]);
	mem_free(h->adapters);
	mem_free(h->adapter_streams);
	h->adapters = NULL;
	h->adapter_streams = NULL;
	h->n_adapters = 0;
}

void host_works(struct engine *e)
{
	e->host.backoff_ms = 0;
}

void host_drop(struct engine *e)
{
	struct host *h = &e->host;

	forget(h);
	h->base_id = 0;
	h->slots = 0;
	h->chat_tokens = 0;
	h->n_loads_failed = 0;
	h->backoff_ms = 0;
	loop_timer_set(h->backoff, -1);
	loop_timer_set(h->watchdog, -1);
	struct engine_event event = { .kind = ENGINE_STATUS };
	engine_emit(e, &event);
}

/* The base cannot be had: everybody who waits for it learns why. */
static void host_fail(struct engine *e, const struct err *cause)
{
	struct err copy = *cause;
	struct model_row base = { .id = e->host.base_id, .weights = e->host.base_weights };

	host_drop(e);
	prompt_fail_all(e, &copy);
	chat_host_failed(e, &base, &copy);
	run_host_failed(e, &base, &copy);
}

/* --- adapters --- */

/* A worker keeps its adapters: the same file has the same id there. */
enum err_code host_adapter(struct engine *e, const char *file, int64_t *id, uint32_t *stream, struct err *err)
{
	struct host *h = &e->host;
	uint64_t size;

	*stream = 0;
	for (size_t i = 0; i < h->n_adapters; i++) {
		*id = (int64_t)i + 1;
		if (strcmp(h->adapters[i], file) == 0)
			return ERR_OK;
	}
	int fd = fs_open(file, &size, err);
	if (fd < 0)
		return err->code;
	h->adapters = mem_grow(h->adapters, (h->n_adapters + 1) * sizeof *h->adapters);
	h->adapters[h->n_adapters++] = mem_strdup(file);
	*id = (int64_t)h->n_adapters;
	*stream = host_send(e, REQ_ADAPTER, json_pack("{s:I}", "adapter", (json_int_t)*id), fd);
	h->adapter_streams = mem_grow(h->adapter_streams, h->n_adapters * sizeof *h->adapter_streams);
	h->adapter_streams[h->n_adapters - 1] = *stream;
	return ERR_OK;
}

bool host_adapter_frame(struct engine *e, uint32_t stream, uint8_t kind)
{
	struct host *h = &e->host;
	size_t i = 0;

	while (i < h->n_adapters && (stream == 0 || h->adapter_streams[i] != stream))
		i++;
	if (i == h->n_adapters)
		return false;
	h->adapter_streams[i] = 0;
	h->n_open--;
	if (kind == MSG_FAILED) {
		mem_free(h->adapters[i]);
		h->adapters[i] = mem_strdup("");
	} else if (kind != MSG_OK) {
		host_distrust(e, "adapter");
	}
	return true;
}

/* --- ready, once its weights are known to be numbers and its best number of slots is known --- */

static void host_is_ready(struct engine *e);

static void on_looked(void *user, const struct err *err)
{
	struct engine *e = user;

	e->host.look = NULL;
	if (err->code != ERR_OK)
		host_fail(e, err);
	else if (e->host.awaits_look)
		host_is_ready(e);
}

static void start_look(struct engine *e)
{
	struct host *h = &e->host;

	h->look = values_look_start(e, h->base_path, h->base_stamp, h->base_known, on_looked, e);
	if (h->look)
		loop_timer_set(h->convert_timer, CONVERT_LOOK_MS);
}

struct calibration_job {
	struct job job;
	char key[65];
	int64_t slots;
	char *rates;
};

static void run_calibration_get(struct task *task, void *context)
{
	struct calibration_job *c = (struct calibration_job *)task;
	(void)!calibration_get(context, c->key, &c->slots, &task->err);
}

static void run_calibration_set(struct task *task, void *context)
{
	struct calibration_job *c = (struct calibration_job *)task;
	(void)!calibration_set(context, c->key, c->slots, c->rates, &task->err);
}

/* Loaded, with its slots known; but nothing is answered with weights that nobody has looked at. */
static void host_is_ready(struct engine *e)
{
	struct engine_event event = { .kind = ENGINE_STATUS };

	e->host.awaits_look = e->host.look != NULL;
	if (e->host.awaits_look)
		return;
	e->host.state = HOST_READY;
	e->host.calibrating = false;
	e->host.n_loads_failed = 0;
	engine_emit(e, &event);
	prompt_advance(e);
	run_host_ready(e);
	chat_advance(e);
}

static void home_calibration_get(struct job *job)
{
	struct calibration_job *c = (struct calibration_job *)job;
	struct engine *e = job->e;
	struct host *h = &e->host;

	if (!h->process || !h->calibrating || strcmp(c->key, h->calibration_key) != 0)
		return;
	if (c->slots > 0 && c->slots <= LIMIT_SLOTS) {
		h->slots = c->slots;
		host_is_ready(e);
		return;
	}
	h->calibrate_stream = host_send(e, REQ_CALIBRATE,
					json_pack("{s:i, s:i, s:i}", "max_slots", LIMIT_SLOTS, "kv_tokens", CALIBRATE_TOKENS,
						  "budget_ms", CALIBRATE_MS),
					-1);
}

/* What the best number of slots depends on. */
static void make_calibration_key(struct engine *e)
{
	struct host *h = &e->host;
	struct stat st = { 0 };
	char hex[HASH_HEX_SIZE];

	(void)!stat(h->base_path, &st);
	char *text = mem_printf("%s|%lld|%lld|%s|%s|%lld", h->base_path, (long long)st.st_size, (long long)st.st_mtime, h->build,
				h->device, (long long)h->gpu_layers);
	hash_bytes_hex(text, strlen(text), hex);
	mem_free(text);
	mem_free(h->calibration_key);
	h->calibration_key = mem_strdup(hex);
}

static void look_up_calibration(struct engine *e)
{
	struct calibration_job *c = job_new(e, sizeof *c, run_calibration_get, home_calibration_get);

	make_calibration_key(e);
	str_format(c->key, sizeof c->key, "%s", e->host.calibration_key);
	e->host.calibrating = true;
	job_read(&c->job);
}

static void on_calibrated(struct engine *e, uint8_t kind, const json_t *body)
{
	struct host *h = &e->host;
	struct err err = { 0 };

	h->n_open--;
	h->calibrate_stream = 0;
	h->slots = kind == MSG_CALIBRATED ? json_get_int(body, "slots", 1, LIMIT_SLOTS, 4, &err) : 4;
	if (err.code != ERR_OK || (kind != MSG_CALIBRATED && kind != MSG_FAILED)) {
		host_distrust(e, "calibrated");
		return;
	}
	struct calibration_job *c = job_new(e, sizeof *c, run_calibration_set, NULL);
	struct buf rates = BUF_INIT(64 * KIB);
	const json_t *list = json_object_get(body, "rates");
	if (list)
		json_write(&rates, list);
	c->slots = h->slots;
	c->rates = arena_strdup(c->job.arena, buf_text(&rates));
	str_format(c->key, sizeof c->key, "%s", h->calibration_key);
	buf_release(&rates);
	if (kind == MSG_CALIBRATED)
		job_write(&c->job);
	else
		job_home_now(&c->job);
	log_info("engine", "calibrated model=%s slots=%lld", h->base_name, (long long)h->slots);
	host_is_ready(e);
}

/* --- messages of the worker itself --- */

static void on_ready(struct engine *e, const json_t *body)
{
	struct host *h = &e->host;
	struct err err = { 0 };
	const char *sandbox = json_get_text(body, "sandbox", "none", &err);
	int64_t version = json_get_int(body, "version", 0, 1000, 0, &err);
	struct devices *devices = &h->devices;

	(void)!devices_read(json_object_get(body, "devices"), devices, &err);
	str_format(h->sandbox, sizeof h->sandbox, "%s", sandbox);
	str_format(h->build, sizeof h->build, "%s", json_get_text(body, "build", "", &err));
	if (err.code != ERR_OK || h->state != HOST_STARTING || version != WORKER_PROTOCOL_VERSION) {
		host_distrust(e, "version");
		return;
	}
	bool contained = strcmp(sandbox, "full") == 0 || strcmp(sandbox, "seccomp") == 0;
	if (!contained && !e->options.allow_unsandboxed) {
		struct err cause;
		err_set(&cause, ERR_DENIED, "err_unsandboxed", "level=%s", sandbox);
		h->n_loads_failed = LOAD_TRIES;
		worker_process_kill(h->process, &cause);
		return;
	}
	if (h->gpu.layers != 0 || e->options.gpu.layers == 0) /* one that looks for no GPU knows nothing of them */
		e->probed.devices = *devices;
	machine_file_stamp(h->base_path, h->base_stamp);
	bool has_gpu = devices_have_gpu(devices);
	group_machine(e->worker_path, h->build, e->device, has_gpu, h->machine);
	int fd;
	json_t *load = load_request(h->base_path, e->n_threads, &h->gpu, has_gpu, false, &fd, &h->file_bytes, &err);
	if (!load) {
		host_fail(e, &err);
		return;
	}
	h->state = HOST_LOADING;
	h->load_stream = host_send(e, REQ_LOAD, load, fd);
	start_look(e);
}

static void name_device(struct engine *e, int64_t n_layers)
{
	struct host *h = &e->host;
	char gpu[128];

	devices_label(&h->devices, &h->gpu, gpu, sizeof gpu);
	if (h->gpu_layers == 0)
		str_format(h->device, sizeof h->device, "%s", e->device);
	else if (h->gpu_layers >= n_layers)
		str_format(h->device, sizeof h->device, "%s", gpu);
	else
		str_format(h->device, sizeof h->device, "%s, %lld/%lld layers", gpu, (long long)h->gpu_layers, (long long)n_layers);
}

/* KV cells that `share` of the memory that is free has room for, in main memory and on GPUs; 0 if unknown. */
double host_cells(const struct engine *e, double share)
{
	const struct host *h = &e->host;
	int64_t free = machine_memory().available - h->weights_host_bytes;
	double cells = h->kv_host_bytes > 0 ? (free > 0 ? share * (double)free / (double)h->kv_host_bytes : 0) : (double)h->kv_room;

	return h->kv_room >= 0 && share * (double)h->kv_room < cells ? share * (double)h->kv_room : cells > 0 ? cells : 0;
}

static void on_load_message(struct engine *e, uint8_t kind, const json_t *body)
{
	struct host *h = &e->host;
	struct err err = { 0 };

	if (kind == MSG_PROGRESS) {
		if (!h->look)
			h->progress = json_get_number(body, "fraction", 0, 1.001, 0, &err);
		show_progress(e);
		return;
	}
	h->n_open--;
	h->load_stream = 0;
	if (kind == MSG_FAILED) {
		failure_read(body, &err);
		host_fail(e, &err);
		return;
	}
	h->kv_bytes_per_token = json_get_int(body, "kv_bytes_per_token", 0, 1LL << 32, 0, &err);
	h->kv_host_bytes = json_get_int(body, "kv_host_bytes_per_token", 0, 1LL << 32, h->kv_bytes_per_token, &err);
	h->weights_host_bytes = json_get_int(body, "weights_host_bytes", 0, 1LL << 50, json_get_int(body, "size_bytes", 0, 1LL << 50, 0, &err), &err);
	h->kv_room = json_get_int(body, "kv_room", 0, INT32_MAX, -1, &err);
	h->gpu_layers = json_get_int(body, "gpu_layers", 0, INT32_MAX, 0, &err);
	name_device(e, json_get_int(body, "n_layer", 0, INT32_MAX, 0, &err) + 1);
	h->n_ctx_train = json_get_int(body, "n_ctx_train", 0, 1LL << 31, 0, &err);
	str_format(h->template_hash, sizeof h->template_hash, "%s", json_get_text(body, "template_hash", "", &err));
	if (err.code != ERR_OK || kind != MSG_LOADED) {
		host_distrust(e, "loaded");
		return;
	}
	look_up_calibration(e);
}

static void on_frame(void *user, const struct frame *f)
{
	struct engine *e = user;
	struct host *h = &e->host;
	struct err err = { 0 };

	if (f->stream != 0 && (flight_frame(e, f) || prompt_frame(e, f) || chat_frame(e, f)))
		return;
	json_t *body = json_parse_frame(f->body, &err);
	if (!json_is_object(body))
		host_distrust(e, "frame");
	else if (f->stream == 0 && f->kind == MSG_READY)
		on_ready(e, body);
	else if (f->stream != 0 && f->stream == h->load_stream)
		on_load_message(e, f->kind, body);
	else if (f->stream != 0 && f->stream == h->calibrate_stream) {
		if (f->kind != MSG_PROGRESS)
			on_calibrated(e, f->kind, body);
	} else if (!run_adapter_frame(e, f->stream, f->kind, body) && !host_adapter_frame(e, f->stream, f->kind))
		host_distrust(e, "stream");
	json_decref(body);
}

/* --- life and death --- */

static void on_died(void *user, const struct err *cause)
{
	struct engine *e = user;
	struct host *h = &e->host;
	struct err copy = *cause;
	bool in_load = h->state != HOST_READY;
	struct engine_event event = { .kind = ENGINE_STATUS };

	forget(h);
	loop_timer_set(h->watchdog, -1);
	engine_emit(e, &event);
	if (in_load && ++h->n_loads_failed >= LOAD_TRIES) {
		host_fail(e, &copy);
		return;
	}
	if (!in_load && !e->active && !prompt_waits(e) && !chat_waits(e))
		return; /* it was idle: the next run starts another */
	h->backoff_ms = h->backoff_ms ? h->backoff_ms * 2 : BACKOFF_MS;
	if (h->backoff_ms > 4 * BACKOFF_MS)
		h->backoff_ms = 4 * BACKOFF_MS;
	h->state = HOST_WAITING;
	loop_timer_set(h->backoff, e->options.quick_retries ? 10 : h->backoff_ms);
	prompt_worker_died(e, &copy);
	run_host_died(e, &copy);
	chat_host_died(e, &copy);
}

static int64_t patience(const struct engine *e)
{
	return e->options.silence_ms > 0 ? e->options.silence_ms : SILENCE_MS;
}

static const struct worker_events worker_events = { on_frame, on_died };

static void start_process(struct engine *e)
{
	struct host *h = &e->host;
	struct err err = { 0 };
	uint32_t no, count;
	size_t stem;
	struct worker_options options = { .program = e->worker_path, .cpu_only = h->gpu.layers == 0,
					  .read = { gguf_split_name(h->base_path, &no, &count, &stem) ? h->base_path : NULL } };

	h->process = worker_process_start(e->options.loop, &options, &worker_events, e, &err);
	if (!h->process) {
		host_fail(e, &err);
		return;
	}
	h->incarnation++;
	h->next_stream = STREAM_FIRST;
	h->progress = 0;
	h->state = HOST_STARTING;
	loop_timer_set(h->watchdog, patience(e) / WATCH_PARTS);
	struct engine_event event = { .kind = ENGINE_STATUS };
	engine_emit(e, &event);
}

/* Room for several short answers at once, or for the longest of the run's columns that stand on this base.  Less will do: then
 * questions that are too long fail, one by one. */
static struct memory_tokens wanted_tokens(const struct engine *e)
{
	struct memory_tokens tokens = { MEMORY_TOKENS_WANTED, MEMORY_TOKENS_LEAST };
	const struct active *a = e->active;

	for (size_t i = 0; a && i < a->n_columns; i++) {
		const struct active_column *c = &a->columns[i];
		if (c->remote || c->state == COLUMN_DONE || c->state == COLUMN_FAILED || !host_is_of(e, &c->base))
			continue;
		int64_t needed = fit_answer_tokens(&c->base, &c->row.params, &a->extent);
		tokens.wanted = needed > tokens.wanted ? needed : tokens.wanted;
	}
	return tokens;
}

static void memory_checked(void *user, const struct memory_answer *answer, const struct err *err)
{
	struct engine *e = user;
	int64_t wanted = wanted_tokens(e).wanted;

	e->host.fit = NULL;
	e->host.checked_tokens = answer->kv_tokens;
	if (err->code == ERR_OK && answer->kv_tokens < wanted)
		log_warn("engine", "only shorter contexts fit: model=%s tokens=%lld of %lld", e->host.base_name,
			 (long long)answer->kv_tokens, (long long)wanted);
	if (err->code == ERR_OK)
		start_process(e);
	else
		host_fail(e, err);
}

static void check_memory(struct engine *e)
{
	struct host *h = &e->host;
	struct fit_wish wish = { .path = h->base_path, .name = h->base_name, .base_id = h->base_id, .gpu = h->gpu,
				 .tokens = wanted_tokens(e) };

	h->state = HOST_CHECKING;
	h->fit = fit_start(e, &wish, memory_checked, e);
}

bool same_base(const struct model_row *a, const struct model_row *b)
{
	return a->id == b->id && a->weights == b->weights;
}

bool host_is_of(const struct engine *e, const struct model_row *base)
{
	return e->host.base_id == base->id && e->host.base_weights == base->weights;
}

bool host_want(struct engine *e, const struct model_row *base)
{
	struct host *h = &e->host;
	const char *lender = base->base_path ? base->base_path : "";
	bool is_mine = host_is_of(e, base) && h->lender && strcmp(h->lender, lender) == 0;

	if (is_mine && h->state == HOST_READY)
		return true;
	if (is_mine && h->state != HOST_NONE)
		return false;
	if (!is_mine) {
		prompt_fail_asked(e);
		host_drop(e);
	}
	h->base_id = base->id;
	h->base_weights = base->weights;
	h->is_stale = false;
	h->gpu = gpu_use_of(&e->options.gpu, base);
	str_format(h->gpu_device, sizeof h->gpu_device, "%s", h->gpu.device ? h->gpu.device : "");
	h->gpu.device = h->gpu_device;
	mem_free(h->lender);
	h->lender = mem_strdup(lender);
	mem_free(h->base_path);
	mem_free(h->base_name);
	h->base_path = mem_strdup(base->model.path);
	h->base_name = mem_strdup(base->model.name);
	str_format(h->base_known, sizeof h->base_known, "%s",
		   base->weights == WEIGHTS_Q8_0 ? base->q8_sha256_of : base->sha256_of);
	if (model_cache_wants_as(base->model.path, base->weights))
		convert_base(e, base);
	else
		check_memory(e);
	return false;
}

void host_refresh(struct engine *e)
{
	char stamp[FILE_STAMP_SIZE];

	if (e->host.state != HOST_READY)
		return;
	machine_file_stamp(e->host.base_path, stamp);
	if (!e->host.is_stale && strcmp(stamp, e->host.base_stamp) == 0)
		return;
	prompt_fail_asked(e);
	host_drop(e);
}

static void on_backoff(void *user)
{
	struct engine *e = user;

	if (e->host.state != HOST_WAITING)
		return;
	e->host.state = HOST_NONE;
	/* Who still wants it starts it again. */
	run_advance(e);
	chat_advance(e);
	prompt_advance(e);
}

static void on_watch(void *user)
{
	struct engine *e = user;
	struct host *h = &e->host;

	if (!h->process)
		return;
	int64_t silence_ms = patience(e);
	if ((h->n_open > 0 || h->state == HOST_STARTING) && worker_process_silent_ms(h->process) > silence_ms) {
		struct err cause;
		err_set(&cause, ERR_IO, "err_worker_silent", "seconds=%lld", (long long)(silence_ms + 999) / 1000);
		worker_process_kill(h->process, &cause);
	}
	loop_timer_set(h->watchdog, silence_ms / WATCH_PARTS);
}

void host_init(struct engine *e)
{
	e->host.backoff = loop_timer_new(e->options.loop, on_backoff, e);
	e->host.watchdog = loop_timer_new(e->options.loop, on_watch, e);
	e->host.convert_timer = loop_timer_new(e->options.loop, on_convert_look, e);
}

void host_release(struct engine *e)
{
	struct host *h = &e->host;

	forget(h);
	loop_timer_free(h->backoff);
	loop_timer_free(h->watchdog);
	loop_timer_free(h->convert_timer);
	mem_free(h->lender);
	mem_free(h->base_path);
	mem_free(h->base_name);
	mem_free(h->calibration_key);
}
