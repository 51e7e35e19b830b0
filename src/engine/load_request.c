/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/load_request.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/cache_room.h"
#include "engine/machine.h"
#include "model/gguf.h"

#define MEMORY_LIMIT_MIN ((int64_t)GIB)

static json_t *part_paths(const char *path)
{
	json_t *paths = json_array();
	char *part;

	for (uint32_t i = 1; (part = gguf_part_path(path, i)); i++) {
		json_array_append_new(paths, json_text(str_of(part)));
		mem_free(part);
	}
	return paths;
}

json_t *load_request(const char *path, int n_threads, const struct gpu_use *gpu, bool has_gpu, bool check_values, int *fd,
		     int64_t *size, struct err *err)
{
	uint64_t bytes = 0;
	uint32_t no, count;
	size_t stem;

	*fd = fs_open(path, &bytes, err);
	if (*fd < 0)
		return NULL;
	*size = (int64_t)bytes;
	cache_hold(*fd);
	json_t *load = json_pack("{s:I, s:i, s:i, s:s, s:b, s:b}", "size", (json_int_t)bytes, "n_threads", n_threads, "n_gpu_layers",
				 gpu->layers, "device", has_gpu && gpu->device ? gpu->device : "", "use_mmap", true, "check_values",
				 check_values);
	int64_t free = machine_memory().available;
	if (!has_gpu)
		json_object_set_new(load, "memory_limit", json_integer(free > MEMORY_LIMIT_MIN ? free : MEMORY_LIMIT_MIN));
	if (gguf_split_name(path, &no, &count, &stem)) {
		json_object_set_new(load, "paths", part_paths(path));
		close(*fd);
		*fd = -1;
	}
	return load;
}
