/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/imatrix_sums.h"

#include <math.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ggml-backend.h"
#include "model/ggml_type.h"
#include "model/gguf_write.h"
#include "worker/job.h"

#define CHUNK 512 /* tokens that count as one chunk in the file */

/* --- nodes --- */

/* The name as in the file: copies on a device are called "DEVICE#NAME#0". */
static bool plain_name(const struct ggml_tensor *matrix, char out[GGML_MAX_NAME])
{
	struct str name = str_of(ggml_get_name(matrix));
	if (memchr(name.ptr, '#', name.len)) {
		(void)str_split(&name, '#');
		name = str_split(&name, '#');
	}
	if (!str_starts(name, "blk.") || !str_ends(name, ".weight"))
		return false; /* also: the halves of an adapter */
	memcpy(out, name.ptr, name.len);
	out[name.len] = 0;
	return true;
}

static bool wanted(const struct ggml_tensor *t)
{
	char name[GGML_MAX_NAME];
	bool product = t->op == GGML_OP_MUL_MAT || t->op == GGML_OP_MUL_MAT_ID;
	return product && t->src[1]->type == GGML_TYPE_F32 && plain_name(t->src[0], name);
}

/* Graphs come in the same order at every step. */
static struct imatrix_entry *find_entry(struct imatrix_sums *s, const struct ggml_tensor *t)
{
	const struct ggml_tensor *matrix = t->src[0];
	for (size_t i = 0; i < s->n; i++) {
		struct imatrix_entry *e = &s->entries[(s->next + i) % s->n];
		if (e->matrix == matrix) {
			s->next = (size_t)(e - s->entries) + 1;
			return e;
		}
	}
	s->entries = mem_grow(s->entries, (s->n + 1) * sizeof(*s->entries));
	struct imatrix_entry *e = &s->entries[s->n++];
	*e = (struct imatrix_entry){ .matrix = matrix, .width = matrix->ne[0] };
	e->n_experts = t->op == GGML_OP_MUL_MAT_ID ? matrix->ne[2] : 1;
	e->sums = mem_array((size_t)(e->width * e->n_experts), sizeof(double));
	e->counts = mem_array((size_t)e->n_experts, sizeof(double));
	plain_name(matrix, e->name);
	s->next = s->n;
	return e;
}

/* The bytes of a tensor, where they can be read. */
static const char *host_data(const struct ggml_tensor *t, char **copy, size_t *copy_bytes)
{
	if (ggml_backend_buffer_is_host(t->buffer))
		return t->data;
	size_t size = ggml_nbytes(t);
	if (size > *copy_bytes) {
		mem_free(*copy);
		*copy = mem_alloc(size);
		*copy_bytes = size;
	}
	ggml_backend_tensor_get(t, *copy, 0, size);
	return *copy;
}

static void add_row(struct imatrix_sums *s, struct imatrix_entry *e, int64_t expert, const float *row)
{
	double *sums = e->sums + expert * e->width;
	bool finite = true;
	for (int64_t i = 0; i < e->width; i++) {
		double x = (double)row[i];
		sums[i] += x * x;
		finite &= row[i] - row[i] == 0.0f;
	}
	e->counts[expert]++;
	s->bad += !finite;
}

static void add_plain(struct imatrix_sums *s, struct imatrix_entry *e, const struct ggml_tensor *x, const char *data)
{
	for (int64_t k = 0; k < x->ne[3] * x->ne[2] * x->ne[1]; k++) {
		int64_t i1 = k % x->ne[1], i2 = k / x->ne[1] % x->ne[2], i3 = k / x->ne[1] / x->ne[2];
		const char *row = data + (size_t)i1 * x->nb[1] + (size_t)i2 * x->nb[2] + (size_t)i3 * x->nb[3];
		add_row(s, e, 0, (const float *)(const void *)row);
	}
}

/* ids [experts used][tokens] says which experts saw the input of each token. */
static void add_experts(struct imatrix_sums *s, struct imatrix_entry *e, const struct ggml_tensor *t, const char *data)
{
	const struct ggml_tensor *x = t->src[1], *ids = t->src[2];
	char *copy = NULL;
	size_t copy_bytes = 0;
	const char *id_data = host_data(ids, &copy, &copy_bytes);
	for (int64_t token = 0; token < ids->ne[1]; token++) {
		for (int64_t k = 0; k < ids->ne[0]; k++) {
			int32_t expert;
			memcpy(&expert, id_data + (size_t)token * ids->nb[1] + (size_t)k * ids->nb[0], sizeof(expert));
			if (expert < 0 || expert >= e->n_experts)
				continue;
			const char *row = data + (size_t)(k % x->ne[1]) * x->nb[1] + (size_t)token * x->nb[2];
			add_row(s, e, expert, (const float *)(const void *)row);
		}
	}
	mem_free(copy);
}

bool imatrix_on_node(struct ggml_tensor *t, bool ask, void *user)
{
	struct imatrix_sums *s = user;
	if (ask)
		return wanted(t);
	if (!wanted(t))
		return true;
	struct imatrix_entry *e = find_entry(s, t);
	const char *data = host_data(t->src[1], &s->copy, &s->copy_bytes);
	if (t->src[1]->ne[0] != e->width)
		return true;
	if (t->op == GGML_OP_MUL_MAT_ID)
		add_experts(s, e, t, data);
	else
		add_plain(s, e, t->src[1], data);
	return true;
}

/* --- the file --- */

static void declare(struct gguf_writer *w, const struct imatrix_sums *s, const char *dataset, int64_t n_tokens)
{
	gguf_writer_text(w, "general.type", "imatrix");
	gguf_writer_texts(w, "imatrix.datasets", &dataset, 1);
	gguf_writer_u32(w, "imatrix.chunk_count", (uint32_t)((n_tokens + CHUNK - 1) / CHUNK));
	gguf_writer_u32(w, "imatrix.chunk_size", CHUNK);
	for (size_t i = 0; i < s->n; i++) {
		const struct imatrix_entry *e = &s->entries[i];
		char name[GGML_MAX_NAME + 16];
		uint64_t sums[2] = { (uint64_t)e->width, (uint64_t)e->n_experts }, counts[2] = { 1, (uint64_t)e->n_experts };
		str_format(name, sizeof(name), "%s.in_sum2", e->name);
		gguf_writer_tensor(w, name, GGML_ID_F32, 2, sums);
		str_format(name, sizeof(name), "%s.counts", e->name);
		gguf_writer_tensor(w, name, GGML_ID_F32, 2, counts);
	}
}

static enum err_code write_floats(int fd, const char *path, const double *values, int64_t n, uint64_t place, struct err *err)
{
	float *floats = mem_array((size_t)n, sizeof(float));
	for (int64_t i = 0; i < n; i++)
		floats[i] = (float)values[i];
	enum err_code code = job_write(fd, path, floats, (size_t)n * sizeof(float), place, err);
	mem_free(floats);
	return code;
}

static enum err_code write_file(struct gguf_writer *w, const struct imatrix_sums *s, const char *path, struct err *err)
{
	struct buf head = BUF_INIT(LIMIT_GGUF_HEADER);
	int fd = -1;
	if (gguf_writer_head(w, &head, err) == ERR_OK)
		fd = job_open_output(path, gguf_writer_place(w, 2 * s->n), err);
	enum err_code code = fd < 0 ? err->code : job_write(fd, path, head.ptr, head.len, 0, err);
	for (size_t i = 0; i < s->n && code == ERR_OK; i++) {
		const struct imatrix_entry *e = &s->entries[i];
		code = write_floats(fd, path, e->sums, e->width * e->n_experts, gguf_writer_place(w, 2 * i), err);
		if (code == ERR_OK)
			code = write_floats(fd, path, e->counts, e->n_experts, gguf_writer_place(w, 2 * i + 1), err);
	}
	if (fd >= 0)
		close(fd);
	buf_release(&head);
	return code;
}

enum err_code imatrix_write(const struct imatrix_sums *s, const char *path, const char *dataset, int64_t n_tokens,
			    struct err *err)
{
	struct gguf_writer *w = gguf_writer_new();
	declare(w, s, dataset, n_tokens);
	enum err_code code = write_file(w, s, path, err);
	gguf_writer_free(w);
	return code;
}

void imatrix_sums_release(struct imatrix_sums *s)
{
	for (size_t i = 0; i < s->n; i++) {
		mem_free(s->entries[i].sums);
		mem_free(s->entries[i].counts);
	}
	mem_free(s->entries);
	mem_free(s->copy);
	*s = (struct imatrix_sums){ 0 };
}
