/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hf_folder.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/checkpoint_name.h"
#include "model/hf_cache.h"
#include "model/hf_config.h"
#include "model/hf_weights.h"
#include "model/label.h"

#define MAX_SMALL (64 * MIB) /* of one file of configuration or tokenizer */
#define SAMPLE (1 * MIB)

static char *file_in(const char *dir, const char *name)
{
	return fs_join(dir, name);
}

static bool has(const char *dir, const char *name)
{
	char *path = file_in(dir, name);
	bool there = fs_exists(path);
	mem_free(path);
	return there;
}

bool hf_folder_is(const char *path)
{
	return fs_is_dir(path) && has(path, "config.json");
}

/* --- what it holds --- */

/* Adds parameters and bytes, and names the type that holds most of the bytes. */
static void count_weights(const struct hf_weights *w, struct found_model *out)
{
	uint64_t bytes[ST_DTYPE_COUNT] = { 0 };
	enum st_dtype best = ST_F16;
	for (size_t i = 0; i < hf_weights_count(w); i++) {
		const struct st_tensor *t = hf_weights_at(w, i)->data;
		out->size_bytes += t->size;
		out->n_params += t->size / st_dtype_size(t->dtype);
		if ((bytes[t->dtype] += t->size) > bytes[best])
			best = t->dtype;
	}
	out->file_type = st_dtype_name(best);
}

static enum err_code read_config(struct arena *a, const char *dir, struct found_model *out, struct err *err)
{
	struct hf_config c;
	enum err_code code = hf_config_read(a, dir, &c, err);
	if (code == ERR_OK) {
		const char *base = json_string_value(json_object_get(c.root, "_name_or_path"));
		out->architecture = arena_strdup(a, c.architecture);
		out->base_name = label_make(a, str_of(base ? base : ""));
		out->n_layer = c.n_layers;
		out->n_ctx_train = c.n_context;
		/* F16 K and V; sliding windows are not subtracted */
		out->kv_bytes_per_token = (uint64_t)c.n_layers * c.n_kv_heads * c.head_dim * 4;
	}
	hf_config_release(&c);
	return code;
}

static bool has_template(const char *dir)
{
	if (has(dir, "chat_template.jinja") || has(dir, "chat_template.json"))
		return true;
	struct buf text = BUF_INIT(MAX_SMALL);
	char *path = file_in(dir, "tokenizer_config.json");
	json_t *root = fs_exists(path) && fs_read(path, &text, NULL) == ERR_OK ? json_parse_python(buf_str(&text), path, NULL) : NULL;
	bool yes = json_object_get(root, "chat_template") != NULL;
	json_decref(root);
	buf_release(&text);
	mem_free(path);
	return yes;
}

/* In a download cache it goes by its repository. */
static const char *folder_label(struct arena *a, const char *dir)
{
	const char *name = hf_cache_name(a, dir);
	return name ? name : checkpoint_family_name(a, dir);
}

enum err_code hf_folder_read(struct arena *a, const char *dir, struct found_model *out, struct err *err)
{
	struct err local = { 0 };
	err = err ? err : &local;
	*out = (struct found_model){ .kind = MODEL_BASE,
				     .path = arena_strdup(a, dir),
				     .name = folder_label(a, dir),
				     .architecture = "",
				     .file_type = "",
				     .base_name = "",
				     .epoch = (double)NAN,
				     .step = -1,
				     .train_loss = (double)NAN,
				     .eval_loss = (double)NAN };
	struct hf_weights *w = hf_weights_open(dir, err);
	if (!w)
		return err->code;
	count_weights(w, out);
	hf_weights_close(w);
	enum err_code code = read_config(a, dir, out, err);
	out->has_template = code == ERR_OK && has_template(dir);
	return code;
}

/* --- telling folders apart --- */

static void add_stat(struct hash *h, const char *name, const struct stat *st)
{
	int64_t facts[3] = { st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec };
	hash_add_text(h, str_of(name));
	hash_add(h, facts, sizeof facts);
}

/* Bytes of the file from `offset` on, at most a sample. */
static enum err_code add_sample(struct hash *h, int fd, uint64_t size, uint64_t offset, struct err *err)
{
	uint64_t rest = offset < size ? size - offset : 0, n = rest < SAMPLE ? rest : SAMPLE;
	char *bytes = mem_alloc(n + 1);
	enum err_code code = fs_pread(fd, bytes, n, offset, err);
	hash_add(h, bytes, n);
	mem_free(bytes);
	return code;
}

/* The file whole; of one that is not there only its name counts. */
static enum err_code add_whole(struct hash *h, const char *dir, const char *name, struct err *err)
{
	struct buf text = BUF_INIT(MAX_SMALL);
	char *path = file_in(dir, name);
	enum err_code code = fs_exists(path) ? fs_read(path, &text, err) : ERR_OK;
	hash_add_text(h, str_of(name));
	hash_add_text(h, buf_str(&text));
	buf_release(&text);
	mem_free(path);
	return code;
}

/* Name, size, time and the first bytes. */
static enum err_code add_start(struct hash *h, const char *dir, const char *name, struct err *err)
{
	char *path = file_in(dir, name);
	struct stat st;
	uint64_t size;
	int fd = fs_open(path, &size, err);
	enum err_code code = fd < 0 ? err->code : add_sample(h, fd, size, 0, err);
	if (code == ERR_OK && fstat(fd, &st) == 0)
		add_stat(h, name, &st);
	if (fd >= 0)
		close(fd);
	mem_free(path);
	return code;
}

bool hf_folder_has_tokenizer(const char *dir)
{
	return has(dir, "tokenizer.json") || has(dir, "tokenizer.model");
}

static enum err_code add_tokenizer(struct hash *h, const char *dir, struct err *err)
{
	static const char *const names[] = { "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
					     "added_tokens.json", "special_tokens_map.json", "vocab.json", "merges.txt",
					     "chat_template.jinja", "chat_template.json" };
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < sizeof names / sizeof *names && code == ERR_OK; i++)
		code = add_whole(h, dir, names[i], err);
	return code;
}

enum err_code hf_folder_key(const char *dir, uint8_t digest[HASH_SIZE], struct err *err)
{
	struct err own = { 0 };
	err = err ? err : &own;
	struct hf_weights *w = hf_weights_open(dir, err);
	if (!w)
		return err->code;
	struct hash *h = hash_new();
	enum err_code code = add_whole(h, dir, "config.json", err);
	if (code == ERR_OK)
		code = add_tokenizer(h, dir, err);
	if (code == ERR_OK)
		code = add_whole(h, dir, "model.safetensors.index.json", err);
	for (size_t i = 0; i < hf_weights_n_files(w) && code == ERR_OK; i++)
		code = add_start(h, dir, hf_weights_file(w, i), err);
	hf_weights_close(w);
	hash_finish(h, digest);
	return code;
}

enum err_code hf_folder_tokenizer_key(const char *path, uint8_t digest[HASH_SIZE], struct err *err)
{
	struct err own = { 0 };
	struct stat st;
	struct hash *h = hash_new();
	uint64_t size;
	enum err_code code;
	err = err ? err : &own;
	if (fs_is_dir(path)) {
		code = add_tokenizer(h, path, err);
	} else {
		int fd = fs_open(path, &size, err);
		code = fd < 0 ? err->code : add_sample(h, fd, size, 0, err);
		if (code == ERR_OK && fstat(fd, &st) == 0)
			add_stat(h, "", &st);
		if (fd >= 0)
			close(fd);
	}
	hash_finish(h, digest);
	return code;
}

static bool sample_digest(const char *dir, const char *name, uint8_t digest[HASH_SIZE], uint64_t *size)
{
	char *path = file_in(dir, name);
	int fd = fs_open(path, size, NULL);
	struct hash *h = hash_new();
	bool good = fd >= 0 && add_sample(h, fd, *size, 0, NULL) == ERR_OK && add_sample(h, fd, *size, *size / 2, NULL) == ERR_OK &&
		    add_sample(h, fd, *size, *size > SAMPLE ? *size - SAMPLE : 0, NULL) == ERR_OK;
	hash_finish(h, digest);
	if (fd >= 0)
		close(fd);
	mem_free(path);
	return good;
}

bool hf_folder_same_weights(const char *a, const char *b)
{
	struct hf_weights *x = hf_weights_open(a, NULL), *y = hf_weights_open(b, NULL);
	bool same = x && y && hf_weights_n_files(x) == hf_weights_n_files(y);
	for (size_t i = 0; same && i < hf_weights_n_files(x); i++) {
		uint8_t of_x[HASH_SIZE], of_y[HASH_SIZE];
		uint64_t x_size = 0, y_size = 0;
		const char *name = hf_weights_file(x, i);
		same = strcmp(name, hf_weights_file(y, i)) == 0 && sample_digest(a, name, of_x, &x_size) &&
		       sample_digest(b, name, of_y, &y_size) && x_size == y_size && memcmp(of_x, of_y, HASH_SIZE) == 0;
	}
	hf_weights_close(x);
	hf_weights_close(y);
	return same;
}
