/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/offload.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "model/estimate.h"
#include "worker/engine.h"

#define LAYERS_MAX 100000

/* The GPUs that may be used: all, or those with these ids, each of which there must be. */
static enum err_code find_devices(const char *ids, struct offload *out, struct memory_place *place, struct err *err)
{
	struct shim_device all[OFFLOAD_DEVICES_MAX];
	size_t n = shim_devices(all, OFFLOAD_DEVICES_MAX);
	struct str rest = str_of(ids);
	for (size_t i = 0; i < n && i < OFFLOAD_DEVICES_MAX; i++) {
		if (!all[i].gpu || (*ids && !str_list_has(ids, ',', all[i].id)))
			continue;
		out->devices[place->n_gpus] = all[i].handle;
		place->free[place->n_gpus++] = all[i].memory_free;
	}
	while (*ids && rest.ptr) {
		struct str id = str_split(&rest, ',');
		bool found = false;
		for (size_t i = 0; i < n && i < OFFLOAD_DEVICES_MAX; i++)
			found |= all[i].gpu && str_eq_text(id, all[i].id);
		if (!found)
			return err_set(err, ERR_INVALID, "err_device_unknown", "device=%.*s", (int)id.len, id.ptr);
	}
	return ERR_OK;
}

/* llama.cpp takes a graphics unit of the processor only where there is no card; so does this. */
static void drop_shared(struct offload *out, struct memory_place *place)
{
	size_t n = 0;
	bool card = false;
	for (size_t i = 0; i < place->n_gpus; i++)
		card |= ggml_backend_dev_type(out->devices[i]) == GGML_BACKEND_DEVICE_TYPE_GPU;
	for (size_t i = 0; i < place->n_gpus; i++) {
		if (card && ggml_backend_dev_type(out->devices[i]) != GGML_BACKEND_DEVICE_TYPE_GPU)
			continue;
		out->devices[n] = out->devices[i];
		place->free[n++] = place->free[i];
	}
	place->n_gpus = card ? n : n > 0;
	out->devices[place->n_gpus] = NULL;
}

/* NULL where the file cannot be read as a model: loading it says why. */
static struct gguf *open_model(const struct request *r)
{
	const char *first = json_string_value(json_array_get(json_object_get(r->body, "paths"), 0));
	struct stat st;
	if (first)
		return gguf_open_model(first, NULL);
	return r->fd >= 0 && fstat(r->fd, &st) == 0 ? gguf_read(r->fd, (uint64_t)st.st_size, "", NULL) : NULL;
}

enum err_code offload_choose(struct request *r, struct offload *out, struct err *err)
{
	struct memory_use use = { .cells = OFFLOAD_CELLS, .ubatch = ENGINE_STEP_TOKENS, .outputs = LIMIT_SLOTS + 1 };
	struct memory_place place = { .layers = -1 };
	struct memory_split split;
	int layers = (int)json_get_int(r->body, "n_gpu_layers", -1, LAYERS_MAX, -1, err);
	const char *ids = json_get_text(r->body, "device", "", err);
	*out = (struct offload){ .layers = layers };
	if (err->code != ERR_OK || layers == 0 || find_devices(ids, out, &place, err) != ERR_OK)
		return err->code;
	if (!*ids)
		drop_shared(out, &place);
	struct gguf *g = layers < 0 && place.n_gpus > 0 ? open_model(r) : NULL;
	if (!g)
		return ERR_OK;
	estimate_split(g, &use, &place, &split);
	out->layers = (int)split.on_gpu;
	if (split.on_gpu == 0)
		out->devices[0] = NULL;
	gguf_close(g);
	return ERR_OK;
}

bool offload_keeps_ops(bool is_partial)
{
	static bool has_graphs, has_none;
	if (is_partial && !has_graphs && !has_none)
		has_none = setenv("GGML_CUDA_DISABLE_GRAPHS", "1", 1) == 0; /* ggml looks once, at the first step */
	has_graphs |= !has_none;
	return is_partial && has_graphs;
}

void offload_hide_gpus(void)
{
	setenv("CUDA_VISIBLE_DEVICES", "", 1);
	setenv("HIP_VISIBLE_DEVICES", "-1", 1);
	setenv("ROCR_VISIBLE_DEVICES", "-1", 1);
	setenv("GGML_VK_VISIBLE_DEVICES", "", 1);
}
