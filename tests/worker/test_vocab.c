/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabularies that are made of Hugging Face folders, loaded by llama.cpp: a text gives the tokens that the
 * tokenizers library gives. */
#include "support/check.h"

#include "convert/vocab_keys.h"
#include "support/hf_vocab_files.h"
#include "support/temp.h"
#include "worker/llama_shim.h"

#define MAX_TOKENS 4096

static struct temp temp;
static json_t *golden;

static void no_log(enum ggml_log_level level, const char *text, void *user)
{
	(void)level, (void)text, (void)user;
}

static struct llama_model *load(const char *path)
{
	struct shim_why why = { "" };
	struct llama_model_params params = llama_model_default_params();
	params.vocab_only = true;
	struct llama_model *model = shim_load(NULL, &path, 1, params, &why);
	if (!model)
		fail_msg("%s does not load: %s", path, why.text);
	return model;
}

static json_t *tokenize(const struct llama_model *model, const char *text)
{
	static llama_token ids[MAX_TOKENS];
	int32_t n = shim_tokenize(llama_model_get_vocab(model), str_of(text), ids, MAX_TOKENS, true, true);
	assert_true(n >= 0);
	json_t *list = json_array();
	for (int32_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(ids[i]));
	return list;
}

/* --- where llama.cpp differs from transformers, whoever made the GGUF --- */

#define NFC "llama.cpp composes no characters"
#define LITERAL "llama.cpp looks for added tokens before spaces become U+2581"
#define STRIP "llama.cpp keeps the white space around a token that takes it away (rstrip)"
#define WHOLE "the name smaug-bpe goes without ignore_merges"
#define LEGACY "llama.cpp puts a space in front of every piece of text, also where transformers (legacy: false) does not"

static const struct {
	const char *folder;
	size_t text;
	const char *why;
} known[] = {
	{ "gemma2", 38, LITERAL }, { "gemma3", 38, LITERAL }, { "mistral", 1, LEGACY },	 { "mistral", 2, LEGACY },
	{ "mistral", 5, LEGACY },  { "mistral", 7, LEGACY },  { "mistral", 34, LEGACY }, { "phi4", 33, STRIP },
	{ "qwen2", 24, NFC },	   { "qwen3", 24, NFC },      { "smollm3", 5, WHOLE },
};

static const char *known_why(const char *folder, size_t text)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].text == text && strcmp(known[i].folder, folder) == 0)
			return known[i].why;
	return NULL;
}

/* --- the converter's GGUF, from the keys in golden.json --- */

static void add_array(struct vocab_keys *keys, const char *name, const char *type, const json_t *list)
{
	size_t n = json_array_size(list);
	const char **texts = arena_array(temp.arena, n + 1, sizeof(texts[0]));
	float *reals = arena_array(temp.arena, n + 1, sizeof(reals[0]));
	int32_t *numbers = arena_array(temp.arena, n + 1, sizeof(numbers[0]));
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_array_get(list, i);
		texts[i] = json_string_value(value);
		reals[i] = (float)json_number_value(value);
		numbers[i] = (int32_t)json_integer_value(value);
	}
	if (strcmp(type, "array+string") == 0)
		vocab_keys_texts(keys, name, texts, n);
	else if (strcmp(type, "array+float32") == 0)
		vocab_keys_f32s(keys, name, reals, n);
	else
		vocab_keys_i32s(keys, name, numbers, n);
}

static void write_golden(const json_t *folder, const char *architecture, struct buf *head)
{
	struct err err = { 0 };
	struct gguf_writer *w = gguf_writer_new();
	struct vocab_keys keys = { .arena = temp.arena };
	json_t *entry;
	size_t i;
	gguf_writer_text(w, "general.architecture", architecture);
	json_array_foreach (json_object_get(folder, "keys"), i, entry) {
		const char *name = json_string_value(json_object_get(entry, "key"));
		const char *type = json_string_value(json_object_get(entry, "type"));
		hf_vocab_fill(entry);
		const json_t *value = json_object_get(entry, "value");
		if (strcmp(type, "string") == 0)
			vocab_keys_text(&keys, name, json_string_value(value));
		else if (strcmp(type, "bool") == 0)
			vocab_keys_bool(&keys, name, json_is_true(value));
		else if (strcmp(type, "uint32") == 0)
			vocab_keys_u32(&keys, name, (uint32_t)json_integer_value(value));
		else
			add_array(&keys, name, type, value);
	}
	vocab_keys_write(&keys, w);
	assert_ok(gguf_writer_head(w, head, &err));
	gguf_writer_free(w);
}

/* --- the texts --- */

static struct llama_model *load_ours(const char *name, const char *architecture)
{
	struct err err = { 0 };
	struct hf_vocab *v;
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	const char *dir = arena_printf(temp.arena, "%s/%s", HF_VOCAB_DIR, name);
	assert_ok(hf_vocab_read_folder(temp.arena, dir, architecture, &v, &err));
	hf_vocab_head(v, architecture, NULL, &head);
	struct llama_model *model = load(temp_file(&temp, "ours.gguf", head.ptr, head.len));
	buf_release(&head);
	return model;
}

static struct llama_model *load_golden(const json_t *folder, const char *architecture)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	write_golden(folder, architecture, &head);
	struct llama_model *model = load(temp_file(&temp, "golden.gguf", head.ptr, head.len));
	buf_release(&head);
	return model;
}

static void assert_text(const char *name, size_t i, const json_t *text, const json_t *seen, const json_t *expected, bool same)
{
	if (json_equal(seen, expected) != same)
		fail_msg("%s, text %zu %s: %s, which is %sthat of %s", name, i, json_text_of(temp.arena, json_incref((json_t *)text)),
			 json_text_of(temp.arena, json_incref((json_t *)seen)), same ? "not " : "",
			 json_text_of(temp.arena, json_incref((json_t *)expected)));
}

static void a_text_gives_the_tokens_of_its_family(void **state)
{
	(void)state;
	const char *name;
	json_t *folder, *text;
	size_t n_known = 0;
	json_object_foreach (json_object_get(golden, "folders"), name, folder) {
		const char *architecture = json_string_value(json_object_get(folder, "architecture"));
		struct llama_model *ours = load_ours(name, architecture), *theirs = load_golden(folder, architecture);
		json_t *ids = json_object_get(folder, "ids");
		size_t i;
		assert_int_equal(json_array_size(ids), json_array_size(json_object_get(golden, "texts")));
		json_array_foreach (json_object_get(golden, "texts"), i, text) {
			json_t *a = tokenize(ours, json_string_value(text)), *b = tokenize(theirs, json_string_value(text));
			bool differs = known_why(name, i) != NULL;
			assert_text(name, i, text, a, b, true);
			assert_text(name, i, text, a, json_array_get(ids, i), !differs);
			n_known += differs;
			json_decref(a);
			json_decref(b);
		}
		llama_model_free(ours);
		llama_model_free(theirs);
	}
	assert_int_equal(n_known, sizeof(known) / sizeof(known[0]));
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	golden = hf_vocab_json(HF_VOCAB_DIR "/golden.json");
	shim_start(no_log, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(golden);
	temp_close(&temp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_gives_the_tokens_of_its_family),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
