/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/active.h"
#include "engine/adapter_cache.h"
#include "engine/machine.h"
#include "engine/memory.h"
#include "model/gguf.h"
#include "worker/protocol.h"

#define KV_SHARE 0.8 /* of the free memory; the rest is for compute buffers */
#define KV_MIN MEMORY_TOKENS_LEAST
#define KV_MAX (1 << 24)

/* --- adapter --- */

struct adapter_job {
	struct job job;
	size_t column;
	char *adapter_path, *base_path, *data_dir;
	char *file; /* owned until taken */
};

static void run_adapter(struct task *task, void *context)
{
	struct adapter_job *j = (struct adapter_job *)task;

	(void)context;
	(void)!adapter_cache_get(j->data_dir, j->adapter_path, j->base_path, &j->file, &task->cancelled, &task->err);
}

static void home_adapter(struct job *job)
{
	struct adapter_job *j = (struct adapter_job *)job;
	struct engine *e = job->e;

	if (!job_is_current(job)) {
		mem_free(j->file);
		return;
	}
	struct active_column *c = &e->active->columns[j->column];
	c->preparing = false;
	if (job->task.err.code != ERR_OK) {
		mem_free(j->file);
		column_fail(e, c, &job->task.err);
	} else {
		mem_free(c->adapter_file);
		c->adapter_file = j->file;
	}
	run_advance(e);
}

static void drop_adapter(struct job *job)
{
	mem_free(((struct adapter_job *)job)->file);
}

static void convert_adapter(struct engine *e, struct active_column *c)
{
	struct adapter_job *j = job_new(e, sizeof *j, run_adapter, home_adapter);

	j->job.drop = drop_adapter;
	j->job.serial = e->active->serial;
	j->column = (size_t)(c - e->active->columns);
	j->adapter_path = arena_strdup(j->job.arena, c->model.model.path);
	j->base_path = arena_strdup(j->job.arena, e->host.base_path);
	j->data_dir = arena_strdup(j->job.arena, e->data_dir);
	c->preparing = true;
	job_work(&j->job);
}

static bool send_adapter(struct engine *e, struct active_column *c)
{
	struct err err = { 0 };

	c->adapter_incarnation = e->host.incarnation;
	if (host_adapter(e, c->adapter_file, &c->adapter_id, &c->adapter_stream, &err) == ERR_OK)
		return true;
	column_fail(e, c, &err);
	return false;
}

bool run_adapter_frame(struct engine *e, uint32_t stream, uint8_t kind, const json_t *body)
{
	struct err cause = { 0 };

	for (size_t i = 0; e->active && i < e->active->n_columns; i++) {
		struct active_column *c = &e->active->columns[i];
		if (stream == 0 || c->adapter_stream != stream || c->adapter_incarnation != e->host.incarnation)
			continue;
		if (!host_adapter_frame(e, stream, kind) || (kind != MSG_OK && kind != MSG_FAILED))
			return true;
		c->adapter_stream = 0;
		c->n_adapter_deaths = 0;
		if (kind == MSG_FAILED) {
			failure_read(body, &cause);
			column_fail(e, c, &cause);
		}
		run_advance(e);
		return true;
	}
	return false;
}

/* --- plan and provenance --- */

struct column_job {
	struct job job;
	struct column_row row;
};

static void run_set_column(struct task *task, void *context)
{
	struct column_job *j = (struct column_job *)task;
	(void)!run_store_set_column(context, &j->row, &task->err);
}

static void home_set_column(struct job *job)
{
	if (job->task.err.code != ERR_OK)
		log_error("engine", "column not stored: %s %s", job->task.err.key, job->task.err.args);
}

void column_store(struct engine *e, const struct active_column *c)
{
	struct column_job *j = job_new(e, sizeof *j, run_set_column, home_set_column);
	struct arena *a = j->job.arena;

	j->row = c->row;
	j->row.problem = c->problem;
	j->row.label = arena_strdup(a, c->row.label);
	j->row.model_hash = arena_strdup(a, c->row.model_hash);
	j->row.adapter_hash = arena_strdup(a, c->row.adapter_hash);
	j->row.template_hash = arena_strdup(a, c->row.template_hash);
	j->row.build = arena_strdup(a, c->row.build);
	j->row.device = arena_strdup(a, c->row.device);
	job_write(&j->job);
}

struct hash_job {
	struct job job;
	int64_t run_id, column_id, base_id, adapter_id;
	enum weights weights;
	char *base_path, *adapter_path;
	char base_hash[65], adapter_hash[65];
	char base_stamp[FILE_STAMP_SIZE]; /* of the file that base_hash is of, and of the adapter's */
	char adapter_stamp[FILE_STAMP_SIZE];
};

static void run_hash(struct task *task, void *context)
{
	struct hash_job *j = (struct hash_job *)task;
	uint8_t digest[HASH_SIZE];
	char stamp[FILE_STAMP_SIZE];

	(void)context;
	struct hashed *last = &j->job.e->hashed;
	machine_file_stamp(j->base_path, stamp);
	if (last->path && strcmp(last->path, j->base_path) == 0 && strcmp(last->stamp, stamp) == 0)
		str_format(j->base_hash, sizeof j->base_hash, "%s", last->hex);
	else if (strcmp(stamp, j->base_stamp) != 0)
		j->base_hash[0] = 0;
	str_format(j->base_stamp, sizeof j->base_stamp, "%s", stamp);
	if (!j->base_hash[0] && gguf_model_hash(j->base_path, digest, &task->cancelled, &task->err) == ERR_OK) {
		hash_hex(digest, j->base_hash);
		mem_free(last->path);
		last->path = mem_strdup(j->base_path);
		str_format(last->stamp, sizeof last->stamp, "%s", stamp);
		str_format(last->hex, sizeof last->hex, "%s", j->base_hash);
	}
	if (!j->adapter_path || task->err.code != ERR_OK)
		return;
	adapter_stamp(j->adapter_path, j->adapter_stamp);
	(void)!adapter_hash(j->adapter_path, j->adapter_hash, &task->cancelled, &task->err);
}

struct set_hash_job {
	struct job job;
	int64_t run_id, column_id, base_id, adapter_id;
	enum weights weights;
	char base_hash[65], adapter_hash[65], base_stamp[FILE_STAMP_SIZE], adapter_stamp[FILE_STAMP_SIZE];
};

/* Reads the column anew: its run may be over, and more may be known of it by now. */
static void run_set_hash(struct task *task, void *context)
{
	struct set_hash_job *j = (struct set_hash_job *)task;
	struct run_row run;
	struct column_row *rows;
	size_t n = 0;

	enum err_code code = j->weights == WEIGHTS_Q8_0 ?
				     model_store_set_q8_hash(context, j->base_id, j->base_hash, j->base_stamp, &task->err) :
				     model_store_set_hash(context, j->base_id, j->base_hash, j->base_stamp, &task->err);
	if (code != ERR_OK ||
	    (j->adapter_id &&
	     model_store_set_hash(context, j->adapter_id, j->adapter_hash, j->adapter_stamp, &task->err) != ERR_OK) ||
	    run_store_get(context, j->job.arena, j->run_id, &run, &rows, &n, &task->err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].id != j->column_id)
			continue;
		rows[i].model_hash = j->base_hash;
		rows[i].adapter_hash = j->adapter_hash;
		(void)!run_store_set_column(context, &rows[i], &task->err);
	}
}

/* What the column of the active run writes later carries its hashes too. */
static void keep_hash(struct engine *e, const struct hash_job *j)
{
	struct active *a = e->active;

	for (size_t i = 0; i < a->n_columns; i++) {
		struct active_column *c = &a->columns[i];
		if (c->row.id != j->column_id)
			continue;
		c->hashing = false;
		c->row.model_hash = arena_strdup(a->arena, j->base_hash);
		c->row.adapter_hash = arena_strdup(a->arena, j->adapter_hash);
	}
}

static void home_hash(struct job *job)
{
	struct hash_job *j = (struct hash_job *)job;
	struct engine *e = job->e;

	if (job->task.err.code != ERR_OK) {
		log_warn("engine", "no hash of column %lld: %s", (long long)j->column_id, job->task.err.key);
		return;
	}
	struct set_hash_job *set = job_new(e, sizeof *set, run_set_hash, NULL);
	set->run_id = j->run_id;
	set->column_id = j->column_id;
	set->base_id = j->base_id;
	set->weights = j->weights;
	set->adapter_id = j->adapter_id;
	str_format(set->base_hash, sizeof set->base_hash, "%s", j->base_hash);
	str_format(set->adapter_hash, sizeof set->adapter_hash, "%s", j->adapter_hash);
	str_format(set->base_stamp, sizeof set->base_stamp, "%s", j->base_stamp);
	str_format(set->adapter_stamp, sizeof set->adapter_stamp, "%s", j->adapter_stamp);
	job_write(&set->job);
	if (job_is_current(job))
		keep_hash(e, j);
}

static void start_hash(struct engine *e, struct active_column *c)
{
	struct hash_job *j = job_new(e, sizeof *j, run_hash, home_hash);

	j->job.serial = e->active->serial;
	j->run_id = e->active->run_id;
	j->column_id = c->row.id;
	j->base_id = c->base.id;
	j->weights = c->base.weights;
	c->hashing = true;
	j->base_path = arena_strdup(j->job.arena, e->host.base_path);
	if (c->model.model.kind == MODEL_ADAPTER) {
		j->adapter_path = arena_strdup(j->job.arena, c->model.model.path);
		j->adapter_id = c->model.id;
	}
	bool is_q8 = c->base.weights == WEIGHTS_Q8_0;
	str_format(j->base_hash, sizeof j->base_hash, "%s", is_q8 ? c->base.q8_sha256 : c->base.sha256);
	str_format(j->base_stamp, sizeof j->base_stamp, "%s", is_q8 ? c->base.q8_sha256_of : c->base.sha256_of);
	job_hash(&j->job);
}

/* Of the template that its prompts are made with: the column's own, or the loaded file's. */
static void template_hash(const struct engine *e, const struct active_column *c, char hex[HASH_HEX_SIZE])
{
	const char *own = c->row.params.template;

	if (!own || !*own) {
		str_format(hex, HASH_HEX_SIZE, "%s", e->host.template_hash);
		return;
	}
	hash_bytes_hex(own, strlen(own), hex);
}

/* Fixed at the column's first start: the groups follow from it, also when the run goes on on another day. */
static void plan_column(struct engine *e, struct active_column *c)
{
	const struct host *h = &e->host;
	char template[HASH_HEX_SIZE];

	template_hash(e, c, template);
	if (c->row.slots <= 0)
		c->row.slots = h->slots > 0 ? h->slots : 4;
	if (c->row.kv_tokens <= 0) {
		double tokens = host_cells(e, KV_SHARE);
		if (h->kv_room < 0 && tokens < (double)h->checked_tokens)
			tokens = (double)h->checked_tokens; /* with all buffers that go with so many */
		c->row.kv_tokens = tokens < KV_MIN ? KV_MIN : tokens > KV_MAX ? KV_MAX : (int64_t)tokens;
	}
	if (c->row.build[0] && (strcmp(c->row.build, h->build) != 0 || strcmp(c->row.template_hash, template) != 0))
		log_warn("engine", "column %lld goes on with another build or template", (long long)c->row.id);
	if (!c->row.build[0]) {
		c->row.template_hash = arena_strdup(e->active->arena, template);
		c->row.build = arena_strdup(e->active->arena, h->build);
		c->row.device = arena_strdup(e->active->arena, h->device);
	}
	column_store(e, c);
	if (!c->row.model_hash[0] && !c->hashing)
		start_hash(e, c);
}

/* A worker that dies is replaced by one that loads what is there now: a column's answers are not to be of two files. */
static bool was_replaced(struct engine *e, struct active_column *c)
{
	struct err cause;

	if (!c->prepared || strcmp(c->base_stamp, e->host.base_stamp) == 0)
		return false;
	err_set(&cause, ERR_CONFLICT, "err_model_replaced", NULL);
	column_fail(e, c, &cause);
	return true;
}

bool column_prepare(struct engine *e, struct active_column *c)
{
	if (c->state == COLUMN_FAILED || c->preparing || was_replaced(e, c))
		return false;
	if (c->model.model.kind == MODEL_ADAPTER && !c->adapter_file) {
		convert_adapter(e, c);
		return false;
	}
	if (c->adapter_file && c->adapter_incarnation != e->host.incarnation && !send_adapter(e, c))
		return false;
	if (!c->prepared) {
		plan_column(e, c);
		c->prepared = true;
		str_format(c->base_stamp, sizeof c->base_stamp, "%s", e->host.base_stamp);
	}
	return true;
}
