/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/python_view.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

struct showing {
	const char *from, *view;
	bool lent; /* the tokenizer alone */
	enum err_code code;
	struct err *err;
};

/* Weights are safetensors; what the converter reads besides is text. */
static bool may_be_seen(struct str name)
{
	static const char *const ends[] = { ".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".vocab", ".spm" };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (str_ends(name, ends[i]))
			return true;
	return false;
}

static bool is_of_tokenizer(const char *name)
{
	static const char *const names[] = { "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "added_tokens.json",
					     "special_tokens_map.json", "vocab.json", "merges.txt", "vocab.txt", "chat_template.jinja",
					     "chat_template.json", "generation_config.json" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Takes out, at any depth, what names code.  True if there was something. */
static bool take_code_out(json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;
	bool had = json_is_object(value) && json_object_del(value, "auto_map") == 0;
	json_object_foreach (value, key, member)
		had = take_code_out(member) || had;
	json_array_foreach (value, i, member)
		had = take_code_out(member) || had;
	return had;
}

static bool is_config(const char *name)
{
	return str_ends(str_of(name), "config.json");
}

/* A configuration without code; `*shown` is false where it may be seen as it is. */
static enum err_code show_config(const char *path, const char *to, bool *shown, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_UPLOAD), clean = BUF_INIT(LIMIT_UPLOAD);
	enum err_code code = fs_read(path, &text, err);
	json_t *root = code == ERR_OK ? json_parse_python(buf_str(&text), path, err) : NULL;
	if (code == ERR_OK && !root)
		code = ERR_DATA;
	*shown = code == ERR_OK && take_code_out(root);
	if (*shown) {
		json_write(&clean, root);
		code = clean.overflow ? err_set(err, ERR_LIMIT, "err_fs_read", "path=%s", path) : fs_write(to, clean.ptr, clean.len, err);
	}
	json_decref(root);
	buf_release(&clean);
	buf_release(&text);
	return code;
}

static bool show(void *user, const char *name, bool is_dir)
{
	struct showing *s = user;
	bool shown = false;
	if (is_dir || !may_be_seen(str_of(name)) || (s->lent && !is_of_tokenizer(name)))
		return true;
	char *path = fs_join(s->from, name), *to = fs_join(s->view, name), *real = realpath(path, NULL);
	if (real && !fs_exists(to)) {
		if (is_config(name))
			s->code = show_config(path, to, &shown, s->err);
		if (s->code == ERR_OK && !shown && symlink(real, to) != 0)
			s->code = fs_error(s->err, errno, "err_fs_write", to);
	}
	free(real);
	mem_free(to);
	mem_free(path);
	return s->code == ERR_OK;
}

static enum err_code show_folder(const char *from, const char *view, bool lent, struct err *err)
{
	struct showing s = { .from = from, .view = view, .lent = lent, .err = err };
	enum err_code code = fs_list(from, LIMIT_FOLDER_ENTRIES, show, &s, err);
	return code == ERR_OK ? s.code : code;
}

enum err_code python_view_make(const char *view, const char *dir, const char *lender, struct err *err)
{
	enum err_code code = fs_make_dirs(view, err);
	if (code == ERR_OK)
		code = show_folder(dir, view, false, err);
	if (code == ERR_OK && lender && fs_is_dir(lender))
		code = show_folder(lender, view, true, err);
	return code;
}
