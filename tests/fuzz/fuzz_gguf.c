/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a GGUF: refused with a cause, or accepted with every tensor inside the file and every value
 * readable. */
#include <string.h>

#include "base/limits.h"
#include "fuzz_memory.h"
#include "model/estimate.h"
#include "model/gguf.h"

static void read_values(const struct gguf *g, struct arena *a)
{
	for (size_t i = 0; i < gguf_n_keys(g); i++) {
		const char *key = gguf_key_at(g, i);
		uint64_t u;
		double f;
		bool b;
		struct buf text = BUF_INIT(LIMIT_GGUF_STRING);
		gguf_get_u64(g, key, &u);
		gguf_get_f64(g, key, &f);
		gguf_get_bool(g, key, &b);
		gguf_get_u64_at(g, key, gguf_array_len(g, key) - 1, &u);
		if (gguf_get_text(g, key, &text) != (gguf_key_type(g, key) == GGUF_TEXT))
			BUG("text of %s cannot be read", key);
		if (strlen(gguf_get_label(g, key, a)) > LIMIT_NAME_BYTES)
			BUG("label of %s is too long", key);
		buf_release(&text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct gguf *g = gguf_read(fuzz_file(data, size), size, "fuzz", &err);
	if (!g) {
		if (err.code == ERR_OK || !err.key[0])
			BUG("refused without a cause");
		return 0;
	}
	struct arena *a = arena_new();
	uint64_t sum = 0;
	for (size_t i = 0; i < gguf_n_tensors(g); i++) {
		const struct gguf_tensor *t = gguf_tensor_at(g, i);
		char byte;
		sum += t->size;
		if (t->offset + t->size > size || sum > size || gguf_tensor_find(g, t->name) != t)
			BUG("tensor %s is not in the file", t->name);
		if (gguf_read_data(g, t, t->size - 1, &byte, 1, &err) != ERR_OK)
			BUG("tensor %s cannot be read", t->name);
	}
	read_values(g, a);
	struct memory_use use = { 4096, 512, 512, 0 };
	struct memory_estimate estimate;
	estimate_from_gguf(g, &use, &estimate);
	if (estimate.total < sum)
		BUG("estimate below the weights");
	arena_free(a);
	gguf_close(g);
	return 0;
}
