/* SPDX-License-Identifier: Apache-2.0 */
#include "server/remote_list.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "engine/ollama.h"

#define NAME_MAX_BYTES 300
#define WORD_MAX_BYTES 100

static const char *text_of(struct arena *a, const json_t *object, const char *key, size_t max)
{
	return remote_text(a, json_string_value(json_object_get(object, key)), max);
}

static int64_t size_of(const json_t *object, const char *key)
{
	int64_t value = json_integer_value(json_object_get(object, key));
	return value > 0 ? value : 0;
}

/* "2026-11-24T09:15:02.123+08:00"; 0 for what is none. */
static int64_t time_of(const char *text)
{
	struct tm tm = { 0 };
	int hours = 0, minutes = 0;
	char sign = 'Z';
	const char *rest;

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
			    &tm.tm_sec) != 6)
		return 0;
	rest = text + strlen("0000-00-00T00:00:00");
	rest += strspn(rest, ".0123456789");
	if (sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) < 1)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	int64_t offset = (sign == '-' ? -1 : 1) * (hours * 3600LL + minutes * 60LL);
	return (timegm(&tm) - offset) * 1000;
}

static void mark_loaded(struct remote_list *list, const json_t *loaded)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(loaded, "models"), i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		for (size_t k = 0; name && k < list->n; k++) {
			if (!ollama_name_equal(list->items[k].name, name))
				continue;
			list->items[k].is_loaded = true;
			list->items[k].memory_bytes = size_of(item, "size");
		}
	}
}

static void read_entry(struct arena *a, const json_t *item, bool ollama, struct remote_entry *out)
{
	const json_t *details = json_object_get(item, "details");

	*out = (struct remote_entry){
		.name = text_of(a, item, ollama ? "name" : "id", NAME_MAX_BYTES),
		.format = text_of(a, details, "quantization_level", WORD_MAX_BYTES),
		.family = text_of(a, details, "family", WORD_MAX_BYTES),
		.parameter_size = text_of(a, details, "parameter_size", WORD_MAX_BYTES),
		.digest = text_of(a, item, "digest", WORD_MAX_BYTES),
		.parent = text_of(a, item, "parent", NAME_MAX_BYTES),
		.size_bytes = size_of(item, "size"),
		.modified_ms = ollama ? time_of(json_string_value(json_object_get(item, "modified_at")))
				      : size_of(item, "created") * 1000,
	};
}

void remote_list_read(struct arena *a, const struct remote *remote, const struct provider_call *list,
		      const struct provider_call *loaded, struct remote_list *out, struct err *problem)
{
	bool ollama = remote->row.kind == PROVIDER_OLLAMA;
	struct err ignored = { 0 };

	*out = (struct remote_list){ 0 };
	*problem = list->err;
	json_t *json = problem->code == ERR_OK ? remote_json(remote, &list->reply, problem) : NULL;
	const json_t *models = json_object_get(json, ollama ? "models" : "data");
	size_t n = json_array_size(models);
	/* An Ollama without models says null. */
	if (json && !json_is_array(models) && !(ollama && json_is_null(models)))
		remote_wrong(remote, "no list of models", problem);
	n = n < LIMIT_REMOTE_MODELS ? n : LIMIT_REMOTE_MODELS;
	out->items = arena_array(a, n, sizeof *out->items);
	for (size_t i = 0; i < n; i++) {
		read_entry(a, json_array_get(models, i), ollama, &out->items[out->n]);
		if (out->items[out->n].name[0])
			out->n++;
	}
	json_decref(json);
	json = loaded && loaded->err.code == ERR_OK ? remote_json(remote, &loaded->reply, &ignored) : NULL;
	mark_loaded(out, json);
	json_decref(json);
}
