/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "model/finite.h"
#include "model/ggml_type.h"
#include "model/lora.h"

/* IEEE half to single, exact; subnormal halves become normal singles. */
static float from_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023, bits;
	if (exponent == 31)
		bits = sign | 0x7F800000 | fraction << 13;
	else if (exponent > 0)
		bits = sign | (exponent + 112) << 23 | fraction << 13;
	else if (fraction == 0)
		bits = sign;
	else {
		int shift = __builtin_clz(fraction) - 21; /* until bit 10 is set */
		bits = sign | (uint32_t)(113 - shift) << 23 | (fraction << shift & 1023) << 13;
	}
	float f;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

static float load_value(const uint8_t *p, enum st_dtype dtype)
{
	uint16_t half;
	uint32_t bits;
	float f;
	if (dtype == ST_F32) {
		memcpy(&f, p, sizeof(f));
		return f;
	}
	memcpy(&half, p, sizeof(half));
	if (dtype == ST_F16)
		return from_f16(half);
	bits = (uint32_t)half << 16;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

uint32_t lora_b_type(const struct lora_plan *plan, const struct lora_pair *pair)
{
	return pair->factor < 1 || pair->factor > 1 ? GGML_ID_F32 : plan->type;
}

/* Where the value at [row, column] of the output comes from. */
static uint64_t source(const struct lora_pair *p, bool is_b, uint64_t row, uint64_t column)
{
	const struct st_tensor *t = is_b ? p->b : p->a;
	if (!is_b && p->embedding)
		return column * t->shape[1] + row;
	if (is_b && p->n_heads > 0)
		row = tensor_source_row(row, t->shape[0], p->n_heads);
	return row * t->shape[1] + column;
}

enum err_code lora_values(const struct lora_plan *plan, const struct lora_pair *pair, bool is_b, void **out,
			  size_t *size, struct err *err)
{
	const struct st_tensor *t = is_b ? pair->b : pair->a;
	bool transposed = !is_b && pair->embedding;
	uint64_t rows = t->shape[transposed ? 1 : 0], columns = t->shape[transposed ? 0 : 1];
	bool half = (is_b ? lora_b_type(plan, pair) : plan->type) == GGML_ID_F16;
	size_t in_size = st_dtype_size(t->dtype), out_size = half ? 2 : 4;
	double factor = is_b ? pair->factor : 1;
	uint8_t *in = mem_try_alloc((size_t)t->size),
		*to = mem_try_alloc((size_t)(rows * columns) * out_size);
	enum err_code rc = in && to ? safetensors_data(plan->weights, t, 0, in, (size_t)t->size, err)
				    : err_set(err, ERR_LIMIT, "err_adapter_memory", "tensor=%s|n=%llu",
					      pair->name, (unsigned long long)t->size);
	for (uint64_t row = 0; rc == ERR_OK && row < rows; row++) {
		for (uint64_t column = 0; column < columns; column++) {
			const uint8_t *from = in + source(pair, is_b, row, column) * in_size;
			uint8_t *at = to + (row * columns + column) * out_size;
			float value = half ? 0 : (float)((double)load_value(from, t->dtype) * factor);
			memcpy(at, half ? from : (const uint8_t *)&value, out_size);
		}
	}
	mem_free(in);
	/* Looked at as they are written: one that was fine may have become infinite by its factor. */
	if (rc == ERR_OK && !finite_values(half ? GGML_ID_F16 : GGML_ID_F32, to, (size_t)(rows * columns) * out_size))
		rc = err_set(err, ERR_DATA, "err_values", "tensor=%.*s", (int)(t->name.len < 200 ? t->name.len : 200), t->name.ptr);
	if (rc != ERR_OK) {
		mem_free(to);
		return rc;
	}
	*out = to;
	*size = (size_t)(rows * columns) * out_size;
	return ERR_OK;
}
