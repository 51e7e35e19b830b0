/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/quantize.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/lora.h"
#include "model/quant_types.h"
#include "worker/imatrix_file.h"
#include "worker/job.h"
#include "worker/load.h"
#include "worker/quantize_log.h"
#include "worker/relay.h"

#define ROWS_MEMORY (256 * MIB) /* rows that llama.cpp holds at once */
#define THREADS_MAX 256
#define WAIT_MS 50

struct quantizer {
	struct job job;
	struct arena *arena;
	char *input; /* the first part where it is split */
	const char *output, *imatrix_path;
	const struct quant_type *type;
	struct gguf *model;
	struct imatrix imatrix;
	struct llama_model_quantize_params params;
	struct llama_model_kv_override overrides[4];
	bool dry_run, allow_requantize;
	pthread_mutex_t lock; /* of log, which the tap writes */
	struct quantize_log log;
	bool ok;
	struct shim_why why;
};

/* --- the request --- */

static enum err_code read_request(struct quantizer *q, const json_t *body, struct err *err)
{
	const char *input = NULL, *type = json_get_text(body, "type", "", err);
	q->dry_run = json_get_bool(body, "dry_run", false, err);
	q->allow_requantize = json_get_bool(body, "allow_requantize", false, err);
	q->params = llama_model_quantize_default_params();
	q->params.nthread = (int32_t)json_get_int(body, "n_threads", 1, THREADS_MAX, 2, err);
	if (err->code != ERR_OK || job_path(body, "input", false, &input, err) != ERR_OK ||
	    job_path(body, "output", q->dry_run, &q->output, err) != ERR_OK ||
	    job_path(body, "imatrix", true, &q->imatrix_path, err) != ERR_OK)
		return err->code;
	q->type = quant_type_find(type);
	if (!q->type)
		return err_set(err, ERR_INVALID, "err_quantize_type", "type=%s", type);
	q->input = gguf_part_path(input, 1);
	q->params.ftype = (enum llama_ftype)q->type->file_type;
	q->params.allow_requantize = q->allow_requantize;
	q->params.max_buf_size = ROWS_MEMORY;
	if (q->dry_run)
		return ERR_OK;
	if (job_refuse_same(q->output, q->input, err) != ERR_OK ||
	    (q->imatrix_path[0] && job_refuse_same(q->output, q->imatrix_path, err) != ERR_OK))
		return err->code;
	return ERR_OK;
}

static enum err_code check_input(struct quantizer *q, struct err *err)
{
	const char *architecture;
	q->model = lora_base_open(q->input, &architecture, q->arena, err);
	if (!q->model)
		return err->code;
	for (size_t i = 0; i < gguf_n_tensors(q->model) && !q->allow_requantize; i++) {
		const struct ggml_type_info *info = ggml_type_find(gguf_tensor_at(q->model, i)->type);
		if (info->block_values > 1)
			return err_set(err, ERR_CONFLICT, "err_quantize_again", "path=%s|type=%s", q->input, info->name);
	}
	return ERR_OK;
}

/* What the file says about its importance matrix, in llama-quantize's words. */
static void note_imatrix(struct quantizer *q)
{
	struct llama_model_kv_override *o = q->overrides;
	o[0] = (struct llama_model_kv_override){ .tag = LLAMA_KV_OVERRIDE_TYPE_STR };
	str_format(o[0].key, sizeof(o[0].key), "quantize.imatrix.file");
	str_format(o[0].val_str, sizeof(o[0].val_str), "%.100s", fs_basename(q->imatrix_path));
	o[1] = (struct llama_model_kv_override){ .tag = LLAMA_KV_OVERRIDE_TYPE_INT, .val_i64 = (int64_t)q->imatrix.n };
	str_format(o[1].key, sizeof(o[1].key), "quantize.imatrix.entries_count");
	o[2] = (struct llama_model_kv_override){ .tag = LLAMA_KV_OVERRIDE_TYPE_INT, .val_i64 = q->imatrix.n_chunks };
	str_format(o[2].key, sizeof(o[2].key), "quantize.imatrix.chunks_count");
	o[3] = (struct llama_model_kv_override){ .key = "" };
	q->params.kv_overrides = o;
}

/* --- llama.cpp --- */

static void on_log(void *user, const char *text)
{
	struct quantizer *q = user;
	pthread_mutex_lock(&q->lock);
	quantize_log_add(&q->log, text);
	pthread_mutex_unlock(&q->lock);
}

static void *run(void *user)
{
	struct quantizer *q = user;
	q->ok = shim_quantize(q->input, q->output, &q->params, &q->why);
	return NULL;
}

static enum err_code explain(struct quantizer *q, struct err *err)
{
	if (q->ok && !q->log.lost)
		return ERR_OK;
	return err_set(err, ERR_DATA, "err_quantize_failed", "reason=%s",
		       q->ok ? "its log cannot be read" : load_reason(&q->why));
}

static void listen(struct quantizer *q)
{
	q->log = (struct quantize_log){ .input = q->model };
	relay_reset();
	relay_tap(on_log, q);
}

/* Types and the exact size, in milliseconds. */
static enum err_code dry_run(struct quantizer *q, struct err *err)
{
	q->params.dry_run = true;
	listen(q);
	run(q);
	relay_tap(NULL, NULL);
	q->params.dry_run = false;
	q->log.planned += gguf_data_offset(q->model);
	if (explain(q, err) != ERR_OK)
		return err->code;
	if (q->log.needs_imatrix && !q->imatrix_path[0] && !q->dry_run)
		return err_set(err, ERR_INVALID, "err_quantize_needs_imatrix", "type=%s", q->type->name);
	uint64_t left = q->dry_run ? UINT64_MAX : fs_free_space(q->output);
	if (left < q->log.planned)
		return err_set(err, ERR_IO, "err_quantize_space", "needed=%llu|free=%llu|path=%s",
			       (unsigned long long)(q->log.planned / MIB + 1), (unsigned long long)(left / MIB), q->output);
	return ERR_OK;
}

static void report(struct quantizer *q, uint64_t total)
{
	char tensor[GGUF_MAX_NAME + 1];
	pthread_mutex_lock(&q->lock);
	uint64_t done = q->log.done;
	memcpy(tensor, q->log.tensor, sizeof(tensor));
	pthread_mutex_unlock(&q->lock);
	if (job_tick(&q->job, (double)done / (double)total, tensor))
		return;
	struct err err = { 0 };
	job_cancelled(&err);
	link_fail(q->job.link, q->job.stream, &err);
	link_die(q->job.link, WORKER_EXIT_OK, NULL);
}

/* llama.cpp says of a failed write only that it failed: the next byte tells why. */
static void name_write_error(const struct quantizer *q, struct err *err)
{
	static const char zeros[64 * KIB];
	int fd = open(q->output, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, zeros, sizeof(zeros)) < 0)
		fs_error(err, errno, "err_fs_write", q->output);
	if (fd >= 0)
		close(fd);
}

static enum err_code run_beside(struct quantizer *q, struct err *err)
{
	pthread_t thread;
	uint64_t total = 1;
	for (size_t i = 0; i < gguf_n_tensors(q->model); i++)
		total += gguf_tensor_at(q->model, i)->size;
	int fd = job_open_output(q->output, 0, err); /* the sentence for a path that cannot be written */
	if (fd < 0)
		return err->code;
	close(fd);
	listen(q);
	int code = pthread_create(&thread, NULL, run, q);
	if (code != 0) {
		relay_tap(NULL, NULL);
		return err_set_errno(err, code, "err_quantize_failed", NULL);
	}
	for (bool ended = false; !ended;) {
		int64_t until = clock_mono_ms() + WAIT_MS;
		struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
		ended = pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &at) == 0;
		report(q, total);
	}
	relay_tap(NULL, NULL);
	if (explain(q, err) != ERR_OK)
		name_write_error(q, err);
	return err->code;
}

/* --- the result --- */

static json_t *describe(const struct quantizer *q, const uint32_t *counts, uint64_t size)
{
	json_t *tensors = json_object();
	uint64_t n_params = 0;
	for (uint32_t id = 0; id <= GGML_ID_MAX; id++) {
		if (counts[id] > 0)
			json_object_set_new(tensors, ggml_type_find(id)->name, json_integer(counts[id]));
	}
	for (size_t i = 0; i < gguf_n_tensors(q->model); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(q->model, i);
		n_params += t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
	}
	double bits = (double)(size - gguf_data_offset(q->model)) * 8 / (double)(n_params > 0 ? n_params : 1);
	return json_pack("{s:{s:I, s:I, s:f, s:o, s:i, s:b, s:b, s:I, s:I}}", "stats", "size_bytes", (json_int_t)size, "n_params",
			 (json_int_t)n_params, "bits_per_weight", bits, "tensors", tensors, "n_fallback", q->log.n_fallback,
			 "needs_imatrix", q->log.needs_imatrix, "used_imatrix", q->params.imatrix != NULL, "wall_us",
			 (json_int_t)job_wall_us(&q->job), "peak_rss_bytes", (json_int_t)job_peak_rss());
}

/* Our reader must accept what was written, with every tensor of the input in its shape. */
static enum err_code check_output(const struct quantizer *q, json_t **stats, struct err *err)
{
	uint32_t counts[GGML_ID_MAX + 1] = { 0 };
	struct gguf *g = gguf_open(q->output, err);
	if (!g)
		return err->code;
	for (size_t i = 0; i < gguf_n_tensors(q->model) && err->code == ERR_OK; i++) {
		const struct gguf_tensor *in = gguf_tensor_at(q->model, i), *out = gguf_tensor_find(g, in->name);
		if (!out || memcmp(in->ne, out->ne, sizeof(in->ne)) != 0)
			err_set(err, ERR_INTERNAL, "err_quantize_failed", "reason=%s", "a tensor is missing in the output");
		else
			counts[out->type]++;
	}
	if (err->code == ERR_OK)
		*stats = describe(q, counts, gguf_file_size(g));
	gguf_close(g);
	return err->code;
}

static enum err_code quantize_all(struct quantizer *q, json_t **stats, struct err *err)
{
	if (check_input(q, err) != ERR_OK)
		return err->code;
	if (q->imatrix_path[0]) {
		if (imatrix_read(q->imatrix_path, q->model, &q->imatrix, err) != ERR_OK)
			return err->code;
		q->params.imatrix = q->imatrix.list;
		note_imatrix(q);
	}
	if (dry_run(q, err) != ERR_OK)
		return err->code;
	if (q->dry_run) {
		*stats = describe(q, q->log.counts, q->log.planned);
		return ERR_OK;
	}
	bool needs = q->log.needs_imatrix;
	if (run_beside(q, err) != ERR_OK)
		return err->code;
	q->log.needs_imatrix = needs;
	return check_output(q, stats, err);
}

enum err_code quantize(struct link *l, const struct request *r, json_t **stats, struct err *err)
{
	struct quantizer q = { .arena = arena_new(), .lock = PTHREAD_MUTEX_INITIALIZER };
	job_begin(&q.job, l, r, "quantize");
	if (read_request(&q, r->body, err) == ERR_OK)
		(void)!quantize_all(&q, stats, err);
	if (q.imatrix.arena)
		imatrix_release(&q.imatrix);
	gguf_close(q.model);
	arena_free(q.arena);
	mem_free(q.input);
	return err->code;
}
