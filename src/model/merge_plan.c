/* SPDX-License-Identifier: Apache-2.0 */
#include "model/merge_plan.h"

#include "base/limits.h"
#include "model/catalogue.h"
#include "model/ggml_type.h"
#include "model/lora.h"
#include "model/template_comment.h"

#define TEMPLATE_KEY "tokenizer.chat_template"

static bool is_integer(uint32_t type)
{
	return (type >= GGML_ID_I8 && type <= GGML_ID_I64) || type == GGML_ID_F64;
}

static bool is_quantized(uint32_t type)
{
	return ggml_type_find(type)->block_values > 1;
}

static uint64_t count_values(const struct gguf_tensor *t)
{
	return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

/* The matrices of an F32 model that convert_hf_to_gguf.py writes as F16 in every architecture; the rest (norms, routers,
 * convolutions) must stay F32. */
static bool is_matrix(const struct gguf_tensor *t)
{
	const char *part = strncmp(t->name, "blk.", 4) == 0 ? strchr(t->name + 4, '.') : NULL;
	struct str name = str_of(t->name);
	if (t->n_dims < 2 || !str_ends(name, ".weight"))
		return false;
	if (strcmp(t->name, "token_embd.weight") == 0 || strcmp(t->name, "output.weight") == 0)
		return true;
	return part && (strncmp(part, ".attn_", 6) == 0 || strncmp(part, ".ffn_", 5) == 0) && !strstr(part, "norm") &&
	       !strstr(part, "rel_b") && !strstr(part, "gate_inp");
}

static uint32_t output_type(const struct gguf_tensor *t, uint32_t wanted, bool all_f32)
{
	if (is_integer(t->type))
		return t->type;
	if (t->type == GGML_ID_F32)
		return all_f32 && is_matrix(t) ? wanted : GGML_ID_F32;
	return wanted;
}

/* --- tensors --- */

static enum err_code find_pair(struct merge_plan *plan, struct merge_tensor *m, float alpha, struct err *err)
{
	const struct gguf_tensor *w = m->base;
	if (!plan->adapter)
		return ERR_OK;
	m->a = gguf_tensor_find(plan->adapter, arena_printf(plan->arena, "%s.lora_a", w->name));
	m->b = gguf_tensor_find(plan->adapter, arena_printf(plan->arena, "%s.lora_b", w->name));
	if (!m->a || !m->b) { /* both or none: adapter_check() */
		m->a = m->b = NULL;
		return ERR_OK;
	}
	if (w->n_dims != 2 || is_integer(w->type))
		return err_set(err, ERR_UNSUPPORTED, "err_merge_tensor", "tensor=%s", w->name);
	m->embedding = strcmp(w->name, "token_embd.weight") == 0;
	m->rank = m->b->ne[0];
	m->scale = alpha < 0 || alpha > 0 ? alpha / (float)m->rank : 1.0f;
	plan->n_changed++;
	return ERR_OK;
}

/* The type of most values, which is how people call a file. */
static void describe_base(struct merge_plan *plan)
{
	uint64_t sums[GGML_ID_MAX + 1] = { 0 };
	for (size_t i = 0; i < plan->n; i++) {
		const struct gguf_tensor *t = plan->tensors[i].base;
		sums[t->type] += count_values(t);
		plan->n_params += count_values(t);
		plan->base_quantized |= is_quantized(t->type);
		if (sums[t->type] > sums[plan->base_type])
			plan->base_type = t->type;
	}
}

static enum err_code plan_tensors(struct merge_plan *plan, uint32_t type, struct err *err)
{
	double alpha = 0;
	const struct gguf_tensor *embedding = gguf_tensor_find(plan->base, "token_embd.weight");
	bool all_f32 = embedding && embedding->type == GGML_ID_F32;
	if (plan->adapter && !gguf_get_f64(plan->adapter, "adapter.lora.alpha", &alpha))
		return err_set(err, ERR_DATA, "err_adapter_config", "path=|field=adapter.lora.alpha");
	plan->n = gguf_n_tensors(plan->base);
	plan->tensors = arena_array(plan->arena, plan->n + 1, sizeof(plan->tensors[0]));
	for (size_t i = 0; i < plan->n; i++) {
		struct merge_tensor *m = &plan->tensors[i];
		m->base = gguf_tensor_at(plan->base, i);
		m->type = output_type(m->base, type, all_f32);
		if (find_pair(plan, m, (float)alpha, err) != ERR_OK)
			return err->code;
		m->size = gguf_writer_tensor(plan->writer, m->base->name, m->type, m->base->n_dims, m->base->ne);
	}
	return ERR_OK;
}

/* --- keys --- */

static void write_template(struct merge_plan *plan, const struct merge_options *o)
{
	struct buf value = BUF_INIT(2 * LIMIT_TEMPLATE), text = BUF_INIT(2 * LIMIT_TEMPLATE);
	if (o->template[0])
		buf_add_text(&text, o->template);
	else
		gguf_get_text(plan->base, TEMPLATE_KEY, &text);
	if (o->template_suffix[0] && text.len + strlen(o->template_suffix) <= LIMIT_TEMPLATE) /* a longer one would not be loaded */
		template_add_comment(&text, o->template_suffix);
	buf_add_u64le(&value, text.len);
	buf_add_str(&value, buf_str(&text));
	gguf_writer_raw(plan->writer, TEMPLATE_KEY, GGUF_TEXT, buf_str(&value));
	buf_release(&value);
	buf_release(&text);
}

/* The output is one file with ggml's own alignment. */
static bool is_of_the_old_file(const char *key)
{
	return strcmp(key, "general.alignment") == 0 || strcmp(key, "split.no") == 0 || strcmp(key, "split.count") == 0 ||
	       strcmp(key, "split.tensors.count") == 0;
}

static enum err_code write_keys(struct merge_plan *plan, const struct merge_options *o, struct err *err)
{
	uint32_t file_type = o->type == GGML_ID_F16 ? FILE_TYPE_F16 : FILE_TYPE_BF16;
	bool named = !o->name[0], typed = false, has_template = false;
	for (size_t i = 0; i < gguf_n_keys(plan->base); i++) {
		const char *key = gguf_key_at(plan->base, i);
		bool text = gguf_key_type(plan->base, key) == GGUF_TEXT;
		if (is_of_the_old_file(key))
			continue;
		if (strcmp(key, "general.name") == 0 && o->name[0]) {
			gguf_writer_text(plan->writer, key, o->name);
			named = true;
		} else if (strcmp(key, "general.file_type") == 0) {
			gguf_writer_u32(plan->writer, key, file_type);
			typed = true;
		} else if (strcmp(key, TEMPLATE_KEY) == 0 && text && (o->template[0] || o->template_suffix[0])) {
			write_template(plan, o);
			has_template = true;
		} else if (gguf_writer_copy(plan->writer, plan->base, i, err) != ERR_OK) {
			return err->code;
		}
	}
	if (!named)
		gguf_writer_text(plan->writer, "general.name", o->name);
	if (o->template[0] && !has_template)
		write_template(plan, o);
	if (!typed)
		gguf_writer_u32(plan->writer, "general.file_type", file_type);
	return ERR_OK;
}

/* --- open --- */

static enum err_code open_files(struct merge_plan *plan, const struct merge_options *o, struct err *err)
{
	const char *architecture;
	if (o->adapter[0] && adapter_check(o->adapter, o->base, err) != ERR_OK)
		return err->code;
	plan->base = lora_base_open(o->base, &architecture, plan->arena, err);
	if (!plan->base)
		return err->code;
	if (o->adapter[0]) {
		plan->adapter = gguf_open(o->adapter, err);
		if (!plan->adapter)
			return err->code;
	}
	return ERR_OK;
}

enum err_code merge_plan_open(const struct merge_options *options, struct merge_plan *out, struct err *err)
{
	struct err local = { 0 };
	struct err *to = err ? err : &local;
	*out = (struct merge_plan){ .arena = arena_new(), .writer = gguf_writer_new() };
	if (open_files(out, options, to) != ERR_OK || write_keys(out, options, to) != ERR_OK ||
	    plan_tensors(out, options->type, to) != ERR_OK) {
		merge_plan_close(out);
		return to->code;
	}
	describe_base(out);
	return ERR_OK;
}

void merge_plan_close(struct merge_plan *plan)
{
	gguf_close(plan->base);
	gguf_close(plan->adapter);
	gguf_writer_free(plan->writer);
	arena_free(plan->arena);
	*plan = (struct merge_plan){ 0 };
}
