/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/devices.h"

#include "store/model_store.h"

#define BYTES_MAX (1LL << 60)

struct gpu_use gpu_use_of(const struct gpu_use *set, const struct model_row *base)
{
	if (!base->has_gpu || set->is_forced)
		return *set;
	return (struct gpu_use){ .layers = base->gpu_layers, .device = base->gpu_device };
}

bool device_is_gpu(const struct device *d)
{
	return strcmp(d->type, "gpu") == 0 || strcmp(d->type, "igpu") == 0;
}

bool devices_have_gpu(const struct devices *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (device_is_gpu(&d->items[i]))
			return true;
	return false;
}

static bool known_type(const char *type)
{
	static const char *const types[] = { "cpu", "gpu", "igpu", "accel" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

enum err_code devices_read(const json_t *list, struct devices *out, struct err *err)
{
	const json_t *item;
	size_t i;

	*out = (struct devices){ 0 };
	if (list && (!json_is_array(list) || json_array_size(list) > DEVICES_MAX))
		return err_set(err, ERR_DATA, "err_worker_protocol", "what=%s", "devices");
	json_array_foreach(list, i, item) {
		struct device *d = &out->items[out->n++];
		const char *id = json_get_text(item, "id", "", err), *name = json_get_text(item, "name", "", err);
		const char *type = json_get_text(item, "type", "", err);
		d->memory_total = json_get_int(item, "memory_total", 0, BYTES_MAX, 0, err);
		d->memory_free = json_get_int(item, "memory_free", 0, BYTES_MAX, 0, err);
		if (err->code != ERR_OK || !*id || strlen(id) >= sizeof d->id || !known_type(type)) {
			*out = (struct devices){ 0 };
			return err_set(err, ERR_DATA, "err_worker_protocol", "what=%s", "devices");
		}
		str_format(d->id, sizeof d->id, "%s", id);
		str_format(d->name, sizeof d->name, "%s", name);
		str_format(d->type, sizeof d->type, "%s", type);
	}
	return ERR_OK;
}

/* A graphics unit of the processor counts only where there is no card, as in llama.cpp. */
static bool is_meant(const struct devices *d, const struct device *one, const struct gpu_use *use)
{
	bool card = false;

	if (use->layers == 0 || !device_is_gpu(one))
		return false;
	if (use->device && use->device[0])
		return str_list_has(use->device, ',', one->id);
	for (size_t i = 0; i < d->n; i++)
		card |= strcmp(d->items[i].type, "gpu") == 0;
	return !card || strcmp(one->type, "gpu") == 0;
}

void devices_place(const struct devices *d, const struct gpu_use *use, struct memory_place *out)
{
	*out = (struct memory_place){ .layers = use->layers };
	for (size_t i = 0; i < d->n; i++)
		if (is_meant(d, &d->items[i], use))
			out->free[out->n_gpus++] = (uint64_t)d->items[i].memory_free;
}

void devices_label(const struct devices *d, const struct gpu_use *use, char *out, size_t size)
{
	const struct device *first = NULL;
	int n = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (!is_meant(d, &d->items[i], use))
			continue;
		first = first ? first : &d->items[i];
		n++;
	}
	if (n > 1)
		str_format(out, size, "%d × %s", n, first->name);
	else
		str_format(out, size, "%s", first ? first->name : "");
}

void devices_free(const struct devices *d, const struct gpu_use *use, char *out, size_t size)
{
	size_t len = 0;

	out[0] = 0;
	for (size_t i = 0; i < d->n && len < size; i++) {
		const struct device *one = &d->items[i];
		if (!is_meant(d, one, use))
			continue;
		str_format(out + len, size - len, "%s%s: %.1f GB", len ? ", " : "", one->name, (double)one->memory_free / 1e9);
		len = strlen(out);
	}
	out[utf8_whole(str_of(out))] = 0;
}
