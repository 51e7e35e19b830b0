/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <strings.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "deploy/creation_private.h"
#include "deploy/job_files.h"
#include "deploy/publication.h"
#include "engine/reaper.h"
#include "model/found_gguf.h"
#include "model/gguf.h"
#include "model/quant_types.h"
#include "worker/protocol.h"

/* Programs that guess a chat template by how much its text looks like one they know take the model's own where this stands
 * in it; a template engine leaves it out. */
#define TEMPLATE_SUFFIX \
	"{# This comment changes nothing in the prompt. It keeps programs that compare this template with templates they " \
	"know from using another one, which would drop the default system prompt. #}"

#define CONTROL_BITS 8.5 /* Q8_0: 32 weights in 34 bytes */
#define MERGED_BITS 16.0

const char *creation_template_suffix(void)
{
	return TEMPLATE_SUFFIX;
}

const char *creation_template(const struct creation *c)
{
	const struct gen_params *p = c->facts.column.id ? &c->facts.column.params : &c->facts.plain;

	return p->template ? p->template : "";
}

uint64_t creation_disk_bytes(uint64_t n_params, const char *format, bool proves)
{
	const struct quant_type *type = quant_type_find(format);
	double bits = MERGED_BITS + (type ? type->bits * 1.1 : 0) + (proves ? CONTROL_BITS : 0);

	return (uint64_t)((double)n_params * bits / 8) + 256 * MIB;
}

/* A half-precision format is what merging gives: nothing is quantized. */
static bool is_half(const char *format)
{
	return strcasecmp(format, "F16") == 0 || strcasecmp(format, "BF16") == 0;
}

/* --- merge --- */

static void merged(struct creation *c, const json_t *body)
{
	(void)body;
	c->merged = mem_printf("%s/merged.gguf", c->job_dir);
	c->on_built(c);
}

static void ask_merge(struct creation *c)
{
	char *output = mem_printf("%s/merged.gguf", c->job_dir);
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "base", c->facts.base.model.path, "adapter",
				 c->facts.adapter_file ? c->facts.adapter_file : "", "output", output, "type",
				 strcasecmp(c->params.format, "BF16") == 0 ? "BF16" : "F16", "name", c->facts.file_name,
				 "template", creation_template(c), "template_suffix", TEMPLATE_SUFFIX, "n_threads", creation_threads(c));

	mem_free(output);
	creation_ask(c, REQ_MERGE, body, -1, MSG_OK, merged);
}

static void merge_now(struct creation *c)
{
	creation_with_worker(c, ask_merge);
}

void build_merged(struct creation *c, void (*done)(struct creation *))
{
	if (c->merged) {
		done(c);
		return;
	}
	c->on_built = done;
	creation_need_machine(c, merge_now);
}

struct room_errand {
	struct errand errand;
	const char *job_dir, *format;
	uint64_t n_params;
	bool proves;
};

static void run_room(struct task *task, void *context)
{
	const struct room_errand *r = (struct room_errand *)task;
	uint64_t need = creation_disk_bytes(r->n_params, r->format, r->proves), free = fs_free_space(r->job_dir);

	(void)context;
	if (need > free)
		err_set(&task->err, ERR_LIMIT, "err_create_disk", "need=%.1f|free=%.1f|path=%s", (double)need / 1e9,
			(double)free / 1e9, r->job_dir);
}

static void home_room(struct errand *e)
{
	if (!errand_failed(e))
		build_merged(e->c, creation_step_done);
}

void begin_merge(struct creation *c)
{
	if (c->artifact.id) {
		creation_step_skip(c); /* the file is there already */
		return;
	}
	struct room_errand *r = errand_new(c, sizeof *r, run_room, home_room);
	r->job_dir = arena_strdup(r->errand.arena, c->job_dir);
	r->format = arena_strdup(r->errand.arena, c->params.format);
	r->n_params = c->facts.n_params;
	r->proves = c->params.prove;
	errand_work(&r->errand);
}

/* --- quantize --- */

static void quantized(struct creation *c, const json_t *body)
{
	(void)body;
	c->on_built(c);
}

static void ask_quantize(struct creation *c)
{
	creation_ask(c, REQ_QUANTIZE,
		     json_pack("{s:s, s:s, s:s, s:s, s:i}", "input", c->merged, "output", c->quantizing.out, "type",
			       c->quantizing.format, "imatrix", c->quantizing.imatrix, "n_threads", creation_threads(c)),
		     -1, MSG_OK, quantized);
}

void build_quantized(struct creation *c, const char *format, const char *out, const char *imatrix,
		     void (*done)(struct creation *))
{
	c->on_built = done;
	c->quantizing.format = format;
	c->quantizing.out = out;
	c->quantizing.imatrix = imatrix ? imatrix : "";
	creation_with_worker(c, ask_quantize);
}

void begin_quantize(struct creation *c)
{
	if (c->artifact.id) {
		creation_step_skip(c);
		return;
	}
	if (is_half(c->params.format)) {
		c->part = mem_strdup(c->merged);
		creation_step_skip(c);
		return;
	}
	c->part = mem_printf("%s/quantized.gguf.part", c->job_dir);
	build_quantized(c, c->params.format, c->part, c->imatrix, creation_step_done);
}

/* --- check and publish --- */

struct check_errand {
	struct errand errand;
	const char *part, *path; /* path "": ours */
	const char *data_dir, *file, *base_path, *base_stamp;
	bool replace;
	struct artifact_row row;
	struct found_model found;
	char sha256[65], template_hash[65];
};

static void hash_template(const struct gguf *g, char hex[65])
{
	struct buf text = BUF_INIT(LIMIT_TEMPLATE);

	if (gguf_get_text(g, "tokenizer.chat_template", &text))
		hash_bytes_hex(text.ptr, text.len, hex);
	buf_release(&text);
}

/* Read back as any file of a stranger would be. */
static enum err_code look_at(struct check_errand *k, struct err *err)
{
	uint8_t digest[HASH_SIZE];
	uint64_t size;
	struct gguf *g = NULL;

	if (found_gguf_read(k->errand.arena, k->part, &k->found, err) != ERR_OK || !(g = gguf_open(k->part, err)))
		return err->code;
	hash_template(g, k->template_hash);
	gguf_close(g);
	int fd = fs_open(k->part, &size, err);
	if (fd < 0)
		return err->code;
	enum err_code code = hash_file(fd, digest, &k->errand.task.cancelled, err);
	close(fd);
	hash_hex(digest, k->sha256);
	k->row.size_bytes = (int64_t)size;
	return code;
}

static json_t *origin_json(const struct facts *f)
{
	double epoch = f->model.model.epoch;

	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:I, s:o, s:s, s:I, s:I}", "base_name", json_text(str_of(f->base.model.name)),
			 "base_sha256", f->base_hash, "label", json_text(str_of(f->label)), "epoch",
			 isnan(epoch) ? json_null() : json_real(epoch), "adapter_sha256", f->adapter_hash, "run_id",
			 (json_int_t)f->run.id, "run_name", json_text(str_of(f->run.name ? f->run.name : "")),
			 "run_weights", weights_name(f->column.params.weights), "n_likes",
			 (json_int_t)f->column.n_likes, "n_rated", (json_int_t)f->column.n_rated);
}

/* The job is not touched while this runs. */
static void fill_row(struct check_errand *k)
{
	const struct creation *c = k->errand.c;
	struct arena *a = k->errand.arena;

	k->row = (struct artifact_row){
		.recipe = arena_strdup(a, c->facts.recipe),
		.path = k->path,
		.format = arena_strdup(a, c->params.format),
		.size_bytes = k->row.size_bytes,
		.sha256 = arena_strdup(a, k->sha256),
		.template_hash = arena_strdup(a, k->template_hash),
		.source_model_id = c->facts.model.id,
		.run_id = c->facts.run.id,
		.column_id = c->facts.column.id,
		.origin = json_text_of(a, origin_json(&c->facts)),
		.settings = publication_settings(a, k->part, c->imatrix != NULL, c->facts.build),
		.proof = "",
	};
}

/* From here to the row's commit a note says what is about to appear. */
static void publish(struct check_errand *k, struct err *err)
{
	const struct creation *c = k->errand.c;

	if (publication_note(k->data_dir, c->row.id, &k->row, err) != ERR_OK)
		return;
	if (artifact_publish(k->part, k->path, k->replace, &k->errand.task.cancelled, err) != ERR_OK) {
		publication_forget(k->data_dir, c->row.id);
		return;
	}
	(void)!found_gguf_read(k->errand.arena, k->path, &k->found, err); /* it is called after its file */
	k->row.settings = publication_settings(k->errand.arena, k->path, c->imatrix != NULL, c->facts.build);
}

static void run_check(struct task *task, void *context)
{
	struct check_errand *k = (struct check_errand *)task;
	struct err *err = &task->err;
	char stamp[FILE_STAMP_SIZE];

	(void)context;
	if (!reaper_await(REAPER_AWAIT_MS)) { /* it might still write */
		err_set(err, ERR_IO, "err_worker_silent", "seconds=%d", REAPER_AWAIT_MS / 1000);
		return;
	}
	machine_file_stamp(k->base_path, stamp);
	if (strcmp(stamp, k->base_stamp) != 0) {
		err_set(err, ERR_CONFLICT, "err_create_changed", "path=%s", k->base_path);
		return;
	}
	if (look_at(k, err) != ERR_OK)
		return;
	if (!k->path[0])
		k->path = artifact_free_path(k->errand.arena, k->data_dir, k->file);
	if (atomic_load(&task->cancelled))
		err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	else {
		fill_row(k);
		publish(k, err);
	}
}

static void run_add(struct task *task, void *context)
{
	struct check_errand *k = (struct check_errand *)task;
	(void)!artifact_store_add(context, k->errand.arena, &k->found, &k->row, &task->err);
}

static void run_forget(struct task *task, void *context)
{
	const struct creation *c = ((struct errand *)task)->c;

	(void)context;
	publication_forget(c->cs->data_dir, c->row.id);
}

static void home_forgot(struct errand *e)
{
	(void)e; /* a note too many is looked at by the next start */
}

void creation_forget_publication(struct creation *c)
{
	struct errand *e = errand_new(c, sizeof *e, run_forget, home_forgot);
	errand_work(e);
}

static void home_added(struct errand *e)
{
	struct check_errand *k = (struct check_errand *)e;

	if (errand_failed(e))
		return;
	creation_forget_publication(e->c);
	creation_keep_artifact(e->c, &k->row);
	creation_step_done(e->c);
}

static void home_check(struct errand *e)
{
	struct check_errand *k = (struct check_errand *)e, *add;
	struct creation *c = e->c;

	if (errand_failed(e))
		return;
	add = errand_new(c, sizeof *add, run_add, home_added);
	arena_free(add->errand.arena);
	add->errand.arena = e->arena; /* what was found is in it */
	e->arena = NULL;
	add->found = k->found;
	add->row = k->row;
	errand_write(&add->errand);
}

void begin_check(struct creation *c)
{
	if (c->artifact.id) {
		creation_step_skip(c);
		return;
	}
	struct check_errand *k = errand_new(c, sizeof *k, run_check, home_check);
	struct arena *a = k->errand.arena;
	k->part = arena_strdup(a, c->part);
	k->path = arena_strdup(a, strcmp(c->row.target, "file") == 0 ? c->params.path : "");
	k->replace = c->params.replace && k->path[0]; /* a name that we choose is a free one */
	k->data_dir = arena_strdup(a, c->cs->data_dir);
	k->file = artifact_file_name(a, c->row.name, c->params.format);
	k->base_path = arena_strdup(a, c->facts.base.model.path);
	k->base_stamp = arena_strdup(a, c->facts.base_stamp);
	creation_end_worker(c); /* nobody can change the file while it is hashed */
	errand_hash(&k->errand);
}
