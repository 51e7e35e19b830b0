/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/adapter_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/model_cache.h"
#include "model/catalogue.h"

#define CACHE_FORMAT "1" /* changes when adapter_convert() writes something else */

static void add_stat(struct hash *h, const char *path)
{
	struct stat st = { 0 };

	hash_add(h, path, strlen(path) + 1);
	if (stat(path, &st) == 0) {
		int64_t facts[4] = { st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (int64_t)st.st_ino };
		hash_add(h, facts, sizeof facts);
	}
}

static char *weights_path(const char *adapter_path)
{
	return fs_is_dir(adapter_path) ? fs_join(adapter_path, "adapter_model.safetensors") : mem_strdup(adapter_path);
}

static char *cached_path(const char *dir, const char *adapter_path, const char *base_path)
{
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	char *weights = weights_path(adapter_path), *config = fs_join(adapter_path, "adapter_config.json");

	hash_add(h, CACHE_FORMAT, sizeof CACHE_FORMAT);
	add_stat(h, weights);
	add_stat(h, config);
	add_stat(h, base_path);
	hash_finish(h, digest);
	hash_hex(digest, hex);
	mem_free(weights);
	mem_free(config);
	return mem_printf("%s/%.32s.gguf", dir, hex);
}

enum err_code adapter_cache_get(const char *data_dir, const char *adapter_path, const char *base_path, char **out,
				const atomic_bool *cancel, struct err *err)
{
	char *base = NULL;
	enum err_code code = model_cache_get(data_dir, (struct model_source){ .path = base_path }, &base, NULL, cancel, err);

	*out = NULL;
	if (code != ERR_OK)
		return code;
	char *dir = mem_printf("%s/cache/adapters", data_dir), *path = cached_path(dir, adapter_path, base);
	if (!fs_exists(path)) {
		code = fs_make_dirs(dir, err);
		if (code == ERR_OK)
			code = adapter_convert(adapter_path, base, path, cancel, err);
		if (code == ERR_OK)
			log_info("engine", "adapter converted path=%s", adapter_path);
	}
	mem_free(base);
	mem_free(dir);
	if (code == ERR_OK)
		*out = path;
	else
		mem_free(path);
	return code;
}

enum err_code adapter_hash(const char *adapter_path, char out[65], const atomic_bool *cancel, struct err *err)
{
	uint8_t digest[HASH_SIZE];
	uint64_t size;
	char *weights = weights_path(adapter_path);
	int fd = fs_open(weights, &size, err);
	enum err_code code = ERR_IO;

	mem_free(weights);
	if (fd < 0)
		return code;
	code = hash_file(fd, digest, cancel, err);
	close(fd);
	if (code == ERR_OK)
		hash_hex(digest, out);
	return code;
}

void adapter_stamp(const char *adapter_path, char out[FILE_STAMP_SIZE])
{
	char *weights = weights_path(adapter_path);

	machine_file_stamp(weights, out);
	mem_free(weights);
}
