/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hf_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/foreign.h"

#define INDEX "model.safetensors.index.json"

struct hf_weights {
	struct arena *arena;
	const char *dir;
	const char **names; /* of the files, sorted */
	struct safetensors **files;
	size_t n_files, n_found; /* kept, and all that there are */
	struct hf_tensor *tensors;
	size_t n_tensors;
	uint64_t bytes;
};

/* --- the index --- */

/* A name in the same folder: no way out of it. */
static bool is_plain_file(const char *name)
{
	return name && *name && *name != '.' && !strchr(name, '/') && strlen(name) <= LIMIT_NAME_BYTES &&
	       str_ends(str_of(name), ".safetensors");
}

enum err_code hf_index_parse(struct str text, const char *what, hf_index_fn each, void *user, struct err *err)
{
	const char *tensor;
	json_t *file;
	struct err own = { 0 };
	if (!err)
		err = &own;
	json_t *root = json_parse_python(text, what, err);
	if (!root)
		return err->code;
	const json_t *map = json_object_get(root, "weight_map");
	enum err_code rc = ERR_OK;
	if (json_object_size(map) < 1 || json_object_size(map) > LIMIT_SAFETENSORS_TENSORS)
		rc = err_set(err, ERR_DATA, "err_hf_index", "path=%s|tensor=weight_map", what);
	json_object_foreach ((json_t *)map, tensor, file) {
		if (rc == ERR_OK && !is_plain_file(json_string_value(file)))
			rc = err_set(err, ERR_DATA, "err_hf_index", "path=%s|tensor=%.200s", what, tensor);
		if (rc == ERR_OK && each)
			each(user, tensor, json_string_value(file));
	}
	json_decref(root);
	return rc;
}

/* One line of the index. */
struct place {
	const char *tensor, *file;
};

struct index {
	struct arena *arena;
	struct place *places;
	size_t n;
};

static void add_place(void *user, const char *tensor, const char *file)
{
	struct index *x = user;
	if ((x->n & (x->n - 1)) == 0)
		x->places = mem_grow(x->places, (x->n ? x->n * 2 : 1) * sizeof(x->places[0]));
	x->places[x->n++] = (struct place){ arena_strdup(x->arena, tensor), arena_strdup(x->arena, file) };
}

static int by_file(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->file, ((const struct place *)b)->file);
}

static int by_tensor(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->tensor, ((const struct place *)b)->tensor);
}

static enum err_code read_index(struct index *x, const char *path, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	enum err_code rc = fs_read(path, &text, err);
	if (rc == ERR_OK)
		rc = hf_index_parse(buf_str(&text), path, add_place, x, err);
	buf_release(&text);
	return rc;
}

/* --- which files --- */

/* What of the folder's content matters. */
struct folder {
	struct hf_weights *w;
	const char *pickle, *adapter; /* one of each kind, NULL: none */
	const char *sharded;	      /* the sentence for DeepSpeed or FSDP */
};

static bool is_pickle_name(struct str name)
{
	bool weights = str_starts(name, "pytorch_model") || str_starts(name, "consolidated") || str_starts(name, "model") ||
		       str_starts(name, "hf_model") || str_starts(name, "torchtune_model");
	return weights && (str_ends(name, ".bin") || str_ends(name, ".pt") || str_ends(name, ".pth"));
}

static void add_file(struct hf_weights *w, const char *name)
{
	w->n_found++;
	if (w->n_files <= LIMIT_WEIGHT_FILES)
		w->names[w->n_files++] = arena_strdup(w->arena, name);
}

static bool look_at(void *user, const char *name, bool is_dir)
{
	struct folder *f = user;
	struct str s = str_of(name);
	if (foreign_sharded(name, is_dir, &f->sharded) || is_dir)
		return true;
	if (str_starts(s, "model") && is_plain_file(name))
		add_file(f->w, name);
	else if (str_starts(s, "adapter_model."))
		f->adapter = arena_strdup(f->w->arena, name);
	else if (is_pickle_name(s))
		f->pickle = arena_strdup(f->w->arena, name);
	return true;
}

/* Weights in a form that is known but not read. */
static enum err_code refuse(const struct folder *f, struct err *err)
{
	const char *dir = f->w->dir;
	if (f->pickle)
		return foreign_pickle(arena_printf(f->w->arena, "%s/%s", dir, f->pickle), f->pickle, err);
	if (f->sharded)
		return err_set(err, ERR_UNSUPPORTED, f->sharded, "path=%s", dir);
	if (f->adapter)
		return err_set(err, ERR_UNSUPPORTED, "err_hf_adapter", "path=%s", dir);
	return err_set(err, ERR_NOT_FOUND, "err_hf_no_weights", "path=%s", dir);
}

/* "model-00002-of-00005.safetensors" is 2 of 5. */
static bool shard_number(const char *name, unsigned *no, unsigned *count)
{
	int end = 0;
	return sscanf(name, "model-%5u-of-%5u.safetensors%n", no, count, &end) == 2 && end > 0 && name[end] == 0;
}

/* Without an index the names of the shards say how many there are. */
static enum err_code check_numbered(const struct hf_weights *w, struct err *err)
{
	unsigned no, count = 0, most = 0;
	for (size_t i = 0; i < w->n_files; i++)
		if (shard_number(w->names[i], &no, &count) && count > most)
			most = count;
	for (unsigned want = 1; want <= most && want <= LIMIT_WEIGHT_FILES; want++) {
		bool there = false;
		for (size_t i = 0; i < w->n_files; i++)
			there |= shard_number(w->names[i], &no, &count) && no == want && count == most;
		if (!there)
			return err_set(err, ERR_DATA, "err_hf_shard_missing", "path=%s|name=model-%05u-of-%05u.safetensors",
				       w->dir, want, most);
	}
	return ERR_OK;
}

/* The files that the index names, instead of those that lie there. */
static void take_indexed(struct hf_weights *w, struct index *x)
{
	qsort(x->places, x->n, sizeof(x->places[0]), by_file);
	w->n_files = w->n_found = 0;
	for (size_t i = 0; i < x->n; i++)
		if (i == 0 || strcmp(x->places[i].file, x->places[i - 1].file) != 0)
			add_file(w, x->places[i].file);
}

/* Lists the files of the folder into w->names. */
static enum err_code find_files(struct hf_weights *w, struct index *x, struct err *err)
{
	struct folder f = { .w = w };
	const char *index_path = arena_printf(w->arena, "%s/%s", w->dir, INDEX);
	w->names = arena_array(w->arena, LIMIT_WEIGHT_FILES + 1, sizeof(w->names[0]));
	enum err_code rc = fs_list(w->dir, LIMIT_FOLDER_ENTRIES, look_at, &f, err);
	if (rc != ERR_OK)
		return rc;
	if (fs_exists(index_path)) {
		rc = read_index(x, index_path, err);
		if (rc == ERR_OK)
			take_indexed(w, x);
		return rc;
	}
	return w->n_files == 0 ? refuse(&f, err) : check_numbered(w, err);
}

static enum err_code find_all(struct hf_weights *w, struct index *x, struct err *err)
{
	enum err_code rc = find_files(w, x, err);
	if (rc == ERR_OK && w->n_files > LIMIT_WEIGHT_FILES)
		rc = err_set(err, ERR_LIMIT, "err_hf_many_files", "path=%s|limit=%d|found=%zu", w->dir, LIMIT_WEIGHT_FILES, w->n_found);
	return rc;
}

/* --- opening --- */

static int by_name(const void *a, const void *b)
{
	struct str x = ((const struct hf_tensor *)a)->name, y = ((const struct hf_tensor *)b)->name;
	int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
	return order ? order : (x.len > y.len) - (x.len < y.len);
}

static enum err_code open_file(struct hf_weights *w, size_t i, struct err *err)
{
	const char *path = arena_printf(w->arena, "%s/%s", w->dir, w->names[i]);
	struct stat info = { 0 };
	if (!fs_exists(path))
		return err_set(err, ERR_DATA, "err_hf_shard_missing", "path=%s|name=%s", w->dir, w->names[i]);
	w->files[i] = safetensors_open(path, err);
	if (!w->files[i])
		return err->code;
	if (stat(path, &info) == 0)
		w->bytes += (uint64_t)info.st_size;
	w->n_tensors += safetensors_count(w->files[i]);
	return ERR_OK;
}

static void list_tensors(struct hf_weights *w)
{
	size_t at = 0;
	w->tensors = arena_array(w->arena, w->n_tensors + 1, sizeof(w->tensors[0]));
	for (size_t i = 0; i < w->n_files; i++) {
		size_t n = safetensors_count(w->files[i]);
		for (size_t k = 0; k < n; k++) {
			const struct st_tensor *t = safetensors_at(w->files[i], k);
			w->tensors[at + k] = (struct hf_tensor){ t->name, t, w->files[i] };
		}
		qsort(w->tensors + at, n, sizeof(w->tensors[0]), by_name);
		at += n;
	}
}

/* Both lists sorted by tensor: what only one of them has.  Also what two files have. */
static enum err_code check_tensors(const struct hf_weights *w, struct index *x, struct err *err)
{
	size_t k = 0;
	struct hf_tensor *sorted = mem_copy(w->tensors, (w->n_tensors + 1) * sizeof(sorted[0]));
	qsort(sorted, w->n_tensors, sizeof(sorted[0]), by_name);
	if (x->n > 0)
		qsort(x->places, x->n, sizeof(x->places[0]), by_tensor);
	enum err_code rc = ERR_OK;
	for (size_t i = 0; i < w->n_tensors && rc == ERR_OK; i++, k++) {
		struct str name = sorted[i].name;
		struct hf_tensor listed = { .name = k < x->n ? str_of(x->places[k].tensor) : (struct str){ "", 0 } };
		int order = x->n == 0 ? 0 : k < x->n ? by_name(&sorted[i], &listed) : -1;
		if (i > 0 && str_eq(name, sorted[i - 1].name))
			rc = err_set(err, ERR_DATA, "err_hf_tensor_twice", "path=%s|tensor=%.*s", w->dir, (int)name.len, name.ptr);
		else if (order < 0)
			rc = err_set(err, ERR_DATA, "err_hf_index_differs", "path=%s|tensor=%.*s", w->dir, (int)name.len, name.ptr);
		else if (order > 0)
			break;
	}
	if (rc == ERR_OK && k < x->n)
		rc = err_set(err, ERR_DATA, "err_hf_tensor_missing", "path=%s|tensor=%.200s|n=1", w->dir, x->places[k].tensor);
	mem_free(sorted);
	return rc;
}

struct hf_weights *hf_weights_open(const char *dir, struct err *err)
{
	struct hf_weights *w = mem_alloc(sizeof(*w));
	struct index x = { .arena = arena_new() };
	w->arena = x.arena;
	w->dir = arena_strdup(w->arena, dir);
	struct err own = { 0 };
	if (!err)
		err = &own;
	enum err_code rc = find_all(w, &x, err);
	w->files = arena_array(w->arena, w->n_files + 1, sizeof(w->files[0]));
	for (size_t i = 0; i < w->n_files && rc == ERR_OK; i++)
		rc = open_file(w, i, err);
	if (rc == ERR_OK) {
		list_tensors(w);
		rc = check_tensors(w, &x, err);
	}
	mem_free(x.places);
	if (rc == ERR_OK)
		return w;
	hf_weights_close(w);
	return NULL;
}

void hf_weights_close(struct hf_weights *w)
{
	if (!w)
		return;
	for (size_t i = 0; w->files && i < w->n_files; i++)
		safetensors_close(w->files[i]);
	arena_free(w->arena);
	mem_free(w);
}

size_t hf_weights_count(const struct hf_weights *w)
{
	return w->n_tensors;
}

const struct hf_tensor *hf_weights_at(const struct hf_weights *w, size_t index)
{
	return &w->tensors[index];
}

size_t hf_weights_n_files(const struct hf_weights *w)
{
	return w->n_files;
}

const char *hf_weights_file(const struct hf_weights *w, size_t index)
{
	return w->names[index];
}

uint64_t hf_weights_bytes(const struct hf_weights *w)
{
	return w->bytes;
}
