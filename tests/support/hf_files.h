/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_files - tiny Hugging Face folders for tests, with the values of tests/golden/make_hf_convert.py. */
#ifndef ASSAY_TESTS_HF_FILES_H
#define ASSAY_TESTS_HF_FILES_H

#include <jansson.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "support/temp.h"

/* 32 well mixed bits for value `k` of tensor `index`. */
static inline uint32_t hf_word(uint64_t index, uint64_t k)
{
	uint32_t h = (uint32_t)(k * 2654435761U + index * 40503 + 12345);
	h ^= h >> 15;
	h *= 2246822519U;
	return h ^ h >> 13;
}

/* Appends value `k` of tensor `index`; `dtype` is "F32", "F32wide", "F16" or "BF16". */
static inline void hf_value(struct buf *out, const char *dtype, uint64_t index, uint64_t k)
{
	uint32_t h = hf_word(index, k), value;
	bool wide = strcmp(dtype, "F32wide") == 0, whole = strcmp(dtype, "F32") == 0;
	if (wide || whole)
		value = (h & 0x807FFFFF) | (wide ? 20 + (h >> 23 & 255) * 234 / 255 : 118 + (h >> 23 & 15)) << 23;
	else if (strcmp(dtype, "F16") == 0)
		value = (h & 0x83FF) | (h >> 16 & 15) << 10;
	else
		value = (h & 0x807F) | (118 + (h >> 16 & 15)) << 7;
	buf_add(out, &value, wide || whole ? 4 : 2);
}

static inline uint64_t hf_count(const json_t *shape)
{
	uint64_t n = 1;
	for (size_t i = 0; i < json_array_size(shape); i++)
		n *= (uint64_t)json_integer_value(json_array_get(shape, i));
	return n;
}

/* Writes tensors [from, to) of a list of [name, type, shape]; their place in the list makes their values. */
static inline const char *hf_safetensors(struct temp *t, const char *name, const json_t *tensors, size_t from, size_t to)
{
	struct buf head = BUF_INIT(64 * MIB), data = BUF_INIT(64 * MIB), file = BUF_INIT(64 * MIB);
	for (size_t i = from; i < to; i++) {
		const json_t *one = json_array_get(tensors, i), *shape = json_array_get(one, 2);
		const char *dtype = json_string_value(json_array_get(one, 1));
		size_t start = data.len;
		for (uint64_t k = 0, n = hf_count(shape); k < n; k++)
			hf_value(&data, dtype, i, k);
		buf_add_char(&head, i == from ? '{' : ',');
		json_write_string(&head, str_of(json_string_value(json_array_get(one, 0))));
		buf_printf(&head, ":{\"dtype\":\"%.*s\",\"shape\":", (int)strcspn(dtype, "w"), dtype);
		json_write(&head, shape);
		buf_printf(&head, ",\"data_offsets\":[%zu,%zu]}", start, data.len);
	}
	buf_add_text(&head, from == to ? "{}" : "}");
	buf_add_u64le(&file, head.len);
	buf_add_str(&file, buf_str(&head));
	buf_add_str(&file, buf_str(&data));
	const char *path = temp_file(t, name, file.ptr, file.len);
	buf_release(&head);
	buf_release(&data);
	buf_release(&file);
	return path;
}

static inline void hf_json(struct temp *t, const char *name, const json_t *value)
{
	struct buf text = BUF_INIT(64 * MIB);
	json_write(&text, value);
	temp_file(t, name, text.ptr, text.len);
	buf_release(&text);
}

/* Writes a model of hf_convert.json to the folder `dir`; returns its path. */
static inline const char *hf_folder(struct temp *t, const char *dir, const json_t *model)
{
	const json_t *tensors = json_object_get(model, "tensors"), *generation = json_object_get(model, "generation_config");
	size_t n = json_array_size(tensors), shards = (size_t)json_integer_value(json_object_get(model, "shards"));
	size_t each = (n + shards - 1) / shards;
	hf_json(t, arena_printf(t->arena, "%s/config.json", dir), json_object_get(model, "config"));
	if (json_is_object(generation))
		hf_json(t, arena_printf(t->arena, "%s/generation_config.json", dir), generation);
	if (shards == 1) {
		hf_safetensors(t, arena_printf(t->arena, "%s/model.safetensors", dir), tensors, 0, n);
		return temp_path(t, dir);
	}
	json_t *map = json_object(), *index = json_pack("{s:{}, s:o}", "metadata", "weight_map", map);
	for (size_t s = 0; s < shards; s++) {
		const char *name = arena_printf(t->arena, "model-%05zu-of-%05zu.safetensors", s + 1, shards);
		size_t to = (s + 1) * each < n ? (s + 1) * each : n;
		hf_safetensors(t, arena_printf(t->arena, "%s/%s", dir, name), tensors, s * each, to);
		for (size_t i = s * each; i < to; i++)
			json_object_set_new(map, json_string_value(json_array_get(json_array_get(tensors, i), 0)), json_string(name));
	}
	hf_json(t, arena_printf(t->arena, "%s/model.safetensors.index.json", dir), index);
	json_decref(index);
	return temp_path(t, dir);
}

#endif
