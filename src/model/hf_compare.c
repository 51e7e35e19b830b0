/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hf_compare.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/hf_weights.h"

#define PIECE (1 * MIB)

/* All tensors of a folder, in byte order of their names. */
struct side {
	struct hf_weights *weights;
	const struct hf_tensor **tensors;
	size_t n;
};

static int compare_names(struct str x, struct str y)
{
	size_t n = x.len < y.len ? x.len : y.len;
	int order = memcmp(x.ptr, y.ptr, n);
	return order ? order : (x.len > y.len) - (x.len < y.len);
}

static int by_name(const void *a, const void *b)
{
	const struct hf_tensor *const *x = a, *const *y = b;
	return compare_names((*x)->name, (*y)->name);
}

static enum err_code open_side(struct arena *a, const char *dir, struct side *out, struct err *err)
{
	struct err own = { 0 };
	out->weights = hf_weights_open(dir, err ? err : &own);
	if (!out->weights)
		return (err ? err : &own)->code;
	out->n = hf_weights_count(out->weights);
	out->tensors = arena_array(a, out->n + 1, sizeof out->tensors[0]);
	for (size_t i = 0; i < out->n; i++)
		out->tensors[i] = hf_weights_at(out->weights, i);
	qsort(out->tensors, out->n, sizeof out->tensors[0], by_name);
	return ERR_OK;
}

static bool same_form(const struct st_tensor *x, const struct st_tensor *y)
{
	return x->dtype == y->dtype && x->size == y->size && x->n_dims == y->n_dims &&
	       memcmp(x->shape, y->shape, x->n_dims * sizeof x->shape[0]) == 0;
}

/* Ends at the first byte that differs. */
static enum err_code same_bytes(const struct hf_tensor *x, const struct hf_tensor *y, char *buffer, bool *same, const atomic_bool *cancel,
				struct err *err)
{
	*same = same_form(x->data, y->data);
	for (uint64_t at = 0; *same && at < x->data->size; at += PIECE) {
		size_t n = x->data->size - at < PIECE ? (size_t)(x->data->size - at) : PIECE;
		if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
		enum err_code code = safetensors_data(x->file, x->data, at, buffer, n, err);
		if (code == ERR_OK)
			code = safetensors_data(y->file, y->data, at, buffer + PIECE, n, err);
		if (code != ERR_OK)
			return code;
		*same = memcmp(buffer, buffer + PIECE, n) == 0;
	}
	return ERR_OK;
}

static void note_change(struct arena *a, const struct hf_tensor *t, struct hf_changes *out)
{
	out->n_changed++;
	if (out->n_names < HF_CHANGES_NAMED)
		out->names[out->n_names++] = arena_printf(a, "%.*s", (int)t->name.len, t->name.ptr);
}

static enum err_code walk(struct arena *a, const struct side *x, const struct side *y, struct hf_changes *out,
			  const atomic_bool *cancel, struct err *err)
{
	char *buffer = mem_alloc(2 * PIECE);
	enum err_code code = ERR_OK;
	size_t i = 0, k = 0;
	while ((i < x->n || k < y->n) && code == ERR_OK) {
		int order = i == x->n ? 1 : k == y->n ? -1 : compare_names(x->tensors[i]->name, y->tensors[k]->name);
		bool same = true;
		if (order == 0)
			code = same_bytes(x->tensors[i], y->tensors[k], buffer, &same, cancel, err);
		if (!same)
			note_change(a, x->tensors[i], out);
		out->n_added += order < 0;
		out->n_missing += order > 0;
		i += order <= 0;
		k += order >= 0;
	}
	mem_free(buffer);
	return code;
}

enum err_code hf_compare(struct arena *a, const char *dir, const char *other, struct hf_changes *out, const atomic_bool *cancel,
			 struct err *err)
{
	struct side x = { 0 }, y = { 0 };
	enum err_code code = open_side(a, dir, &x, err);
	*out = (struct hf_changes){ 0 };
	if (code == ERR_OK)
		code = open_side(a, other, &y, err);
	out->n_tensors = x.n;
	if (code == ERR_OK)
		code = walk(a, &x, &y, out, cancel, err);
	hf_weights_close(x.weights);
	hf_weights_close(y.weights);
	return code;
}
