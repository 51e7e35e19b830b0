/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/job_files.h"
#include "engine/adapter_cache.h"
#include "engine/machine.h"
#include "engine/model_cache.h"
#include "model/checkpoint_name.h"
#include "model/gguf.h"
#include "model/quant_types.h"
#include "store/template_store.h"
#include "store/workspace_store.h"

#define ANSWERS_MAX 512         /* of the validation that the proof may look at */

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
	f->plain = workspace_params_default();
	if (template_store_fill(db, f->arena, f->model.id, PARAM_ALL, &f->plain, err) == ERR_OK && l->run_id)
		load_column(l, db, err);
}

/* --- the file of a model that is a folder --- */

struct file_errand {
	struct errand errand;
	const char *data_dir, *file;
	struct model_source source;
};

static void run_file(struct task *task, void *context)
{
	struct file_errand *f = (struct file_errand *)task;
	char *file = NULL;

	(void)context;
	if (model_cache_get(f->data_dir, f->source, &file, NULL, &task->cancelled, &task->err) == ERR_OK)
		f->file = arena_strdup(f->errand.arena, file);
	mem_free(file);
}

/* --- what the disk says --- */

struct disk_errand {
	struct errand errand;
	struct model_source q8_source; /* the base, where the validation used its weights as Q8_0; path NULL: as they are stored */
	char q8_hash[65], q8_stamp[FILE_STAMP_SIZE]; /* of its Q8_0 file when that was hashed; afterwards "" where it is another now */
	char *data_dir, *job_dir, *base_path, *adapter_path; /* the last NULL without */
	const char *target; /* path asked for, "": ours */
	bool replaces;
	char *adapter_file;
	char adapter_hash[65], converted_hash[65];
	bool base_is_quantized;
	uint64_t n_params;
};

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
	}
	d->base_is_quantized = quant_is_quantized(g);
	gguf_close(g);
}

/* The adapter as it is merged: weights, and all that its configuration says about them. */
static enum err_code hash_converted(const char *file, char hex[65], const atomic_bool *cancel, struct err *err)
{
	uint8_t digest[HASH_SIZE];
	uint64_t size;
	int fd = fs_open(file, &size, err);

	if (fd < 0)
		return err->code;
	enum err_code code = hash_file(fd, digest, cancel, err);
	close(fd);
	if (code == ERR_OK)
		hash_hex(digest, hex);
	return code;
}

/* What the Q8_0 file is that the base becomes now can be said where it is still there and was hashed. */
static void look_at_q8(struct disk_errand *d)
{
	char stamp[FILE_STAMP_SIZE] = "", *file = NULL;
	struct err gone = { 0 };

	if (model_cache_find(d->data_dir, d->q8_source, &file, &gone) == ERR_OK)
		machine_file_stamp(file, stamp);
	if (!stamp[0] || strcmp(stamp, d->q8_stamp) != 0)
		d->q8_hash[0] = 0;
	mem_free(file);
}

static void run_disk(struct task *task, void *context)
{
	struct disk_errand *d = (struct disk_errand *)task;
	struct err *err = &task->err;

	(void)context;
	look_at_base(d, err);
	if (err->code == ERR_OK && d->q8_source.path)
		look_at_q8(d);
	if (err->code != ERR_OK || job_dir_make(d->job_dir, err) != ERR_OK)
		return;
	if (d->target[0] && artifact_check_target(d->target, d->replaces, d->data_dir, d->base_path, d->adapter_path, err) != ERR_OK)
		return;
	if (!d->adapter_path)
		return;
	char *file = NULL;
	if (adapter_cache_get(d->data_dir, d->adapter_path, d->base_path, &file, &task->cancelled, err) == ERR_OK)
		(void)!adapter_hash(d->adapter_path, d->adapter_hash, &task->cancelled, err);
	if (err->code == ERR_OK)
		(void)!hash_converted(file, d->converted_hash, &task->cancelled, err);
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
	const char *path; /* asked for, "": ours */
	struct artifact_row row;
};

bool artifact_is_unchanged(const struct artifact_row *row)
{
	char stamp[FILE_STAMP_SIZE];
	struct err ignored = { 0 };
	json_t *settings = json_parse(str_of(row->settings), "settings", &ignored);
	const char *made = json_string_value(json_object_get(settings, "stamp"));

	machine_file_stamp(row->path, stamp);
	bool same = made && stamp[0] && strcmp(made, stamp) == 0;
	json_decref(settings);
	return same;
}

static void run_find(struct task *task, void *context)
{
	struct find_errand *f = (struct find_errand *)task;

	if (artifact_store_find(context, f->errand.arena, f->recipe, &f->row, &task->err) != ERR_OK)
		return;
	if (f->row.id && !artifact_is_unchanged(&f->row))
		f->row.id = 0; /* gone or overwritten: it is made anew */
	if (f->path[0])
		(void)!artifact_store_check_path(context, f->path, f->recipe, &task->err);
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
	creation_step_done(c);
}

static void add_words(struct hash *h, const char *text)
{
	hash_add_text(h, str_of(text ? text : ""));
}

/* Everything that determines the bytes of the file. */
static void make_recipe(struct creation *c)
{
	struct facts *f = &c->facts;
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	const struct gen_params *p = &f->column.params;

	add_words(h, "assay recipe 2");
	add_words(h, f->base_hash);
	add_words(h, f->converted_hash);
	add_words(h, c->params.format);
	add_words(h, f->build);
	add_words(h, creation_template_suffix());
	if (*creation_template(c)) {
		add_words(h, "template");
		add_words(h, creation_template(c));
	}
	add_words(h, f->file_name);
	if (c->params.imatrix) {
		add_words(h, p->system);
		add_words(h, p->template);
		add_words(h, p->thinking ? "thinking" : "");
		for (size_t i = 0; i < f->n_answered; i++) {
			hash_add_text(h, f->answered[i].q.system);
			for (int64_t t = 0; t < f->answered[i].q.turn; t++) {
				hash_add_text(h, f->answered[i].earlier[t].text);
				add_words(h, f->answered[i].earlier[t].answers[0].text);
			}
			hash_add_text(h, f->answered[i].q.text);
			add_words(h, f->answered[i].cells[0].text);
		}
	}
	hash_finish(h, digest);
	hash_hex(digest, f->recipe);
}

static void look_for_same(struct creation *c)
{
	make_recipe(c);
	struct find_errand *e = errand_new(c, sizeof *e, run_find, home_find);
	str_format(e->recipe, sizeof e->recipe, "%s", c->facts.recipe);
	e->path = arena_strdup(e->errand.arena, c->params.path);
	errand_read(&e->errand);
}

static void home_kept(struct errand *e)
{
	(void)e; /* without it the file is hashed again next time */
}

static bool differs(const char *validated, const char *now)
{
	return validated && validated[0] && now[0] && strcmp(validated, now) != 0;
}

/* What was validated is what is merged, or the job is not worth doing. */
static bool has_changed(struct creation *c)
{
	const struct facts *f = &c->facts;
	struct err err;
	bool is_q8 = f->column.params.weights == WEIGHTS_Q8_0;
	bool base = differs(f->column.model_hash, is_q8 ? f->q8_hash : f->base_hash);

	if (!f->column.id || (!base && !differs(f->column.adapter_hash, f->adapter_hash)))
		return false;
	err_set(&err, ERR_CONFLICT, "err_create_changed", "path=%s", base ? f->base.model.path : f->model.model.path);
	creation_fail(c, &err);
	return true;
}

static void home_hash(struct errand *e)
{
	struct hash_errand *h = (struct hash_errand *)e, *keep;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	str_format(c->facts.base_hash, sizeof c->facts.base_hash, "%s", h->hash);
	str_format(c->facts.base_stamp, sizeof c->facts.base_stamp, "%s", h->stamp);
	if (has_changed(c))
		return;
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
	str_format(c->facts.converted_hash, sizeof c->facts.converted_hash, "%s", d->converted_hash);
	c->facts.base_is_quantized = d->base_is_quantized;
	c->facts.n_params = d->n_params;
	str_format(c->facts.q8_hash, sizeof c->facts.q8_hash, "%s", d->q8_hash);
	start_hash(c);
}

static void look_at_disk(struct creation *c)
{
	struct disk_errand *d = errand_new(c, sizeof *d, run_disk, home_disk);
	struct arena *a = d->errand.arena;

	d->data_dir = arena_strdup(a, c->cs->data_dir);
	d->job_dir = arena_strdup(a, c->job_dir);
	d->base_path = arena_strdup(a, c->facts.base.model.path);
	d->adapter_path = c->facts.is_adapter ? arena_strdup(a, c->facts.model.model.path) : NULL;
	d->target = arena_strdup(a, strcmp(c->row.target, "file") == 0 ? c->params.path : "");
	d->replaces = c->params.replace;
	if (c->facts.column.params.weights == WEIGHTS_Q8_0) {
		d->q8_source = (struct model_source){ arena_strdup(a, c->facts.base_source), arena_strdup(a, c->facts.base.base_path), WEIGHTS_Q8_0 };
		str_format(d->q8_hash, sizeof d->q8_hash, "%s", c->facts.base.q8_sha256);
		str_format(d->q8_stamp, sizeof d->q8_stamp, "%s", c->facts.base.q8_sha256_of);
	}
	errand_work(&d->errand);
}

static void home_file(struct errand *e)
{
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	c->facts.base.model.path = arena_strdup(c->arena, ((struct file_errand *)e)->file);
	look_at_disk(c);
}

/* Converting may take minutes: on the thread of big files. */
static void find_file(struct creation *c)
{
	struct file_errand *f = errand_new(c, sizeof *f, run_file, home_file);

	f->data_dir = arena_strdup(f->errand.arena, c->cs->data_dir);
	f->source = (struct model_source){ arena_strdup(f->errand.arena, c->facts.base.model.path),
					   arena_strdup(f->errand.arena, c->facts.base.base_path), WEIGHTS_STORED };
	errand_hash(&f->errand);
}

static void home_load(struct errand *e)
{
	struct load_errand *l = (struct load_errand *)e;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	c->facts = l->facts;
	c->facts.build = "";
	c->facts.base_source = c->facts.base.model.path;
	e->arena = NULL; /* the rows are the job's now */
	char epoch[32];
	epoch_label(c->facts.model.model.epoch, epoch);
	c->facts.file_name = *epoch ? arena_printf(c->arena, "%s epoch %s", c->facts.label, epoch) : c->facts.label;
	if (model_cache_wants(c->facts.base.model.path))
		find_file(c);
	else
		look_at_disk(c);
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
