/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_files - the JSON files of a tokenizer in a Hugging Face folder.  Thread: work; blocks on the disk. */
#ifndef ASSAY_CONVERT_HF_FILES_H
#define ASSAY_CONVERT_HF_FILES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

struct hf_files {
	const char *dir;   /* borrowed */
	json_t *tokenizer; /* tokenizer.json, NULL where there is none */
	json_t *config;    /* tokenizer_config.json, NULL where there is none */
	const char *template_dir; /* borrowed: a chat template that lies there goes before; NULL: none */
};

/* Opens both; end it with hf_files_release(), also after a failure. */
MUST_USE enum err_code hf_files_read(const char *dir, struct hf_files *out, struct err *err);
/* Frees the JSON. */
void hf_files_release(struct hf_files *f);

/* A file of the folder; NULL where it is not there.  Whatever is at its top must be an object. */
MUST_USE enum err_code hf_files_json(const char *dir, const char *name, json_t **out, struct err *err);
/* Whether `name` is a file there; symlinks are followed. */
bool hf_files_has(const char *dir, const char *name);

/* What a file holds in a form that its maker never writes: `name` is the file, `field` the place in it. */
enum err_code hf_files_bad(const char *dir, const char *name, const char *field, struct err *err);

/* Python's idea of a value that counts as false: absent, null, false, 0, "", [] and {}. */
bool hf_is_false(const json_t *value);
/* Whether a step of tokenizer.json (model, normalizer, pre-tokenizer, decoder) is of this "type"; NULL is of none. */
bool hf_is_type(const json_t *step, const char *type);
/* The text of a token as tokenizer_config.json gives it: a string, or the "content" of an object; NULL for others. */
const char *hf_token_text(const json_t *value);

#endif
