/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/vocab_keys.h"

#include <string.h>

/* A value is built in place: its size is known before. */
static char *put_u32(char *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		*to++ = (char)(value >> (8 * i));
	return to;
}

static char *put_u64(char *to, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		*to++ = (char)(value >> (8 * i));
	return to;
}

static char *put_text(char *to, const char *text)
{
	size_t len = strlen(text);
	to = put_u64(to, len);
	memcpy(to, text, len);
	return to + len;
}

static struct vocab_key *key_at(struct vocab_keys *k, const char *name)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->keys[i].name, name) == 0)
			return &k->keys[i];
	if (k->n == k->room) {
		size_t room = k->room ? 2 * k->room : 32;
		struct vocab_key *keys = arena_array(k->arena, room, sizeof(keys[0]));
		if (k->n)
			memcpy(keys, k->keys, k->n * sizeof(keys[0]));
		k->keys = keys;
		k->room = room;
	}
	k->keys[k->n].name = arena_strdup(k->arena, name);
	return &k->keys[k->n++];
}

/* Returns where `size` bytes of the value go. */
static char *value_of(struct vocab_keys *k, const char *name, enum gguf_value type, size_t size)
{
	struct vocab_key *key = key_at(k, name);
	char *to = arena_alloc(k->arena, size);
	key->type = type;
	key->value = (struct str){ to, size };
	return to;
}

void vocab_keys_text(struct vocab_keys *k, const char *name, const char *value)
{
	put_text(value_of(k, name, GGUF_TEXT, 8 + strlen(value)), value);
}

void vocab_keys_bool(struct vocab_keys *k, const char *name, bool value)
{
	*value_of(k, name, GGUF_BOOL, 1) = value ? 1 : 0;
}

void vocab_keys_u32(struct vocab_keys *k, const char *name, uint32_t value)
{
	put_u32(value_of(k, name, GGUF_U32, 4), value);
}

static char *array_of(struct vocab_keys *k, const char *name, enum gguf_value element, size_t n, size_t bytes)
{
	char *to = value_of(k, name, GGUF_ARRAY, 12 + bytes);
	return put_u64(put_u32(to, element), n);
}

void vocab_keys_texts(struct vocab_keys *k, const char *name, const char *const *values, size_t n)
{
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += 8 + strlen(values[i]);
	if (n == 0)
		return;
	char *to = array_of(k, name, GGUF_TEXT, n, bytes);
	for (size_t i = 0; i < n; i++)
		to = put_text(to, values[i]);
}

void vocab_keys_i32s(struct vocab_keys *k, const char *name, const int32_t *values, size_t n)
{
	if (n == 0)
		return;
	char *to = array_of(k, name, GGUF_I32, n, 4 * n);
	for (size_t i = 0; i < n; i++)
		to = put_u32(to, (uint32_t)values[i]);
}

void vocab_keys_f32s(struct vocab_keys *k, const char *name, const float *values, size_t n)
{
	if (n == 0)
		return;
	char *to = array_of(k, name, GGUF_F32, n, 4 * n);
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, &values[i], sizeof(bits));
		to = put_u32(to, bits);
	}
}

void vocab_keys_write(const struct vocab_keys *k, struct gguf_writer *w)
{
	for (size_t i = 0; i < k->n; i++)
		gguf_writer_raw(w, k->keys[i].name, k->keys[i].type, k->keys[i].value);
}
