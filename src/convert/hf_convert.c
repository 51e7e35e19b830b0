/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/hf_convert.h"

#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "convert/chat_template.h"
#include "convert/hf_files.h"
#include "convert/hf_keys.h"
#include "convert/hf_rows.h"
#include "convert/hf_vocab.h"
#include "convert/part_file.h"
#include "model/checkpoint_name.h"
#include "model/hf_folder.h"
#include "model/sniff.h"

struct work {
	const struct hf_convert_options *o;
	struct arena *arena;
	struct hf_config config;
	struct hf_weights *weights;
	struct hf_vocab *vocab; /* NULL: from the GGUF `base` or none */
	struct gguf *base;
	const char *base_dir; /* the folder of the base, NULL: none */
	struct hf_plan plan;
	struct gguf_writer *writer;
	uint64_t size; /* of the whole file */
	uint64_t done, total;
};

static const struct {
	const char *name;
	enum hf_type type;
} types[] = { { "auto", HF_AUTO }, { "F32", HF_F32 }, { "F16", HF_F16 }, { "BF16", HF_BF16 }, { "Q8_0", HF_Q8_0 } };

bool hf_type_named(const char *name, enum hf_type *out)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_eq_nocase(str_of(types[i].name), name)) {
			*out = types[i].type;
			return true;
		}
	}
	return false;
}

const char *hf_type_name(enum hf_type type)
{
	return types[type].name;
}

/* --- vocabulary --- */

char *hf_convert_tokenizer_from(const char *dir, const char *base)
{
	struct checkpoint_name mark;
	struct arena *a = arena_new();
	char *from = NULL;
	if (!hf_folder_has_tokenizer(dir)) {
		char *run = fs_dirname(dir);
		if (checkpoint_name_parse(a, fs_basename(dir), &mark) && hf_folder_has_tokenizer(run))
			from = mem_strdup(run);
		else if (base && *base)
			from = mem_strdup(base);
		mem_free(run);
	}
	arena_free(a);
	return from;
}

static enum err_code check_base(const struct work *k, const char *found, struct err *err)
{
	if (strcmp(found, k->config.architecture) != 0)
		return err_set(err, ERR_DATA, "err_hf_base", "path=%s|found=%s|wanted=%s", k->o->base, *found ? found : "?",
			       k->config.architecture);
	return ERR_OK;
}

/* The folder of a run may hold the tokenizer alone, which says nothing of the architecture. */
static enum err_code check_base_folder(struct work *k, struct err *err)
{
	struct hf_config base = { 0 };
	enum err_code rc = ERR_OK;
	if (hf_files_has(k->o->base, "config.json"))
		rc = hf_config_read(k->arena, k->o->base, &base, err);
	if (rc == ERR_OK && base.architecture)
		rc = check_base(k, base.architecture, err);
	hf_config_release(&base);
	return rc;
}

static enum err_code read_base(struct work *k, uint64_t *n_tokens, struct err *err)
{
	k->base = gguf_open_model(k->o->base, err);
	enum err_code rc = k->base ? check_base(k, gguf_get_label(k->base, "general.architecture", k->arena), err) : err->code;
	if (rc == ERR_OK)
		*n_tokens = gguf_array_len(k->base, "tokenizer.ggml.tokens");
	if (rc == ERR_OK && *n_tokens == 0)
		rc = err_set(err, ERR_DATA, "err_hf_words", "tokens=0|rows=%u", k->config.n_vocab);
	return rc;
}

static enum err_code find_vocab(struct work *k, const char *dir, uint64_t *n_tokens, struct err *err)
{
	bool is_folder = k->o->base && fs_is_dir(k->o->base);
	*n_tokens = 0;
	if (k->o->no_tokenizer)
		return ERR_OK;
	if (k->o->base && !is_folder)
		return read_base(k, n_tokens, err);
	k->base_dir = is_folder ? k->o->base : NULL;
	struct hf_vocab_wish wish = { k->config.architecture, k->config.n_vocab, k->config.root, is_folder ? dir : NULL };
	enum err_code rc = is_folder ? check_base_folder(k, err) : ERR_OK;
	if (rc == ERR_OK)
		rc = hf_vocab_read(k->arena, is_folder ? k->o->base : dir, &wish, &k->vocab, k->o->cancel, err);
	if (rc == ERR_OK)
		*n_tokens = hf_vocab_count(k->vocab);
	return rc;
}

/* The chat template that lies in the folder itself; none of a base then. */
static enum err_code read_own_template(struct work *k, const char *dir, struct vocab_keys *keys, struct err *err)
{
	struct hf_files files = { .dir = dir };
	keys->arena = k->arena;
	enum err_code rc = hf_files_json(dir, "tokenizer_config.json", &files.config, err);
	if (rc == ERR_OK)
		rc = chat_template_set(keys, &files, err);
	hf_files_release(&files);
	return rc;
}

/* Tokenizer and licence of the base, its chat template and its settings of generation where the folder has none. */
static enum err_code copy_base_keys(struct work *k, const char *dir, bool has_generation, struct err *err)
{
	struct vocab_keys own = { 0 };
	enum err_code rc = read_own_template(k, dir, &own, err);
	for (size_t i = 0; i < gguf_n_keys(k->base) && rc == ERR_OK; i++) {
		struct str key = str_of(gguf_key_at(k->base, i));
		bool is_template = str_starts(key, "tokenizer.chat_template");
		if ((str_starts(key, "tokenizer.") && !(is_template && own.n > 0)) || str_starts(key, "general.license") ||
		    (str_starts(key, "general.sampling.") && !has_generation))
			rc = gguf_writer_copy(k->writer, k->base, i, err);
	}
	if (rc == ERR_OK)
		vocab_keys_write(&own, k->writer);
	return rc;
}

/* --- header --- */

static const char *model_title(struct work *k, const char *dir)
{
	const char *name = k->config.name ? k->config.name : hf_keys_folder_name(k->arena, dir);
	const char *title = hf_keys_title(k->arena, name);
	return *title ? title : "Model";
}

static enum err_code write_keys(struct work *k, const char *dir, struct err *err)
{
	bool is_own = hf_files_has(dir, "generation_config.json");
	json_t *generation = hf_keys_generation(k->base_dir && !is_own ? k->base_dir : dir);
	struct hf_keys keys = { .name = model_title(k, dir),
				.generation = generation,
				.n_values = k->plan.n_values,
				.file_type = hf_type_file_type(k->plan.type) };
	hf_keys_write(k->writer, &k->config, &keys);
	json_decref(generation);
	if (k->vocab)
		hf_vocab_write(k->vocab, k->writer);
	return k->base ? copy_base_keys(k, dir, is_own, err) : ERR_OK;
}

/* The writer with all keys and tensors declared, and from it the exact size. */
static enum err_code declare(struct work *k, const char *dir, struct err *err)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	k->writer = gguf_writer_new();
	enum err_code rc = write_keys(k, dir, err);
	for (size_t i = 0; i < k->plan.n; i++) {
		const struct hf_out *o = &k->plan.outs[i];
		k->total += gguf_writer_tensor(k->writer, o->name, o->type, o->n_dims, o->ne);
	}
	if (rc == ERR_OK)
		rc = gguf_writer_head(k->writer, &head, err);
	if (rc == ERR_OK)
		k->size = gguf_writer_place(k->writer, k->plan.n);
	buf_release(&head);
	return rc;
}

static enum err_code prepare(struct work *k, const char *dir, struct err *err)
{
	uint64_t n_tokens = 0;
	k->arena = arena_new();
	enum err_code rc = hf_config_read(k->arena, dir, &k->config, err);
	if (rc != ERR_OK)
		return rc;
	k->weights = hf_weights_open(dir, err);
	if (!k->weights)
		return err->code;
	/* Without the vocabulary first: what is wrong with the weights is said before megabytes of JSON are read. */
	rc = hf_plan_make(k->arena, &k->config, k->weights, k->o->type, 0, &k->plan, err);
	if (rc == ERR_OK)
		rc = find_vocab(k, dir, &n_tokens, err);
	if (rc == ERR_OK && n_tokens > 0)
		rc = hf_plan_make(k->arena, &k->config, k->weights, k->o->type, n_tokens, &k->plan, err);
	return rc == ERR_OK ? declare(k, dir, err) : rc;
}

static void release(struct work *k)
{
	gguf_writer_free(k->writer);
	gguf_close(k->base);
	hf_weights_close(k->weights);
	hf_config_release(&k->config);
	arena_free(k->arena);
}

static void tell_facts(const struct work *k, struct hf_convert_facts *facts)
{
	if (!facts)
		return;
	*facts = (struct hf_convert_facts){ .size_bytes = k->size,
					    .source_bytes = hf_weights_bytes(k->weights),
					    .n_values = k->plan.n_values,
					    .n_tensors = k->plan.n,
					    .type = k->plan.type };
	(void)str_format(facts->architecture, sizeof(facts->architecture), "%s", k->config.architecture);
}

enum err_code hf_convert_size(const char *dir, const struct hf_convert_options *o, struct hf_convert_facts *facts,
			      struct err *err)
{
	struct work k = { .o = o };
	struct err own = { 0 };
	enum err_code rc = prepare(&k, dir, err ? err : &own);
	if (rc == ERR_OK)
		tell_facts(&k, facts);
	release(&k);
	return rc;
}

/* --- writing --- */

static bool step(void *user, uint64_t bytes)
{
	struct work *k = user;
	k->done += bytes;
	if (k->o->progress)
		k->o->progress(k->o->user, k->done, k->total);
	return !k->o->cancel || !atomic_load(k->o->cancel);
}

/* With `replace` too nothing is lost that was no model before, and not what is being read. */
static enum err_code check_place(const struct hf_convert_options *o, const char *out_path, struct err *err)
{
	struct stat there = { 0 }, base = { 0 };
	if (stat(out_path, &there) != 0)
		return ERR_OK;
	if (!o->replace)
		return err_set(err, ERR_CONFLICT, "err_file_exists", "path=%s", out_path);
	enum file_kind kind = sniff_path(out_path);
	bool same = o->base && stat(o->base, &base) == 0 && base.st_ino == there.st_ino && base.st_dev == there.st_dev;
	if (same || (kind != FILE_GGUF && kind != FILE_EMPTY))
		return err_set(err, ERR_CONFLICT, "err_convert_not_replaced", "path=%s", out_path);
	return ERR_OK;
}

static enum err_code write_tensors(void *user, int fd, struct err *err)
{
	struct work *k = user;
	enum err_code rc = gguf_writer_begin(k->writer, fd, err);
	struct hf_rows *rows = hf_rows_new();
	for (size_t i = 0; i < k->plan.n && rc == ERR_OK; i++)
		rc = hf_rows_write(rows, &k->plan.outs[i], k->writer, step, k, err);
	hf_rows_free(rows);
	if (rc == ERR_OK)
		gguf_writer_end(k->writer);
	return rc;
}

enum err_code hf_convert(const char *dir, const char *out_path, const struct hf_convert_options *o,
			 struct hf_convert_facts *facts, struct err *err)
{
	struct work k = { .o = o };
	struct err own = { 0 };
	if (!err)
		err = &own;
	enum err_code rc = check_place(o, out_path, err);
	if (rc == ERR_OK)
		rc = prepare(&k, dir, err);
	if (rc == ERR_OK)
		tell_facts(&k, facts);
	if (rc == ERR_OK)
		rc = part_file_write(out_path, k.size, o->replace, write_tensors, &k, err);
	release(&k);
	return rc;
}
