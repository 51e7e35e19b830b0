/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/quantize_log.h"

#define ALIGNMENT 32

/* "[   1/ 272] NAME     - [...": the name, without the spaces that fill it up. */
static bool read_name(const char *text, struct str *name)
{
	const char *from = strstr(text, "] "), *to = strstr(text, " - [");
	if (text[0] != '[' || !from || !to || to < from)
		return false;
	*name = str_trim((struct str){ from + 2, (size_t)(to - from - 2) });
	return name->len > 0 && name->len <= GGUF_MAX_NAME;
}

static void next_tensor(struct quantize_log *q, struct str name)
{
	if (q->current)
		q->done += q->current->size;
	memcpy(q->tensor, name.ptr, name.len);
	q->tensor[name.len] = 0;
	q->current = gguf_tensor_find(q->input, q->tensor);
	q->lost |= !q->current;
}

/* The size line of a dry run; it names the new type only where there is one. */
static void plan_tensor(struct quantize_log *q, const char *text)
{
	const struct gguf_tensor *t = q->current;
	const struct ggml_type_info *info = ggml_type_find(t->type);
	const char *from = strchr(text, '('), *to = strchr(text, ')');
	char name[32];
	if (from && to > from && (size_t)(to - from) <= sizeof(name)) {
		memcpy(name, from + 1, (size_t)(to - from - 1));
		name[to - from - 1] = 0;
		info = ggml_type_named(name);
	}
	if (!info) {
		q->lost = true;
		return;
	}
	uint64_t size = t->ne[0] / info->block_values * info->block_bytes * t->ne[1] * t->ne[2] * t->ne[3];
	q->planned += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	q->counts[info->id]++;
}

void quantize_log_add(struct quantize_log *q, const char *text)
{
	struct str name;
	if (read_name(text, &name))
		next_tensor(q, name);
	else if (q->current && strncmp(text, "size = ", 7) == 0)
		plan_tensor(q, text);
	if (strstr(text, "-> falling back to"))
		q->n_fallback++;
	if (strstr(text, "will require an imatrix"))
		q->needs_imatrix = true;
}
