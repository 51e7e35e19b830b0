/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/job_files.h"
#include "engine/adapter_cache.h"
#include "engine/machine.h"
#include "model/ggml_type.h"
#include "model/gguf.h"

#define ANSWERS_MAX 512         /* of the validation that the proof may look at */
#define DISK_RESERVE (256 * MIB)

/* --- rows --- */

struct load_errand {
	struct errand errand;
	struct facts facts;
	int64_t model_id, run_id, column_id;
};

static void load_column(struct load_errand *l, struct db *db, struct err *err)
{
	struct facts *f = &l->facts;
	struct column_row *columns;
	struct run_question *all;
	size_t n = 0;

	if (run_store_get(db, f->arena, l->run_id, &f->run, &columns, &n, err) != ERR_OK)
		return;
	for (size_t i = 0; i < n; i++)
		if (columns[i].id == l->column_id)
			f->column = columns[i];
	if (!f->column.id) {
		err_set(err, ERR_NOT_FOUND, "err_column_not_found", "id=%lld", (long long)l->column_id);
		return;
	}
	if (run_store_column_cells(db, f->arena, l->column_id, 0, ANSWERS_MAX, &all, &n, err) != ERR_OK)
		return;
	f->answered = all;
	for (size_t i = 0; i < n; i++)
		if (all[i].cells[0].state == CELL_DONE && all[i].cells[0].text[0])
			f->answered[f->n_answered++] = all[i];
}

static const char *label_of(const struct facts *f, const struct model_list *list)
{
	for (size_t i = 0; i < list->n_families; i++)
		if (f->model.family_id && list->families[i].id == f->model.family_id)
			return list->families[i].name;
	return f->model.model.name;
}

static void run_load(struct task *task, void *context)
{
	struct load_errand *l = (struct load_errand *)task;
	struct facts *f = &l->facts;
	struct db *db = context;
	struct err *err = &task->err;
	struct model_list list;

	if (model_store_get(db, f->arena, l->model_id, &f->model, err) != ERR_OK ||
	    model_store_list(db, f->arena, &list, err) != ERR_OK)
		return;
	f->label = label_of(f, &list);
	f->base = f->model;
	f->is_adapter = f->model.model.kind == MODEL_ADAPTER;
	if (f->model.model.kind == MODEL_REMOTE) {
		err_set(err, ERR_UNSUPPORTED, "err_create_remote", "name=%s", f->model.model.name);
		return;
	}
	if (f->is_adapter && !f->model.base_model_id) {
		err_set(err, ERR_NOT_FOUND, "err_base_missing", "name=%s", f->model.model.base_name);
		return;
	}
	if (f->is_adapter && model_store_get(db, f->arena, f->model.base_model_id, &f->base, err) != ERR_OK)
		return;
	if (l->run_id)
		load_column(l, db, err);
}

/* --- what the disk says --- */

struct disk_errand {
	struct errand errand;
	char *data_dir, *job_dir, *base_path, *adapter_path; /* the last NULL without */
	char *format, *target_dir;
	bool proves;
	char *adapter_file;
	char adapter_hash[65];
	bool base_is_quantized;
	uint64_t n_params;
};

static bool is_quantized(uint32_t type)
{
	return type != GGML_ID_F32 && type != GGML_ID_F16 && type != GGML_ID_BF16;
}

static void look_at_base(struct disk_errand *d, struct err *err)
{
	struct gguf *g = gguf_open_model(d->base_path, err);

	if (!g)
		return;
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		uint64_t n = t->ne[0];
		for (uint32_t k = 1; k < GGUF_MAX_DIMS; k++)
			n *= t->ne[k];
		d->n_params += n;
		d->base_is_quantized |= is_quantized(t->type);
	}
	gguf_close(g);
}

static enum err_code check_room(const struct disk_errand *d, struct err *err)
{
	uint64_t need = creation_disk_bytes(d->n_params, d->format, d->proves), free = fs_free_space(d->job_dir);

	if (need <= free)
		return ERR_OK;
	return err_set(err, ERR_LIMIT, "err_create_disk", "need=%.1f|free=%.1f|path=%s", (double)need / 1e9, (double)free / 1e9,
		       d->data_dir);
}

static void run_disk(struct task *task, void *context)
{
	struct disk_errand *d = (struct disk_errand *)task;
	struct err *err = &task->err;

	(void)context;
	look_at_base(d, err);
	if (err->code != ERR_OK || job_dir_make(d->job_dir, err) != ERR_OK || check_room(d, err) != ERR_OK || !d->adapter_path)
		return;
	char *file = NULL;
	if (adapter_cache_get(d->data_dir, d->adapter_path, d->base_path, &file, &task->cancelled, err) == ERR_OK)
		(void)!adapter_hash(d->adapter_path, d->adapter_hash, &task->cancelled, err);
	d->adapter_file = arena_strdup(d->errand.arena, file);
	mem_free(file);
}

/* --- the base's hash --- */

struct hash_errand {
	struct errand errand;
	char *path;
	char hash[65], stamp[FILE_STAMP_SIZE];
	int64_t base_id;
};

static void run_hash(struct task *task, void *context)
{
	struct hash_errand *h = (struct hash_errand *)task;
	uint8_t digest[HASH_SIZE];
	char stamp[FILE_STAMP_SIZE];

	(void)context;
	machine_file_stamp(h->path, stamp);
	if (h->hash[0] && strcmp(stamp, h->stamp) == 0)
		return;
	str_format(h->stamp, sizeof h->stamp, "%s", stamp);
	if (gguf_model_hash(h->path, digest, &task->cancelled, &task->err) == ERR_OK)
		hash_hex(digest, h->hash);
}

static void run_keep_hash(struct task *task, void *context)
{
	struct hash_errand *h = (struct hash_errand *)task;
	(void)!model_store_set_hash(context, h->base_id, h->hash, h->stamp, &task->err);
}

/* --- the same file, made before --- */

struct find_errand {
	struct errand errand;
	char recipe[65];
	struct artifact_row row;
};

static void run_find(struct task *task, void *context)
{
	struct find_errand *f = (struct find_errand *)task;
	struct stat st;

	if (artifact_store_find(context, f->errand.arena, f->recipe, &f->row, &task->err) != ERR_OK || !f->row.id)
		return;
	if (stat(f->row.path, &st) != 0 || st.st_size != f->row.size_bytes)
		f->row.id = 0; /* it is made anew */
}

void creation_keep_artifact(struct creation *c, const struct artifact_row *row)
{
	c->artifact = *row;
	c->artifact.recipe = c->facts.recipe;
	c->artifact.path = arena_strdup(c->arena, row->path);
	c->artifact.format = arena_strdup(c->arena, row->format);
	c->artifact.sha256 = arena_strdup(c->arena, row->sha256);
	c->artifact.template_hash = arena_strdup(c->arena, row->template_hash);
	c->artifact.origin = arena_strdup(c->arena, row->origin);
	c->artifact.settings = arena_strdup(c->arena, row->settings);
	c->artifact.proof = arena_strdup(c->arena, row->proof);
}

static void home_find(struct errand *e)
{
	struct find_errand *f = (struct find_errand *)e;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	if (f->row.id)
		creation_keep_artifact(c, &f->row);
	step_done(c);
}

/* Everything that determines the bytes of the file. */
static void make_recipe(struct creation *c)
{
	struct facts *f = &c->facts;
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	char *text = mem_printf("assay 1|%s|%s|%s|%s|%s", f->base_hash, f->adapter_hash, c->params.format, f->build,
				creation_template_suffix());

	hash_add(h, text, strlen(text) + 1);
	for (size_t i = 0; c->params.imatrix && i < f->n_answered; i++) {
		const struct run_question *q = &f->answered[i];
		hash_add(h, q->q.text.ptr, q->q.text.len);
		hash_add(h, q->cells[0].text, strlen(q->cells[0].text) + 1);
	}
	hash_finish(h, digest);
	hash_hex(digest, f->recipe);
	mem_free(text);
}

static void look_for_same(struct creation *c)
{
	make_recipe(c);
	struct find_errand *e = errand_new(c, sizeof *e, run_find, home_find);
	str_format(e->recipe, sizeof e->recipe, "%s", c->facts.recipe);
	errand_read(&e->errand);
}

static void home_kept(struct errand *e)
{
	(void)e; /* without it the file is hashed again next time */
}

static void home_hash(struct errand *e)
{
	struct hash_errand *h = (struct hash_errand *)e, *keep;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	str_format(c->facts.base_hash, sizeof c->facts.base_hash, "%s", h->hash);
	keep = errand_new(c, sizeof *keep, run_keep_hash, home_kept);
	keep->base_id = c->facts.base.id;
	str_format(keep->hash, sizeof keep->hash, "%s", h->hash);
	str_format(keep->stamp, sizeof keep->stamp, "%s", h->stamp);
	errand_write(&keep->errand);
	creation_need_worker(c, look_for_same);
}

static void start_hash(struct creation *c)
{
	struct hash_errand *h = errand_new(c, sizeof *h, run_hash, home_hash);

	h->path = arena_strdup(h->errand.arena, c->facts.base.model.path);
	str_format(h->hash, sizeof h->hash, "%s", c->facts.base.sha256);
	str_format(h->stamp, sizeof h->stamp, "%s", c->facts.base.sha256_of);
	errand_hash(&h->errand);
}

static void home_disk(struct errand *e)
{
	struct disk_errand *d = (struct disk_errand *)e;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	c->facts.adapter_file = arena_strdup(c->arena, d->adapter_file);
	str_format(c->facts.adapter_hash, sizeof c->facts.adapter_hash, "%s", d->adapter_hash);
	c->facts.base_is_quantized = d->base_is_quantized;
	c->facts.n_params = d->n_params;
	start_hash(c);
}

static void home_load(struct errand *e)
{
	struct load_errand *l = (struct load_errand *)e;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	c->facts = l->facts;
	c->facts.build = "";
	e->arena = NULL; /* the rows are the job's now */
	struct disk_errand *d = errand_new(c, sizeof *d, run_disk, home_disk);
	struct arena *a = d->errand.arena;
	d->data_dir = arena_strdup(a, c->cs->data_dir);
	d->job_dir = arena_strdup(a, c->job_dir);
	d->base_path = arena_strdup(a, c->facts.base.model.path);
	d->adapter_path = c->facts.is_adapter ? arena_strdup(a, c->facts.model.model.path) : NULL;
	d->format = arena_strdup(a, c->params.format);
	d->proves = c->params.prove;
	errand_work(&d->errand);
}

void begin_facts(struct creation *c)
{
	struct load_errand *l = errand_new(c, sizeof *l, run_load, home_load);

	l->facts.arena = l->errand.arena;
	l->model_id = c->row.source_model_id;
	l->run_id = c->row.run_id;
	l->column_id = c->row.column_id;
	errand_read(&l->errand);
}
