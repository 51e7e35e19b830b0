/* SPDX-License-Identifier: Apache-2.0 */
#include "model/finite.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/ggml_type.h"

#define STEP (1 * MIB)
#define E8M0_NAN 0xff

/* Where the blocks of ggml-common.h (llama.cpp v0.5.0) have their F16 scales; the second is a minimum, 0: there is none. */
static const struct {
	uint32_t type;
	uint8_t scale, minimum;
} blocks[] = {
	{ 2, 0, 0 },   { 3, 0, 2 },  { 6, 0, 0 },  { 7, 0, 2 },	 { 8, 0, 0 },	{ 10, 80, 82 }, { 11, 108, 0 },
	{ 12, 0, 2 },  { 13, 0, 2 }, { 14, 208, 0 }, { 16, 0, 0 }, { 17, 0, 0 }, { 18, 0, 0 },	 { 19, 0, 0 },
	{ 20, 0, 0 },  { 21, 0, 0 }, { 22, 0, 0 }, { 23, 0, 0 }, { 34, 52, 0 }, { 35, 64, 0 },	{ 41, 0, 0 },
	{ 42, 0, 0 },
};

/* NaN and the infinite have all bits of the exponent. */
static bool halves(const uint8_t *p, size_t n, size_t stride, uint16_t exponent)
{
	unsigned bad = 0;
	for (size_t i = 0; i < n; i++) {
		uint16_t bits;
		memcpy(&bits, p + stride * i, sizeof(bits));
		bad |= (bits & exponent) == exponent;
	}
	return !bad;
}

static bool floats(const uint8_t *p, size_t n)
{
	unsigned bad = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, p + 4 * i, sizeof(bits));
		bad |= (bits & 0x7F800000) == 0x7F800000;
	}
	return !bad;
}

static bool exponents(const uint8_t *p, size_t n, size_t stride)
{
	for (size_t i = 0; i < n; i++)
		if (p[stride * i] == E8M0_NAN)
			return false;
	return true;
}

bool finite_values(uint32_t type, const void *values, size_t size)
{
	const struct ggml_type_info *info = ggml_type_find(type);
	size_t n = info ? size / info->block_bytes : 0, stride = info ? info->block_bytes : 0;
	if (type == GGML_ID_F32)
		return floats(values, n);
	if (type == GGML_ID_F16)
		return halves(values, n, 2, 0x7C00);
	if (type == GGML_ID_BF16)
		return halves(values, n, 2, 0x7F80);
	if (type == GGML_ID_MXFP4)
		return exponents(values, n, stride);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		const uint8_t *first = values;
		if (blocks[i].type == type)
			return halves(first + blocks[i].scale, n, stride, 0x7C00) &&
			       (!blocks[i].minimum || halves(first + blocks[i].minimum, n, stride, 0x7C00));
	}
	return true;
}

struct look {
	const struct gguf *g;
	finite_tick_fn tick;
	void *user;
	uint64_t seen, total;
	uint8_t *step;
};

static enum err_code look_at(struct look *l, const struct gguf_tensor *t, struct err *err)
{
	uint32_t block = ggml_type_find(t->type)->block_bytes;
	size_t most = STEP / block * block;
	for (uint64_t at = 0; at < t->size; at += most) {
		size_t n = t->size - at < most ? (size_t)(t->size - at) : most;
		if (gguf_read_data(l->g, t, at, l->step, n, err) != ERR_OK)
			return err->code;
		if (!finite_values(t->type, l->step, n))
			return err_set(err, ERR_DATA, "err_values", "tensor=%s", t->name);
		l->seen += n;
		if (l->tick && !l->tick(l->user, (double)l->seen / (double)l->total))
			return err_set(err, ERR_CANCELLED, "err_cancelled", NULL);
	}
	return ERR_OK;
}

enum err_code finite_check(const struct gguf *g, finite_tick_fn tick, void *user, struct err *err)
{
	struct err own = { 0 };
	struct look l = { .g = g, .tick = tick, .user = user, .step = mem_alloc(STEP) };
	enum err_code rc = ERR_OK;
	for (size_t i = 0; i < gguf_n_tensors(g); i++)
		l.total += gguf_tensor_at(g, i)->size;
	for (size_t i = 0; rc == ERR_OK && i < gguf_n_tensors(g); i++)
		rc = look_at(&l, gguf_tensor_at(g, i), err ? err : &own);
	mem_free(l.step);
	return rc;
}
