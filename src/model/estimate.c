/* SPDX-License-Identifier: Apache-2.0 */
#include "model/estimate.h"

#include "model/found_gguf.h"

#define KV_STEP 256 /* llama.cpp pads the cache: GGML_PAD(n_ctx, 256) in src/llama-context.cpp */

#define wide unsigned __int128 /* products of numbers from a file that cannot wrap */

static uint64_t saturate(wide n)
{
	return n > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)n;
}

static uint64_t arch_number(const struct gguf *g, struct arena *a, const char *key)
{
	uint64_t n = 0;
	const char *name = arena_printf(a, "%s.%s", gguf_get_label(g, "general.architecture", a), key);
	return gguf_get_u64_at(g, name, 0, &n) && n < UINT32_MAX ? n : 0;
}

/* Words of the vocabulary: the rows of the embedding. */
static uint64_t vocabulary(const struct gguf *g)
{
	const struct gguf_tensor *t = gguf_tensor_find(g, "token_embd.weight");
	return t ? t->ne[1] : gguf_array_len(g, "tokenizer.ggml.tokens");
}

void estimate_from_gguf(const struct gguf *g, const struct memory_use *use, struct memory_estimate *out)
{
	struct arena *a = arena_new();
	wide words = vocabulary(g), width = arch_number(g, a, "embedding_length");
	wide feed_forward = arch_number(g, a, "feed_forward_length");
	wide cells = ((wide)use->cells + KV_STEP - 1) / KV_STEP * KV_STEP;
	wide weights = use->adapter_bytes;
	for (size_t i = 0; i < gguf_n_tensors(g); i++)
		weights += gguf_tensor_at(g, i)->size;
	wide logits = words * use->outputs * 4;
	wide last = logits + width * use->ubatch * 4,
	     middle = (6 * width + 3 * feed_forward) * use->ubatch * 4;
	wide compute = (last > middle ? last : middle) + cells * use->ubatch * 2 + logits;
	wide kv = cells * gguf_kv_bytes_per_token(g);
	out->weights = saturate(weights);
	out->kv = saturate(kv);
	out->compute = saturate(compute);
	out->total = saturate(((wide)out->weights + out->kv + out->compute) * 21 / 20);
	arena_free(a);
}

enum err_code estimate_memory(const char *path, const struct memory_use *use, struct memory_estimate *out,
			      struct err *err)
{
	struct err local = { 0 };
	struct err *to = err ? err : &local;
	struct gguf *g = gguf_open_model(path, to);
	if (!g)
		return to->code;
	estimate_from_gguf(g, use, out);
	gguf_close(g);
	return ERR_OK;
}
