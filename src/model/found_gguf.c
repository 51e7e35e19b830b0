/* SPDX-License-Identifier: Apache-2.0 */
#include "model/found_gguf.h"

#include <math.h>

#include "base/mem.h"
#include "model/ggml_type.h"
#include "model/label.h"
#include "model/template_source.h"

#define MAX_LAYERS 4096

/* "llama.block_count" and its like; false where absent. */
static bool arch_u64(const struct gguf *g, struct arena *a, const char *key, uint64_t layer, uint64_t *out)
{
	const char *full = arena_printf(a, "%s.%s", gguf_get_label(g, "general.architecture", a), key);
	return gguf_get_u64_at(g, full, layer, out);
}

/* F16 K and V of one layer for one token. */
static uint64_t layer_kv(const struct gguf *g, struct arena *a, uint64_t layer)
{
	uint64_t width = 0, heads = 0, kv_heads = 0, key = 0, value = 0;
	arch_u64(g, a, "embedding_length", 0, &width);
	arch_u64(g, a, "attention.head_count", layer, &heads);
	if (!arch_u64(g, a, "attention.head_count_kv", layer, &kv_heads))
		kv_heads = heads;
	if (!arch_u64(g, a, "attention.key_length", layer, &key))
		key = heads ? width / heads : 0;
	if (!arch_u64(g, a, "attention.value_length", layer, &value))
		value = heads ? width / heads : 0;
	/* Numbers of a file: bounded so that the sum cannot wrap. */
	return kv_heads <= 65536 && key <= 65536 && value <= 65536 ? kv_heads * (key + value) * 2 : 0;
}

uint64_t gguf_kv_bytes_of_layer(const struct gguf *g, uint64_t layer)
{
	struct arena *a = arena_new();
	uint64_t bytes = layer_kv(g, a, layer);
	arena_free(a);
	return bytes;
}

uint64_t gguf_kv_bytes_per_token(const struct gguf *g)
{
	struct arena *a = arena_new();
	uint64_t layers = 0, sum = 0;
	if (!arch_u64(g, a, "block_count", 0, &layers) || layers > MAX_LAYERS)
		layers = 0;
	for (uint64_t i = 0; i < layers; i++)
		sum += layer_kv(g, a, i);
	arena_free(a);
	return sum;
}

/* Type that holds most of the bytes, for files without general.file_type. */
static const char *main_type(const struct gguf *g)
{
	uint64_t bytes[64] = { 0 };
	uint32_t best = 0;
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		if (t->type < 64 && (bytes[t->type] += t->size) > bytes[best])
			best = t->type;
	}
	return gguf_n_tensors(g) > 0 ? ggml_type_find(best)->name : "";
}

static const char *file_type(const struct gguf *g)
{
	uint64_t type = FILE_TYPE_GUESSED;
	gguf_get_u64(g, "general.file_type", &type);
	const char *name = ggml_file_type_name(type);
	return name ? name : main_type(g);
}

static const char *base_label(const struct gguf *g, struct arena *a)
{
	static const char *const keys[] = { "general.base_model.0.repo_url", "general.base_model.0.name" };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *label = gguf_get_label(g, keys[i], a);
		if (*label)
			return label;
	}
	return "";
}

static void read_adapter(const struct gguf *g, struct found_model *out)
{
	out->kind = MODEL_ADAPTER;
	out->adapter_format = ADAPTER_GGUF;
	gguf_get_f64(g, "adapter.lora.alpha", &out->alpha);
	for (size_t i = 0; i < gguf_n_tensors(g) && out->rank == 0; i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		if (str_ends(str_of(t->name), ".lora_b"))
			out->rank = (int64_t)t->ne[0];
	}
}

static void read_sizes(const struct gguf *g, struct arena *a, struct found_model *out)
{
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		out->n_params +=
			t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]; /* bounded by the size of the file */
	}
	arch_u64(g, a, "block_count", 0, &out->n_layer);
	arch_u64(g, a, "context_length", 0, &out->n_ctx_train);
	out->kv_bytes_per_token = gguf_kv_bytes_per_token(g);
	out->has_template = gguf_key_type(g, "tokenizer.chat_template") == GGUF_TEXT;
}

enum err_code found_gguf_read(struct arena *a, const char *path, struct found_model *out, struct err *err)
{
	struct err local = { 0 };
	struct gguf *g = gguf_open_model(path, err ? err : &local);
	if (!g)
		return (err ? err : &local)->code;
	const char *type = gguf_get_label(g, "general.type", a);
	*out = (struct found_model){
		.kind = MODEL_BASE,
		.path = arena_strdup(a, path),
		.name = label_make(a, gguf_stem(path)),
		.size_bytes = gguf_file_size(g),
		.architecture = gguf_get_label(g, "general.architecture", a),
		.file_type = file_type(g),
		.epoch = (double)NAN,
		.step = -1,
		.train_loss = (double)NAN,
		.eval_loss = (double)NAN,
		.base_name = base_label(g, a),
	};
	bool adapter = strcmp(type, "adapter") == 0, model = !*type || strcmp(type, "model") == 0;
	enum err_code rc = ERR_OK;
	if (gguf_n_tensors(g) == 0)
		rc = err_set(err, ERR_DATA, "err_base_no_weights", "path=%s", path);
	else if ((!adapter && !model) || !*out->architecture || strcmp(out->architecture, "clip") == 0)
		rc = err_set(err, ERR_DATA, "err_base_not_model", "path=%s|type=%s", path,
			     *type ? type : out->architecture);
	else if (adapter)
		read_adapter(g, out);
	if (rc == ERR_OK) {
		read_sizes(g, a, out);
		out->templates = template_sources_of_gguf(a, g, path);
	}
	gguf_close(g);
	return rc;
}

bool found_gguf_is_side_file(const char *path)
{
	struct gguf *g = gguf_open(path, NULL);
	if (!g)
		return false;
	struct arena *a = arena_new();
	const char *type = gguf_get_label(g, "general.type", a),
		   *architecture = gguf_get_label(g, "general.architecture", a);
	bool side = strcmp(type, "mmproj") == 0 || strcmp(type, "imatrix") == 0 ||
		    strcmp(architecture, "clip") == 0;
	arena_free(a);
	gguf_close(g);
	return side;
}
