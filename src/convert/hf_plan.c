/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/hf_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "convert/hf_names.h"
#include "model/ggml_type.h"

#define FILE_TYPE_Q8_0 7

struct planning {
	struct arena *arena;
	const struct hf_config *config;
	uint64_t n_tokens;
	struct hf_plan *plan;
	const char **names; /* sorted names of the outputs, while looking for missing ones */
	const char *missing;
	size_t n_missing;
	struct err *err;
};

uint32_t hf_type_file_type(enum hf_type type)
{
	switch (type) {
	case HF_F32:
		return FILE_TYPE_F32;
	case HF_BF16:
		return FILE_TYPE_BF16;
	case HF_Q8_0:
		return FILE_TYPE_Q8_0;
	case HF_F16:
	case HF_AUTO:
		break;
	}
	return FILE_TYPE_F16;
}

/* Vectors, which all norms are, stay exact; a row that Q8_0 cannot cut into blocks becomes F16. */
static uint32_t tensor_type(enum hf_type type, const struct hf_out *o)
{
	const struct ggml_type_info *q8 = ggml_type_find(GGML_ID_Q8_0);
	if (o->n_dims < 2 || type == HF_F32)
		return GGML_ID_F32;
	if (type == HF_BF16)
		return GGML_ID_BF16;
	return type == HF_Q8_0 && o->ne[0] % q8->block_values == 0 ? GGML_ID_Q8_0 : GGML_ID_F16;
}

static void add(struct planning *p, struct hf_out o)
{
	o.type = tensor_type(p->plan->type, &o);
	p->plan->outs[p->plan->n++] = o;
	p->plan->n_values += o.ne[0] * o.ne[1];
}

/* --- from the folder --- */

static enum err_code bad_shape(struct planning *p, const struct hf_tensor *t, const struct hf_mapped *m)
{
	char found[64] = "", wanted[64];
	for (uint32_t i = 0; i < t->data->n_dims && i < 3; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%llu", i ? " x " : "",
			 (unsigned long long)t->data->shape[i]);
	if (m->n_dims == 2)
		snprintf(wanted, sizeof(wanted), "%llu x %llu", (unsigned long long)m->rows, (unsigned long long)m->columns);
	else
		snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)m->columns);
	return err_set(p->err, ERR_DATA, "err_hf_tensor_shape", "tensor=%.*s|found=%s|wanted=%s", (int)t->name.len, t->name.ptr,
		       *found ? found : "1", wanted);
}

static bool is_float(enum st_dtype dtype)
{
	return dtype == ST_F64 || dtype == ST_F32 || dtype == ST_F16 || dtype == ST_BF16;
}

/* As many rows as tokens: Gemma 3's embedding has some behind its last token. */
static enum err_code fit_vocabulary(struct planning *p, struct hf_mapped *m)
{
	if (!m->by_vocab || p->n_tokens == 0 || p->n_tokens == m->rows)
		return ERR_OK;
	if (p->config->family != HF_GEMMA3 || p->n_tokens > m->rows)
		return err_set(p->err, ERR_DATA, "err_hf_words", "tokens=%llu|rows=%llu", (unsigned long long)p->n_tokens,
			       (unsigned long long)m->rows);
	m->rows = p->n_tokens;
	return ERR_OK;
}

static enum err_code plan_tensor(struct planning *p, const struct hf_tensor *t)
{
	struct hf_mapped m;
	enum hf_fate fate = hf_names_map(p->config, t->name, &m);
	if (fate == HF_SKIP)
		return ERR_OK;
	if (fate == HF_UNKNOWN)
		return err_set(p->err, ERR_UNSUPPORTED, "err_hf_tensor_unknown", "tensor=%.*s|name=%s", (int)t->name.len, t->name.ptr,
			       p->config->architecture);
	const uint64_t *shape = t->data->shape;
	bool right = t->data->n_dims == m.n_dims && shape[m.n_dims - 1] == m.columns && (m.n_dims == 1 || shape[0] == m.rows);
	if (!right)
		return bad_shape(p, t, &m);
	if (!is_float(t->data->dtype))
		return err_set(p->err, ERR_UNSUPPORTED, "err_hf_tensor_type", "tensor=%.*s|type=%s", (int)t->name.len, t->name.ptr,
			       st_dtype_name(t->data->dtype));
	if (fit_vocabulary(p, &m) != ERR_OK)
		return ERR_DATA;
	struct hf_out o = { .n_dims = m.n_dims, .ne = { m.columns, m.rows }, .from = t, .plus_one = m.plus_one };
	memcpy(o.name, m.name, sizeof(o.name));
	if (m.order != TENSOR_ROWS_AS_IS)
		o.n_heads = m.order == TENSOR_ROWS_BY_HEAD ? p->config->n_heads : p->config->n_kv_heads;
	add(p, o);
	return ERR_OK;
}

/* The first matrix that is kept decides. */
static enum hf_type guess_type(const struct hf_config *c, const struct hf_weights *w)
{
	struct hf_mapped m;
	for (size_t i = 0; i < hf_weights_count(w); i++) {
		const struct hf_tensor *t = hf_weights_at(w, i);
		if (t->data->n_dims < 2 || hf_names_map(c, t->name, &m) != HF_KEEP)
			continue;
		if (t->data->dtype == ST_BF16)
			return HF_BF16;
		if (t->data->dtype == ST_F16)
			return HF_F16;
	}
	return HF_F16;
}

/* --- what the folder only describes --- */

static void add_values(struct planning *p, const char *name, const float *values, uint32_t n)
{
	struct hf_out o = { .n_dims = 1, .ne = { n, 1 }, .values = values };
	(void)str_format(o.name, sizeof(o.name), "%s", name);
	add(p, o);
}

static void plan_rope(struct planning *p)
{
	const struct hf_rope *rope = &p->config->rope;
	if (rope->type == HF_ROPE_LLAMA3) {
		uint32_t n = p->config->head_dim / 2;
		float *values = arena_array(p->arena, n, sizeof(values[0]));
		hf_rope_llama3(rope, p->config->head_dim, values);
		add_values(p, "rope_freqs.weight", values, n);
	} else if (rope->type == HF_ROPE_LONG) {
		add_values(p, "rope_factors_long.weight", rope->long_factors, rope->n_factors);
		add_values(p, "rope_factors_short.weight", rope->short_factors, rope->n_factors);
	}
}

/* --- what is missing or there twice --- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void look_for(void *user, const char *hf_name)
{
	struct planning *p = user;
	struct hf_mapped m;
	const char *name = m.name;
	if (hf_names_map(p->config, str_of(hf_name), &m) != HF_KEEP)
		BUG("%s is needed but unknown", hf_name);
	if (bsearch(&name, p->names, p->plan->n, sizeof(name), by_text))
		return;
	if (p->n_missing++ == 0)
		p->missing = arena_strdup(p->arena, hf_name);
}

static enum err_code check_complete(struct planning *p)
{
	size_t n = p->plan->n;
	p->names = arena_array(p->arena, n + 1, sizeof(p->names[0]));
	for (size_t i = 0; i < n; i++)
		p->names[i] = p->plan->outs[i].name;
	qsort(p->names, n, sizeof(p->names[0]), by_text);
	for (size_t i = 1; i < n; i++)
		if (strcmp(p->names[i], p->names[i - 1]) == 0)
			return err_set(p->err, ERR_DATA, "err_hf_tensor_twice", "tensor=%s", p->names[i]);
	hf_names_needed(p->config, look_for, p);
	if (p->n_missing > 0)
		return err_set(p->err, ERR_DATA, "err_hf_tensor_missing", "tensor=%s|n=%zu", p->missing, p->n_missing);
	return ERR_OK;
}

enum err_code hf_plan_make(struct arena *a, const struct hf_config *c, const struct hf_weights *w, enum hf_type type,
			   uint64_t n_tokens, struct hf_plan *out, struct err *err)
{
	struct planning p = { .arena = a, .config = c, .n_tokens = n_tokens, .plan = out, .err = err };
	size_t n = hf_weights_count(w);
	enum err_code rc = ERR_OK;
	*out = (struct hf_plan){ .outs = arena_array(a, n + 2, sizeof(out->outs[0])),
				 .type = type == HF_AUTO ? guess_type(c, w) : type };
	plan_rope(&p);
	for (size_t i = 0; i < n && rc == ERR_OK; i++)
		rc = plan_tensor(&p, hf_weights_at(w, i));
	return rc == ERR_OK ? check_complete(&p) : rc;
}
