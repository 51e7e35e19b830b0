/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_vocab_files - the tokenizer folders of tests/golden/hf_vocab, read and written as a GGUF without tensors. */
#ifndef ASSAY_TESTS_HF_VOCAB_FILES_H
#define ASSAY_TESTS_HF_VOCAB_FILES_H

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "convert/hf_vocab.h"

#define HF_VOCAB_DIR TEST_ROOT "/tests/golden/hf_vocab"

/* A JSON file; the caller's. */
static inline json_t *hf_vocab_json(const char *path)
{
	json_error_t why;
	json_t *value = json_load_file(path, 0, &why);
	if (!value)
		BUG("%s: %s", path, why.text);
	return value;
}

/* The folder's own config.json says how many tokens there are, as the callers of hf_vocab_read() have it. */
static inline uint64_t hf_vocab_size(const json_t *config)
{
	const json_t *size = json_object_get(config, "vocab_size");
	if (!size)
		size = json_object_get(json_object_get(config, "text_config"), "vocab_size");
	return (uint64_t)json_integer_value(size);
}

static inline enum err_code hf_vocab_read_folder(struct arena *a, const char *dir, const char *architecture,
						 struct hf_vocab **out, struct err *err)
{
	char *path = fs_join(dir, "config.json");
	json_t *config = fs_exists(path) ? hf_vocab_json(path) : NULL;
	struct hf_vocab_wish wish = { architecture, hf_vocab_size(config), config, NULL };
	enum err_code rc = hf_vocab_read(a, dir, &wish, out, NULL, err);
	json_decref(config);
	mem_free(path);
	return rc;
}

/* The header of a GGUF with the architecture, `more` (may be NULL) and the vocabulary. */
static inline void hf_vocab_head(const struct hf_vocab *v, const char *architecture, void (*more)(struct gguf_writer *w),
				 struct buf *out)
{
	struct err err = { 0 };
	struct gguf_writer *w = gguf_writer_new();
	gguf_writer_text(w, "general.architecture", architecture);
	if (more)
		more(w);
	hf_vocab_write(v, w);
	if (gguf_writer_head(w, out, &err) != ERR_OK)
		BUG("%s", err.key);
	gguf_writer_free(w);
}

/* Puts back the filling at the end of a key's array that golden.json leaves out. */
static inline void hf_vocab_fill(json_t *entry)
{
	struct str key = str_of(json_string_value(json_object_get(entry, "key")));
	json_t *value = json_object_get(entry, "value");
	size_t n = (size_t)json_integer_value(json_object_get(entry, "n"));
	for (size_t i = json_array_size(value); i < n; i++) {
		char text[32];
		snprintf(text, sizeof(text), "[PAD%zu]", i);
		json_array_append_new(value, str_ends(key, ".tokens") ? json_string(text) :
					     str_ends(key, ".scores") ? json_real(-10000) :
									json_integer(5));
	}
	json_object_del(entry, "n");
}

#endif
