/* SPDX-License-Identifier: Apache-2.0
 *
 * Every key that llama.cpp's converter writes for a tokenizer, and what is wrong with folders that have none. */
#include "support/check.h"
#include "support/hf_vocab_files.h"
#include "support/temp.h"

static struct temp temp;
static struct arena *arena;
static json_t *golden;

/* --- the keys of a header, as tests/golden/make_hf_vocab.py lists them --- */

struct reader {
	const uint8_t *at, *end;
};

static uint64_t take(struct reader *r, size_t bytes)
{
	uint64_t value = 0;
	assert_true((size_t)(r->end - r->at) >= bytes);
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)r->at[i] << (8 * i);
	r->at += bytes;
	return value;
}

static json_t *take_text(struct reader *r)
{
	uint64_t len = take(r, 8);
	assert_true((uint64_t)(r->end - r->at) >= len);
	json_t *text = json_stringn((const char *)r->at, (size_t)len);
	assert_non_null(text);
	r->at += len;
	return text;
}

static json_t *take_value(struct reader *r, uint64_t type, char *name, size_t room)
{
	static const char *const names[] = { "", "", "", "", "uint32", "int32", "float32", "bool", "string", "array" };
	assert_true(type < sizeof(names) / sizeof(names[0]));
	strncat(name, names[type], room - strlen(name) - 1);
	if (type == GGUF_TEXT)
		return take_text(r);
	if (type == GGUF_BOOL)
		return json_boolean(take(r, 1) == 1);
	if (type == GGUF_F32) {
		uint32_t bits = (uint32_t)take(r, 4);
		float value;
		memcpy(&value, &bits, sizeof(value));
		return json_real((double)value);
	}
	if (type == GGUF_U32)
		return json_integer((json_int_t)take(r, 4));
	if (type == GGUF_I32)
		return json_integer((int32_t)take(r, 4));
	assert_int_equal(type, GGUF_ARRAY);
	uint64_t element = take(r, 4), n = take(r, 8);
	json_t *list = json_array();
	strncat(name, "+", room - strlen(name) - 1);
	for (uint64_t i = 0; i < n; i++) {
		char part[32] = "";
		json_array_append_new(list, take_value(r, element, part, sizeof(part)));
		if (i == 0)
			strncat(name, part, room - strlen(name) - 1);
	}
	return list;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static json_t *sorted(json_t *list)
{
	size_t n = json_array_size(list);
	json_t **items = mem_array(n, sizeof(items[0])), *out = json_array();
	for (size_t i = 0; i < n; i++)
		items[i] = json_array_get(list, i);
	qsort(items, n, sizeof(items[0]), by_text);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, items[i]);
	mem_free(items);
	json_decref(list);
	return out;
}

/* All but general.architecture. */
static json_t *keys_of(const struct hf_vocab *v)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	hf_vocab_head(v, "llama", NULL, &head);
	struct reader r = { (const uint8_t *)head.ptr + 16, (const uint8_t *)head.ptr + head.len };
	json_t *keys = json_array();
	for (uint64_t i = 0, n = take(&r, 8); i < n; i++) {
		char name[64] = "";
		json_t *key = take_text(&r), *value = take_value(&r, take(&r, 4), name, sizeof(name));
		if (strcmp(json_string_value(key), "tokenizer.chat_templates") == 0)
			value = sorted(value);
		if (i > 0)
			json_array_append_new(keys, json_pack("{s:O,s:s,s:O}", "key", key, "type", name, "value", value));
		json_decref(key);
		json_decref(value);
	}
	buf_release(&head);
	return keys;
}

/* --- the same as llama.cpp's converter --- */

static void assert_value(const char *folder, const json_t *expected, const json_t *found)
{
	const char *key = json_string_value(json_object_get(expected, "key"));
	const json_t *a = json_object_get(expected, "value"), *b = json_object_get(found, "value");
	if (json_equal(expected, found))
		return;
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!json_equal(json_array_get(a, i), json_array_get(b, i)))
			fail_msg("%s: %s [%zu] is %s, expected %s", folder, key, i,
				 json_text_of(arena, json_incref(json_array_get(b, i))),
				 json_text_of(arena, json_incref(json_array_get(a, i))));
	fail_msg("%s: expected %.300s, found %.300s", folder, json_text_of(arena, json_incref((json_t *)expected)),
		 json_text_of(arena, json_incref((json_t *)found)));
}

static void assert_keys(const char *name, const char *dir, const json_t *folder)
{
	struct err err = { 0 };
	struct hf_vocab *v;
	if (hf_vocab_read_folder(arena, dir, json_string_value(json_object_get(folder, "architecture")), &v, &err) != ERR_OK)
		fail_msg("%s: %s (%s)", name, err.key, err.args);
	json_t *keys = keys_of(v), *expected = json_object_get(folder, "keys"), *entry;
	size_t i;
	json_array_foreach (expected, i, entry) {
		hf_vocab_fill(entry);
		assert_value(name, entry, json_array_get(keys, i));
		if (str_ends(str_of(json_string_value(json_object_get(entry, "key"))), ".tokens"))
			assert_int_equal(hf_vocab_count(v), json_array_size(json_object_get(entry, "value")));
	}
	assert_int_equal(json_array_size(keys), json_array_size(expected));
	json_decref(keys);
}

static void every_key_is_that_of_the_converter(void **state)
{
	(void)state;
	const char *name;
	json_t *folder;
	size_t n_folders = 0;
	json_object_foreach (json_object_get(golden, "folders"), name, folder) {
		assert_keys(name, arena_printf(arena, "%s/%s", HF_VOCAB_DIR, name), folder);
		n_folders++;
	}
	assert_true(n_folders >= 16);
}

/* --- tokenizer.json without the tokenizer.model that it was made of, which the converter refuses --- */

/* As transformers writes a vocabulary that has a tabulator elsewhere: its byte is missing. */
static void leave_out_tab(json_t *tokenizer)
{
	json_t *vocab = json_object_get(json_object_get(tokenizer, "model"), "vocab");
	if (!vocab)
		return;
	assert_int_equal(json_object_del(vocab, "\t"), 0);
	/* The library counts tokens to give added ones their ids, and would be one short. */
	json_object_set_new(vocab, "</s>", json_integer(400));
	json_object_set_new(vocab, "<s>", json_integer(401));
}

static void copy_json(const char *name, const char *file, const char *as, const char *without)
{
	json_error_t why;
	json_t *value = json_load_file(arena_printf(arena, "%s/%s/%s", HF_VOCAB_DIR, name, file), 0, &why);
	if (!value)
		return;
	json_object_del(value, without);
	if (str_ends(str_of(as), "-hole"))
		leave_out_tab(value);
	const char *text = json_text_of(arena, value);
	temp_file(&temp, arena_printf(arena, "%s/%s", as, file), text, strlen(text));
}

static void the_pieces_come_from_tokenizer_json_too(void **state)
{
	(void)state;
	static const struct {
		const char *name, *as, *without; /* `without`: transformers 5 lists added tokens in tokenizer.json alone */
	} folders[] = {
		{ "gemma2", "gemma2-4", "" }, { "gemma2", "gemma2-5", "added_tokens_decoder" },
		{ "gemma3", "gemma3-4", "" }, { "gemma3", "gemma3-5", "added_tokens_decoder" },
		{ "gemma3", "gemma3-hole", "" },
		{ "phi3", "phi3-4", "" },     { "phi3", "phi3-5", "added_tokens_decoder" },
	};
	static const char *const files[] = { "config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.json" };
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		for (size_t j = 0; j < sizeof(files) / sizeof(files[0]); j++)
			copy_json(folders[i].name, files[j], folders[i].as, folders[i].without);
		assert_keys(folders[i].as, temp_path(&temp, folders[i].as),
			    json_object_get(json_object_get(golden, "folders"), folders[i].name));
	}
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	arena = arena_new();
	golden = hf_vocab_json(HF_VOCAB_DIR "/golden.json");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(golden);
	arena_free(arena);
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_that_of_the_converter),
		cmocka_unit_test(the_pieces_come_from_tokenizer_json_too),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
