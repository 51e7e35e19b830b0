/* SPDX-License-Identifier: Apache-2.0 */
#include "model/catalogue.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/checkpoint_name.h"
#include "model/family.h"
#include "model/foreign.h"
#include "model/found_gguf.h"
#include "model/gguf.h"
#include "model/hf_cache.h"
#include "model/hf_config.h"
#include "model/hf_folder.h"
#include "model/label.h"
#include "model/ollama_store.h"
#include "model/peft.h"
#include "model/safetensors.h"
#include "model/seen_folders.h"
#include "model/sniff.h"
#include "model/template_source.h"

/* The chosen folder, runs in it, checkpoints in them. */
#define MAX_DEPTH 5
#define NEAR_DEPTH 2 /* up to here whoever named the folder may have meant a file that is not for us, and hears why not */

/* A link to a folder, looked at after all that is there by its own name. */
struct later {
	const char *path;
	int depth;
};

struct scan {
	struct arena *arena;
	const char *root;
	const atomic_bool *cancel;
	struct family_set *families;
	struct found_model *models;
	size_t n_models, models_cap;
	struct found_refusal *refusals;
	size_t n_refusals, refusals_cap;
	size_t n_entries; /* of all folders so far */
	struct seen_folders seen;
	struct later *links;
	size_t n_links, links_cap;
};

/* Names in a folder, in byte order; hidden ones are left out. */
struct folder {
	struct arena *arena;
	const char *path;
	const char **files, **dirs;
	size_t n_files, n_dirs, files_cap, dirs_cap;
};

static bool stopped(const struct scan *s)
{
	return s->cancel && atomic_load_explicit(s->cancel, memory_order_relaxed);
}

static void add_model(struct scan *s, const struct found_model *model)
{
	if (s->n_models == s->models_cap) {
		s->models_cap = s->models_cap ? s->models_cap * 2 : 16;
		s->models = mem_grow(s->models, s->models_cap * sizeof(s->models[0]));
	}
	s->models[s->n_models++] = *model;
}

static void add_refusal(struct scan *s, const char *path, const struct err *err)
{
	if (s->n_refusals == s->refusals_cap) {
		s->refusals_cap = s->refusals_cap ? s->refusals_cap * 2 : 16;
		s->refusals = mem_grow(s->refusals, s->refusals_cap * sizeof(s->refusals[0]));
	}
	s->refusals[s->n_refusals++] = (struct found_refusal){ arena_strdup(s->arena, path), *err };
}

static void refuse(struct scan *s, const char *path, enum err_code code, const char *key)
{
	struct err err = { 0 };
	err_set(&err, code, key, "path=%s", path);
	add_refusal(s, path, &err);
}

/* --- a folder's names --- */

static bool add_name(void *user, const char *name, bool is_dir)
{
	struct folder *f = user;
	const char ***list = is_dir ? &f->dirs : &f->files;
	size_t *n = is_dir ? &f->n_dirs : &f->n_files, *cap = is_dir ? &f->dirs_cap : &f->files_cap;
	if (name[0] == '.')
		return true;
	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 32;
		*list = mem_grow(*list, *cap * sizeof((*list)[0]));
	}
	(*list)[(*n)++] = arena_strdup(f->arena, name);
	return true;
}

static void folder_release(struct folder *f)
{
	mem_free(f->files);
	mem_free(f->dirs);
}

static bool has_file(const struct folder *f, const char *name)
{
	for (size_t i = 0; i < f->n_files; i++)
		if (strcmp(f->files[i], name) == 0)
			return true;
	return false;
}

/* First file that starts and ends so; NULL if there is none. */
static const char *find_file(const struct folder *f, const char *start, const char *end)
{
	for (size_t i = 0; i < f->n_files; i++)
		if (str_starts(str_of(f->files[i]), start) && str_ends(str_of(f->files[i]), end))
			return f->files[i];
	return NULL;
}

static const char *path_in(struct scan *s, const struct folder *f, const char *name)
{
	char *path = fs_join(f->path, name);
	const char *kept = arena_strdup(s->arena, path);
	mem_free(path);
	return kept;
}

/* --- PEFT folders --- */

static bool is_torchtune(const struct folder *f)
{
	return has_file(f, "adapter_model.pt") || has_file(f, "recipe_state.pt");
}

/* Its newer releases keep their state once, beside the folders of the epochs. */
static bool is_in_torchtune_run(const struct folder *f)
{
	char *run = fs_dirname(f->path), *recipe = fs_join(run, "recipe_state");
	bool is = fs_is_dir(recipe);
	mem_free(recipe);
	mem_free(run);
	return is;
}

static void place_folder(struct scan *s, const struct folder *f, struct family_member *m)
{
	const char *name = fs_basename(f->path);
	struct checkpoint_name mark;
	bool marked = checkpoint_name_parse(s->arena, name, &mark);
	char *parent = fs_dirname(f->path);
	m->final = !marked;
	m->run = marked ? arena_strdup(s->arena, parent) : f->path;
	m->stem = "";
	m->loop_index = marked && mark.loop_index;
	m->torchtune = is_torchtune(f);
	m->model.name = label_make(s->arena, marked ? str_of(name) : STR("final"));
	m->model.epoch = marked && mark.epoch >= 0 ? (double)mark.epoch : (double)NAN;
	m->model.step = marked ? mark.step : -1;
	mem_free(parent);
}

/* A checkpoint's own trainer_state.json knows better than its name. */
static void read_state(struct scan *s, const struct folder *f, struct family_member *m)
{
	m->state = (struct trainer_state){ .epoch = (double)NAN, .step = -1 };
	struct err err = { 0 };
	const char *path = path_in(s, f, "trainer_state.json");
	if (!has_file(f, "trainer_state.json"))
		return;
	if (trainer_state_read(s->arena, path, &m->state, &err) != ERR_OK) {
		add_refusal(s, path, &err);
		return;
	}
	if (!isnan(m->state.epoch)) {
		m->model.epoch = m->state.epoch;
		m->loop_index = false;
	}
	if (m->state.step >= 0)
		m->model.step = m->state.step;
}

/* The file with the adapter's values; NULL where there is none that can be read. */
static const char *adapter_weights(struct scan *s, const struct folder *f, struct err *err)
{
	const char *weights = path_in(s, f, "adapter_model.safetensors");
	if (!has_file(f, "adapter_model.safetensors")) {
		const char *pickle = has_file(f, "adapter_model.bin")	? "adapter_model.bin"
				     : has_file(f, "adapter_model.pt") ? "adapter_model.pt"
								       : NULL;
		if (pickle)
			foreign_pickle(f->path, pickle, err);
		else
			err_set(err, ERR_DATA, "err_adapter_no_weights", "path=%s", f->path);
		return NULL;
	}
	struct safetensors *st = safetensors_open(weights, err);
	if (!st)
		return NULL;
	safetensors_close(st);
	return weights;
}

static bool add_peft(struct scan *s, const struct folder *f, const struct peft_config *config, struct err *err)
{
	const char *weights = adapter_weights(s, f, err);
	if (!weights)
		return false;
	struct stat info = { 0 };
	struct family_member m = { .model = {
					   .kind = MODEL_ADAPTER,
					   .adapter_format = ADAPTER_PEFT,
					   .path = f->path,
					   .size_bytes =
						   stat(weights, &info) == 0 ? (uint64_t)info.st_size : 0,
					   .architecture = "",
					   .file_type = "",
					   .train_loss = (double)NAN,
					   .eval_loss = (double)NAN,
					   .base_name = config->base_name,
					   .rank = config->rank,
					   .alpha = config->alpha,
				   } };
	place_folder(s, f, &m);
	read_state(s, f, &m);
	m.model.templates = template_sources_of_folder(s->arena, f->path, m.final ? NULL : m.run);
	family_set_add(s->families, &m);
	return true;
}

/* --- folders with full weights --- */

static bool has_checkpoints(struct scan *s, const struct folder *f)
{
	struct checkpoint_name mark;
	for (size_t i = 0; i < f->n_dirs; i++)
		if (checkpoint_name_parse(s->arena, f->dirs[i], &mark) && !str_starts(str_of(f->dirs[i]), "global_step"))
			return true;
	return false;
}

/* A folder that is a checkpoint by its name, or has checkpoints in it, is one of a family; any other stands alone.  `base_name`:
 * of the adapter that lies beside the weights, for a config.json that names no base; else "". */
static bool add_hf(struct scan *s, const struct folder *f, const char *base_name, struct err *err)
{
	struct family_member m = { 0 };
	struct found_model model;
	struct checkpoint_name mark;
	bool marked = checkpoint_name_parse(s->arena, fs_basename(f->path), &mark);
	if (hf_folder_read(s->arena, f->path, &model, err) != ERR_OK)
		return false;
	if (!*model.base_name)
		model.base_name = base_name;
	if (!marked && !has_checkpoints(s, f)) {
		model.templates = template_sources_of_folder(s->arena, f->path, NULL);
		add_model(s, &model);
		return true;
	}
	model.kind = MODEL_FULL;
	m.model = model;
	place_folder(s, f, &m);
	read_state(s, f, &m);
	m.model.templates = template_sources_of_folder(s->arena, f->path, m.final ? NULL : m.run);
	family_set_add(s->families, &m);
	return true;
}

static void scan_hf(struct scan *s, const struct folder *f)
{
	struct err err = { 0 };
	if (!add_hf(s, f, "", &err))
		add_refusal(s, f->path, &err);
}

/* --- folders with an adapter --- */

/* torchtune leaves what it merged beside the adapter, which is the same model and needs no base.  Elsewhere the weights may be the
 * base's own: they are taken where the adapter cannot be used, or nobody says of which base it is. */
static void scan_adapter(struct scan *s, const struct folder *f)
{
	struct err err = { 0 }, full_err = { 0 };
	struct peft_config config = { .base_name = "" };
	bool usable = peft_read(s->arena, f->path, &config, &err) == ERR_OK;
	bool full = has_file(f, "config.json") && find_file(f, "model", ".safetensors");
	bool first = full && (!usable || !*config.base_name || is_torchtune(f) || is_in_torchtune_run(f));
	if (first && add_hf(s, f, config.base_name, &full_err))
		return;
	if (usable && add_peft(s, f, &config, &err))
		return;
	if (full && !first && add_hf(s, f, config.base_name, &full_err))
		return;
	add_refusal(s, f->path, &err);
}

/* --- GGUF files --- */

/* The file itself: its identity stays where a link to it is renamed or made anew.  The parts of a split model are found by
 * their names, which are the links' where a download cache keeps them. */
static const char *without_links(struct scan *s, const char *path)
{
	uint32_t no, count;
	size_t stem;
	char *real = gguf_split_name(path, &no, &count, &stem) ? NULL : realpath(path, NULL);
	const char *kept = real ? arena_strdup(s->arena, real) : path;
	free(real);
	return kept;
}

/* A file of a cache or store goes by what people know it as there. */
static const char *stored_name(struct scan *s, const char *path, const char *own)
{
	const char *name = hf_cache_name(s->arena, path);
	if (!name)
		name = ollama_store_name(s->arena, path);
	return name ? name : own;
}

static void add_gguf(struct scan *s, const char *path)
{
	struct err err = { 0 };
	struct family_member m = { .state = { .epoch = (double)NAN, .step = -1 } };
	path = hf_cache_link(s->arena, path);
	if (found_gguf_read(s->arena, path, &m.model, &err) != ERR_OK) {
		add_refusal(s, path, &err);
		return;
	}
	m.model.path = without_links(s, path);
	struct checkpoint_name mark;
	bool marked = checkpoint_name_parse(s->arena, m.model.name, &mark);
	if (m.model.kind == MODEL_BASE && !marked) {
		m.model.name = stored_name(s, path, m.model.name);
		add_model(s, &m.model);
		return;
	}
	if (m.model.kind == MODEL_BASE)
		m.model.kind = MODEL_FULL;
	if (mark.epoch >= 0)
		m.model.epoch = (double)mark.epoch;
	m.model.step = mark.step;
	char *dir = fs_dirname(path);
	m.run = arena_strdup(s->arena, dir);
	m.stem = mark.stem;
	mem_free(dir);
	family_set_add(s->families, &m);
}

/* A split model is taken at its first part, or at its lowest one where the first is missing (which is then
 * refused). */
static bool is_later_part(const struct folder *f, const char *name)
{
	uint32_t no, count, other_no, other_count;
	size_t stem, other_stem;
	if (!gguf_split_name(name, &no, &count, &stem))
		return false;
	for (size_t i = 0; i < f->n_files; i++)
		if (gguf_split_name(f->files[i], &other_no, &other_count, &other_stem) &&
		    other_count == count && other_stem == stem && strncmp(f->files[i], name, stem) == 0 &&
		    other_no < no)
			return true;
	return false;
}

static bool is_gguf_name(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && str_eq_nocase(str_of(name + n - 5), ".gguf");
}

static bool scan_ggufs(struct scan *s, const struct folder *f)
{
	bool any = false;
	for (size_t i = 0; i < f->n_files && !stopped(s); i++) {
		if (!is_gguf_name(f->files[i]) || is_later_part(f, f->files[i]))
			continue;
		const char *path = path_in(s, f, f->files[i]);
		any = true;
		if (!found_gguf_is_side_file(path))
			add_gguf(s, path);
	}
	return any;
}

/* --- what is recognized in order to say why it cannot be used --- */

/* The sentence about sharded training state; NULL if there is none. */
static const char *sharded_state(const struct folder *f)
{
	const char *key = NULL;
	for (size_t i = 0; i < f->n_dirs && !key; i++)
		(void)foreign_sharded(f->dirs[i], true, &key);
	for (size_t i = 0; i < f->n_files && !key; i++)
		(void)foreign_sharded(f->files[i], false, &key);
	return key;
}

static bool has_hf_weights(const struct folder *f)
{
	return find_file(f, "model", ".safetensors") || find_file(f, "model", ".safetensors.index.json") ||
	       find_file(f, "pytorch_model", ".bin") || find_file(f, "pytorch_model", ".bin.index.json");
}

/* Optimizer state and the like: not weights, so nobody asked for them. */
static bool is_trainer_file(const char *name)
{
	static const char *const starts[] = { "optimizer",     "scheduler", "rng_state",
					      "training_args", "scaler",    "recipe_state" };
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (str_starts(str_of(name), starts[i]))
			return true;
	return false;
}

static bool is_weight_name(const char *name)
{
	static const char *const ends[] = { ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".safetensors" };
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (str_ends(str_of(name), ends[i]))
			return true;
	return false;
}

static void refuse_loose_files(struct scan *s, const struct folder *f)
{
	for (size_t i = 0; i < f->n_files; i++) {
		const char *name = f->files[i];
		if (!is_weight_name(name) || is_trainer_file(name))
			continue;
		const char *path = path_in(s, f, name);
		struct err err = { 0 };
		struct stat info = { 0 };
		enum file_kind kind = sniff_path(path);
		if (stat(path, &info) != 0 || kind == FILE_UNKNOWN || kind == FILE_JSON)
			continue;
		if (kind == FILE_GGUF) {
			add_gguf(s, path);
			continue;
		}
		if (kind == FILE_ZIP || kind == FILE_PICKLE)
			foreign_pickle(path, name, &err);
		else
			sniff_refuse(kind, path, (uint64_t)info.st_size, "GGUF", &err);
		add_refusal(s, path, &err);
	}
}

/* A model's folder without weights that we know by name: many programs have a config.json, so it must be a model's, or the one that
 * was chosen. */
static void refuse_broken_config(struct scan *s, const struct folder *f, int depth)
{
	struct err err = { 0 };
	bool is_model = depth == 0 || has_file(f, "tokenizer_config.json") || has_file(f, "tokenizer.json") ||
			has_file(f, "generation_config.json");
	if (is_model && has_file(f, "config.json") && hf_config_check(f->path, &err) != ERR_OK)
		add_refusal(s, f->path, &err);
}

static void scan_others(struct scan *s, const struct folder *f, int depth)
{
	const char *sharded = sharded_state(f);
	if (find_file(f, "", "adapters.safetensors")) {
		refuse(s, f->path, ERR_UNSUPPORTED, "err_adapter_mlx");
	} else if (has_file(f, "config.json") && has_hf_weights(f)) {
		scan_hf(s, f);
	} else if (sharded) {
		refuse(s, f->path, ERR_UNSUPPORTED, sharded);
	} else if (depth <= NEAR_DEPTH) {
		refuse_broken_config(s, f, depth);
		refuse_loose_files(s, f);
	}
}

/* --- walking --- */

/* What the system shows as files, by their real paths.  Discs that are plugged in and memory that is used as a disc lie there too. */
static const char *const system_places[] = { "/proc", "/sys", "/dev", "/run" };
#define N_SYSTEM_PLACES (sizeof(system_places) / sizeof(system_places[0]))

static bool is_of_system(const char *path)
{
	static const char *const discs[] = { "/run/media/", "/dev/shm" };
	for (size_t i = 0; i < sizeof(discs) / sizeof(discs[0]); i++)
		if (str_starts(str_of(path), discs[i]))
			return false;
	for (size_t i = 0; i < N_SYSTEM_PLACES; i++) {
		size_t n = strlen(system_places[i]);
		if (strncmp(path, system_places[i], n) == 0 && (path[n] == 0 || path[n] == '/'))
			return true;
	}
	return false;
}

/* Below a link they have other paths, but are the same folders. */
static void pass_over_system(struct scan *s)
{
	struct stat info;
	for (size_t i = 0; i < N_SYSTEM_PLACES; i++)
		if (stat(system_places[i], &info) == 0)
			(void)seen_folders_add(&s->seen, &info);
}

static bool leads_to_system(const char *link)
{
	char *real = realpath(link, NULL);
	bool does = real && is_of_system(real);
	free(real);
	return does;
}

static void add_link(struct scan *s, const char *path, int depth)
{
	if (s->n_links == s->links_cap) {
		s->links_cap = s->links_cap ? s->links_cap * 2 : 16;
		s->links = mem_grow(s->links, s->links_cap * sizeof(s->links[0]));
	}
	s->links[s->n_links++] = (struct later){ path, depth };
}

static void scan_folder(struct scan *s, const char *path, int depth);

/* Links come later, those first whose names tell more than another link to the same folder. */
static void scan_folders_in(struct scan *s, const struct folder *f, int depth)
{
	struct checkpoint_name mark;
	size_t n_plain = 0;
	const char **plain = arena_array(s->arena, f->n_dirs + 1, sizeof(plain[0]));
	for (size_t i = 0; i < f->n_dirs && s->n_entries <= LIMIT_SCAN_ENTRIES; i++) {
		struct stat info;
		const char *path = path_in(s, f, f->dirs[i]);
		if (str_starts(str_of(f->dirs[i]), "pytorch_model_fsdp") || strcmp(f->dirs[i], "recipe_state") == 0)
			continue;
		if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode))
			scan_folder(s, path, depth);
		else if (checkpoint_name_parse(s->arena, f->dirs[i], &mark))
			add_link(s, path, depth);
		else
			plain[n_plain++] = path;
	}
	for (size_t i = 0; i < n_plain; i++)
		add_link(s, plain[i], depth);
}

static void scan_folder(struct scan *s, const char *path, int depth)
{
	struct err err = { 0 };
	struct folder f = { .arena = s->arena, .path = path };
	struct stat info;
	if (stopped(s) || is_of_system(path) || (stat(path, &info) == 0 && !seen_folders_add(&s->seen, &info)))
		return;
	if (fs_list(path, LIMIT_FOLDER_ENTRIES, add_name, &f, &err) != ERR_OK) {
		add_refusal(s, path, &err);
		folder_release(&f);
		return;
	}
	bool was_large = s->n_entries > LIMIT_SCAN_ENTRIES;
	s->n_entries += f.n_files + f.n_dirs;
	if (s->n_entries > LIMIT_SCAN_ENTRIES && !was_large) {
		err_set(&err, ERR_LIMIT, "err_scan_large", "path=%s|limit=%d", s->root, LIMIT_SCAN_ENTRIES);
		add_refusal(s, path, &err);
	}
	bool ggufs = scan_ggufs(s, &f);
	if (has_file(&f, "adapter_config.json"))
		scan_adapter(s, &f);
	else if (!ggufs)
		scan_others(s, &f, depth);
	/* Inside a checkpoint only the trainer's own state is left. */
	struct checkpoint_name mark;
	bool checkpoint = checkpoint_name_parse(s->arena, fs_basename(path), &mark) && depth > 0;
	if (depth < MAX_DEPTH && !checkpoint)
		scan_folders_in(s, &f, depth + 1);
	folder_release(&f);
}

/* Links to folders that were not met by their own names; those may hold further ones. */
static void scan_links(struct scan *s)
{
	for (size_t i = 0; i < s->n_links && s->n_entries <= LIMIT_SCAN_ENTRIES; i++)
		if (!leads_to_system(s->links[i].path))
			scan_folder(s, s->links[i].path, s->links[i].depth);
}

/* One file: a GGUF, or a file of a checkpoint folder, which then is what was meant. */
static void scan_file(struct scan *s, const char *path)
{
	static const char *const inside[] = { "adapter_config.json", "adapter_model.safetensors", "trainer_state.json",
					      "config.json", "model.safetensors", "model.safetensors.index.json" };
	struct err err = { 0 };
	struct stat info = { 0 };
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		if (strcmp(fs_basename(path), inside[i]) == 0) {
			char *dir = fs_dirname(path);
			scan_folder(s, arena_strdup(s->arena, dir), MAX_DEPTH);
			mem_free(dir);
			return;
		}
	}
	enum file_kind kind = sniff_path(path);
	if (kind == FILE_GGUF) {
		add_gguf(s, path);
	} else if (stat(path, &info) == 0) {
		if (kind == FILE_ZIP || kind == FILE_PICKLE)
			foreign_pickle(path, fs_basename(path), &err);
		else
			sniff_refuse(kind, path, (uint64_t)info.st_size, "GGUF", &err);
		add_refusal(s, path, &err);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct found_model *x = a, *y = b;
	int order = natural_compare(x->name, y->name);
	return order ? order : strcmp(x->path, y->path);
}

static void finish(struct scan *s, struct catalogue *out)
{
	struct found_model *models = arena_array(s->arena, s->n_models + 1, sizeof(models[0]));
	struct found_refusal *refusals = arena_array(s->arena, s->n_refusals + 1, sizeof(refusals[0]));
	if (s->n_models > 0) {
		memcpy(models, s->models, s->n_models * sizeof(models[0]));
		qsort(models, s->n_models, sizeof(models[0]), by_name);
	}
	if (s->n_refusals > 0)
		memcpy(refusals, s->refusals, s->n_refusals * sizeof(refusals[0]));
	out->models = models;
	out->n_models = s->n_models;
	out->refusals = refusals;
	out->n_refusals = s->n_refusals;
}

/* Without links; but the name of a file stays as it is where it is a link, because a download cache keeps the file itself under
 * a name that tells nothing.  Free with free(); NULL with errno. */
static char *real_path(const char *path)
{
	if (!fs_exists(path) || fs_is_dir(path))
		return realpath(path, NULL);
	char *dir = fs_dirname(path), *real_dir = realpath(dir, NULL);
	mem_free(dir);
	char *joined = real_dir ? fs_join(real_dir, fs_basename(path)) : NULL;
	free(real_dir);
	return joined;
}

enum err_code catalogue_scan(struct arena *a, const char *path, struct catalogue *out,
			     const atomic_bool *cancel, struct err *err)
{
	*out = (struct catalogue){ 0 };
	char *absolute = real_path(path);
	if (!absolute)
		return fs_error(err, errno, "err_fs_open", path);
	if (is_of_system(absolute)) {
		mem_free(absolute);
		return err_set(err, ERR_INVALID, "err_scan_system", "field=path|path=%s", path);
	}
	struct scan s = { .arena = a, .cancel = cancel, .families = family_set_new() };
	const char *root = arena_strdup(a, absolute);
	mem_free(absolute);
	out->path = s.root = root;
	pass_over_system(&s);
	if (fs_is_dir(root))
		scan_folder(&s, root, 0);
	else
		scan_file(&s, root);
	scan_links(&s);
	enum err_code rc = family_set_finish(s.families, a, &out->families, &out->n_families, cancel, err);
	finish(&s, out);
	if (rc == ERR_OK && stopped(&s))
		rc = err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	if (rc == ERR_OK && out->n_models + out->n_families + out->n_refusals == 0)
		rc = err_set(err, ERR_NOT_FOUND, "err_scan_nothing", "path=%s", path);
	family_set_free(s.families);
	mem_free(s.models);
	mem_free(s.refusals);
	mem_free(s.links);
	seen_folders_release(&s.seen);
	return rc;
}
