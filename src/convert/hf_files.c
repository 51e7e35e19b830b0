/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/hf_files.h"

#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"

bool hf_files_has(const char *dir, const char *name)
{
	char *path = fs_join(dir, name);
	bool has = fs_exists(path) && !fs_is_dir(path);
	mem_free(path);
	return has;
}

enum err_code hf_files_bad(const char *dir, const char *name, const char *field, struct err *err)
{
	return err_set(err, ERR_DATA, "err_vocab_field", "path=%.300s/%s|field=%.200s", dir, name, field);
}

enum err_code hf_files_json(const char *dir, const char *name, json_t **out, struct err *err)
{
	*out = NULL;
	if (!hf_files_has(dir, name))
		return ERR_OK;
	char *path = fs_join(dir, name);
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	struct err why = { 0 };
	enum err_code rc = fs_read(path, &text, &why);
	if (rc == ERR_OK) {
		*out = json_parse_python(buf_str(&text), path, &why);
		rc = *out ? ERR_OK : why.code;
	}
	if (err && rc != ERR_OK)
		*err = why;
	if (rc == ERR_OK && !json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		rc = hf_files_bad(dir, name, "{}", err);
	}
	buf_release(&text);
	mem_free(path);
	return rc;
}

enum err_code hf_files_read(const char *dir, struct hf_files *out, struct err *err)
{
	*out = (struct hf_files){ .dir = dir };
	enum err_code rc = hf_files_json(dir, "tokenizer.json", &out->tokenizer, err);
	if (rc == ERR_OK)
		rc = hf_files_json(dir, "tokenizer_config.json", &out->config, err);
	return rc;
}

void hf_files_release(struct hf_files *f)
{
	json_decref(f->tokenizer);
	json_decref(f->config);
	f->tokenizer = f->config = NULL;
}

bool hf_is_false(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
	case JSON_FALSE:
		return true;
	case JSON_STRING:
		return json_string_length(value) == 0;
	case JSON_ARRAY:
		return json_array_size(value) == 0;
	case JSON_OBJECT:
		return json_object_size(value) == 0;
	case JSON_INTEGER:
	case JSON_REAL:
		return json_number_value(value) == 0.0;
	case JSON_TRUE:
		break;
	}
	return false;
}

bool hf_is_type(const json_t *step, const char *type)
{
	const char *name = json_string_value(json_object_get(step, "type"));
	return name && strcmp(name, type) == 0;
}

const char *hf_token_text(const json_t *value)
{
	return json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
}
