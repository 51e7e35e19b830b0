/* SPDX-License-Identifier: Apache-2.0
 *
 * Made-up trees as the other programs leave them; the real home is never looked at. */
#include "support/check.h"

#include <unistd.h>

#include "base/hash.h"
#include "model/hf_cache.h"
#include "model/known_places.h"
#include "model/ollama_store.h"
#include "support/model_files.h"

static struct temp temp; /* a home folder for each test */
static struct arena *arena;

/* --- the environment --- */

static struct {
	const char *name, *value;
} vars[8];
static size_t n_vars;

static const char *env(const char *name)
{
	if (strcmp(name, "HOME") == 0)
		return temp.dir;
	for (size_t i = 0; i < n_vars; i++)
		if (strcmp(vars[i].name, name) == 0)
			return vars[i].value;
	return NULL;
}

static void set_env(const char *name, const char *value)
{
	vars[n_vars].name = name;
	vars[n_vars++].value = value;
}

static struct place_finds find(void)
{
	struct place_finds finds;
	struct err err = { 0 };
	assert_ok(known_places_find(arena, env, &finds, NULL, &err));
	/* A store of this machine's Ollama service is no part of the test. */
	struct place_find *ours = arena_array(arena, finds.n_finds + 1, sizeof(ours[0]));
	size_t n = 0;
	for (size_t i = 0; i < finds.n_finds; i++)
		if (str_starts(str_of(finds.finds[i].path), temp.dir))
			ours[n++] = finds.finds[i];
	finds.finds = ours;
	finds.n_finds = n;
	return finds;
}

static const struct known_place *place(const struct place_finds *finds, const char *path)
{
	for (size_t i = 0; i < finds->n_places; i++)
		if (strcmp(finds->places[i].path, path) == 0)
			return &finds->places[i];
	fail_msg("%s was not looked at", path);
	return NULL;
}

static const struct place_find *named(const struct place_finds *finds, const char *name)
{
	for (size_t i = 0; i < finds->n_finds; i++)
		if (strcmp(finds->finds[i].name, name) == 0)
			return &finds->finds[i];
	fail_msg("%s was not found (%zu others, first %s)", name, finds->n_finds,
		 finds->n_finds ? finds->finds[0].name : "-");
	return NULL;
}

/* --- files --- */

static void make_dirs_of(const char *name)
{
	char *dir = fs_dirname(temp_path(&temp, name));
	if (fs_make_dirs(dir, NULL) != ERR_OK)
		fail_msg("cannot make %s", dir);
	mem_free(dir);
}

static const char *model_at(const char *name, const char *label)
{
	make_dirs_of(name);
	return tiny_model_write(temp_path(&temp, name), (struct tiny_model){ .name = label });
}

static void link_to(const char *target, const char *name)
{
	make_dirs_of(name);
	assert_int_equal(symlink(target, temp_path(&temp, name)), 0);
}

/* --- Hugging Face --- */

#define HUB ".cache/huggingface/hub/"
#define REPO HUB "models--acme--Tiny-Test-GGUF/"

static void make_repository(void)
{
	model_at(REPO "blobs/aa11", "one");
	model_at(REPO "blobs/bb22", "two");
	temp_text(&temp, REPO "refs/main", "rev2\n");
	link_to("../../blobs/aa11", REPO "snapshots/rev1/Tiny-Test-F16.gguf");
	link_to("../../blobs/aa11", REPO "snapshots/rev2/Tiny-Test-F16.gguf");
	link_to("../../../blobs/bb22", REPO "snapshots/rev2/other/small.gguf");
}

static void a_repository_is_found_once_under_its_own_name(void **state)
{
	(void)state;
	make_repository();
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 2);
	const struct place_find *one = named(&f, "acme/Tiny-Test-GGUF:F16");
	assert_int_equal(one->kind, PLACE_HUGGING_FACE);
	assert_string_equal(one->path, temp_path(&temp, REPO "blobs/aa11"));
	assert_true(one->size_bytes > 0);
	assert_string_equal(named(&f, "acme/Tiny-Test-GGUF:small")->path, temp_path(&temp, REPO "blobs/bb22"));
	assert_int_equal(place(&f, temp_path(&temp, ".cache/huggingface/hub"))->n_found, 2);
}

/* The path of a find is all that is needed to add it, and its id survives another snapshot. */
static void the_file_of_a_repository_has_its_name_however_it_is_reached(void **state)
{
	(void)state;
	static const char *const ways[] = { REPO "blobs/aa11", REPO "snapshots/rev1/Tiny-Test-F16.gguf",
					    REPO "snapshots/rev2/Tiny-Test-F16.gguf" };
	make_repository();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct catalogue c;
		struct err err = { 0 };
		assert_ok(catalogue_scan(arena, temp_path(&temp, ways[i]), &c, NULL, &err));
		assert_int_equal(c.n_models, 1);
		assert_string_equal(c.models[0].name, "acme/Tiny-Test-GGUF:F16");
		assert_string_equal(c.models[0].path, temp_path(&temp, REPO "blobs/aa11"));
		assert_int_equal(catalogue_base_match("acme/Tiny-Test", c.models[0].name, c.models[0].path), 1);
	}
	struct catalogue c;
	struct err err = { 0 };
	unlink(temp_path(&temp, REPO "snapshots/rev2/Tiny-Test-F16.gguf"));
	assert_ok(catalogue_scan(arena, temp_path(&temp, REPO "blobs/aa11"), &c, NULL, &err));
	assert_string_equal(c.models[0].name, "acme/Tiny-Test-GGUF:F16"); /* an older revision knows it */
}

static void without_a_main_branch_the_newest_snapshot_counts(void **state)
{
	(void)state;
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	model_at(HUB "models--acme--Owl/snapshots/new/Owl-Q8_0.gguf", "owl");
	model_at(HUB "models--acme--Owl/snapshots/old/Owl-Q4_0.gguf", "owl");
	assert_int_equal(utimensat(AT_FDCWD, temp_path(&temp, HUB "models--acme--Owl/snapshots/old"), old, 0), 0);
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 1);
	named(&f, "acme/Owl:Q8_0");
	temp_text(&temp, HUB "models--acme--Owl/refs/main", "old");
	f = find();
	assert_int_equal(f.n_finds, 1);
	named(&f, "acme/Owl:Q4_0");
	temp_text(&temp, HUB "models--acme--Owl/refs/main", "../../../..");
	f = find();
	named(&f, "acme/Owl:Q8_0"); /* not a revision: never left the cache */
}

static void an_adapter_repository_is_a_fine_tuned_model(void **state)
{
	(void)state;
	tiny_adapter(&temp, HUB "models--me--kestrel-lora/snapshots/r1", "", 1);
	struct place_finds f = find();
	const struct place_find *find = named(&f, "me/kestrel-lora");
	assert_non_null(find->family);
	assert_int_equal(find->family->n_checkpoints, 1);
	assert_string_equal(find->path, temp_path(&temp, HUB "models--me--kestrel-lora/snapshots/r1"));
}

/* All files of a snapshot are links; by any of them the folder is meant. */
static void a_repository_of_full_weights_is_a_model_under_its_own_name(void **state)
{
	(void)state;
	static const char config[] = "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 64, \"num_attention_heads\": 4,"
				     " \"intermediate_size\": 96, \"vocab_size\": 100, \"num_hidden_layers\": 3}";
	uint16_t values[32] = { 1 };
	struct tiny_st st = tiny_st_new();
	tiny_st_add(&st, "model.embed_tokens.weight", "BF16", 8, 4, values, sizeof values);
	tiny_st_write(&st, &temp, HUB "models--org--Base-1B/blobs/cc33");
	temp_text(&temp, HUB "models--org--Base-1B/blobs/dd44", config);
	link_to("../../blobs/cc33", HUB "models--org--Base-1B/snapshots/r1/model.safetensors");
	link_to("../../blobs/dd44", HUB "models--org--Base-1B/snapshots/r1/config.json");
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 1);
	const struct place_find *find = named(&f, "org/Base-1B");
	assert_int_equal(find->problem.code, ERR_OK);
	assert_string_equal(find->path, temp_path(&temp, HUB "models--org--Base-1B/snapshots/r1"));
	struct catalogue c;
	struct err err = { 0 };
	assert_ok(catalogue_scan(arena, temp_path(&temp, HUB "models--org--Base-1B/snapshots/r1/model.safetensors"), &c, NULL, &err));
	assert_int_equal(c.n_models, 1);
	assert_string_equal(c.models[0].path, find->path);
}

static void what_cannot_be_used_is_found_with_the_reason_and_other_things_are_not(void **state)
{
	(void)state;
	temp_text(&temp, HUB "models--big--Llama-AWQ/snapshots/r/config.json",
		  "{\"quantization_config\": {\"quant_method\": \"awq\"}}");
	temp_file(&temp, HUB "models--big--Llama-AWQ/snapshots/r/model.safetensors", "\x02\0\0\0\0\0\0\0{}", 10);
	temp_text(&temp, HUB "models--only--tokenizer/snapshots/r/tokenizer.json", "{}");
	temp_text(&temp, HUB "models--nothing--here/refs/main", "gone");
	temp_text(&temp, HUB "datasets--some--set/snapshots/r/model.gguf", "x");
	temp_text(&temp, HUB "version.txt", "1");
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 1);
	const struct place_find *find = named(&f, "big/Llama-AWQ");
	assert_err(&find->problem, "err_hf_quantized");
	assert_arg(&find->problem, "method", "awq");
	assert_true(find->size_bytes > 5 && !find->model && !find->family);
}

static void variables_name_the_cache_and_one_folder_is_looked_at_once(void **state)
{
	(void)state;
	model_at("a/models--x--One/snapshots/r/One-F16.gguf", "one");
	model_at("b/hub/models--x--Two/snapshots/r/Two-F16.gguf", "two");
	model_at("c/huggingface/hub/models--x--Three/snapshots/r/Three-F16.gguf", "three");
	link_to("a", "a-again");
	set_env("HF_HUB_CACHE", temp_path(&temp, "a"));
	set_env("HUGGINGFACE_HUB_CACHE", temp_path(&temp, "a-again"));
	set_env("HF_HOME", "~/b");
	set_env("XDG_CACHE_HOME", temp_path(&temp, "c"));
	set_env("LLAMA_CACHE", "relative/is/none");
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 3);
	named(&f, "x/One:F16");
	named(&f, "x/Two:F16");
	named(&f, "x/Three:F16");
	for (size_t i = 0; i < f.n_places; i++) {
		assert_true(f.places[i].path[0] == '/');
		assert_null(strstr(f.places[i].path, "a-again"));
	}
}

/* --- LM Studio, llama.cpp --- */

static void lm_studio_keeps_publishers_and_models(void **state)
{
	(void)state;
	model_at(".lmstudio/models/acme/Tiny-GGUF/Tiny-Q4_K_M.gguf", "tiny");
	tiny_model_write(temp_path(&temp, ".lmstudio/models/acme/Tiny-GGUF/mmproj-Tiny.gguf"), (struct tiny_model){ .type = "mmproj" });
	temp_text(&temp, ".lmstudio/models/acme/Broken/model.gguf", "<!DOCTYPE html>");
	model_at(".cache/lm-studio/models/old/Owl/Owl-F16.gguf", "owl");
	model_at("elsewhere/models/moved/Heron/Heron-F16.gguf", "heron");
	temp_text(&temp, ".lmstudio-home-pointer", temp_path(&temp, "elsewhere\n"));
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 4);
	assert_int_equal(named(&f, "Tiny-Q4_K_M")->kind, PLACE_LM_STUDIO);
	assert_err(&named(&f, "acme/Broken")->problem, "err_file_html");
	named(&f, "Owl-F16");
	named(&f, "Heron-F16");
}

static void lm_studio_models_that_were_moved_are_found(void **state)
{
	(void)state;
	model_at("disk/acme/Tiny-GGUF/Tiny-F16.gguf", "tiny");
	model_at("far/acme/Owl-GGUF/Owl-F16.gguf", "owl");
	model_at("window/acme/Crow-GGUF/Crow-F16.gguf", "crow");
	model_at("old/acme/Wren-GGUF/Wren-F16.gguf", "wren");
	temp_text(&temp, ".lmstudio/settings.json", arena_printf(arena, "{\"language\": \"en\", \"downloadsFolder\": \"%s\"}", temp_path(&temp, "disk")));
	temp_text(&temp, ".lmstudio-home-pointer", temp_path(&temp, "lm-home\n"));
	temp_text(&temp, "lm-home/settings.json", "{\"downloadsFolder\": \"~/far\"}");
	temp_text(&temp, ".config/LM Studio/settings.json", arena_printf(arena, "{\"downloadsFolder\": \"%s\"}", temp_path(&temp, "window")));
	temp_text(&temp, ".cache/lm-studio/settings.json", arena_printf(arena, "{\"downloadsFolder\": \"%s\"}", temp_path(&temp, "old")));
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 4);
	assert_int_equal(named(&f, "Tiny-F16")->kind, PLACE_LM_STUDIO);
	named(&f, "Owl-F16");
	named(&f, "Crow-F16");
	named(&f, "Wren-F16");
}

static void settings_of_lm_studio_that_say_nothing_are_no_matter(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "{", "[]", "{\"downloadsFolder\": 7}", "{\"downloadsFolder\": \"models\"}",
					     "{\"downloadsFolder\": \"C:\\\\models\"}", "{\"downloadsFolder\": \"\"}" };
	model_at(".lmstudio/models/acme/Tiny-GGUF/Tiny-F16.gguf", "tiny");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		temp_text(&temp, ".lmstudio/settings.json", texts[i]);
		struct place_finds f = find();
		assert_int_equal(f.n_finds, 1);
		named(&f, "Tiny-F16");
	}
}

static void variables_name_the_folders_of_ollama_and_llama_cpp(void **state)
{
	(void)state;
	model_at("cache/acme_Tiny-GGUF_tiny-q4_0.gguf", "tiny");
	set_env("LLAMA_CACHE", temp_path(&temp, "cache"));
	set_env("OLLAMA_MODELS", temp_path(&temp, "store"));
	struct place_finds f = find();
	assert_int_equal(named(&f, "acme_Tiny-GGUF_tiny-q4_0")->kind, PLACE_LLAMA_CPP);
	assert_int_equal(place(&f, temp_path(&temp, "store"))->kind, PLACE_OLLAMA);
	assert_int_equal(place(&f, temp_path(&temp, ".ollama/models"))->kind, PLACE_OLLAMA);
}

static void llama_cpp_keeps_files_or_repositories(void **state)
{
	(void)state;
	model_at(".cache/llama.cpp/acme_Tiny-GGUF_tiny-q4_0.gguf", "tiny");
	temp_text(&temp, ".cache/llama.cpp/manifest=acme=Tiny-GGUF=latest.json", "{}");
	temp_text(&temp, ".cache/llama.cpp/acme_Tiny-GGUF_tiny-q4_0.gguf.etag", "x");
	tiny_model_write(temp_path(&temp, ".cache/llama.cpp/acme_mmproj.gguf"), (struct tiny_model){ .type = "mmproj" });
	model_at(".cache/llama.cpp/models--acme--New/snapshots/r/New-Q8_0.gguf", "new");
	link_to("../../huggingface/hub/models--acme--New", ".cache/llama.cpp/sub/link");
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 2);
	assert_int_equal(named(&f, "acme_Tiny-GGUF_tiny-q4_0")->kind, PLACE_LLAMA_CPP);
	named(&f, "acme/New:Q8_0");
}

/* --- Ollama --- */

/* Stores a layer and returns its digest, "sha256:HEX". */
static const char *blob(const char *root, const void *data, size_t len)
{
	uint8_t digest[HASH_SIZE];
	char hex[HASH_HEX_SIZE];
	hash_bytes(data, len, digest);
	hash_hex(digest, hex);
	temp_file(&temp, arena_printf(arena, "%s/blobs/sha256-%s", root, hex), data, len);
	return arena_printf(arena, "sha256:%s", hex);
}

static const char *model_blob(const char *root, const char *label)
{
	struct buf text = BUF_INIT(16 * MIB);
	if (fs_read(model_at("work/model.gguf", label), &text, NULL) != ERR_OK)
		fail_msg("no model");
	const char *digest = blob(root, text.ptr, text.len);
	buf_release(&text);
	return digest;
}

static const char *layer(const char *kind, const char *digest)
{
	return arena_printf(arena, "{\"mediaType\":\"application/vnd.ollama.image.%s\",\"digest\":\"%s\",\"size\":1}", kind, digest);
}

static const char *manifest(const char *layers)
{
	return arena_printf(arena, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
				   "\"config\":{\"digest\":\"sha256:00\"},\"layers\":[%s]}", layers);
}

static const char *in_ollama(const char *digest)
{
	return temp_path(&temp, arena_printf(arena, ".ollama/models/blobs/sha256-%s", digest + strlen("sha256:")));
}

#define OLLAMA ".ollama/models"
#define OLD_LAYOUT OLLAMA "/manifests/registry.ollama.ai/library/"
#define NEW_LAYOUT OLLAMA "/manifests-v2/registry.ollama.ai/library/"

static void ollama_models_are_found_in_the_older_layout(void **state)
{
	(void)state;
	const char *weights = model_blob(OLLAMA, "Tiny"), *other = model_blob(OLLAMA, "Other");
	const char *system = blob(OLLAMA, "Answer in rhymes.", 17), *template = blob(OLLAMA, "{{ .Prompt }}", 13);
	const char *params = blob(OLLAMA, "{\"stop\":[\"x\"]}", 14);
	temp_text(&temp, OLD_LAYOUT "tiny/1b",
		  manifest(arena_printf(arena, "%s,%s,%s,%s,%s", layer("model", weights), layer("template", template),
					layer("system", system), layer("params", params), layer("projector", other))));
	temp_text(&temp, OLD_LAYOUT "tiny/latest", manifest(layer("model", weights)));
	temp_text(&temp, OLLAMA "/manifests/registry.ollama.ai/someone/owl/q8", manifest(layer("model", other)));
	temp_text(&temp, OLLAMA "/manifests/hf.co/acme/heron/Q4_K_M", manifest(layer("model; name=x", model_blob(OLLAMA, "Heron"))));
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 3);
	const struct place_find *tiny = named(&f, "tiny:1b");
	assert_int_equal(tiny->kind, PLACE_OLLAMA);
	assert_string_equal(tiny->also, "tiny:latest"); /* one file, two names */
	assert_string_equal(tiny->system, "Answer in rhymes.");
	assert_string_equal(tiny->path, in_ollama(weights));
	assert_int_equal(tiny->model->kind, MODEL_BASE);
	named(&f, "someone/owl:q8");
	named(&f, "hf.co/acme/heron:Q4_K_M");

	struct ollama_model *models;
	size_t n;
	struct err err = { 0 };
	assert_ok(ollama_store_list(arena, temp_path(&temp, OLLAMA), &models, &n, &err));
	assert_int_equal(n, 4);
	assert_string_equal(models[2].name, "tiny:1b");
	assert_string_equal(models[2].template, "{{ .Prompt }}");
	assert_string_equal(models[2].params, "{\"stop\":[\"x\"]}");
	assert_string_equal(models[3].system, "");
	/* The blob alone leads to the name. */
	struct catalogue c;
	assert_ok(catalogue_scan(arena, in_ollama(weights), &c, NULL, &err));
	assert_string_equal(c.models[0].name, "tiny:1b");
}

static void ollama_models_are_found_in_the_newer_layout_which_goes_first(void **state)
{
	(void)state;
	const char *old = model_blob(OLLAMA, "Old"), *new = model_blob(OLLAMA, "New");
	const char *text = manifest(layer("model", new));
	const char *digest = blob(OLLAMA, text, strlen(text));
	temp_text(&temp, OLD_LAYOUT "tiny/1b", manifest(layer("model", old)));
	temp_text(&temp, OLD_LAYOUT "legacy/1b", manifest(layer("model", old)));
	link_to(arena_printf(arena, "../../../../blobs/sha256-%s", digest + 7), NEW_LAYOUT "Tiny/1b");
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 2);
	assert_string_equal(named(&f, "Tiny:1b")->path, in_ollama(new));
	assert_string_equal(named(&f, "legacy:1b")->path, in_ollama(old));
}

static void a_list_of_manifests_gives_the_one_with_a_gguf(void **state)
{
	(void)state;
	const char *weights = model_blob(OLLAMA, "Tiny");
	const char *mlx = manifest(layer("tensor; name=a", weights)), *gguf = manifest(layer("model", weights));
	const char *kinds[] = {
		arena_printf(arena, "{\"mediaType\":\"m\",\"digest\":\"%s\",\"runner\":\"mlx\"},{\"mediaType\":\"m\",\"digest\":\"%s\",\"runner\":\"llamacpp\"}",
			     blob(OLLAMA, mlx, strlen(mlx)), blob(OLLAMA, gguf, strlen(gguf))),
		arena_printf(arena, "%s,%s", mlx, gguf),
	};
	for (size_t i = 0; i < 2; i++) {
		temp_text(&temp, NEW_LAYOUT "tiny/1b",
			  arena_printf(arena, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.ollama.manifest.list.v2+json\",\"manifests\":[%s]}", kinds[i]));
		struct place_finds f = find();
		assert_int_equal(f.n_finds, 1);
		assert_string_equal(named(&f, "tiny:1b")->path, in_ollama(weights));
	}
}

static void an_ollama_model_that_cannot_be_taken_says_why(void **state)
{
	(void)state;
	const char *weights = model_blob(OLLAMA, "Tiny");
	const char *gone = "sha256:0123456789012345678901234567890123456789012345678901234567890123";
	const struct {
		const char *tag, *text, *key;
	} cases[] = {
		{ "adapter", manifest(arena_printf(arena, "%s,%s", layer("model", weights), layer("adapter", weights))), "err_ollama_adapter" },
		{ "broken", "{\"layers\": ", "err_ollama_manifest" },
		{ "cloud", manifest(""), "err_ollama_no_gguf" },
		{ "escape", manifest(layer("model", "sha256:../../../../../../../../../../../../../../../../../../../../etc/passwd")), "err_ollama_no_gguf" },
		{ "gone", manifest(layer("model", gone)), "err_ollama_blob_gone" },
		{ "list", "[1]", "err_ollama_manifest" },
		{ "mlx", manifest(layer("tensor", weights)), "err_ollama_no_gguf" },
		{ "numbers", "{\"layers\": [7, {\"mediaType\": 3, \"digest\": {}}], \"manifests\": 4}", "err_ollama_no_gguf" },
		{ "parts", manifest(arena_printf(arena, "%s,%s", layer("model", weights), layer("model", weights))), "err_ollama_parts" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		temp_text(&temp, arena_printf(arena, OLD_LAYOUT "bad/%s", cases[i].tag), cases[i].text);
	temp_text(&temp, OLLAMA "/manifests/registry.ollama.ai/library/stray", "{}"); /* not four parts: no model */
	struct place_finds f = find();
	assert_int_equal(f.n_finds, sizeof(cases) / sizeof(cases[0]));
	for (size_t i = 0; i < f.n_finds; i++) {
		struct buf text = BUF_INIT(4096);
		assert_err(&named(&f, arena_printf(arena, "bad:%s", cases[i].tag))->problem, cases[i].key);
		err_hint(&text, LANG_ZH_TW, &f.finds[i].problem);
		assert_true(text.len > 0 && !strchr(buf_text(&text), '{'));
		buf_release(&text);
	}
}

static void a_store_of_another_user_says_what_helps(void **state)
{
	(void)state;
	temp_text(&temp, OLD_LAYOUT "tiny/1b", manifest(layer("model", model_blob(OLLAMA, "Tiny"))));
	assert_int_equal(chmod(temp.dir, 0755), 0);
	assert_int_equal(chmod(temp_path(&temp, ".ollama"), 0700), 0);
	uid_t me = geteuid();
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	else
		assert_int_equal(chmod(temp_path(&temp, ".ollama"), 0), 0);
	struct place_finds f = find();
	if (me == 0)
		assert_int_equal(seteuid(me), 0);
	else
		assert_int_equal(chmod(temp_path(&temp, ".ollama"), 0700), 0);
	const struct known_place *p = place(&f, temp_path(&temp, ".ollama/models"));
	assert_err(&p->problem, "err_ollama_store_denied");
	assert_int_equal(f.n_finds, 0);
	struct buf text = BUF_INIT(4096);
	err_hint(&text, LANG_EN, &p->problem);
	assert_non_null(strstr(buf_text(&text), "sudo usermod -aG ollama $USER"));
	buf_release(&text);
}

/* --- all of them --- */

static void an_empty_home_has_nothing_and_says_where_it_looked(void **state)
{
	(void)state;
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 0);
	assert_true(f.n_places >= 5);
	for (size_t i = 1; i < f.n_places; i++)
		assert_true(f.places[i - 1].kind <= f.places[i].kind);
	assert_false(place(&f, temp_path(&temp, ".lmstudio/models"))->exists);
	assert_false(place(&f, temp_path(&temp, ".cache/llama.cpp"))->exists);
}

static void looking_changes_nothing_and_can_be_stopped(void **state)
{
	(void)state;
	struct place_finds f;
	struct err err = { 0 };
	struct stat before, after;
	make_repository();
	assert_int_equal(stat(temp_path(&temp, REPO "snapshots/rev2"), &before), 0);
	find();
	assert_int_equal(stat(temp_path(&temp, REPO "snapshots/rev2"), &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_false(fs_exists(temp_path(&temp, ".ollama")) || fs_exists(temp_path(&temp, ".lmstudio")));
	atomic_bool cancel = true;
	assert_int_equal(known_places_find(arena, env, &f, &cancel, &err), ERR_CANCELLED);
	assert_err(&err, "err_cancelled");
}

static void one_file_in_two_places_is_one_find(void **state)
{
	(void)state;
	make_repository();
	link_to(temp_path(&temp, REPO "snapshots/rev2/Tiny-Test-F16.gguf"), ".lmstudio/models/acme/Tiny/Tiny.gguf");
	struct place_finds f = find();
	assert_int_equal(f.n_finds, 2);
}

static int setup(void **state)
{
	(void)state;
	temp_open(&temp);
	arena = arena_new();
	n_vars = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_close(&temp);
	arena_free(arena);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_repository_is_found_once_under_its_own_name),
		TEST(the_file_of_a_repository_has_its_name_however_it_is_reached),
		TEST(without_a_main_branch_the_newest_snapshot_counts),
		TEST(an_adapter_repository_is_a_fine_tuned_model),
		TEST(a_repository_of_full_weights_is_a_model_under_its_own_name),
		TEST(what_cannot_be_used_is_found_with_the_reason_and_other_things_are_not),
		TEST(variables_name_the_cache_and_one_folder_is_looked_at_once),
		TEST(lm_studio_keeps_publishers_and_models),
		TEST(lm_studio_models_that_were_moved_are_found),
		TEST(settings_of_lm_studio_that_say_nothing_are_no_matter),
		TEST(variables_name_the_folders_of_ollama_and_llama_cpp),
		TEST(llama_cpp_keeps_files_or_repositories),
		TEST(ollama_models_are_found_in_the_older_layout),
		TEST(ollama_models_are_found_in_the_newer_layout_which_goes_first),
		TEST(a_list_of_manifests_gives_the_one_with_a_gguf),
		TEST(an_ollama_model_that_cannot_be_taken_says_why),
		TEST(a_store_of_another_user_says_what_helps),
		TEST(an_empty_home_has_nothing_and_says_where_it_looked),
		TEST(looking_changes_nothing_and_can_be_stopped),
		TEST(one_file_in_two_places_is_one_find),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
