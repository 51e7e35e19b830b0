/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"
#include "base/limits.h"
#include "model/gguf_private.h"
#include "model/label.h"

#define LABEL_READ 4096 /* bytes of a string that a label is made from */

uint64_t gguf_file_size(const struct gguf *g)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < g->n_parts; i++)
		sum += g->parts[i].size;
	return sum;
}

uint64_t gguf_data_offset(const struct gguf *g)
{
	return g->parts[0].data_offset;
}

uint32_t gguf_n_parts(const struct gguf *g)
{
	return g->n_parts;
}

size_t gguf_n_tensors(const struct gguf *g)
{
	return g->n_tensors;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, size_t index)
{
	return &g->tensors[index];
}

size_t gguf_n_keys(const struct gguf *g)
{
	return g->n_kv;
}

const char *gguf_key_at(const struct gguf *g, size_t index)
{
	return g->kv[index].key;
}

enum gguf_value gguf_key_type(const struct gguf *g, const char *key)
{
	const struct gguf_kv *kv = gguf_kv_find(g, key);
	return kv ? kv->type : GGUF_VALUE_NONE;
}

/* A number as it stands in the file, before anything is known about its sign. */
struct number {
	bool is_float;
	uint64_t u; /* not negative, not a float */
	bool negative;
	double f;
};

static bool decode(enum gguf_value type, const uint8_t *b, struct number *out)
{
	size_t size = gguf_type_size(type);
	uint64_t bits = 0;
	for (size_t i = size; i > 0; i--)
		bits = bits << 8 | b[i - 1];
	*out = (struct number){ .u = bits };
	bool is_signed = type == GGUF_I8 || type == GGUF_I16 || type == GGUF_I32 || type == GGUF_I64;
	if (type == GGUF_F32) {
		float f;
		uint32_t low = (uint32_t)bits;
		memcpy(&f, &low, sizeof(f));
		*out = (struct number){ .is_float = true, .f = (double)f };
		return true;
	}
	if (type == GGUF_F64) {
		out->is_float = true;
		memcpy(&out->f, &bits, sizeof(out->f));
		return true;
	}
	if (type == GGUF_BOOL || size == 0)
		return false;
	out->negative = is_signed && (bits >> (size * 8 - 1) & 1);
	/* Sign extension by hand: 2's complement of the lower bits. */
	uint64_t magnitude = out->negative && size < 8 ? (UINT64_C(1) << (size * 8)) - bits : ~bits + 1;
	out->f = out->negative ? -(double)magnitude : (double)bits;
	return true;
}

static bool read_number(const struct gguf *g, enum gguf_value type, uint64_t offset, struct number *out)
{
	uint8_t bytes[8] = { 0 };
	return fs_pread(g->parts[0].fd, bytes, gguf_type_size(type), offset, NULL) == ERR_OK &&
	       decode(type, bytes, out);
}

static bool scalar(const struct gguf *g, const char *key, struct number *out)
{
	const struct gguf_kv *kv = gguf_kv_find(g, key);
	return kv && gguf_type_size(kv->type) > 0 && read_number(g, kv->type, kv->offset, out);
}

bool gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out)
{
	struct number n;
	if (!scalar(g, key, &n) || n.is_float || n.negative)
		return false;
	*out = n.u;
	return true;
}

bool gguf_get_f64(const struct gguf *g, const char *key, double *out)
{
	struct number n;
	if (!scalar(g, key, &n))
		return false;
	*out = n.f;
	return true;
}

bool gguf_get_bool(const struct gguf *g, const char *key, bool *out)
{
	const struct gguf_kv *kv = gguf_kv_find(g, key);
	uint8_t value = 0;
	if (!kv || kv->type != GGUF_BOOL || fs_pread(g->parts[0].fd, &value, 1, kv->offset, NULL) != ERR_OK)
		return false;
	*out = value != 0;
	return true;
}

bool gguf_get_u64_at(const struct gguf *g, const char *key, uint64_t index, uint64_t *out)
{
	const struct gguf_kv *kv = gguf_kv_find(g, key);
	if (!kv || kv->type != GGUF_ARRAY)
		return gguf_get_u64(g, key, out);
	size_t size = gguf_type_size(kv->element);
	struct number n;
	if (index >= kv->count || size == 0 || !read_number(g, kv->element, kv->offset + index * size, &n))
		return false;
	if (n.is_float || n.negative)
		return false;
	*out = n.u;
	return true;
}

uint64_t gguf_array_len(const struct gguf *g, const char *key)
{
	const struct gguf_kv *kv = gguf_kv_find(g, key);
	return kv && kv->type == GGUF_ARRAY ? kv->count : 0;
}

static bool read_text(const struct gguf *g, const struct gguf_kv *kv, size_t len, struct buf *out)
{
	char *to = buf_reserve(out, len);
	if (!to || fs_pread(g->parts[0].fd, to, len, kv->offset, NULL) != ERR_OK)
		return false;
	out->len += len;
	return true;
}

bool gguf_get_text(const struct gguf *g, const char *key, struct buf *out)
{
	const struct gguf_kv *kv = gguf_kv_find(g, key);
	return kv && kv->type == GGUF_TEXT && (kv->count == 0 || read_text(g, kv, (size_t)kv->count, out));
}

const char *gguf_get_label(const struct gguf *g, const char *key, struct arena *a)
{
	const struct gguf_kv *kv = gguf_kv_find(g, key);
	if (!kv || kv->type != GGUF_TEXT || kv->count == 0)
		return "";
	struct buf text = BUF_INIT(LABEL_READ);
	const char *label = "";
	if (read_text(g, kv, kv->count < LABEL_READ ? (size_t)kv->count : LABEL_READ, &text))
		label = label_make(a, buf_str(&text));
	buf_release(&text);
	return label;
}

enum err_code gguf_read_data(const struct gguf *g, const struct gguf_tensor *t, uint64_t from, void *out,
			     size_t len, struct err *err)
{
	if (from > t->size || len > t->size - from)
		BUG("read past tensor %s", t->name);
	return fs_pread(g->parts[t->part].fd, out, len, t->offset + from, err);
}
