/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model_cache.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "convert/convert_speed.h"
#include "convert/gguf_q8.h"
#include "convert/hf_convert.h"
#include "convert/part_file.h"
#include "engine/cache_room.h"
#include "engine/reaper.h"
#include "model/hf_folder.h"

#define WAIT_US 100000
#define CACHE_FORMAT "2"	 /* changes when hf_convert() writes something else, */
#define CACHE_FORMAT_Q8 "q8_0 2" /* or what becomes Q8_0 */

bool model_cache_wants(const char *path)
{
	return hf_folder_is(path);
}

bool model_cache_wants_as(const char *path, enum weights weights)
{
	return weights == WEIGHTS_Q8_0 || model_cache_wants(path);
}

struct model_source model_cache_source_as(const struct model_row *row, enum weights weights)
{
	return (struct model_source){ .path = row->model.path, .base_path = row->base_path, .weights = weights };
}

struct model_source model_cache_source(const struct model_row *row)
{
	return model_cache_source_as(row, WEIGHTS_STORED);
}

/* What is converted, and to what. */
struct wish {
	const char *path;
	char *from; /* of a folder: where its tokenizer is taken from, owned; NULL: its own */
	bool is_folder, to_q8;
};

/* Where nothing has to be converted `*out` is the path itself, else it is NULL. */
static enum err_code look_at(const struct model_source *source, struct wish *wish, char **out, struct err *err)
{
	*wish = (struct wish){ .path = source->path, .is_folder = model_cache_wants(source->path), .to_q8 = source->weights == WEIGHTS_Q8_0 };
	*out = NULL;
	enum err_code code = wish->to_q8 && !wish->is_folder ? gguf_q8_wants(source->path, &wish->to_q8, err) : ERR_OK;
	if (code != ERR_OK)
		return code;
	if (wish->is_folder)
		wish->from = hf_convert_tokenizer_from(source->path, source->base_path);
	else if (!wish->to_q8)
		*out = mem_strdup(source->path);
	return ERR_OK;
}

static enum err_code cached_path(const char *data_dir, const struct wish *wish, char **out, struct err *err)
{
	uint8_t content[HASH_SIZE], taken[HASH_SIZE], digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	enum err_code code = wish->is_folder ? hf_folder_key(wish->path, content, err) : gguf_q8_key(wish->path, content, err);

	if (code == ERR_OK && wish->from)
		code = hf_folder_tokenizer_key(wish->from, taken, err);
	if (code != ERR_OK)
		return code;
	struct hash *h = hash_new();
	if (wish->to_q8)
		hash_add(h, CACHE_FORMAT_Q8, sizeof CACHE_FORMAT_Q8);
	else
		hash_add(h, CACHE_FORMAT, sizeof CACHE_FORMAT);
	hash_add(h, content, sizeof content);
	if (wish->from)
		hash_add(h, taken, sizeof taken);
	hash_finish(h, digest);
	hash_hex(digest, hex);
	*out = mem_printf("%s/" MODEL_CACHE_DIR "/%.32s.gguf", data_dir, hex);
	return ERR_OK;
}

/* --- conversion --- */

/* One conversion at a time: the next one clears away what a killed one left. */
static pthread_mutex_t converting = PTHREAD_MUTEX_INITIALIZER;

static enum err_code wait_for_turn(const atomic_bool *cancel, struct err *err)
{
	while (pthread_mutex_trylock(&converting) != 0) {
		if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
		usleep(WAIT_US);
	}
	return ERR_OK;
}

/* For `size` bytes more. */
static void make_room(const char *dir, uint64_t size)
{
	struct cache_wish wish = { .size = size, .most = LIMIT_MODEL_CACHE, .spare = PART_FILE_SPARE, .free_space = fs_free_space };

	if (fs_free_space(dir) < size + PART_FILE_SPARE)
		(void)reaper_await(REAPER_AWAIT_MS); /* a worker that has just been ended still holds its file */
	cache_make_room(dir, &wish);
}

static void on_progress(void *user, uint64_t at, uint64_t total)
{
	atomic_int *done = user;

	if (done && total > 0)
		atomic_store_explicit(done, (int)(at * 1000 / total), memory_order_relaxed);
}

struct conversion {
	const char *data_dir;
	const struct wish *wish;
	const char *out;
	atomic_int *done;
	const atomic_bool *cancel;
};

static enum err_code convert_folder(const struct conversion *v, const char *dir, struct err *err)
{
	const struct wish *wish = v->wish;
	struct hf_convert_options options = { .type = wish->to_q8 ? HF_Q8_0 : HF_AUTO, .base = wish->from, .progress = on_progress,
					      .user = v->done, .cancel = v->cancel };
	struct hf_convert_facts facts;
	int64_t began = clock_mono_ms();
	enum err_code code = hf_convert_size(wish->path, &options, &facts, err);

	if (code != ERR_OK)
		return code;
	make_room(dir, facts.size_bytes);
	code = hf_convert(wish->path, v->out, &options, NULL, err);
	if (code == ERR_OK)
		convert_speed_note(v->data_dir, facts.source_bytes, clock_mono_ms() - began);
	return code;
}

static enum err_code convert_gguf(const struct conversion *v, const char *dir, struct err *err)
{
	uint64_t size = 0;
	enum err_code code = gguf_q8_size(v->wish->path, &size, err);

	if (code != ERR_OK)
		return code;
	make_room(dir, size);
	return gguf_q8_convert(v->wish->path, v->out, on_progress, v->done, v->cancel, err);
}

static enum err_code convert(const struct conversion *v, struct err *err)
{
	const struct wish *wish = v->wish;
	char *dir = fs_join(v->data_dir, MODEL_CACHE_DIR);
	enum err_code code = fs_make_dirs(dir, err);

	if (code == ERR_OK)
		code = wish->is_folder ? convert_folder(v, dir, err) : convert_gguf(v, dir, err);
	if (code == ERR_OK)
		log_info("engine", "model converted path=%s weights=%s tokenizer=%s", wish->path, wish->to_q8 ? "q8_0" : "stored",
			 wish->from ? wish->from : wish->path);
	mem_free(dir);
	return code;
}

static enum err_code convert_in_turn(const struct conversion *v, struct err *err)
{
	enum err_code code = wait_for_turn(v->cancel, err);

	if (code != ERR_OK)
		return code;
	if (!fs_exists(v->out))
		code = convert(v, err);
	pthread_mutex_unlock(&converting);
	return code;
}

static void mark_used(const char *file)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };
	(void)!utimensat(AT_FDCWD, file, times, 0); /* used now; many file systems are mounted without that */
}

enum err_code model_cache_get(const char *data_dir, struct model_source source, char **out, atomic_int *done,
			      const atomic_bool *cancel, struct err *err)
{
	struct wish wish;
	char *file = NULL;
	enum err_code code = look_at(&source, &wish, out, err);

	if (code != ERR_OK || *out)
		return code;
	code = cached_path(data_dir, &wish, &file, err);
	struct conversion v = { data_dir, &wish, file, done, cancel };
	if (code == ERR_OK && !fs_exists(file))
		code = convert_in_turn(&v, err);
	mem_free(wish.from);
	if (code != ERR_OK) {
		mem_free(file);
		return code;
	}
	mark_used(file);
	*out = file;
	return ERR_OK;
}

enum err_code model_cache_find(const char *data_dir, struct model_source source, char **out, struct err *err)
{
	struct wish wish;
	enum err_code code = look_at(&source, &wish, out, err);

	if (code != ERR_OK || *out)
		return code;
	code = cached_path(data_dir, &wish, out, err);
	if (code == ERR_OK && !fs_exists(*out)) {
		mem_free(*out);
		*out = mem_strdup("");
	}
	mem_free(wish.from);
	return code;
}

uint64_t model_cache_size(const char *data_dir, int64_t *n)
{
	char *dir = fs_join(data_dir, MODEL_CACHE_DIR);
	uint64_t bytes = cache_size(dir, n);

	mem_free(dir);
	return bytes;
}
