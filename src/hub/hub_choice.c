/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_choice.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/limits.h"
#include "model/gguf.h"

#define NAMES_SHOWN 8
#define PARTS_MAX 1000

struct gather {
	struct arena *arena;
	const struct hub_list *list;
	struct hub_choice *items;
	size_t n, n_tried;
	bool overflow; /* too many, or too many that looked like it */
};

const char *hub_kind_name(enum hub_kind kind)
{
	return kind == HUB_GGUF ? "gguf" : kind == HUB_FOLDER ? "folder" : "adapter";
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool ends_nocase(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool is_pickle(const char *path)
{
	static const char *const ends[] = { ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle" };
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (ends_nocase(path, ends[i]))
			return true;
	return false;
}

/* What lies beside models and is none: a vision part, an importance matrix. */
static bool is_side_file(const char *path)
{
	const char *name = base_of(path);
	return strncasecmp(name, "mmproj", 6) == 0 || strcasestr(name, "imatrix");
}

static void add_choice(struct gather *g, const struct hub_choice *choice)
{
	if (g->n == LIMIT_HUB_CHOICES) {
		g->overflow = true;
		return;
	}
	if (!g->items)
		g->items = arena_array(g->arena, LIMIT_HUB_CHOICES, sizeof *g->items);
	g->items[g->n] = *choice;
	for (size_t i = 0; i < choice->n_files; i++)
		g->items[g->n].size += g->list->files[choice->files[i]].size;
	g->n++;
}

/* --- GGUF --- */

/* "…/Model-Q4_K_M-00001-of-00002.gguf" -> length up to the format's end. */
static size_t stem_of(const char *path)
{
	uint32_t no, count;
	size_t stem;
	return gguf_split_name(path, &no, &count, &stem) ? stem : strlen(path) - strlen(".gguf");
}

static bool is_format(struct str s)
{
	static const char *const plain[] = { "f16", "bf16", "f32", "f64", "fp16", "mxfp4" };
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
		if (str_eq_nocase(s, plain[i]))
			return true;
	size_t at = s.len > 0 && strchr("iItT", s.ptr[0]) ? 1 : 0;
	return s.len > at + 1 && (s.ptr[at] == 'q' || s.ptr[at] == 'Q') && isdigit((unsigned char)s.ptr[at + 1]);
}

/* The last word of the name that looks like a format, in capitals. */
static const char *format_of(struct arena *a, const char *path)
{
	const char *name = base_of(path), *found = "";
	struct str rest = { name, (size_t)(path + stem_of(path) - name) };

	while (rest.ptr) {
		size_t n = 0;
		while (n < rest.len && rest.ptr[n] != '-' && rest.ptr[n] != '.')
			n++;
		struct str word = { rest.ptr, n };
		if (is_format(word)) {
			char *copy = arena_strndup(a, word.ptr, word.len);
			for (char *c = copy; *c; c++)
				*c = (char)toupper((unsigned char)*c);
			found = copy;
		}
		rest = n < rest.len ? (struct str){ rest.ptr + n + 1, rest.len - n - 1 } : (struct str){ 0 };
	}
	return found;
}

/* The parts after the first, in order; false where one is missing. */
static bool find_parts(const struct gather *g, const char *first, uint32_t count, size_t stem, size_t *files)
{
	uint32_t found = 1;

	for (size_t i = 0; i < g->list->n_files; i++) {
		uint32_t no, other;
		size_t other_stem;
		const char *path = g->list->files[i].path;
		if (strncmp(path, first, stem) != 0 || !gguf_split_name(path, &no, &other, &other_stem) || other != count ||
		    other_stem != stem || no == 1 || files[no - 1] != SIZE_MAX)
			continue;
		files[no - 1] = i;
		found++;
	}
	return found == count;
}

static void add_gguf(struct gather *g, size_t at)
{
	const char *path = g->list->files[at].path;
	struct hub_choice choice = { .kind = HUB_GGUF, .name = path, .format = format_of(g->arena, path), .n_files = 1 };
	uint32_t no = 1, count = 1;
	size_t stem = 0;

	if (gguf_split_name(path, &no, &count, &stem) && (no != 1 || count > PARTS_MAX))
		return;
	size_t *files = arena_array(g->arena, count, sizeof *files);
	for (uint32_t i = 1; i < count; i++)
		files[i] = SIZE_MAX;
	files[0] = at;
	if (count > 1 && !find_parts(g, path, count, stem, files))
		return; /* nobody could load it */
	choice.files = files;
	choice.n_files = count;
	add_choice(g, &choice);
}

/* --- folders --- */

/* Small files that say how the weights are used. */
static bool is_description(const char *name)
{
	static const char *const names[] = {
		"config.json",		"generation_config.json", "tokenizer.json",	      "tokenizer_config.json",
		"tokenizer.model",	"special_tokens_map.json", "added_tokens.json",	      "vocab.json",
		"vocab.txt",		"merges.txt",		   "chat_template.jinja",     "chat_template.json",
		"adapter_config.json",	"trainer_state.json",	   "model.safetensors.index.json",
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* "model-00001-of-00003.safetensors" -> 3, else 0. */
static unsigned shard_count(const char *name)
{
	unsigned no, count;
	int end = 0;
	return sscanf(name, "model-%5u-of-%5u.safetensors%n", &no, &count, &end) == 2 && end > 0 && !name[end] && no >= 1 && no <= count
		       ? count
		       : 0;
}

/* The name of file `i` where it lies in the folder `dir` itself ("" or "checkpoint-8/"), else NULL. */
static const char *name_in(const struct gather *g, size_t i, const char *dir)
{
	const char *path = g->list->files[i].path;
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && !strchr(path + n, '/') ? path + n : NULL;
}

struct weights {
	bool is_single, is_adapter;
	unsigned shards, of;
};

static struct weights look_at_weights(const struct gather *g, const char *dir)
{
	struct weights w = { 0 };
	for (size_t i = 0; i < g->list->n_files; i++) {
		const char *name = name_in(g, i, dir);
		if (!name)
			continue;
		unsigned count = shard_count(name);
		w.is_single = w.is_single || strcmp(name, "model.safetensors") == 0;
		w.is_adapter = w.is_adapter || strcmp(name, "adapter_model.safetensors") == 0;
		w.shards += count > 0;
		w.of = count > w.of ? count : w.of;
	}
	return w;
}

/* The same weights are not fetched twice: shards where they are whole, else the single file. */
static bool is_wanted(const char *name, enum hub_kind kind, bool sharded)
{
	if (kind == HUB_ADAPTER)
		return is_description(name) || strcmp(name, "adapter_model.safetensors") == 0;
	if (sharded)
		return is_description(name) || shard_count(name) > 0;
	return (is_description(name) && strcmp(name, "model.safetensors.index.json") != 0) || strcmp(name, "model.safetensors") == 0;
}

static void add_folder(struct gather *g, size_t config)
{
	const char *path = g->list->files[config].path, *base = base_of(path);
	const char *dir = arena_strndup(g->arena, path, (size_t)(base - path));
	struct weights w = look_at_weights(g, dir);
	bool sharded = w.shards > 0 && w.shards == w.of;
	enum hub_kind kind = strcmp(base, "adapter_config.json") == 0 ? HUB_ADAPTER : HUB_FOLDER;
	size_t n = strlen(dir);

	if (kind == HUB_ADAPTER ? !w.is_adapter : !sharded && !w.is_single)
		return;
	struct hub_choice choice = { .kind = kind, .format = "", .name = arena_strndup(g->arena, dir, n ? n - 1 : 0) };
	size_t *files = NULL;
	for (int pass = 0; pass < 2; pass++) {
		choice.n_files = 0;
		for (size_t i = 0; i < g->list->n_files; i++) {
			const char *name = name_in(g, i, dir);
			if (!name || !is_wanted(name, kind, sharded))
				continue;
			if (files)
				files[choice.n_files] = i;
			choice.n_files++;
		}
		files = files ? files : arena_array(g->arena, choice.n_files, sizeof *files);
	}
	choice.files = files;
	add_choice(g, &choice);
}

/* --- all --- */

/* A single GGUF, or the one in the usual format; else the top folder, or the only one. */
static void set_default(struct gather *g)
{
	struct hub_choice *only[3] = { NULL }, *usual = NULL, *top = NULL;
	size_t n[3] = { 0 }, n_usual = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct hub_choice *c = &g->items[i];
		if (c->kind == HUB_GGUF && is_side_file(c->name))
			continue;
		only[c->kind] = c;
		n[c->kind]++;
		if (strcmp(c->format, "Q4_K_M") == 0) {
			usual = c;
			n_usual++;
		}
		if (c->kind != HUB_GGUF && !*c->name && !top)
			top = c;
	}
	if (n[HUB_GGUF] > 0)
		top = n[HUB_GGUF] == 1 ? only[HUB_GGUF] : n_usual == 1 ? usual : NULL;
	else if (!top && n[HUB_FOLDER] + n[HUB_ADAPTER] == 1)
		top = only[HUB_FOLDER] ? only[HUB_FOLDER] : only[HUB_ADAPTER];
	if (top)
		top->is_default = true;
}

static enum err_code nothing(const struct hub_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n_files; i++)
		if (is_pickle(list->files[i].path))
			return err_set(err, ERR_UNSUPPORTED, "err_hub_only_pickles", "field=model|name=%s|file=%s", list->repo,
				       list->files[i].path);
	return err_set(err, ERR_UNSUPPORTED, "err_hub_nothing", "field=model|name=%s", list->repo);
}

enum err_code hub_choices(struct arena *a, const struct hub_list *list, const struct hub_choice **out, size_t *n, struct err *err)
{
	struct gather g = { .arena = a, .list = list };

	for (size_t i = 0; i < list->n_files && !g.overflow; i++) {
		const char *path = list->files[i].path, *base = base_of(path);
		bool gguf = ends_nocase(path, ".gguf");
		if (!gguf && strcmp(base, "config.json") != 0 && strcmp(base, "adapter_config.json") != 0)
			continue;
		g.overflow = ++g.n_tried > 2 * LIMIT_HUB_CHOICES;
		if (gguf)
			add_gguf(&g, i);
		else
			add_folder(&g, i);
	}
	*out = g.items;
	*n = g.n;
	if (g.overflow)
		return err_set(err, ERR_LIMIT, "err_hub_many", "name=%s|limit=%d", list->repo, LIMIT_HUB_CHOICES);
	if (g.n == 0)
		return nothing(list, err);
	set_default(&g);
	return ERR_OK;
}

/* --- one of them --- */

static bool has_file(const struct hub_list *list, const struct hub_choice *c, const char *path)
{
	if (c->kind != HUB_GGUF)
		return false;
	for (size_t i = 0; i < c->n_files; i++)
		if (strcmp(list->files[c->files[i]].path, path) == 0)
			return true;
	return false;
}

/* "…/Model-Q4_K_M.gguf" or "Q4_K_M/…" for "q4_k_m". */
static bool is_in_format(const struct hub_choice *c, const char *wanted)
{
	size_t stem, n = strlen(wanted);
	const char *slash = strrchr(c->name, '/');

	if (c->kind != HUB_GGUF || is_side_file(c->name))
		return false;
	stem = stem_of(c->name);
	if (stem > n && strncasecmp(c->name + stem - n, wanted, n) == 0 && !isalnum((unsigned char)c->name[stem - n - 1]))
		return true;
	if (!slash || (size_t)(slash - c->name) < n)
		return false;
	const char *folder = slash - n;
	return strncasecmp(folder, wanted, n) == 0 && (folder == c->name || folder[-1] == '/');
}

/* "A, B, C, ..." of those that fit, or of all. */
static enum err_code ask_which(const char *key, enum err_code code, const struct hub_list *list, const struct hub_choice *choices,
			       size_t n, const char *wanted, bool all, struct err *err)
{
	struct buf names = BUF_INIT(512);
	size_t shown = 0;

	for (size_t i = 0; i < n; i++) {
		if (!all && !is_in_format(&choices[i], wanted))
			continue;
		if (shown++ == NAMES_SHOWN) {
			buf_add_text(&names, ", …");
			break;
		}
		buf_printf(&names, "%s%s", names.len ? ", " : "", *choices[i].name ? choices[i].name : ".");
	}
	err_set(err, code, key, "field=model|name=%s|file=%s|choices=%s", list->repo, wanted, buf_text(&names));
	buf_release(&names);
	return code;
}

/* Why a path that the hub has is nothing to choose. */
static enum err_code refuse_path(const struct hub_list *list, const char *path, struct err *err)
{
	uint32_t no, count;
	size_t stem;

	if (is_pickle(path))
		return err_set(err, ERR_UNSUPPORTED, "err_hub_pickle", "field=model|file=%s", path);
	if (gguf_split_name(path, &no, &count, &stem))
		return err_set(err, ERR_DATA, "err_hub_parts", "field=model|name=%s|file=%s|count=%u", list->repo, path, count);
	return err_set(err, ERR_UNSUPPORTED, "err_hub_file_kind", "field=model|file=%s", path);
}

static enum err_code choose_default(const struct hub_list *list, const struct hub_choice *choices, size_t n,
				    const struct hub_choice **out, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (choices[i].is_default)
			*out = &choices[i];
	return *out ? ERR_OK : ask_which("err_hub_which", ERR_INVALID, list, choices, n, "", true, err);
}

enum err_code hub_choose(const struct hub_list *list, const struct hub_choice *choices, size_t n, const char *wanted,
			 const struct hub_choice **out, struct err *err)
{
	size_t fits = 0;

	*out = NULL;
	if (!*wanted)
		return choose_default(list, choices, n, out, err);
	const char *folder = strcmp(wanted, ".") == 0 ? "" : wanted;
	for (size_t i = 0; i < n && !*out; i++)
		if (has_file(list, &choices[i], wanted) || (choices[i].kind != HUB_GGUF && !strcmp(choices[i].name, folder)))
			*out = &choices[i];
	if (*out)
		return ERR_OK;
	for (size_t i = 0; i < list->n_files; i++)
		if (strcmp(list->files[i].path, wanted) == 0)
			return refuse_path(list, wanted, err);
	for (size_t i = 0; i < n; i++) {
		if (is_in_format(&choices[i], wanted)) {
			*out = &choices[i];
			fits++;
		}
	}
	if (fits == 1)
		return ERR_OK;
	*out = NULL;
	return fits ? ask_which("err_hub_which", ERR_INVALID, list, choices, n, wanted, false, err)
		    : ask_which("err_hub_no_file", ERR_NOT_FOUND, list, choices, n, wanted, true, err);
}
