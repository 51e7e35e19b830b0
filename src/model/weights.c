/* SPDX-License-Identifier: Apache-2.0 */
#include "model/weights.h"

#include <stddef.h>

#include "base/str.h"

#define Q8_BITS 8.5 /* 32 values and their scale in 34 bytes */

static const char *const names[] = { "stored", "q8_0" };

const char *weights_name(enum weights w)
{
	return names[w];
}

bool weights_named(const char *name, enum weights *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_eq_nocase(str_of(names[i]), name)) {
			*out = (enum weights)i;
			return true;
		}
	}
	return false;
}

static int bits_of(const char *file_type)
{
	static const struct {
		const char *name;
		int bits;
	} types[] = { { "F64", 64 }, { "F32", 32 }, { "F16", 16 }, { "BF16", 16 } };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_eq_nocase(str_of(types[i].name), file_type))
			return types[i].bits;
	}
	return 0;
}

bool weights_can_be_q8(const char *file_type)
{
	return bits_of(file_type) > 0;
}

uint64_t weights_q8_size(const char *file_type, uint64_t size)
{
	int bits = bits_of(file_type);
	return bits > 0 ? (uint64_t)((double)size * Q8_BITS / bits) : 0;
}
