/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ollama_store.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/label.h"

#define LAYER "application/vnd.ollama.image."
#define NAME_PARTS 4 /* HOST/NAMESPACE/NAME/TAG */
#define DIGEST_LEN (sizeof("sha256-") - 1 + 64)
#define MAX_TEXT (64 * KIB) /* of a system prompt, a template or settings */

struct store {
	struct arena *arena;
	const char *root;
	struct ollama_model *models;
	size_t n, cap;
	struct err denied; /* the first folder that may not be read */
};

/* --- layers --- */

/* The path of the blob that a digest names ("sha256:HEX"); NULL for anything else. */
static const char *blob_path(struct arena *a, const char *root, const char *digest)
{
	if (!digest || strlen(digest) != DIGEST_LEN || strncmp(digest, "sha256", 6) != 0 ||
	    (digest[6] != ':' && digest[6] != '-'))
		return NULL;
	for (const char *p = digest + 7; *p; p++)
		if (!isxdigit((unsigned char)*p))
			return NULL;
	return arena_printf(a, "%s/blobs/sha256-%s", root, digest + 7);
}

static const char *layer_blob(const struct store *s, const json_t *layer)
{
	return blob_path(s->arena, s->root, json_string_value(json_object_get(layer, "digest")));
}

static bool is_layer(const json_t *layer, const char *kind)
{
	const char *type = json_string_value(json_object_get(layer, "mediaType"));
	struct str s = str_of(type);
	if (!type || !str_starts(s, LAYER))
		return false;
	s = (struct str){ s.ptr + strlen(LAYER), s.len - strlen(LAYER) };
	return str_eq_text(str_split(&s, ';'), kind);
}

/* How many layers are of a kind; the first of them. */
static size_t count_layers(const json_t *manifest, const char *kind, const json_t **first)
{
	size_t i, n = 0;
	const json_t *layer;
	json_array_foreach(json_object_get(manifest, "layers"), i, layer)
		if (is_layer(layer, kind) && n++ == 0)
			*first = layer;
	return n;
}

/* The text of the layer of a kind, "" where there is none or where it is too long to be one. */
static const char *layer_text(const struct store *s, const json_t *manifest, const char *kind)
{
	const json_t *layer = NULL;
	const char *blob = count_layers(manifest, kind, &layer) ? layer_blob(s, layer) : NULL, *text = "";
	struct buf read = BUF_INIT(MAX_TEXT);
	if (blob && fs_read(blob, &read, NULL) == ERR_OK && utf8_valid(buf_str(&read), NULL))
		text = arena_strndup(s->arena, buf_text(&read), strlen(buf_text(&read)));
	buf_release(&read);
	return text;
}

/* --- manifests --- */

static json_t *read_json(const char *path, struct err *err)
{
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);
	json_t *root = fs_read(path, &text, err) == ERR_OK ? json_parse(buf_str(&text), path, err) : NULL;
	buf_release(&text);
	return root;
}

/* An entry of a list of manifests: it holds its layers, or names the blob that does. */
static json_t *resolve(const struct store *s, json_t *entry)
{
	const char *blob = json_object_get(entry, "layers") ? NULL : layer_blob(s, entry);
	return blob ? read_json(blob, NULL) : json_incref(entry);
}

/* One model may be stored for several runners: the one whose weights are a GGUF.  Takes `manifest`. */
static json_t *choose(const struct store *s, json_t *manifest)
{
	const json_t *list = json_object_get(manifest, "manifests"), *model;
	json_t *entry, *chosen = NULL;
	size_t i;
	if (!json_is_array(list))
		return manifest;
	json_array_foreach(list, i, entry) {
		json_t *resolved = resolve(s, entry);
		if (!chosen && count_layers(resolved, "model", &model))
			chosen = json_incref(resolved);
		json_decref(resolved);
	}
	json_decref(manifest);
	return chosen ? chosen : json_object();
}

/* Says why the weights cannot be taken, or where they are. */
static void read_weights(const struct store *s, const json_t *manifest, struct ollama_model *out)
{
	const json_t *model = NULL, *adapter = NULL;
	size_t n = count_layers(manifest, "model", &model);
	const char *blob = n ? layer_blob(s, model) : NULL;
	struct err *err = &out->problem;
	if (!blob) {
		err_set(err, ERR_UNSUPPORTED, "err_ollama_no_gguf", "name=%s", out->name);
		return;
	}
	if (n > 1) {
		err_set(err, ERR_UNSUPPORTED, "err_ollama_parts", "name=%s|n=%zu", out->name, n);
		return;
	}
	if (count_layers(manifest, "adapter", &adapter)) {
		const char *path = layer_blob(s, adapter);
		err_set(err, ERR_UNSUPPORTED, "err_ollama_adapter", "name=%s|path=%s|base=%s", out->name,
			path ? path : "", blob);
		return;
	}
	int fd = fs_open(blob, NULL, err);
	if (fd >= 0) {
		close(fd);
		out->blob = blob;
	} else if (err->code == ERR_DENIED) {
		err_set(err, ERR_DENIED, "err_ollama_store_denied", "path=%s", s->root);
	} else if (err->code == ERR_NOT_FOUND) {
		err_set(err, ERR_NOT_FOUND, "err_ollama_blob_gone", "name=%s|path=%s", out->name, blob);
	}
}

static void read_manifest(const struct store *s, const char *path, struct ollama_model *out)
{
	struct err err = { 0 };
	json_t *manifest = read_json(path, &err);
	if (!json_is_object(manifest)) {
		if (err.code == ERR_DENIED)
			err_set(&out->problem, ERR_DENIED, "err_ollama_store_denied", "path=%s", s->root);
		else
			err_set(&out->problem, ERR_DATA, "err_ollama_manifest", "name=%s|path=%s", out->name, path);
		json_decref(manifest);
		return;
	}
	manifest = choose(s, manifest);
	read_weights(s, manifest, out);
	out->system = layer_text(s, manifest, "system");
	out->template = layer_text(s, manifest, "template");
	out->params = layer_text(s, manifest, "params");
	json_decref(manifest);
}

/* --- names --- */

/* registry.ollama.ai/library/NAME/TAG is NAME:TAG for Ollama's users. */
static const char *shown_name(struct arena *a, const char *const part[NAME_PARTS])
{
	bool own_host = strcmp(part[0], "registry.ollama.ai") == 0;
	bool own_space = own_host && strcmp(part[1], "library") == 0;
	return label_make(a, str_of(arena_printf(a, "%s%s%s%s%s:%s", own_host ? "" : part[0], own_host ? "" : "/",
						 own_space ? "" : part[1], own_space ? "" : "/", part[2], part[3])));
}

static bool is_known(const struct store *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq_nocase(str_of(s->models[i].name), name))
			return true;
	return false;
}

static void add(struct store *s, const char *path, const char *const part[NAME_PARTS])
{
	const char *name = shown_name(s->arena, part);
	if (is_known(s, name))
		return; /* the newer layout goes before the older one */
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 16;
		s->models = mem_grow(s->models, s->cap * sizeof(s->models[0]));
	}
	struct ollama_model *m = &s->models[s->n++];
	*m = (struct ollama_model){ .name = name, .blob = "", .system = "", .template = "", .params = "" };
	read_manifest(s, path, m);
}

/* --- walking --- */

struct level {
	struct store *store;
	const char *dir;
	const char *part[NAME_PARTS];
	int depth;
};

static void walk(struct level *l);

static bool each_entry(void *user, const char *name, bool is_dir)
{
	struct level *l = user;
	struct arena *a = l->store->arena;
	bool is_tag = l->depth == NAME_PARTS - 1;
	if (name[0] == '.' || is_dir == is_tag || l->store->denied.code != ERR_OK)
		return true;
	struct level below = *l;
	below.dir = arena_printf(a, "%s/%s", l->dir, name);
	below.part[below.depth++] = arena_strdup(a, name);
	if (is_tag)
		add(l->store, below.dir, below.part);
	else
		walk(&below);
	return true;
}

static void walk(struct level *l)
{
	struct err err = { 0 };
	if (fs_list(l->dir, LIMIT_FOLDER_ENTRIES, each_entry, l, &err) == ERR_DENIED)
		err_set(&l->store->denied, ERR_DENIED, "err_ollama_store_denied", "path=%s", l->store->root);
}

static int by_name(const void *a, const void *b)
{
	const struct ollama_model *x = a, *y = b;
	return strcmp(x->name, y->name);
}

enum err_code ollama_store_list(struct arena *a, const char *root, struct ollama_model **out, size_t *n, struct err *err)
{
	static const char *const layouts[] = { "manifests-v2", "manifests" };
	struct store s = { .arena = a, .root = root };
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		struct level top = { .store = &s, .dir = arena_printf(a, "%s/%s", root, layouts[i]) };
		walk(&top);
	}
	*n = s.n;
	*out = arena_array(a, s.n + 1, sizeof(**out));
	if (s.n > 0) {
		memcpy(*out, s.models, s.n * sizeof(**out));
		qsort(*out, s.n, sizeof(**out), by_name);
	}
	mem_free(s.models);
	if (s.denied.code != ERR_OK && err)
		*err = s.denied;
	return s.denied.code;
}

const char *ollama_store_name(struct arena *a, const char *path)
{
	struct ollama_model *models;
	size_t n = 0;
	const char *file = fs_basename(path), *found = NULL;
	if (strlen(file) != DIGEST_LEN || strncmp(file, "sha256-", 7) != 0)
		return NULL;
	char *blobs = fs_dirname(path), *root = fs_dirname(blobs);
	if (strcmp(fs_basename(blobs), "blobs") == 0 && ollama_store_list(a, root, &models, &n, NULL) == ERR_OK)
		for (size_t i = 0; i < n && !found; i++)
			if (str_eq_nocase(str_of(fs_basename(models[i].blob)), file))
				found = models[i].name;
	mem_free(blobs);
	mem_free(root);
	return found;
}
