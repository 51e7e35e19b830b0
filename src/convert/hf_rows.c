/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/hf_rows.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/finite.h"
#include "model/ggml_type.h"

#define PIECE (512 * 1024) /* values; whole blocks of every type */
#define Q8_VALUES 32
#define Q8_BYTES 34

struct hf_rows {
	uint8_t *in;  /* PIECE values of up to 8 bytes */
	float *values;
	uint8_t *out; /* PIECE values of up to 4 bytes */
};

struct hf_rows *hf_rows_new(void)
{
	struct hf_rows *r = mem_alloc(sizeof(*r));
	r->in = mem_array(PIECE, 8);
	r->values = mem_array(PIECE, sizeof(r->values[0]));
	r->out = mem_array(PIECE, 4);
	return r;
}

void hf_rows_free(struct hf_rows *r)
{
	if (!r)
		return;
	mem_free(r->in);
	mem_free(r->values);
	mem_free(r->out);
	mem_free(r);
}

/* --- values --- */

static uint32_t bits_of(float f)
{
	uint32_t bits;
	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static float float_of(uint32_t bits)
{
	float f;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

uint16_t hf_rows_half(float value)
{
	uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, size = bits & 0x7FFFFFFF;
	if (size > 0x7F800000) { /* not a number: the upper digits of its payload stay */
		uint32_t payload = size >> 13 & 0x3FF;
		return (uint16_t)(sign | 0x7C00 | (payload ? payload : 1));
	}
	if (size >= 0x47800000) /* 65536 */
		return (uint16_t)(sign | 0x7C00);
	if (size < 0x38800000) /* below 2^-14: at 0.5 a single steps as subnormal halves do */
		return (uint16_t)(sign | (bits_of(float_of(size) + 0.5F) - 0x3F000000));
	return (uint16_t)(sign | (size - (112U << 23) + 0xFFF + (size >> 13 & 1)) >> 13);
}

/* Exact.  The exponent is put right by a product, which is right for subnormals too. */
static float from_half(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, size = (uint32_t)(h & 0x7FFF) << 13;
	if (size >= 31U << 23)
		return float_of(sign | size | 0x7F800000);
	return float_of(sign | bits_of(float_of(size) * 0x1p112F));
}

static uint16_t to_brain(float value)
{
	uint32_t bits = bits_of(value);
	if ((bits & 0x7FFFFFFF) > 0x7F800000)
		bits = (bits & 0xFFFF0000) | 64U << 16; /* quiet */
	return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* `n` values of a type as singles. */
static void load(enum st_dtype dtype, const uint8_t *in, size_t n, float *out)
{
	if (dtype == ST_F32) {
		memcpy(out, in, n * sizeof(out[0]));
	} else if (dtype == ST_F64) {
		for (size_t i = 0; i < n; i++) {
			double wide;
			memcpy(&wide, in + i * sizeof(wide), sizeof(wide));
			out[i] = (float)wide;
		}
	} else {
		const uint16_t *halves = (const void *)in;
		for (size_t i = 0; i < n; i++)
			out[i] = dtype == ST_F16 ? from_half(halves[i]) : float_of((uint32_t)halves[i] << 16);
	}
}

/* Nearest whole number, halves away from zero; 0 for what has none. */
static int8_t nearest(float v)
{
	float size = fabsf(v);
	if (!(size < 128))
		return 0;
	int whole = (int)size;
	whole += size - (float)whole >= 0.5F;
	return (int8_t)(v < 0 ? -whole : whole);
}

static void store_q8(const float *values, size_t n, uint8_t *out)
{
	for (size_t block = 0; block < n / Q8_VALUES; block++) {
		const float *v = values + block * Q8_VALUES;
		uint8_t *to = out + block * Q8_BYTES;
		float most = 0;
		for (size_t i = 0; i < Q8_VALUES; i++)
			most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
		float scale = most / 127, inverse = scale > 0 ? 1 / scale : 0;
		uint16_t half = hf_rows_half(scale);
		memcpy(to, &half, sizeof(half));
		for (size_t i = 0; i < Q8_VALUES; i++)
			to[2 + i] = (uint8_t)nearest(v[i] * inverse);
	}
}

/* In Q8_0 they would become some number; elsewhere they stay what they are and are found when the file is used. */
static enum err_code check(uint32_t type, const float *values, size_t n, const char *tensor, struct err *err)
{
	if (type != GGML_ID_Q8_0 || finite_values(GGML_ID_F32, values, n * sizeof(values[0])))
		return ERR_OK;
	return err_set(err, ERR_DATA, "err_values", "tensor=%s", tensor);
}

/* `n` singles in the type of the file; returns the bytes. */
static size_t store(uint32_t type, const float *values, size_t n, uint8_t *out)
{
	uint16_t *halves = (void *)out;
	switch (type) {
	case GGML_ID_F16:
		for (size_t i = 0; i < n; i++)
			halves[i] = hf_rows_half(values[i]);
		return n * 2;
	case GGML_ID_BF16:
		for (size_t i = 0; i < n; i++)
			halves[i] = to_brain(values[i]);
		return n * 2;
	case GGML_ID_Q8_0:
		store_q8(values, n, out);
		return n / Q8_VALUES * Q8_BYTES;
	default:
		memcpy(out, values, n * sizeof(values[0]));
		return n * sizeof(values[0]);
	}
}

/* --- pieces --- */

/* Values [from, from + n) of the result, from where they are in the file. */
static enum err_code read_piece(const struct hf_out *o, uint64_t from, size_t n, uint8_t *in, struct err *err)
{
	const struct hf_tensor *t = o->from;
	uint64_t size = st_dtype_size(t->data->dtype), columns = o->ne[0];
	if (o->n_heads == 0)
		return safetensors_data(t->file, t->data, from * size, in, n * size, err);
	uint64_t rows = o->n_dims == 1 ? columns : o->ne[1], width = o->n_dims == 1 ? 1 : columns;
	for (size_t done = 0; done < n;) {
		uint64_t row = (from + done) / width, column = (from + done) % width;
		size_t here = (size_t)(width - column) < n - done ? (size_t)(width - column) : n - done;
		uint64_t at = tensor_source_row(row, rows, o->n_heads) * width + column;
		enum err_code rc = safetensors_data(t->file, t->data, at * size, in + done * size, here * size, err);
		if (rc != ERR_OK)
			return rc;
		done += here;
	}
	return ERR_OK;
}

/* The sum has the precision of the source where that is one of torch's own types; BF16 was widened before. */
static void add_one(enum st_dtype dtype, float *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = dtype == ST_F16 ? from_half(hf_rows_half(values[i] + 1)) : values[i] + 1;
}

static enum err_code convert_piece(struct hf_rows *r, const struct hf_out *o, uint64_t from, size_t n, const uint8_t **bytes,
				   size_t *len, struct err *err)
{
	if (!o->from) {
		*bytes = (const uint8_t *)(o->values + from);
		*len = n * sizeof(o->values[0]);
		return ERR_OK;
	}
	enum st_dtype dtype = o->from->data->dtype;
	enum err_code rc = read_piece(o, from, n, r->in, err);
	if (rc != ERR_OK)
		return rc;
	bool same = (dtype == ST_F16 && o->type == GGML_ID_F16) || (dtype == ST_F32 && o->type == GGML_ID_F32);
	*bytes = same && !o->plus_one ? r->in : r->out;
	*len = n * st_dtype_size(dtype);
	if (*bytes == r->in)
		return ERR_OK;
	load(dtype, r->in, n, r->values);
	if (o->plus_one)
		add_one(dtype, r->values, n);
	*len = store(o->type, r->values, n, r->out);
	return check(o->type, r->values, n, o->name, err);
}

enum err_code hf_rows_write(struct hf_rows *r, const struct hf_out *o, struct gguf_writer *w, hf_rows_fn step, void *user,
			    struct err *err)
{
	uint64_t total = o->ne[0] * o->ne[1];
	for (uint64_t from = 0; from < total; from += PIECE) {
		size_t n = total - from < PIECE ? (size_t)(total - from) : PIECE, len = 0;
		const uint8_t *bytes = NULL;
		enum err_code rc = convert_piece(r, o, from, n, &bytes, &len, err);
		if (rc == ERR_OK)
			rc = gguf_writer_data(w, bytes, len, err);
		if (rc != ERR_OK)
			return rc;
		if (!step(user, len))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	}
	return ERR_OK;
}

/* --- of a GGUF --- */

enum err_code hf_rows_copy(struct hf_rows *r, const struct gguf *g, const struct gguf_tensor *t, uint32_t type,
			   struct gguf_writer *w, hf_rows_fn step, void *user, struct err *err)
{
	enum st_dtype dtype = t->type == GGML_ID_F32 ? ST_F32 : t->type == GGML_ID_F16 ? ST_F16 : ST_BF16;
	size_t piece = (size_t)PIECE * (type == t->type ? 8 : st_dtype_size(dtype));
	for (uint64_t from = 0; from < t->size; from += piece) {
		size_t len = t->size - from < piece ? (size_t)(t->size - from) : piece;
		const uint8_t *bytes = r->in;
		enum err_code rc = gguf_read_data(g, t, from, r->in, len, err);
		if (rc == ERR_OK && type != t->type) {
			size_t n = len / st_dtype_size(dtype);
			load(dtype, r->in, n, r->values);
			len = store(type, r->values, n, r->out);
			bytes = r->out;
			rc = check(type, r->values, n, t->name, err);
		}
		if (rc == ERR_OK)
			rc = gguf_writer_data(w, bytes, len, err);
		if (rc != ERR_OK)
			return rc;
		if (!step(user, len))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	}
	return ERR_OK;
}
