/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as safetensors: refused with a cause, or accepted with data that is tiled exactly to the end of
 * the file. */
#include "fuzz_memory.h"
#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct safetensors *s = safetensors_read(fuzz_file(data, size), size, "fuzz", &err);
	if (!s) {
		if (err.code == ERR_OK || !err.key[0])
			BUG("refused without a cause");
		return 0;
	}
	uint64_t end = safetensors_count(s) > 0 ? safetensors_at(s, 0)->offset : size;
	for (size_t i = 0; i < safetensors_count(s); i++) {
		const struct st_tensor *t = safetensors_at(s, i);
		uint64_t bytes = st_dtype_size(t->dtype);
		char byte;
		for (uint32_t d = 0; d < t->n_dims; d++)
			bytes *= t->shape[d];
		if (t->offset != end || bytes != t->size || !utf8_valid(t->name, NULL))
			BUG("tensor %zu is not where it must be", i);
		end += t->size;
		if (t->size > 0 && safetensors_data(s, t, t->size - 1, &byte, 1, &err) != ERR_OK)
			BUG("tensor %zu cannot be read", i);
	}
	if (end != size)
		BUG("bytes behind the data");
	safetensors_close(s);
	return 0;
}
