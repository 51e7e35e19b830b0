/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/hf_keys.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

#define QUANTIZATION_VERSION 2

/* --- names --- */

static bool all_lower(const char *word, size_t n)
{
	bool any = false;
	for (size_t i = 0; i < n; i++) {
		if (isupper((unsigned char)word[i]))
			return false;
		any |= islower((unsigned char)word[i]) != 0;
	}
	return any;
}

/* "v1.2" and what begins with a digit stay as they are. */
static bool is_version(const char *word, size_t n)
{
	if (isdigit((unsigned char)word[0]))
		return true;
	if (word[0] != 'v' || n < 2 || !isdigit((unsigned char)word[n - 1]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!isdigit((unsigned char)word[i]) && (word[i] != '.' || !isdigit((unsigned char)word[i - 1])))
			return false;
	return true;
}

static void add_word(struct buf *out, const char *word, size_t n)
{
	bool change = all_lower(word, n) && !is_version(word, n);
	if (out->len)
		buf_add_char(out, ' ');
	for (size_t i = 0; i < n; i++) {
		bool first = i == 0 || !isalpha((unsigned char)word[i - 1]);
		buf_add_char(out, change && first ? (char)toupper((unsigned char)word[i]) : word[i]);
	}
}

const char *hf_keys_title(struct arena *a, const char *name)
{
	struct buf out = BUF_INIT(4096);
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, " -\t\n");
		if (n > 0)
			add_word(&out, p, n);
		p += n + (p[n] != 0);
	}
	const char *title = arena_strdup(a, buf_text(&out));
	buf_release(&out);
	return title;
}

/* "/a/b/c" becomes "/a/b"; returns "c". */
static const char *cut_last(char *path)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		path[--n] = 0;
	char *slash = strrchr(path, '/');
	if (!slash)
		return path;
	*slash = 0;
	return slash + 1;
}

const char *hf_keys_folder_name(struct arena *a, const char *dir)
{
	char *path = arena_strdup(a, dir);
	const char *name = cut_last(path);
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		char *real = realpath(dir, NULL);
		path = arena_strdup(a, real ? real : "model");
		free(real);
		name = cut_last(path);
	}
	if (!*name)
		return "model"; /* the root */
	if (name == path) /* no folder above it is known */
		return name;
	const char *above = cut_last(path), *model = above == path ? "" : cut_last(path);
	if (strcmp(above, "snapshots") != 0 || !str_starts(str_of(model), "models--"))
		return name;
	for (const char *at = model; at; at = strstr(at + 2, "--"))
		name = at == model ? model : at + 2;
	return name;
}

void hf_keys_size_label(uint64_t n_values, char out[32])
{
	static const struct {
		double above;
		char unit;
	} units[] = { { 1e12, 'T' }, { 1e9, 'B' }, { 1e6, 'M' }, { 0, 'K' } };
	size_t i = 0;
	while ((double)n_values <= units[i].above && i < 3)
		i++;
	static const double scales[] = { 1e-12, 1e-9, 1e-6, 1e-3 };
	double scaled = (double)n_values * scales[i], whole = rint(scaled);
	/* Two digits at least. */
	snprintf(out, 32, "%.*f%c", whole >= 10 ? 0 : whole >= 1 ? 1 : 2, scaled, units[i].unit);
}

/* --- generation_config.json --- */

json_t *hf_keys_generation(const char *dir)
{
	char *path = fs_join(dir, "generation_config.json");
	struct buf text = BUF_INIT(LIMIT_JSON_BODY);
	json_t *root = fs_exists(path) && fs_read(path, &text, NULL) == ERR_OK ? json_parse_python(buf_str(&text), path, NULL) : NULL;
	buf_release(&text);
	mem_free(path);
	return root;
}

static void sampling_whole(struct gguf_writer *w, const json_t *g, const char *member, const char *key)
{
	const json_t *v = json_object_get(g, member);
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < INT32_MIN || n > INT32_MAX)
		return;
	int32_t bits = (int32_t)n;
	gguf_writer_raw(w, key, GGUF_I32, (struct str){ (const char *)&bits, sizeof(bits) });
}

static void sampling_number(struct gguf_writer *w, const json_t *g, const char *member, const char *key)
{
	const json_t *v = json_object_get(g, member);
	if (json_is_number(v))
		gguf_writer_f32(w, key, (float)json_number_value(v));
}

static void write_sampling(struct gguf_writer *w, const json_t *g)
{
	const char *sequence = json_string_value(json_object_get(g, "sequence"));
	if (sequence)
		gguf_writer_text(w, "general.sampling.sequence", sequence);
	sampling_whole(w, g, "top_k", "general.sampling.top_k");
	sampling_number(w, g, "top_p", "general.sampling.top_p");
	sampling_number(w, g, "min_p", "general.sampling.min_p");
	sampling_number(w, g, "xtc_probability", "general.sampling.xtc_probability");
	sampling_number(w, g, "xtc_threshold", "general.sampling.xtc_threshold");
	sampling_number(w, g, "temperature", "general.sampling.temp");
	sampling_whole(w, g, "penalty_last_n", "general.sampling.penalty_last_n");
	sampling_number(w, g, json_object_get(g, "penalty_repeat") ? "penalty_repeat" : "repetition_penalty",
			"general.sampling.penalty_repeat");
	sampling_whole(w, g, "mirostat", "general.sampling.mirostat");
	sampling_number(w, g, "mirostat_tau", "general.sampling.mirostat_tau");
	sampling_number(w, g, "mirostat_eta", "general.sampling.mirostat_eta");
}

/* --- the architecture's own --- */

struct out {
	struct gguf_writer *w;
	const struct hf_config *c;
	uint32_t file_type;
};

static const char *key_of(const struct out *o, const char *key, char name[128])
{
	snprintf(name, 128, "%s.%s", o->c->architecture, key);
	return name;
}

static void whole(const struct out *o, const char *key, uint64_t value)
{
	char name[128];
	gguf_writer_u32(o->w, key_of(o, key, name), (uint32_t)value);
}

static void real(const struct out *o, const char *key, double value)
{
	char name[128];
	gguf_writer_f32(o->w, key_of(o, key, name), (float)value);
}

static void text(const struct out *o, const char *key, const char *value)
{
	char name[128];
	gguf_writer_text(o->w, key_of(o, key, name), value);
}

static void write_heads(const struct out *o)
{
	whole(o, "attention.head_count", o->c->n_heads);
	whole(o, "attention.head_count_kv", o->c->n_kv_heads);
}

static void write_head_dim(const struct out *o)
{
	whole(o, "attention.key_length", o->c->head_dim);
	whole(o, "attention.value_length", o->c->head_dim);
}

static void optional(const struct out *o, const char *key, double value)
{
	if (value >= 0)
		real(o, key, value);
}

static void write_scaling(const struct out *o)
{
	const struct hf_rope *r = &o->c->rope;
	if (r->type != HF_ROPE_LINEAR && r->type != HF_ROPE_YARN)
		return;
	text(o, "rope.scaling.type", r->type == HF_ROPE_LINEAR ? "linear" : "yarn");
	real(o, "rope.scaling.factor", r->factor);
	if (r->type == HF_ROPE_LINEAR)
		return;
	whole(o, "rope.scaling.original_context_length", r->original_context);
	optional(o, "rope.scaling.yarn_ext_factor", r->ext_factor);
	optional(o, "rope.scaling.yarn_attn_factor", r->attn_factor);
	optional(o, "rope.scaling.yarn_beta_fast", r->beta_fast);
	optional(o, "rope.scaling.yarn_beta_slow", r->beta_slow);
}

/* Llama, Qwen, Gemma 3, SmolLM3. */
static void write_common(const struct out *o)
{
	const struct hf_config *c = o->c;
	char name[128];
	whole(o, "block_count", c->n_layers);
	whole(o, "context_length", c->n_context);
	whole(o, "embedding_length", c->n_embd);
	whole(o, "feed_forward_length", c->n_ff);
	write_heads(o);
	if (c->bidirectional)
		gguf_writer_bool(o->w, key_of(o, "attention.causal", name), false);
	write_scaling(o);
	real(o, "rope.freq_base", c->rope.base);
	if (c->rope.base_local > 0)
		real(o, "rope.freq_base_swa", c->rope.base_local);
	real(o, "attention.layer_norm_rms_epsilon", c->eps);
	if (c->tells_head_dim)
		write_head_dim(o);
	gguf_writer_u32(o->w, "general.file_type", o->file_type);
}

static void write_gemma2(const struct out *o)
{
	const struct hf_config *c = o->c;
	whole(o, "context_length", c->n_context);
	whole(o, "embedding_length", c->n_embd);
	whole(o, "block_count", c->n_layers);
	whole(o, "feed_forward_length", c->n_ff);
	write_heads(o);
	real(o, "attention.layer_norm_rms_epsilon", c->eps);
	write_head_dim(o);
	gguf_writer_u32(o->w, "general.file_type", o->file_type);
	real(o, "attn_logit_softcapping", c->attn_softcap);
	real(o, "final_logit_softcapping", c->final_softcap);
	whole(o, "attention.sliding_window", (uint64_t)c->window);
}

static void write_phi3(const struct out *o)
{
	const struct hf_config *c = o->c;
	whole(o, "context_length", c->n_context);
	whole(o, "rope.scaling.original_context_length", c->rope.original_context);
	whole(o, "embedding_length", c->n_embd);
	whole(o, "feed_forward_length", c->n_ff);
	whole(o, "block_count", c->n_layers);
	write_heads(o);
	real(o, "attention.layer_norm_rms_epsilon", c->eps);
	whole(o, "rope.dimension_count", hf_config_rope_dims(c));
	real(o, "rope.freq_base", c->rope.base);
	gguf_writer_u32(o->w, "general.file_type", o->file_type);
	whole(o, "attention.sliding_window", (uint64_t)c->window);
}

static void write_architecture(const struct out *o)
{
	const struct hf_config *c = o->c;
	if (c->family == HF_PHI3) {
		write_phi3(o);
		return;
	}
	if (c->family == HF_GEMMA2) {
		write_gemma2(o);
		return;
	}
	write_common(o);
	if (c->family == HF_GEMMA3 && c->final_softcap > 0)
		real(o, "final_logit_softcapping", c->final_softcap);
	if (c->family == HF_GEMMA3 && c->window >= 0)
		whole(o, "attention.sliding_window", (uint64_t)c->window);
	if (c->family != HF_LLAMA && c->family != HF_MISTRAL && c->family != HF_SMOLLM3)
		return;
	whole(o, "vocab_size", c->n_vocab);
	whole(o, "rope.dimension_count", hf_config_rope_dims(c));
}

void hf_keys_write(struct gguf_writer *w, const struct hf_config *c, const struct hf_keys *k)
{
	struct out o = { w, c, k->file_type };
	char label[32];
	gguf_writer_text(w, "general.architecture", c->architecture);
	if (c->rope.type == HF_ROPE_LONG)
		real(&o, "rope.scaling.attn_factor", hf_rope_attn_factor(&c->rope, c->n_context));
	gguf_writer_text(w, "general.type", "model");
	write_sampling(w, k->generation);
	gguf_writer_text(w, "general.name", k->name);
	hf_keys_size_label(k->n_values, label);
	gguf_writer_text(w, "general.size_label", label);
	write_architecture(&o);
	gguf_writer_u32(w, "general.quantization_version", QUANTIZATION_VERSION);
}
