/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/held.h"

#include <string.h>

#include "base/url.h"

#define NAME_MAX_BYTES 300
#define BYTES_MAX ((int64_t)1 << 50)

bool held_is_here(const struct provider_row *row)
{
	struct url_parts url;
	struct err ignored;

	return row->kind == PROVIDER_OLLAMA && url_parse(row->url, &url, &ignored) == ERR_OK && url.is_loopback;
}

struct http_limits held_limits(void)
{
	struct http_limits limits = http_limits_default();

	limits.connect_ms = 1000;
	limits.first_byte_ms = 2000;
	limits.total_ms = 3000;
	return limits;
}

static int64_t size_of(const json_t *item, const char *key)
{
	int64_t bytes = json_integer_value(json_object_get(item, key));

	return bytes < 0 ? 0 : bytes > BYTES_MAX ? BYTES_MAX : bytes;
}

static void add_models(struct arena *a, const json_t *models, struct held *out)
{
	size_t i, n = json_array_size(models) < HELD_MODELS_MAX ? json_array_size(models) : HELD_MODELS_MAX;
	struct held_model *items = arena_array(a, out->n + n, sizeof *items);

	if (out->n > 0)
		memcpy(items, out->models, out->n * sizeof *items);
	out->models = items;
	for (i = 0; i < n; i++) {
		const json_t *item = json_array_get(models, i);
		struct held_model m = { .name = remote_text(a, json_string_value(json_object_get(item, "name")), NAME_MAX_BYTES),
					.bytes = size_of(item, "size"), .gpu_bytes = size_of(item, "size_vram") };
		if (!*m.name)
			continue;
		m.gpu_bytes = m.gpu_bytes < m.bytes ? m.gpu_bytes : m.bytes;
		out->bytes += m.bytes;
		out->gpu_bytes += m.gpu_bytes;
		items[out->n++] = m;
	}
}

enum err_code held_read(struct arena *a, const struct remote *remote, const struct http_reply *reply, struct held *out,
			struct err *err)
{
	json_t *json = remote_json(remote, reply, err);
	const json_t *models = json_object_get(json, "models");
	enum err_code code = ERR_OK;

	if (!json)
		return err->code;
	if (!json_is_array(models) && !json_is_null(models))
		code = remote_wrong(remote, "no list of models", err);
	else
		add_models(a, models, out);
	json_decref(json);
	return code;
}

void held_tell(const struct held *held, bool counts_gpu, struct err *err)
{
	bool gpu_is_short = strcmp(err->key, "err_memory_gpu") == 0;
	int64_t bytes = gpu_is_short ? held->gpu_bytes : counts_gpu ? held->bytes : held->bytes - held->gpu_bytes;
	char key[sizeof err->key];

	if (bytes < HELD_MIN || strncmp(err->key, "err_memory", strlen("err_memory")) != 0)
		return;
	err_add(err, "held=%.1f", (double)bytes / 1e9);
	str_format(key, sizeof key, "%s_held", err->key);
	str_format(err->key, sizeof err->key, "%s", key);
}
