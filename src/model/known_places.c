/* SPDX-License-Identifier: Apache-2.0 */
#include "model/known_places.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/checkpoint_name.h"
#include "model/found_gguf.h"
#include "model/gguf.h"
#include "model/hf_cache.h"
#include "model/ollama_store.h"

#define MAX_PLACES 24

struct finder {
	struct arena *arena;
	const char *home; /* "" if unknown */
	const atomic_bool *cancel;
	struct known_place places[MAX_PLACES];
	char *real[MAX_PLACES]; /* without links; NULL where there is nothing */
	size_t n_places;
	struct known_place *place; /* being looked at */
	const char *folder;        /* being listed */
	struct place_find *finds;
	size_t n, cap;
};

static const struct {
	const char *id, *name;
} kinds[] = {
	[PLACE_HUGGING_FACE] = { "huggingface", "Hugging Face" },
	[PLACE_LM_STUDIO] = { "lmstudio", "LM Studio" },
	[PLACE_OLLAMA] = { "ollama", "Ollama" },
	[PLACE_LLAMA_CPP] = { "llama.cpp", "llama.cpp" },
};

const char *place_kind_id(enum place_kind kind)
{
	return kinds[kind].id;
}

const char *place_kind_name(enum place_kind kind)
{
	return kinds[kind].name;
}

static bool stopped(const struct finder *f)
{
	return f->cancel && atomic_load_explicit(f->cancel, memory_order_relaxed);
}

/* --- where to look --- */

/* A place of one kind is looked at once, however many names it has.  NULL and relative paths are none. */
static void add_place(struct finder *f, enum place_kind kind, const char *path)
{
	if (path && strncmp(path, "~/", 2) == 0)
		path = arena_printf(f->arena, "%s%s", f->home, path + 1);
	if (!path || path[0] != '/' || f->n_places == MAX_PLACES)
		return;
	char *real = realpath(path, NULL);
	for (size_t i = 0; i < f->n_places; i++) {
		bool same = real && f->real[i] ? strcmp(real, f->real[i]) == 0 : strcmp(path, f->places[i].path) == 0;
		if (same && f->places[i].kind == kind) {
			free(real);
			return;
		}
	}
	f->real[f->n_places] = real;
	f->places[f->n_places++] = (struct known_place){ .kind = kind, .path = arena_strdup(f->arena, path) };
}

/* `folder` in what the variable names; nothing where it is not set. */
static void add_from_env(struct finder *f, enum place_kind kind, place_env_fn env, const char *name, const char *folder)
{
	const char *value = env(name);
	if (value && *value)
		add_place(f, kind, arena_printf(f->arena, "%s%s", value, folder));
}

/* The models folder that LM Studio's settings name, where they name one. */
static void add_lm_moved(struct finder *f, const char *home)
{
	struct buf text = BUF_INIT(1 * MIB);
	const char *path = arena_printf(f->arena, "%s/settings.json", home);
	json_t *settings = fs_read(path, &text, NULL) == ERR_OK ? json_parse_python(buf_str(&text), path, NULL) : NULL;
	const char *moved = json_string_value(json_object_get(settings, "downloadsFolder"));
	if (moved)
		add_place(f, PLACE_LM_STUDIO, arena_strdup(f->arena, moved));
	json_decref(settings);
	buf_release(&text);
}

static void add_lm_home(struct finder *f, const char *home)
{
	add_lm_moved(f, home);
	add_place(f, PLACE_LM_STUDIO, arena_printf(f->arena, "%s/models", home));
}

/* LM Studio writes its home into this file where it is not the usual one. */
static void add_pointed(struct finder *f)
{
	struct buf text = BUF_INIT(4 * KIB);
	if (fs_read(arena_printf(f->arena, "%s/.lmstudio-home-pointer", f->home), &text, NULL) == ERR_OK) {
		struct str home = str_trim(buf_str(&text));
		if (home.len > 0 && home.ptr[0] == '/')
			add_lm_home(f, arena_printf(f->arena, "%.*s", (int)home.len, home.ptr));
	}
	buf_release(&text);
}

static void list_places(struct finder *f, place_env_fn env)
{
	static const struct {
		enum place_kind kind;
		const char *folder; /* in the home folder */
	} usual[] = {
		{ PLACE_HUGGING_FACE, ".cache/huggingface/hub" }, { PLACE_OLLAMA, ".ollama/models" },
		{ PLACE_LLAMA_CPP, ".cache/llama.cpp" },
	};
	static const char *const lm_homes[] = { ".lmstudio", ".cache/lm-studio" };
	add_from_env(f, PLACE_HUGGING_FACE, env, "HF_HUB_CACHE", "");
	add_from_env(f, PLACE_HUGGING_FACE, env, "HUGGINGFACE_HUB_CACHE", "");
	add_from_env(f, PLACE_HUGGING_FACE, env, "HF_HOME", "/hub");
	add_from_env(f, PLACE_HUGGING_FACE, env, "XDG_CACHE_HOME", "/huggingface/hub");
	add_from_env(f, PLACE_OLLAMA, env, "OLLAMA_MODELS", "");
	add_from_env(f, PLACE_LLAMA_CPP, env, "LLAMA_CACHE", "");
	add_from_env(f, PLACE_LLAMA_CPP, env, "XDG_CACHE_HOME", "/llama.cpp");
	if (*f->home) {
		add_pointed(f);
		for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
			add_place(f, usual[i].kind, arena_printf(f->arena, "%s/%s", f->home, usual[i].folder));
		for (size_t i = 0; i < sizeof(lm_homes) / sizeof(lm_homes[0]); i++)
			add_lm_home(f, arena_printf(f->arena, "%s/%s", f->home, lm_homes[i]));
		/* Some versions keep the settings with those of the window. */
		add_lm_moved(f, arena_printf(f->arena, "%s/.config/LM Studio", f->home));
	}
	add_place(f, PLACE_OLLAMA, "/usr/share/ollama/.ollama/models"); /* of the system service */
}

/* --- what was found --- */

static struct place_find *add_find(struct finder *f, const char *name, const char *path)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 32;
		f->finds = mem_grow(f->finds, f->cap * sizeof(f->finds[0]));
	}
	f->place->n_found++;
	f->finds[f->n] = (struct place_find){ .kind = f->place->kind, .name = name, .also = "", .path = path, .system = "" };
	return &f->finds[f->n++];
}

/* Where it really is. */
static const char *place_of(const struct place_find *find)
{
	return find->model ? find->model->path : find->family ? find->family->path : find->path;
}

/* What was found there already: links and two names lead to one file. */
static struct place_find *find_at(const struct finder *f, const char *path)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(place_of(&f->finds[i]), path) == 0)
			return &f->finds[i];
	return NULL;
}

static bool add_size(void *user, const char *name, bool is_dir)
{
	struct place_find *find = user;
	struct stat info;
	char *path = fs_join(find->path, name);
	if (!is_dir && stat(path, &info) == 0 && S_ISREG(info.st_mode))
		find->size_bytes += (uint64_t)info.st_size;
	mem_free(path);
	return true;
}

/* What cannot be used, with the size of the file or of the files in the folder. */
static void add_problem(struct finder *f, const char *name, const char *path, const struct err *why)
{
	struct stat info;
	if (find_at(f, path))
		return;
	struct place_find *find = add_find(f, name, path);
	find->problem = *why;
	if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
		find->size_bytes = (uint64_t)info.st_size;
	else if (fs_list(path, LIMIT_FOLDER_ENTRIES, add_size, find, NULL) != ERR_OK)
		find->size_bytes = 0;
}

static void add_family(struct finder *f, const char *scanned, const struct found_family *family)
{
	if (find_at(f, family->path))
		return;
	struct place_find *find = add_find(f, family->name, fs_is_dir(family->path) ? family->path : scanned);
	find->family = family;
	for (size_t i = 0; i < family->n_checkpoints; i++)
		find->size_bytes += family->checkpoints[i].size_bytes;
}

/* All that a folder or file holds.  Of what cannot be used one is told, and only where nothing else is there: the rest of a
 * download is no news. */
static void take(struct finder *f, const char *path, const char *name)
{
	struct err err = { 0 };
	struct catalogue c;
	enum err_code rc = catalogue_scan(f->arena, path, &c, f->cancel, &err);
	if (rc == ERR_CANCELLED || (rc == ERR_NOT_FOUND && strcmp(err.key, "err_scan_nothing") == 0))
		return;
	if (rc != ERR_OK) {
		add_problem(f, name, path, &err);
		return;
	}
	for (size_t i = 0; i < c.n_models; i++) {
		const struct found_model *m = &c.models[i];
		if (find_at(f, m->path))
			continue;
		struct place_find *find = add_find(f, m->name, m->path);
		find->model = m;
		find->size_bytes = m->size_bytes;
	}
	for (size_t i = 0; i < c.n_families; i++)
		add_family(f, c.path, &c.families[i]);
	if (c.n_models + c.n_families == 0 && c.n_refusals > 0)
		add_problem(f, name, c.refusals[0].path, &c.refusals[0].err);
}

/* --- each kind of place --- */

/* Lists the folder, which `each` finds in f->folder; what goes wrong is the place's problem. */
static void list_folder(struct finder *f, const char *path, fs_entry_fn each)
{
	const char *outer = f->folder;
	struct err err = { 0 };
	f->folder = path;
	if (fs_list(path, LIMIT_FOLDER_ENTRIES, each, f, &err) != ERR_OK && f->place->problem.code == ERR_OK)
		f->place->problem = err;
	f->folder = outer;
}

static bool each_repository(void *user, const char *name, bool is_dir)
{
	struct finder *f = user;
	if (is_dir && str_starts(str_of(name), "models--")) {
		const char *snapshot = hf_cache_snapshot(f->arena, arena_printf(f->arena, "%s/%s", f->folder, name));
		const char *shown = snapshot ? hf_cache_name(f->arena, snapshot) : NULL;
		if (shown)
			take(f, snapshot, shown);
	}
	return !stopped(f);
}

static bool each_lm_model(void *user, const char *name, bool is_dir)
{
	struct finder *f = user;
	if (is_dir && name[0] != '.')
		take(f, arena_printf(f->arena, "%s/%s", f->folder, name),
		     arena_printf(f->arena, "%s/%s", fs_basename(f->folder), name));
	return !stopped(f);
}

static bool each_lm_publisher(void *user, const char *name, bool is_dir)
{
	struct finder *f = user;
	if (is_dir && name[0] != '.')
		list_folder(f, arena_printf(f->arena, "%s/%s", f->folder, name), each_lm_model);
	return !stopped(f);
}

/* Older versions keep files beside each other, newer ones use the layout of the Hugging Face cache. */
static bool each_llama_entry(void *user, const char *name, bool is_dir)
{
	struct finder *f = user;
	const char *path = arena_printf(f->arena, "%s/%s", f->folder, name);
	uint32_t no = 1, count;
	size_t stem, n = strlen(name);
	if (is_dir)
		return each_repository(user, name, is_dir);
	if (n > 5 && str_eq_nocase(str_of(name + n - 5), ".gguf") &&
	    (!gguf_split_name(path, &no, &count, &stem) || no == 1) && !found_gguf_is_side_file(path))
		take(f, path, arena_strdup(f->arena, name));
	return !stopped(f);
}

static void add_alias(struct finder *f, struct place_find *find, const char *name)
{
	find->also = *find->also ? arena_printf(f->arena, "%s, %s", find->also, name) : name;
}

static void look_in_ollama(struct finder *f, const char *root)
{
	struct ollama_model *models;
	size_t n = 0;
	if (ollama_store_list(f->arena, root, &models, &n, &f->place->problem) != ERR_OK)
		n = 0;
	for (size_t i = 0; i < n && !stopped(f); i++) {
		const struct ollama_model *m = &models[i];
		struct place_find *known = m->problem.code == ERR_OK ? find_at(f, m->blob) : NULL;
		if (known) {
			add_alias(f, known, m->name);
			continue;
		}
		size_t before = f->n;
		if (m->problem.code != ERR_OK)
			add_find(f, m->name, root)->problem = m->problem;
		else
			take(f, m->blob, m->name);
		if (f->n == before + 1) {
			f->finds[before].name = m->name;
			f->finds[before].system = m->system;
		}
	}
}

static void look_at(struct finder *f, size_t at)
{
	static const fs_entry_fn each[] = {
		[PLACE_HUGGING_FACE] = each_repository,
		[PLACE_LM_STUDIO] = each_lm_publisher,
		[PLACE_LLAMA_CPP] = each_llama_entry,
		[PLACE_OLLAMA] = NULL,
	};
	struct known_place *p = f->place = &f->places[at];
	struct stat info;
	const char *path = f->real[at] ? arena_strdup(f->arena, f->real[at]) : p->path;
	p->exists = stat(p->path, &info) == 0;
	if (!p->exists) {
		/* What must not be looked at may be there. */
		if (errno == EACCES)
			err_set(&p->problem, ERR_DENIED, p->kind == PLACE_OLLAMA ? "err_ollama_store_denied" : "err_fs_denied",
				"path=%s", p->path);
		return;
	}
	if (each[p->kind])
		list_folder(f, path, each[p->kind]);
	else
		look_in_ollama(f, path);
}

static int by_place(const void *a, const void *b)
{
	const struct place_find *x = a, *y = b;
	int order = (int)x->kind - (int)y->kind;
	if (order == 0)
		order = natural_compare(x->name, y->name);
	return order ? order : strcmp(x->path, y->path);
}

static int by_kind(const void *a, const void *b)
{
	const struct known_place *x = a, *y = b;
	int order = (int)x->kind - (int)y->kind;
	return order ? order : strcmp(x->path, y->path);
}

static void finish(struct finder *f, struct place_finds *out)
{
	struct known_place *places = arena_array(f->arena, f->n_places + 1, sizeof(places[0]));
	struct place_find *finds = arena_array(f->arena, f->n + 1, sizeof(finds[0]));
	memcpy(places, f->places, f->n_places * sizeof(places[0]));
	qsort(places, f->n_places, sizeof(places[0]), by_kind);
	if (f->n > 0) {
		memcpy(finds, f->finds, f->n * sizeof(finds[0]));
		qsort(finds, f->n, sizeof(finds[0]), by_place);
	}
	*out = (struct place_finds){ places, f->n_places, finds, f->n };
}

enum err_code known_places_find(struct arena *a, place_env_fn env, struct place_finds *out, const atomic_bool *cancel,
				struct err *err)
{
	struct finder *f = mem_alloc(sizeof(*f));
	const char *home = env("HOME");
	f->arena = a;
	f->home = home && home[0] == '/' ? home : "";
	f->cancel = cancel;
	list_places(f, env);
	for (enum place_kind kind = PLACE_HUGGING_FACE; kind <= PLACE_LLAMA_CPP; kind++)
		for (size_t i = 0; i < f->n_places && !stopped(f); i++)
			if (f->places[i].kind == kind)
				look_at(f, i);
	enum err_code rc = stopped(f) ? err_set(err, ERR_CANCELLED, "err_cancelled", NULL) : ERR_OK;
	finish(f, out);
	for (size_t i = 0; i < f->n_places; i++)
		free(f->real[i]);
	mem_free(f->finds);
	mem_free(f);
	return rc;
}
