/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_list.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "hub/hub_id.h"

#define LICENSE_MAX 120

static enum err_code wrong(const char *what, const char *field, struct err *err)
{
	return err_set(err, ERR_DATA, "err_hub_reply", "what=%s|member=%s", what, field);
}

static bool is_hex(const char *text, size_t digits)
{
	return text && strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

/* A text for people from a server: one line, cut. */
static const char *label(struct arena *a, const json_t *value)
{
	const char *text = json_string_value(value);
	if (!text)
		return "";
	char *copy = arena_strndup(a, text, utf8_whole((struct str){ text, strnlen(text, LICENSE_MAX) }));
	utf8_clean(copy, strlen(copy), 0);
	return copy;
}

/* The card names it, or a tag does; "other" has a name of its own. */
static const char *read_license(struct arena *a, const json_t *root)
{
	const json_t *card = json_object_get(root, "cardData"), *tag;
	const char *name = label(a, json_object_get(card, "license"));
	size_t i;

	if (strcmp(name, "other") == 0 && *label(a, json_object_get(card, "license_name")))
		name = label(a, json_object_get(card, "license_name"));
	json_array_foreach(json_object_get(root, "tags"), i, tag) {
		const char *text = label(a, tag);
		if (!*name && strncmp(text, "license:", 8) == 0)
			name = text + 8;
	}
	return name;
}

/* Pointers of the large-file store, or git's own name. */
static enum err_code read_digest(const json_t *entry, const char *what, struct hub_file *file, struct err *err)
{
	const json_t *lfs = json_object_get(entry, "lfs");
	const char *git = json_string_value(json_object_get(entry, "blobId")), *sha256;
	uint64_t size = file->size;

	if (!lfs || json_is_null(lfs)) {
		if (git && !is_hex(git, 40))
			return wrong(what, "blobId", err);
		(void)str_format(file->git, sizeof file->git, "%s", git ? git : "");
		return ERR_OK;
	}
	sha256 = json_string_value(json_object_get(lfs, "sha256"));
	if (!sha256)
		sha256 = json_string_value(json_object_get(lfs, "oid"));
	if (!is_hex(sha256, 64))
		return wrong(what, "lfs.sha256", err);
	if (json_object_get(lfs, "size"))
		size = (uint64_t)json_integer_value(json_object_get(lfs, "size"));
	if (size != file->size)
		return wrong(what, "lfs.size", err);
	(void)str_format(file->sha256, sizeof file->sha256, "%s", sha256);
	return ERR_OK;
}

static enum err_code read_file(struct arena *a, const json_t *entry, const char *what, struct hub_file *file, struct err *err)
{
	const json_t *name = json_object_get(entry, "rfilename"), *size = json_object_get(entry, "size");
	struct str path = { json_string_value(name), json_string_length(name) };

	if (!path.ptr)
		return wrong(what, "siblings.rfilename", err);
	if (!hub_is_path(path))
		return err_set(err, ERR_DATA, "err_hub_path", "what=%s|name=%s", what, path.ptr);
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    (uint64_t)json_integer_value(size) > LIMIT_HUB_FILE_BYTES)
		return wrong(what, "siblings.size", err);
	file->path = arena_strndup(a, path.ptr, path.len);
	file->size = (uint64_t)json_integer_value(size);
	return read_digest(entry, what, file, err);
}

static enum err_code read_files(struct arena *a, const json_t *root, const char *what, struct hub_list *out, struct err *err)
{
	const json_t *siblings = json_object_get(root, "siblings"), *entry;
	size_t i, n = json_array_size(siblings);

	if (!json_is_array(siblings))
		return wrong(what, "siblings", err);
	if (n > LIMIT_HUB_FILES)
		return err_set(err, ERR_LIMIT, "err_hub_files", "what=%s|limit=%d|found=%zu", what, LIMIT_HUB_FILES, n);
	struct hub_file *files = arena_array(a, n + 1, sizeof *files);
	json_array_foreach(siblings, i, entry)
		if (read_file(a, entry, what, &files[i], err) != ERR_OK)
			return err->code;
	out->files = files;
	out->n_files = n;
	return ERR_OK;
}

/* false, "auto" or "manual"; true is an older word for it. */
static enum err_code read_gate(const json_t *root, const char *what, struct hub_list *out, struct err *err)
{
	const json_t *gated = json_object_get(root, "gated");
	const char *kind = json_string_value(gated);

	if (gated && !json_is_null(gated) && !json_is_boolean(gated) && !kind)
		return wrong(what, "gated", err);
	out->is_gated = kind || json_is_true(gated);
	out->is_manual = kind && strcmp(kind, "manual") == 0;
	return ERR_OK;
}

/* "org/name" that may become folders; the commit, that becomes one. */
static enum err_code read_names(struct arena *a, const json_t *root, const char *what, struct hub_list *out, struct err *err)
{
	const char *repo = json_string_value(json_object_get(root, "id"));
	const char *commit = json_string_value(json_object_get(root, "sha"));
	struct hub_id id;

	if (!repo || hub_id_parse(a, repo, "", &id, NULL) != ERR_OK || strcmp(id.repo, repo) != 0)
		return wrong(what, "id", err);
	if (!is_hex(commit, 40))
		return wrong(what, "sha", err);
	out->repo = id.repo;
	out->commit = arena_strdup(a, commit);
	return ERR_OK;
}

enum err_code hub_list_read(struct arena *a, struct str text, const char *what, struct hub_list *out, struct err *err)
{
	struct err why = { 0 };
	json_t *root = json_parse_max(text, what, LIMIT_HUB_REPLY, &why);

	*out = (struct hub_list){ 0 };
	if (root && !json_is_object(root))
		(void)wrong(what, "{", &why);
	else if (root && read_names(a, root, what, out, &why) == ERR_OK && read_gate(root, what, out, &why) == ERR_OK &&
		 read_files(a, root, what, out, &why) == ERR_OK)
		out->license = read_license(a, root);
	json_decref(root);
	if (err && why.code != ERR_OK)
		*err = why;
	return why.code;
}
