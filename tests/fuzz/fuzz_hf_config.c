/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as config.json, as model.safetensors.index.json and as a tensor's name: no crash, and what was accepted can be
 * planned with. */
#include <math.h>
#include <string.h>

#include "model/hf_config.h"
#include "convert/hf_keys.h"
#include "convert/hf_names.h"
#include "model/hf_weights.h"
#include "fuzz_memory.h"

struct seen {
	const struct hf_config *config;
	size_t n;
};

static void check_needed(void *user, const char *name)
{
	struct seen *s = user;
	struct hf_mapped m;
	if (s->n++ < 64 && (hf_names_map(s->config, str_of(name), &m) != HF_KEEP || m.rows < 1 || m.columns < 1))
		BUG("%s is needed but unknown", name);
}

static void check_numbers(struct arena *a, const struct hf_config *c)
{
	if (c->n_heads < 1 || c->n_kv_heads < 1 || c->n_heads % c->n_kv_heads != 0 || c->head_dim < 2 || c->head_dim % 2 != 0)
		BUG("heads %u %u of %u", c->n_heads, c->n_kv_heads, c->head_dim);
	if (!isfinite(c->eps) || !(c->rope.base >= 1) || c->n_layers < 1 || c->n_vocab < 1)
		BUG("eps %g base %g", c->eps, c->rope.base);
	if (c->rope.type == HF_ROPE_LLAMA3) {
		float *factors = arena_array(a, c->head_dim / 2, sizeof(factors[0]));
		hf_rope_llama3(&c->rope, c->head_dim, factors);
	}
	if (c->rope.type == HF_ROPE_LONG && !isfinite(hf_rope_attn_factor(&c->rope, c->n_context)))
		BUG("attention factor");
}

static void check_config(struct arena *a, struct str text)
{
	struct hf_config config;
	struct err err = { 0 };
	if (hf_config_parse(a, text, "fuzz", &config, &err) == ERR_OK) {
		struct seen s = { .config = &config };
		struct gguf_writer *w = gguf_writer_new();
		struct hf_keys keys = { .name = "fuzz", .generation = config.root, .n_values = text.len };
		struct hf_mapped m;
		check_numbers(a, &config);
		hf_names_needed(&config, check_needed, &s);
		(void)hf_names_map(&config, text, &m);
		hf_keys_write(w, &config, &keys);
		gguf_writer_free(w);
	} else if (!err.key[0]) {
		BUG("refused without a cause");
	}
	hf_config_release(&config);
}

static void check_file(void *user, const char *tensor, const char *file)
{
	(void)user;
	if (!tensor || strchr(file, '/') || file[0] == '.')
		BUG("%s leaves the folder", file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = { (const char *)data, size };
	check_config(a, text);
	(void)hf_index_parse(text, "fuzz", check_file, NULL, NULL);
	hf_keys_title(a, arena_strndup(a, text.ptr, size < 300 ? size : 300));
	arena_free(a);
	return 0;
}
