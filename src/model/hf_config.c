/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hf_config.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/checked_json.h"

#define NEEDED (-1)	/* no default */
#define AS_HEADS (-2)	/* as many as attention heads */
#define DERIVED (-3)	/* hidden_size / num_attention_heads, not written */
#define DERIVED_TOLD (-4) /* the same, written */
#define MAX_LAYERS 4096
#define MAX_WIDTH (1 << 20)
#define MAX_VOCAB (1 << 24)

/* What is absent: the classes of transformers 4.57 (Gemma 3's own files rely on them). */
struct defaults {
	enum hf_family family;
	const char *architecture;
	int64_t hidden, ff, layers, heads, kv_heads, head_dim, vocab, context, window;
	double eps, rope_base, rope_local;
	unsigned rope_types; /* HF_ROPE_BIT()s that llama.cpp runs with this architecture */
	bool tied;
};

#define WIDTHS NEEDED, NEEDED, NEEDED, NEEDED
#define COMMON (HF_ROPE_BIT(HF_ROPE_PLAIN) | HF_ROPE_BIT(HF_ROPE_LINEAR) | HF_ROPE_BIT(HF_ROPE_YARN))
#define OF_LLAMA (COMMON | HF_ROPE_BIT(HF_ROPE_LLAMA3))
#define OF_PHI3 (HF_ROPE_BIT(HF_ROPE_PLAIN) | HF_ROPE_BIT(HF_ROPE_LONG))
static const struct defaults defaults[HF_FAMILIES] = {
	{ HF_LLAMA, "llama", WIDTHS, AS_HEADS, DERIVED_TOLD, NEEDED, 2048, NEEDED, 1e-6, 1e4, 0, OF_LLAMA, false },
	{ HF_MISTRAL, "llama", WIDTHS, 8, DERIVED, NEEDED, 131072, NEEDED, 1e-6, 1e4, 0, OF_LLAMA, false },
	{ HF_QWEN2, "qwen2", WIDTHS, 32, DERIVED, NEEDED, 32768, NEEDED, 1e-6, 1e4, 0, COMMON, false },
	{ HF_QWEN3, "qwen3", WIDTHS, 32, 128, NEEDED, 32768, NEEDED, 1e-6, 1e4, 0, COMMON, false },
	{ HF_GEMMA2, "gemma2", NEEDED, NEEDED, NEEDED, 8, 4, 256, 256000, 8192, 4096, 1e-6, 1e4, 0, HF_ROPE_BIT(HF_ROPE_PLAIN), true },
	{ HF_GEMMA3, "gemma3", 2304, 9216, 26, 8, 4, 256, 262208, 131072, 4096, 1e-6, 1e6, 1e4, COMMON, true },
	{ HF_PHI3, "phi3", WIDTHS, AS_HEADS, DERIVED, NEEDED, 4096, 0, 1e-5, 1e4, 0, OF_PHI3, false },
	{ HF_SMOLLM3, "smollm3", WIDTHS, 4, DERIVED, NEEDED, 32768, NEEDED, 1e-6, 2e6, 0, OF_LLAMA, true },
};

static const struct {
	const char *name; /* in "architectures" */
	enum hf_family family;
} names[] = {
	{ "LlamaForCausalLM", HF_LLAMA },     { "LLaMAForCausalLM", HF_LLAMA },
	{ "MistralForCausalLM", HF_MISTRAL }, { "Qwen2ForCausalLM", HF_QWEN2 },
	{ "Qwen3ForCausalLM", HF_QWEN3 },     { "Gemma2ForCausalLM", HF_GEMMA2 },
	{ "Gemma3ForCausalLM", HF_GEMMA3 },   { "Gemma3ForConditionalGeneration", HF_GEMMA3 },
	{ "Phi3ForCausalLM", HF_PHI3 },	      { "SmolLM3ForCausalLM", HF_SMOLLM3 },
};

/* --- which architecture --- */

static const char *first_text(const json_t *list)
{
	return json_string_value(json_array_get(list, 0));
}

static enum err_code find_family(const json_t *root, const char *what, enum hf_family *out, struct err *err)
{
	const json_t *text = json_object_get(root, "text_config");
	const char *name = first_text(json_object_get(text, "architectures"));
	if (!name)
		name = first_text(json_object_get(root, "architectures"));
	if (!name)
		return err_set(err, ERR_DATA, "err_hf_config_field", "path=%s|field=architectures", what);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) == 0) {
			*out = names[i].family;
			return ERR_OK;
		}
	}
	return err_set(err, ERR_UNSUPPORTED, "err_hf_architecture", "path=%s|name=%.100s", what, name);
}

/* Weights that were made smaller are no longer the values that were trained. */
static enum err_code refuse_quantized(const json_t *root, const char *what, struct err *err)
{
	const json_t *q = json_object_get(root, "quantization_config");
	if (!json_is_object(q))
		q = json_object_get(json_object_get(root, "text_config"), "quantization_config");
	bool mlx = json_is_object(json_object_get(root, "quantization"));
	if (!json_is_object(q) && !mlx)
		return ERR_OK;
	const char *method = mlx ? "MLX" : json_string_value(json_object_get(q, "quant_method"));
	bool bnb = (method && strcmp(method, "bitsandbytes") == 0) || json_is_true(json_object_get(q, "load_in_4bit")) ||
		   json_is_true(json_object_get(q, "load_in_8bit"));
	if (bnb)
		return err_set(err, ERR_UNSUPPORTED, "err_hf_bitsandbytes", "path=%s", what);
	return err_set(err, ERR_UNSUPPORTED, "err_hf_quantized", "path=%s|method=%.60s", what, method ? method : "?");
}

/* --- numbers --- */

struct reader {
	struct checked_json check;
	const json_t *values;
};

static void bad_field(struct reader *r, const char *field)
{
	checked_bad(&r->check, field);
}

static int64_t whole(struct reader *r, const char *field, int64_t min, int64_t max, int64_t absent)
{
	const json_t *v = checked_member(r->values, field);
	if (!v && absent == NEEDED)
		bad_field(r, field);
	return checked_whole(&r->check, v, field, min, max, absent == NEEDED ? min : absent);
}

static double number(struct reader *r, const char *field, double min, double max, double absent)
{
	return checked_number(&r->check, checked_member(r->values, field), field, min, max, absent);
}

static bool flag(struct reader *r, const char *field, bool absent)
{
	return checked_flag(&r->check, checked_member(r->values, field), field, absent);
}

/* A null means "as many as heads" to all of them, even where the absent key means something else. */
static uint32_t kv_heads(struct reader *r, const struct defaults *d, uint32_t heads)
{
	bool null = json_is_null(json_object_get(r->values, "num_key_value_heads"));
	int64_t n = whole(r, "num_key_value_heads", 1, heads, null ? AS_HEADS : d->kv_heads);
	if (n == AS_HEADS)
		n = heads;
	if (n > heads || heads % n != 0)
		bad_field(r, "num_key_value_heads");
	return (uint32_t)n;
}

static void read_head_dim(struct reader *r, const struct defaults *d, struct hf_config *out)
{
	int64_t n = whole(r, "head_dim", 2, MAX_WIDTH, d->head_dim);
	out->tells_head_dim = n != DERIVED;
	if (n == DERIVED || n == DERIVED_TOLD) {
		if (out->n_embd % out->n_heads != 0)
			bad_field(r, "num_attention_heads");
		n = out->n_embd / out->n_heads;
	}
	if (n < 2 || n % 2 != 0)
		bad_field(r, "head_dim");
	out->head_dim = (uint32_t)n;
}

static void read_numbers(struct reader *r, const struct defaults *d, struct hf_config *out)
{
	out->n_embd = (uint32_t)whole(r, "hidden_size", 1, MAX_WIDTH, d->hidden);
	out->n_ff = (uint32_t)whole(r, "intermediate_size", 1, MAX_WIDTH, d->ff);
	out->n_layers = (uint32_t)whole(r, "num_hidden_layers", 1, MAX_LAYERS, d->layers);
	out->n_heads = (uint32_t)whole(r, "num_attention_heads", 1, 65536, d->heads);
	out->n_vocab = (uint32_t)whole(r, "vocab_size", 1, MAX_VOCAB, d->vocab);
	out->n_context = (uint32_t)whole(r, "max_position_embeddings", 1, UINT32_MAX, d->context);
	out->n_kv_heads = kv_heads(r, d, out->n_heads);
	read_head_dim(r, d, out);
	out->eps = number(r, "rms_norm_eps", 1e-12, 1, d->eps);
	out->tied = flag(r, "tie_word_embeddings", d->tied);
	out->bidirectional = !flag(r, "is_causal", true);
	out->window = -1;
	if (d->window != NEEDED)
		out->window = whole(r, "sliding_window", 0, UINT32_MAX, d->window);
}

static void read_gemma(struct reader *r, struct hf_config *out)
{
	bool second = out->family == HF_GEMMA2;
	out->final_softcap = number(r, "final_logit_softcapping", 0, 1e6, second ? 30 : 0);
	out->attn_softcap = number(r, "attn_logit_softcapping", 0, 1e6, second ? 50 : 0);
	if (!second && out->attn_softcap > 0)
		bad_field(r, "attn_logit_softcapping");
	if (!second && whole(r, "sliding_window_pattern", 1, 1000, 6) == 1)
		out->window = -1;
}

/* --- what llama.cpp has built in --- */

static enum err_code ignored(const struct reader *r, const char *field)
{
	return err_set(r->check.err, ERR_UNSUPPORTED, "err_hf_config_ignored", "path=%s|field=%s", r->check.what, field);
}

/* SmolLM3: every fourth layer has no position, whatever the file says. */
static enum err_code check_smollm3(struct reader *r)
{
	const json_t *layers = json_object_get(r->values, "no_rope_layers"), *one;
	size_t i;
	int64_t every = whole(r, "no_rope_layer_interval", 1, MAX_LAYERS, 4);
	if (r->check.rc == ERR_OK && every != 4 && !json_is_array(layers))
		return ignored(r, "no_rope_layer_interval");
	json_array_foreach ((json_t *)layers, i, one)
		if (json_integer_value(one) != (i % 4 != 3))
			return ignored(r, "no_rope_layers");
	return r->check.rc;
}

/* Gemma: which layers see a window only. */
static enum err_code check_gemma(struct reader *r, int period)
{
	const json_t *layers = json_object_get(r->values, "layer_types"), *one;
	size_t i;
	int64_t pattern = whole(r, "sliding_window_pattern", 1, 1000, period);
	if (r->check.rc == ERR_OK && pattern != period && pattern != 1)
		return ignored(r, "sliding_window_pattern");
	json_array_foreach ((json_t *)layers, i, one) {
		const char *type = json_string_value(one);
		bool full = type && strcmp(type, "full_attention") == 0;
		if (full != ((int)(i % (size_t)period) == period - 1) && pattern != 1)
			return ignored(r, "layer_types");
	}
	return r->check.rc;
}

static enum err_code check_built_in(struct reader *r, enum hf_family family)
{
	if (family == HF_SMOLLM3)
		return check_smollm3(r);
	if (family == HF_GEMMA2 || family == HF_GEMMA3)
		return check_gemma(r, family == HF_GEMMA2 ? 2 : 6);
	return r->check.rc;
}

/* --- the whole --- */

/* "meta-llama/Llama-2-7b-hf" is a name, a path on the trainer's machine is not. */
static const char *model_name(struct arena *a, const json_t *root)
{
	const char *path = json_string_value(json_object_get(root, "_name_or_path"));
	const char *slash = path ? strchr(path, '/') : NULL;
	if (!path || (slash && strchr(slash + 1, '/')))
		return NULL;
	const char *name = slash && !strchr(path, ' ') ? slash + 1 : path;
	return *name && strlen(name) <= LIMIT_NAME_BYTES ? arena_strdup(a, name) : NULL;
}

/* The members of text_config go over those of the whole file. */
static json_t *text_values(const json_t *root)
{
	json_t *flat = json_copy((json_t *)root), *text = json_object_get(root, "text_config");
	if (json_is_object(text))
		(void)json_object_update(flat, text);
	return flat;
}

static enum err_code read_rope(struct arena *a, const json_t *flat, const char *what, struct hf_config *out, struct err *err)
{
	const struct defaults *d = &defaults[out->family];
	struct hf_rope_wish wish = { .base = d->rope_base,
				     .base_local = d->rope_local,
				     .types = d->rope_types,
				     .fixed_base = out->family == HF_GEMMA2,
				     .partial = out->family == HF_PHI3,
				     .original_context = out->family == HF_PHI3 ? d->context : 0 };
	if (hf_rope_read(a, flat, what, &wish, &out->rope, err) != ERR_OK)
		return err->code;
	if (out->rope.type == HF_ROPE_LONG && out->rope.n_factors != hf_config_rope_dims(out) / 2)
		return err_set(err, ERR_DATA, "err_hf_config_field", "path=%s|field=rope_scaling", what);
	return ERR_OK;
}

static enum err_code read_all(struct arena *a, const char *what, struct hf_config *out, struct err *err)
{
	if (!json_is_object(out->root))
		return err_set(err, ERR_DATA, "err_hf_config_field", "path=%s|field={}", what);
	if (refuse_quantized(out->root, what, err) != ERR_OK || find_family(out->root, what, &out->family, err) != ERR_OK)
		return err->code;
	const struct defaults *d = &defaults[out->family];
	json_t *flat = text_values(out->root);
	struct reader r = { .check = { .what = what, .err = err }, .values = flat };
	out->architecture = d->architecture;
	out->name = model_name(a, out->root);
	read_numbers(&r, d, out);
	if (out->family == HF_GEMMA2 || out->family == HF_GEMMA3)
		read_gemma(&r, out);
	enum err_code rc = r.check.rc == ERR_OK ? check_built_in(&r, out->family) : r.check.rc;
	if (rc == ERR_OK)
		rc = read_rope(a, flat, what, out, err);
	json_decref(flat);
	return rc;
}

enum err_code hf_config_parse(struct arena *a, struct str text, const char *what, struct hf_config *out, struct err *err)
{
	struct err own = { 0 };
	if (!err)
		err = &own;
	*out = (struct hf_config){ .root = json_parse_python(text, what, err) };
	return out->root ? read_all(a, what, out, err) : err->code;
}

enum err_code hf_config_read(struct arena *a, const char *dir, struct hf_config *out, struct err *err)
{
	char *path = fs_join(dir, "config.json");
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	*out = (struct hf_config){ 0 };
	enum err_code rc = fs_exists(path) ? fs_read(path, &text, err)
					   : err_set(err, ERR_NOT_FOUND, "err_hf_no_config", "path=%s", dir);
	if (rc == ERR_OK)
		rc = hf_config_parse(a, buf_str(&text), path, out, err);
	buf_release(&text);
	mem_free(path);
	return rc;
}

enum err_code hf_config_check(const char *dir, struct err *err)
{
	char *path = fs_join(dir, "config.json");
	struct buf text = BUF_INIT(LIMIT_UPLOAD);
	json_t *root = NULL;
	enum err_code rc = fs_read(path, &text, err);
	if (rc == ERR_OK && !(root = json_parse_python(buf_str(&text), path, err)))
		rc = ERR_DATA;
	json_decref(root);
	buf_release(&text);
	mem_free(path);
	return rc;
}

void hf_config_release(struct hf_config *c)
{
	json_decref(c->root);
	c->root = NULL;
}

uint32_t hf_config_rope_dims(const struct hf_config *c)
{
	if (c->family == HF_PHI3) /* as the converter does it: cut to a whole number first */
		return (uint32_t)(c->rope.partial * c->n_embd) / c->n_heads;
	return c->head_dim;
}
