/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/merge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ggml-cpu.h"
#include "model/ggml_type.h"
#include "model/merge_plan.h"
#include "worker/job.h"
#include "worker/merge_rows.h"

#define BLOCK_VALUES (512 * KIB) /* in one step of a thread */
#define ALONE_VALUES (1 * MIB)   /* tensors below are not worth a second thread */
#define ROW_MAX (16 * MIB)	 /* values; no model comes near */
#define THREADS_MAX 64
#define SUFFIX_MAX (64 * KIB)

/* Room for one block of one thread. */
struct room {
	char *in;
	float *values;
	char *out;
};

struct merge {
	struct job job;
	struct merge_plan plan;
	const char *base, *output;
	int fd, n_threads;
	struct room rooms[THREADS_MAX];
	uint64_t in_bytes, block_values; /* of a room */
	uint64_t total;
	/* The tensor at hand. */
	const struct merge_tensor *tensor;
	uint64_t place, n_rows, block_rows;
	float *left, *right; /* NULL where nothing is merged into it */
	atomic_uint_fast64_t next_row, done;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct err err; /* the first failure of any thread, under the lock */
};

static uint64_t row_bytes(const struct gguf_tensor *t)
{
	return t->size / (t->ne[1] * t->ne[2] * t->ne[3]);
}

/* --- one block --- */

static bool is_copied(const struct merge_tensor *t)
{
	return !t->a && t->type == t->base->type;
}

static void add_rows(const struct merge *m, float *values, uint64_t first, uint64_t rows)
{
	const struct merge_tensor *t = m->tensor;
	uint64_t n = t->base->ne[0];
	for (uint64_t i = 0; i < rows; i++)
		merge_add(values + i * n, n, m->left + (first + i) * t->rank, m->right, t->rank, t->scale);
}

static enum err_code pack_values(const struct merge *m, const struct room *room, uint64_t n, struct err *err)
{
	const struct merge_tensor *t = m->tensor;
	if (t->type == GGML_ID_F32) {
		memcpy(room->out, room->values, n * sizeof(float));
	} else if (t->type == GGML_ID_BF16) {
		ggml_cpu_fp32_to_bf16(room->values, (ggml_bf16_t *)(void *)room->out, (int64_t)n);
	} else {
		ggml_cpu_fp32_to_fp16(room->values, (ggml_fp16_t *)(void *)room->out, (int64_t)n);
	}
	bool fits = t->type == GGML_ID_F32 ||
		    merge_finite_16((const uint16_t *)(const void *)room->out, n, t->type == GGML_ID_BF16);
	if (fits && t->type != GGML_ID_F32)
		return ERR_OK;
	if (!merge_finite(room->values, n))
		return err_set(err, ERR_DATA, "err_merge_not_finite", "tensor=%s", t->base->name);
	return fits ? ERR_OK : err_set(err, ERR_DATA, "err_merge_overflow", "tensor=%s", t->base->name);
}

static enum err_code do_block(const struct merge *m, const struct room *room, uint64_t first, uint64_t rows,
			      struct err *err)
{
	const struct merge_tensor *t = m->tensor;
	uint64_t bytes = row_bytes(t->base), n = rows * t->base->ne[0], out_bytes = t->size / m->n_rows;
	const char *out = room->in;
	if (gguf_read_data(m->plan.base, t->base, first * bytes, room->in, rows * bytes, err) != ERR_OK)
		return err->code;
	if (!is_copied(t)) {
		if (t->base->type == GGML_ID_F32)
			memcpy(room->values, room->in, n * sizeof(float));
		else
			ggml_get_type_traits((enum ggml_type)t->base->type)->to_float(room->in, room->values, (int64_t)n);
		if (m->left)
			add_rows(m, room->values, first, rows);
		if (pack_values(m, room, n, err) != ERR_OK)
			return err->code;
		out = room->out;
	}
	return job_write(m->fd, m->output, out, rows * out_bytes, m->place + first * out_bytes, err);
}

/* --- threads --- */

static void fail(struct merge *m, const struct err *err)
{
	pthread_mutex_lock(&m->lock);
	if (m->err.code == ERR_OK)
		m->err = *err;
	pthread_mutex_unlock(&m->lock);
	atomic_store(&m->stop, true);
}

/* Takes blocks of the tensor at hand until there are none; the main thread also reports. */
static void take_blocks(struct merge *m, const struct room *room, bool reports)
{
	while (!atomic_load(&m->stop)) {
		struct err err = { 0 };
		uint64_t first = atomic_fetch_add(&m->next_row, m->block_rows);
		if (first >= m->n_rows)
			return;
		uint64_t rows = m->n_rows - first < m->block_rows ? m->n_rows - first : m->block_rows;
		if (do_block(m, room, first, rows, &err) != ERR_OK)
			fail(m, &err);
		uint64_t done = atomic_fetch_add(&m->done, rows * (m->tensor->size / m->n_rows));
		if (reports && !job_tick(&m->job, (double)done / (double)m->total, m->tensor->base->name)) {
			job_cancelled(&err);
			fail(m, &err);
		}
	}
}

struct helper {
	struct merge *merge;
	const struct room *room;
	pthread_t thread;
};

static void *help(void *user)
{
	struct helper *h = user;
	take_blocks(h->merge, h->room, false);
	return NULL;
}

static void run_tensor(struct merge *m)
{
	struct helper helpers[THREADS_MAX];
	int n = 0;
	bool alone = m->n_rows * m->tensor->base->ne[0] < ALONE_VALUES;
	for (int i = 1; i < m->n_threads && !alone; i++) {
		helpers[n] = (struct helper){ .merge = m, .room = &m->rooms[i] };
		if (pthread_create(&helpers[n].thread, NULL, help, &helpers[n]) == 0)
			n++;
	}
	take_blocks(m, &m->rooms[0], true);
	for (int i = 0; i < n; i++)
		pthread_join(helpers[i].thread, NULL);
}

/* --- tensors --- */

/* All values of an adapter's tensor as F32 (owned); NULL on failure. */
static float *load_values(const struct gguf *g, const struct gguf_tensor *t, struct err *err)
{
	uint64_t n = t->ne[0] * t->ne[1];
	char *raw = mem_try_alloc(t->size);
	float *values = mem_try_alloc(n * sizeof(float));
	bool ok = raw && values;
	if (!ok)
		err_set(err, ERR_LIMIT, "err_adapter_memory", "tensor=%s|n=%llu", t->name, (unsigned long long)t->size);
	ok = ok && gguf_read_data(g, t, 0, raw, t->size, err) == ERR_OK;
	if (ok && t->type == GGML_ID_F32)
		memcpy(values, raw, t->size);
	else if (ok)
		ggml_get_type_traits((enum ggml_type)t->type)->to_float(raw, values, (int64_t)n);
	mem_free(raw);
	if (ok)
		return values;
	mem_free(values);
	return NULL;
}

/* [rows][columns] -> [columns][rows]; takes over `from`. */
static float *transpose(float *from, uint64_t rows, uint64_t columns)
{
	float *to = mem_try_alloc(rows * columns * sizeof(float));
	for (uint64_t r = 0; to && r < rows; r++) {
		for (uint64_t c = 0; c < columns; c++)
			to[c * rows + r] = from[r * columns + c];
	}
	mem_free(from);
	return to;
}

static enum err_code load_pair(struct merge *m, struct err *err)
{
	const struct merge_tensor *t = m->tensor;
	m->left = load_values(m->plan.adapter, t->embedding ? t->a : t->b, err);
	m->right = m->left ? load_values(m->plan.adapter, t->embedding ? t->b : t->a, err) : NULL;
	if (m->right && t->embedding) {
		m->right = transpose(m->right, t->b->ne[1], t->b->ne[0]);
		if (!m->right)
			err_set(err, ERR_LIMIT, "err_adapter_memory", "tensor=%s|n=%llu", t->b->name,
				(unsigned long long)t->b->size);
	}
	return err->code;
}

static enum err_code merge_tensors(struct merge *m, struct err *err)
{
	for (size_t i = 0; i < m->plan.n && m->err.code == ERR_OK; i++) {
		const struct gguf_tensor *base = m->plan.tensors[i].base;
		m->tensor = &m->plan.tensors[i];
		m->place = gguf_writer_place(m->plan.writer, i);
		m->n_rows = base->ne[1] * base->ne[2] * base->ne[3];
		m->block_rows = m->block_values / base->ne[0];
		atomic_store(&m->next_row, 0);
		if (!m->tensor->a || load_pair(m, err) == ERR_OK)
			run_tensor(m);
		mem_free(m->left);
		mem_free(m->right);
		m->left = m->right = NULL;
		if (err->code != ERR_OK)
			return err->code;
	}
	if (m->err.code != ERR_OK)
		*err = m->err;
	return err->code;
}

/* --- the request --- */

/* A room holds a block, or one row where that is longer. */
static enum err_code make_rooms(struct merge *m, struct err *err)
{
	m->block_values = BLOCK_VALUES;
	for (size_t i = 0; i < m->plan.n; i++) {
		uint64_t n = m->plan.tensors[i].base->ne[0];
		m->block_values = n > m->block_values ? n : m->block_values;
		m->total += m->plan.tensors[i].size;
	}
	if (m->block_values > ROW_MAX)
		return err_set(err, ERR_LIMIT, "err_gguf_limit", "path=%s|part=row|n=%llu|limit=%llu", m->base,
			       (unsigned long long)m->block_values, ROW_MAX);
	for (int i = 0; i < m->n_threads; i++) {
		struct room *r = &m->rooms[i];
		r->in = mem_try_alloc(m->block_values * sizeof(double)); /* no type takes more for a value than F64 and I64 */
		r->values = mem_try_alloc(m->block_values * sizeof(float));
		r->out = mem_try_alloc(m->block_values * sizeof(float));
		if (!r->in || !r->values || !r->out)
			return err_set(err, ERR_LIMIT, "err_merge_memory", "n=%llu",
				       (unsigned long long)(m->block_values * 16 * (uint64_t)m->n_threads / MIB));
	}
	return ERR_OK;
}

static enum err_code write_head(struct merge *m, struct err *err)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	enum err_code code = gguf_writer_head(m->plan.writer, &head, err);
	if (code == ERR_OK) {
		m->fd = job_open_output(m->output, gguf_writer_place(m->plan.writer, m->plan.n), err);
		code = m->fd < 0 ? err->code : job_write(m->fd, m->output, head.ptr, head.len, 0, err);
	}
	buf_release(&head);
	return code;
}

static enum err_code read_request(struct merge *m, const json_t *body, struct merge_options *o, struct err *err)
{
	const char *type = json_get_text(body, "type", "F16", err);
	o->name = json_get_text(body, "name", "", err);
	o->template = json_get_text(body, "template", "", err);
	o->template_suffix = json_get_text(body, "template_suffix", "", err);
	m->n_threads = (int)json_get_int(body, "n_threads", 1, THREADS_MAX, 2, err);
	if (err->code != ERR_OK || job_path(body, "base", false, &o->base, err) != ERR_OK ||
	    job_path(body, "adapter", true, &o->adapter, err) != ERR_OK ||
	    job_path(body, "output", false, &m->output, err) != ERR_OK)
		return err->code;
	m->base = o->base;
	o->type = strcmp(type, "BF16") == 0 ? GGML_ID_BF16 : GGML_ID_F16;
	if (o->type == GGML_ID_F16 && strcmp(type, "F16") != 0)
		return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "type");
	if (strlen(o->template_suffix) > SUFFIX_MAX || strlen(o->name) > LIMIT_NAME_BYTES)
		return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "name");
	if (strlen(o->template) > LIMIT_TEMPLATE)
		return err_set(err, ERR_INVALID, "err_worker_request", "field=%s", "template");
	if (job_refuse_same(m->output, o->base, err) != ERR_OK ||
	    (o->adapter[0] && job_refuse_same(m->output, o->adapter, err) != ERR_OK))
		return err->code;
	return ERR_OK;
}

static json_t *describe(const struct merge *m)
{
	const struct merge_plan *p = &m->plan;
	return json_pack("{s:{s:I, s:I, s:I, s:s, s:b, s:I, s:I, s:I}}", "stats", "n_tensors", (json_int_t)p->n, "n_changed",
			 (json_int_t)p->n_changed, "n_params", (json_int_t)p->n_params, "base_type",
			 ggml_type_find(p->base_type)->name, "base_quantized", p->base_quantized, "size_bytes",
			 (json_int_t)gguf_writer_place(p->writer, p->n), "wall_us", (json_int_t)job_wall_us(&m->job),
			 "peak_rss_bytes", (json_int_t)job_peak_rss());
}

enum err_code merge(struct link *l, const struct request *r, json_t **stats, struct err *err)
{
	struct merge m = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct merge_options options = { 0 };
	job_begin(&m.job, l, r, "merge");
	if (read_request(&m, r->body, &options, err) != ERR_OK || merge_plan_open(&options, &m.plan, err) != ERR_OK)
		return err->code;
	if (make_rooms(&m, err) == ERR_OK && write_head(&m, err) == ERR_OK && merge_tensors(&m, err) == ERR_OK)
		*stats = describe(&m);
	for (int i = 0; i < m.n_threads; i++) {
		mem_free(m.rooms[i].in);
		mem_free(m.rooms[i].values);
		mem_free(m.rooms[i].out);
	}
	if (m.fd >= 0 && close(m.fd) != 0 && err->code == ERR_OK)
		err_set(err, ERR_IO, "err_fs_write", "path=%s|reason=%s", m.output, "close");
	merge_plan_close(&m.plan);
	return err->code;
}
