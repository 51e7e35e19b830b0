/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/merge_rows.h"

#include <string.h>

#define BLOCK 512 /* columns at a time: their sums stay in the nearest cache */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define MANY_LEVELS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MANY_LEVELS
#endif

MANY_LEVELS void merge_add(float *row, size_t n, const float *left, const float *right, size_t rank, float scale)
{
	for (size_t start = 0; start < n; start += BLOCK) {
		size_t width = n - start < BLOCK ? n - start : BLOCK;
		float sum[BLOCK] = { 0 };
		for (size_t r = 0; r < rank; r++) {
			const float *from = right + r * n + start;
			float factor = left[r];
			for (size_t j = 0; j < width; j++)
				sum[j] += factor * from[j];
		}
		for (size_t j = 0; j < width; j++)
			row[start + j] += scale * sum[j];
	}
}

MANY_LEVELS bool merge_finite(const float *values, size_t n)
{
	uint32_t wrong = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, &values[i], sizeof(bits));
		wrong |= (bits & 0x7F800000) == 0x7F800000;
	}
	return !wrong;
}

MANY_LEVELS bool merge_finite_16(const uint16_t *words, size_t n, bool bf16)
{
	uint16_t exponent = bf16 ? 0x7F80 : 0x7C00, wrong = 0;
	for (size_t i = 0; i < n; i++)
		wrong |= (words[i] & exponent) == exponent;
	return !wrong;
}
