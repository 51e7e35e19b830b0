/* SPDX-License-Identifier: Apache-2.0 */
#include "model/estimate.h"

#include "model/found_gguf.h"

#include "base/limits.h"
#include "base/mem.h"

#define MAX_LAYERS 4096
#define PROGRAM_BYTES (12 * MIB)
#define PROGRAM_WORD_BYTES 150
#define GPU_PROGRAM_BYTES (128 * MIB) /* of each GPU: kernels, handles, captured graphs; measured 80 (quantized) to 280 */
#define GPU_MARGIN (256 * MIB)	      /* of each GPU: what other programs take meanwhile */
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

static wide cells_of(const struct memory_use *use)
{
	return ((wide)use->cells + KV_STEP - 1) / KV_STEP * KV_STEP;
}

static wide logits_of(const struct gguf *g, const struct memory_use *use)
{
	return (wide)vocabulary(g) * use->outputs * 4;
}

/* The compute buffer of one backend, without the logits on the host. */
static wide compute_of(const struct gguf *g, const struct memory_use *use)
{
	struct arena *a = arena_new();
	wide width = arch_number(g, a, "embedding_length"), feed_forward = arch_number(g, a, "feed_forward_length");
	wide last = logits_of(g, use) + width * use->ubatch * 4,
	     middle = (6 * width + 3 * feed_forward) * use->ubatch * 4;
	arena_free(a);
	return (last > middle ? last : middle) + cells_of(use) * use->ubatch * 2;
}

static wide program_of(const struct gguf *g)
{
	return PROGRAM_BYTES + (wide)vocabulary(g) * PROGRAM_WORD_BYTES;
}

void estimate_from_gguf(const struct gguf *g, const struct memory_use *use, struct memory_estimate *out)
{
	wide weights = use->adapter_bytes;
	for (size_t i = 0; i < gguf_n_tensors(g); i++)
		weights += gguf_tensor_at(g, i)->size;
	wide compute = compute_of(g, use) + logits_of(g, use);
	wide kv = cells_of(use) * gguf_kv_bytes_per_token(g);
	out->weights = saturate(weights);
	out->kv = saturate(kv);
	out->compute = saturate(compute);
	out->total = saturate(((wide)out->weights + out->kv + out->compute + program_of(g)) * 101 / 100);
}

/* --- between GPUs and main memory --- */

/* The layer that a tensor belongs to ("blk.7.attn_q.weight"), `n` for those of the output, -1 for what stays in main memory. */
static int64_t layer_of(const char *name, uint64_t n)
{
	struct str rest = str_of(name), head = str_split(&rest, '.'), number = str_split(&rest, '.');
	uint64_t layer;
	if (str_eq_text(head, "blk"))
		return str_to_u64(number, &layer) && layer < n ? (int64_t)layer : -1;
	return strncmp(name, "output", 6) == 0 ? (int64_t)n : -1;
}

/* Bytes of each of the n + 1 layers, weights and cache; the caller's. */
static wide *layer_bytes(const struct gguf *g, const struct memory_use *use, uint64_t n)
{
	wide *bytes = mem_array(n + 1, sizeof *bytes);
	for (uint64_t i = 0; i < n; i++)
		bytes[i] = cells_of(use) * gguf_kv_bytes_of_layer(g, i);
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		int64_t layer = layer_of(t->name, n);
		if (layer >= 0)
			bytes[layer] += t->size;
	}
	const struct gguf_tensor *embedding = gguf_tensor_find(g, "token_embd.weight");
	if (embedding && !gguf_tensor_find(g, "output.weight"))
		bytes[n] += embedding->size;
	/* Adapters lie beside the weights that they change. */
	for (uint64_t i = 0; i < n; i++)
		bytes[i] += use->adapter_bytes / n;
	return bytes;
}

/* What the GPUs have for layers.  A layer is not split, so of several each but one may leave room for most of one unused. */
static wide room_on(const struct memory_place *place, wide compute, wide largest)
{
	wide room = 0;
	for (size_t i = 0; i < place->n_gpus && i < ESTIMATE_GPUS_MAX; i++) {
		wide taken = compute + GPU_PROGRAM_BYTES + GPU_MARGIN + (i > 0 ? largest : 0);
		room += place->free[i] > taken ? place->free[i] - taken : 0;
	}
	return room;
}

void estimate_split(const struct gguf *g, const struct memory_use *use, const struct memory_place *place,
		    struct memory_split *out)
{
	struct arena *a = arena_new();
	struct memory_estimate all;
	uint64_t n = arch_number(g, a, "block_count");
	arena_free(a);
	n = n > MAX_LAYERS ? 0 : n;
	estimate_from_gguf(g, use, &all);
	wide compute = compute_of(g, use), largest = 0, sum = 0, gpu = 0;
	wide *bytes = layer_bytes(g, use, n);
	for (uint64_t i = 0; i < n; i++)
		largest = bytes[i] > largest ? bytes[i] : largest;
	wide room = room_on(place, compute, largest);
	*out = (struct memory_split){ .n_layers = (uint32_t)n + 1 };
	while (out->most < out->n_layers && sum + bytes[n - out->most] <= room)
		sum += bytes[n - out->most++];
	out->on_gpu = place->layers < 0 || place->n_gpus == 0 ? out->most : (uint32_t)place->layers;
	if (out->on_gpu > out->n_layers)
		out->on_gpu = out->n_layers;
	if (place->n_gpus == 0)
		out->on_gpu = out->most = 0;
	for (uint64_t i = 0; i < out->on_gpu; i++)
		gpu += bytes[n - i];
	/* A copy of the embedding is not missing in main memory. */
	wide moved = gpu;
	if (out->on_gpu > 0 && !gguf_tensor_find(g, "output.weight") && gguf_tensor_find(g, "token_embd.weight"))
		moved -= gguf_tensor_find(g, "token_embd.weight")->size;
	if (out->on_gpu > 0)
		gpu += (compute + GPU_PROGRAM_BYTES) * place->n_gpus;
	out->gpu = saturate(gpu);
	out->host = saturate((wide)all.total - (moved < all.total ? moved : all.total));
	mem_free(bytes);
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

enum err_code estimate_place(const char *path, const struct memory_use *use, const struct memory_place *place,
			     struct memory_split *out, struct err *err)
{
	struct err local = { 0 };
	struct err *to = err ? err : &local;
	struct gguf *g = gguf_open_model(path, to);
	if (!g)
		return to->code;
	estimate_split(g, use, place, out);
	gguf_close(g);
	return ERR_OK;
}
