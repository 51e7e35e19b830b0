/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/imatrix_file.h"

#include <math.h>

#include "base/mem.h"
#include "model/ggml_type.h"

#define SUMS ".in_sum2"
#define VALUES_MAX (1ULL << 28) /* 1 GiB of floats in one tensor */

static enum err_code not_one(const char *path, struct err *err)
{
	return err_set(err, ERR_DATA, "err_imatrix_file", "path=%s", path);
}

/* Both tensors as floats; false where they are no pair. */
static bool read_pair(struct imatrix *m, const struct gguf_tensor *sums, const struct gguf_tensor *counts, float **values,
		      float **n, struct err *err)
{
	if (!counts || sums->type != GGML_ID_F32 || counts->type != GGML_ID_F32 || sums->n_dims > 2 ||
	    counts->ne[0] != 1 || counts->ne[1] != sums->ne[1] || sums->size / sizeof(float) > VALUES_MAX)
		return false;
	*values = arena_alloc(m->arena, sums->size);
	*n = arena_alloc(m->arena, counts->size);
	return gguf_read_data(m->file, sums, 0, *values, sums->size, err) == ERR_OK &&
	       gguf_read_data(m->file, counts, 0, *n, counts->size, err) == ERR_OK;
}

static enum err_code read_entry(struct imatrix *m, const char *path, const struct gguf_tensor *sums,
				const struct gguf *model, struct err *err)
{
	float *values, *counts;
	const char *name = arena_strndup(m->arena, sums->name, strlen(sums->name) - strlen(SUMS));
	const struct gguf_tensor *of = gguf_tensor_find(model, name);
	const struct gguf_tensor *n = gguf_tensor_find(m->file, arena_printf(m->arena, "%s.counts", name));
	if (!read_pair(m, sums, n, &values, &counts, err))
		return err->code != ERR_OK ? err->code : not_one(path, err);
	if (of && (of->ne[0] != sums->ne[0] || of->ne[2] != sums->ne[1]))
		return err_set(err, ERR_DATA, "err_imatrix_other", "tensor=%s|a=%llu|b=%llu", name,
			       (unsigned long long)(sums->ne[0] * sums->ne[1]), (unsigned long long)(of->ne[0] * of->ne[2]));
	for (uint64_t e = 0; e < sums->ne[1]; e++) {
		for (uint64_t i = 0; i < sums->ne[0]; i++) {
			float *v = &values[e * sums->ne[0] + i];
			*v = counts[e] > 0 ? *v / counts[e] : 1.0f;
			if (!isfinite(*v) || *v < 0)
				return not_one(path, err);
		}
	}
	if (of)
		m->list[m->n++] = (struct llama_model_imatrix_data){ name, values, sums->ne[0] * sums->ne[1] };
	return ERR_OK;
}

enum err_code imatrix_read(const char *path, const struct gguf *model, struct imatrix *out, struct err *err)
{
	uint64_t n_chunks = 0;
	*out = (struct imatrix){ .arena = arena_new() };
	out->file = gguf_open(path, err);
	if (!out->file)
		return err->code;
	if (strcmp(gguf_get_label(out->file, "general.type", out->arena), "imatrix") != 0)
		return not_one(path, err);
	size_t n = gguf_n_tensors(out->file);
	out->list = arena_array(out->arena, n + 1, sizeof(out->list[0]));
	for (size_t i = 0; i < n; i++) {
		const struct gguf_tensor *t = gguf_tensor_at(out->file, i);
		if (str_ends(str_of(t->name), SUMS) && read_entry(out, path, t, model, err) != ERR_OK)
			return err->code;
	}
	if (out->n == 0)
		return not_one(path, err);
	if (gguf_get_u64(out->file, "imatrix.chunk_count", &n_chunks))
		out->n_chunks = (uint32_t)n_chunks;
	return ERR_OK;
}

void imatrix_release(struct imatrix *m)
{
	gguf_close(m->file);
	arena_free(m->arena);
	*m = (struct imatrix){ 0 };
}
