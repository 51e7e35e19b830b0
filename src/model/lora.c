/* SPDX-License-Identifier: Apache-2.0
 *
 * What is matched here is what src/llama-adapter.cpp of llama.cpp v0.5.0 demands when it loads the result. */
#include "model/lora.h"

#include <math.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/ggml_type.h"

#define PREFIX "base_model.model."

struct suffix {
	const char *text;
	bool is_b;
	bool embedding;
};

static const struct suffix suffixes[] = {
	{ ".lora_A.weight", false, false },
	{ ".lora_B.weight", true, false },
	{ ".lora_embedding_A", false, true },
	{ ".lora_embedding_B", true, true },
};

/* One half of a pair, before halves are joined. */
struct half {
	struct str module;
	const struct suffix *kind;
	const struct st_tensor *tensor;
};

struct gguf *lora_base_open(const char *path, const char **architecture, struct arena *a, struct err *err)
{
	struct gguf *g = gguf_open_model(path, err);
	if (!g)
		return NULL;
	const char *type = gguf_get_label(g, "general.type", a);
	*architecture = gguf_get_label(g, "general.architecture", a);
	bool model = (!*type || strcmp(type, "model") == 0) && **architecture;
	if (!model || gguf_n_tensors(g) == 0) {
		err_set(err, ERR_DATA, model ? "err_base_no_weights" : "err_base_not_model",
			"path=%s|type=%s", path, *type ? type : "?");
		gguf_close(g);
		return NULL;
	}
	return g;
}

const char *lora_shape(struct arena *a, uint64_t rows, uint64_t columns)
{
	return arena_printf(a, "%llux%llu", (unsigned long long)rows, (unsigned long long)columns);
}

static enum err_code bad_tensor(const char *key, struct str name, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, key, "tensor=%.*s", (int)(name.len < 200 ? name.len : 200),
		       name.ptr);
}

/* Splits a tensor's name into module and kind.  `*skip` for copies of base weights, which the upstream
 * converter drops too. */
static enum err_code read_half(const struct st_tensor *t, struct half *out, bool *skip, struct err *err)
{
	struct str name = t->name;
	*skip = str_ends(name, ".base_layer.weight");
	if (*skip)
		return ERR_OK;
	if (str_starts(name, PREFIX))
		name = (struct str){ name.ptr + sizeof(PREFIX) - 1, name.len - (sizeof(PREFIX) - 1) };
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i].text);
		if (name.len <= n || !str_ends(name, suffixes[i].text))
			continue;
		*out = (struct half){ { name.ptr, name.len - n }, &suffixes[i], t };
		bool number = t->dtype == ST_F16 || t->dtype == ST_F32 || t->dtype == ST_BF16;
		bool flat = t->n_dims == 2 && t->shape[0] > 0 && t->shape[1] > 0;
		return number && flat ? ERR_OK : bad_tensor("err_adapter_tensor", t->name, err);
	}
	return bad_tensor("err_adapter_tensor", t->name, err);
}

static int by_module(const void *a, const void *b)
{
	const struct half *x = a, *y = b;
	size_t n = x->module.len < y->module.len ? x->module.len : y->module.len;
	int order = memcmp(x->module.ptr, y->module.ptr, n);
	if (order == 0)
		order = (x->module.len > y->module.len) - (x->module.len < y->module.len);
	if (order == 0)
		order = (int)x->kind->is_b - (int)y->kind->is_b;
	return order ? order : (int)x->kind->embedding - (int)y->kind->embedding;
}

/* Joins sorted halves: each module has one A followed by one B. */
static enum err_code join(struct lora_plan *plan, const struct half *halves, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i += 2) {
		const struct half *a = &halves[i], *b = i + 1 < n ? &halves[i + 1] : NULL;
		bool pair = b && !a->kind->is_b && b->kind->is_b &&
			    a->kind->embedding == b->kind->embedding && a->module.len == b->module.len &&
			    memcmp(a->module.ptr, b->module.ptr, a->module.len) == 0;
		if (!pair)
			return err_set(err, ERR_DATA, "err_adapter_pair", "tensor=%.*s",
				       (int)(a->module.len < 200 ? a->module.len : 200), a->module.ptr);
		plan->pairs[plan->n_pairs++] = (struct lora_pair){ .module = a->module,
								   .a = a->tensor,
								   .b = b->tensor,
								   .embedding = a->kind->embedding,
								   .factor = 1 };
	}
	return ERR_OK;
}

static enum err_code collect(struct lora_plan *plan, const char *dir, struct err *err)
{
	size_t n = safetensors_count(plan->weights), n_halves = 0;
	struct half *halves = mem_array(n + 1, sizeof(halves[0]));
	enum err_code rc = ERR_OK;
	plan->type = GGML_ID_F16;
	for (size_t i = 0; rc == ERR_OK && i < n; i++) {
		const struct st_tensor *t = safetensors_at(plan->weights, i);
		bool skip;
		rc = read_half(t, &halves[n_halves], &skip, err);
		if (rc == ERR_OK && !skip) {
			n_halves++;
			if (t->dtype != ST_F16)
				plan->type = GGML_ID_F32;
		}
	}
	if (rc == ERR_OK && n_halves == 0)
		rc = err_set(err, ERR_DATA, "err_adapter_empty", "path=%s", dir);
	plan->pairs = arena_array(plan->arena, n_halves / 2 + 1, sizeof(plan->pairs[0]));
	if (rc == ERR_OK) {
		qsort(halves, n_halves, sizeof(halves[0]), by_module);
		rc = join(plan, halves, n_halves, err);
	}
	mem_free(halves);
	return rc;
}

static enum err_code bad_shape(struct lora_plan *plan, const struct lora_pair *p,
			       const struct gguf_tensor *base, struct err *err)
{
	uint64_t in = p->embedding ? p->b->shape[0] : p->a->shape[1],
		 out = p->embedding ? p->a->shape[1] : p->b->shape[0];
	return err_set(err, ERR_DATA, "err_adapter_shape", "tensor=%s|a=%s|b=%s", p->name,
		       lora_shape(plan->arena, in, out), lora_shape(plan->arena, base->ne[0], base->ne[1]));
}

/* A of an embedding is [r, words] and B [width, r]; elsewhere A is [r, in] and B [out, r]. */
static enum err_code check_shape(struct lora_plan *plan, struct lora_pair *p, const struct gguf_tensor *base,
				 struct err *err)
{
	uint64_t row = p->embedding ? p->b->shape[0] : p->a->shape[1];
	uint64_t rows = p->embedding ? p->a->shape[1] : p->b->shape[0];
	if (base->n_dims != 2 || base->ne[0] != row || base->ne[1] != rows)
		return bad_shape(plan, p, base, err);
	p->rank = p->a->shape[0];
	int64_t expected = peft_rank(&plan->config, p->module);
	if (p->rank != p->b->shape[1] || p->rank != (uint64_t)expected)
		return err_set(err, ERR_DATA, "err_adapter_rank", "tensor=%s|a=%llu|b=%lld", p->name,
			       (unsigned long long)p->rank, (long long)expected);
	return ERR_OK;
}

/* Heads of a layer by metadata; llama.cpp writes one number or one for each layer. */
static enum err_code find_heads(struct lora_plan *plan, struct lora_pair *p, int64_t layer,
				enum tensor_rows rows, struct err *err)
{
	if (rows == TENSOR_ROWS_AS_IS)
		return ERR_OK;
	const char *q_key = arena_printf(plan->arena, "%s.attention.head_count", plan->architecture);
	const char *k_key = arena_printf(plan->arena, "%s.attention.head_count_kv", plan->architecture);
	uint64_t heads = 0;
	bool known = gguf_get_u64_at(plan->base, q_key, (uint64_t)layer, &heads);
	if (rows == TENSOR_ROWS_BY_KV_HEAD && gguf_key_type(plan->base, k_key) != GGUF_VALUE_NONE)
		known = gguf_get_u64_at(plan->base, k_key, (uint64_t)layer, &heads);
	if (!known || heads == 0 || heads > p->b->shape[0] || p->b->shape[0] % (2 * heads) != 0)
		return err_set(err, ERR_DATA, "err_adapter_heads", "tensor=%s|a=%llu|b=%llu", p->name,
			       (unsigned long long)heads, (unsigned long long)p->b->shape[0]);
	p->n_heads = heads;
	return ERR_OK;
}

static enum err_code match(struct lora_plan *plan, const struct tensor_arch *arch, struct lora_pair *p,
			   struct err *err)
{
	int64_t layer;
	enum tensor_rows rows;
	if (!tensor_name_map(arch, p->module, p->name, &layer, &rows) ||
	    p->embedding != (strcmp(p->name, "token_embd.weight") == 0))
		return bad_tensor("err_adapter_tensor", p->a->name, err);
	const struct gguf_tensor *base = gguf_tensor_find(plan->base, p->name);
	if (!base && strcmp(p->name, "output.weight") == 0)
		return bad_tensor("err_adapter_tied", p->a->name, err);
	if (!base)
		return err_set(err, ERR_DATA, "err_adapter_no_tensor", "tensor=%s", p->name);
	enum err_code rc = check_shape(plan, p, base, err);
	return rc == ERR_OK ? find_heads(plan, p, layer, rows, err) : rc;
}

/* What llama.cpp's alpha has to be for this pair alone. */
static double wanted_alpha(const struct lora_plan *plan, const struct lora_pair *p)
{
	double alpha = peft_alpha(&plan->config, p->module), rank = (double)p->rank;
	return plan->config.rslora ? alpha * sqrt(rank) : alpha;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Takes the alpha that most pairs want and leaves the rest to their factor. */
static void choose_alpha(struct lora_plan *plan)
{
	double *wanted = mem_array(plan->n_pairs, sizeof(wanted[0]));
	for (size_t i = 0; i < plan->n_pairs; i++)
		wanted[i] = wanted_alpha(plan, &plan->pairs[i]);
	qsort(wanted, plan->n_pairs, sizeof(wanted[0]), by_value);
	size_t best = 0, run = 0;
	for (size_t i = 0; i < plan->n_pairs; i++) {
		run = i > 0 && by_value(&wanted[i], &wanted[i - 1]) == 0 ? run + 1 : 1;
		if (run > best) {
			best = run;
			plan->alpha = (float)wanted[i];
		}
	}
	mem_free(wanted);
	for (size_t i = 0; i < plan->n_pairs; i++) {
		double alpha = wanted_alpha(plan, &plan->pairs[i]), file = (double)plan->alpha;
		double rounded = (double)(float)alpha;
		plan->pairs[i].factor = by_value(&rounded, &file) == 0 ? 1 : alpha / file;
	}
}

static enum err_code plan_match(struct lora_plan *plan, const char *dir, const char *base_path,
				struct err *err)
{
	enum err_code rc = peft_read(plan->arena, dir, &plan->config, err);
	if (rc != ERR_OK)
		return rc;
	plan->base = lora_base_open(base_path, &plan->architecture, plan->arena, err);
	if (!plan->base)
		return err ? err->code : ERR_DATA;
	const struct tensor_arch *arch = tensor_arch_find(plan->architecture);
	if (!arch)
		return err_set(err, ERR_UNSUPPORTED, "err_adapter_arch", "arch=%s", plan->architecture);
	char *path = fs_join(dir, "adapter_model.safetensors");
	plan->weights = safetensors_open(path, err);
	mem_free(path);
	if (!plan->weights)
		return err ? err->code : ERR_DATA;
	rc = collect(plan, dir, err);
	for (size_t i = 0; rc == ERR_OK && i < plan->n_pairs; i++)
		rc = match(plan, arch, &plan->pairs[i], err);
	if (rc == ERR_OK)
		choose_alpha(plan);
	return rc;
}

enum err_code lora_plan_open(const char *peft_dir, const char *base_path, struct lora_plan *out,
			     struct err *err)
{
	*out = (struct lora_plan){ .arena = arena_new() };
	enum err_code rc = plan_match(out, peft_dir, base_path, err);
	if (rc != ERR_OK)
		lora_plan_close(out);
	return rc;
}

void lora_plan_close(struct lora_plan *plan)
{
	gguf_close(plan->base);
	safetensors_close(plan->weights);
	arena_free(plan->arena);
	*plan = (struct lora_plan){ 0 };
}
