/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/chat_template.h"

#include <string.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"

#define MORE_DIR "additional_chat_templates"
#define MAX_NAMED 64
#define MAX_NAME 64

/* A file as a JSON string, with line ends as Python reads them. */
static enum err_code read_text(const char *dir, const char *name, json_t **out, struct err *err)
{
	char *path = fs_join(dir, name);
	struct buf text = BUF_INIT(LIMIT_TEMPLATE), plain = BUF_INIT(LIMIT_TEMPLATE);
	enum err_code rc = fs_read(path, &text, err);
	for (size_t i = 0; rc == ERR_OK && i < text.len; i++) {
		bool cr = text.ptr[i] == '\r';
		i += cr && i + 1 < text.len && text.ptr[i + 1] == '\n';
		buf_add_char(&plain, cr ? '\n' : text.ptr[i]);
	}
	*out = rc == ERR_OK ? json_stringn(plain.len ? plain.ptr : "", plain.len) : NULL;
	if (rc == ERR_OK && (!*out || (plain.len && memchr(plain.ptr, 0, plain.len)))) {
		json_decref(*out);
		*out = NULL;
		rc = err_set(err, ERR_DATA, "err_vocab_template_text", "path=%.400s", path);
	}
	buf_release(&text);
	buf_release(&plain);
	mem_free(path);
	return rc;
}

struct more {
	const char *dir;
	json_t *list;
	enum err_code rc;
	struct err *err;
};

static bool add_more(void *user, const char *name, bool is_dir)
{
	struct more *m = user;
	size_t len = strlen(name);
	json_t *text;
	if (is_dir || len < 6 || strcmp(name + len - 6, ".jinja") != 0)
		return true;
	m->rc = read_text(m->dir, name, &text, m->err);
	if (m->rc == ERR_OK) {
		json_t *stem = json_stringn(name, len - 6);
		json_array_append_new(m->list, json_pack("{s:o*,s:o}", "name", stem, "template", text));
	}
	return m->rc == ERR_OK;
}

/* chat_template.jinja: a text, or a list where there are more of them. */
static enum err_code read_jinja(const char *dir, json_t **out, struct err *err)
{
	enum err_code rc = read_text(dir, "chat_template.jinja", out, err);
	char *more_dir = fs_join(dir, MORE_DIR);
	struct more more = { more_dir, json_array(), ERR_OK, err };
	if (rc == ERR_OK && fs_is_dir(more_dir)) {
		rc = fs_list(more_dir, LIMIT_FOLDER_ENTRIES, add_more, &more, err);
		if (rc == ERR_OK)
			rc = more.rc;
	}
	if (rc == ERR_OK && json_array_size(more.list)) {
		json_array_insert_new(more.list, 0, json_pack("{s:s,s:o}", "name", "default", "template", *out));
		*out = more.list;
	} else
		json_decref(more.list);
	mem_free(more_dir);
	return rc;
}

static enum err_code find_in(const char *dir, const json_t *config, json_t **out, struct err *err)
{
	json_t *file;
	*out = json_object_get(config, "chat_template");
	if (*out) {
		json_incref(*out);
		return ERR_OK;
	}
	if (hf_files_has(dir, "chat_template.jinja"))
		return read_jinja(dir, out, err);
	enum err_code rc = hf_files_json(dir, "chat_template.json", &file, err);
	*out = json_incref(json_object_get(file, "chat_template"));
	json_decref(file);
	return rc;
}

static enum err_code find(const struct hf_files *f, json_t **out, struct err *err)
{
	json_t *config = NULL;
	enum err_code rc = ERR_OK;
	*out = NULL;
	if (f->template_dir)
		rc = hf_files_json(f->template_dir, "tokenizer_config.json", &config, err);
	if (f->template_dir && rc == ERR_OK)
		rc = find_in(f->template_dir, config, out, err);
	json_decref(config);
	return rc == ERR_OK && !*out ? find_in(f->dir, f->config, out, err) : rc;
}

static enum err_code set_text(struct vocab_keys *keys, const struct hf_files *f, const char *key, const json_t *text,
			      struct err *err)
{
	if (json_string_length(text) > LIMIT_TEMPLATE)
		return err_set(err, ERR_LIMIT, "err_vocab_template_long", "path=%.300s|n=%zu|limit=%llu", f->dir,
			       json_string_length(text), LIMIT_TEMPLATE);
	vocab_keys_text(keys, key, json_string_value(text));
	return ERR_OK;
}

/* A name may hold letters and digits; the rest becomes "_". */
static bool clean_name(const json_t *choice, char out[MAX_NAME + 1])
{
	struct str name = str_of(json_string_value(json_object_get(choice, "name")));
	size_t len = 0, pos = 0;
	while (pos < name.len && len < MAX_NAME) {
		uint32_t c = utf8_next(name, &pos);
		bool keep = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		out[len++] = keep ? (char)c : '_';
	}
	out[len] = 0;
	return len > 0;
}

static enum err_code set_list(struct vocab_keys *keys, const struct hf_files *f, const json_t *list, struct err *err)
{
	const char *names[MAX_NAMED];
	const json_t *main_text = NULL;
	json_t *choice;
	size_t i, n = 0;
	json_array_foreach ((json_t *)list, i, choice) {
		char name[MAX_NAME + 1], key[MAX_NAME + 32];
		const json_t *text = json_object_get(choice, "template");
		if (!clean_name(choice, name) || !text || json_is_null(text))
			continue;
		if (!json_is_string(text) || n == MAX_NAMED)
			return hf_files_bad(f->dir, "tokenizer_config.json", "chat_template", err);
		if (strcmp(name, "default") == 0) {
			main_text = text;
			continue;
		}
		bool known = false;
		for (size_t k = 0; k < n; k++)
			known = known || strcmp(names[k], name) == 0;
		if (!known)
			names[n++] = arena_strdup(keys->arena, name);
		(void)str_format(key, sizeof(key), "tokenizer.chat_template.%s", name);
		enum err_code rc = set_text(keys, f, key, text, err);
		if (rc != ERR_OK)
			return rc;
	}
	vocab_keys_texts(keys, "tokenizer.chat_templates", names, n);
	return main_text ? set_text(keys, f, "tokenizer.chat_template", main_text, err) : ERR_OK;
}

enum err_code chat_template_set(struct vocab_keys *keys, const struct hf_files *f, struct err *err)
{
	json_t *found;
	enum err_code rc = find(f, &found, err);
	if (rc == ERR_OK && json_is_string(found))
		rc = set_text(keys, f, "tokenizer.chat_template", found, err);
	else if (rc == ERR_OK && json_is_array(found))
		rc = set_list(keys, f, found, err);
	json_decref(found);
	return rc;
}
