/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/common_run.h"

#include <stdbool.h>
#include <string.h>

size_t common_run_scratch_size(size_t n_a, size_t n_b)
{
	return 2 * ((n_a < n_b ? n_a : n_b) + 1) * sizeof(int32_t);
}

/* row[k + 1]: length of the run that ends at b[k] and at the current token of a. */
static int32_t next_row(const int32_t *restrict before, int32_t *restrict row, const uint32_t *restrict b, size_t n, uint32_t token)
{
	int32_t longest = 0;

	for (size_t k = 0; k < n; k++) {
		int32_t length = (before[k] + 1) & -(int32_t)(b[k] == token); /* no branch, so that several are done at once */
		row[k + 1] = length;
		longest = length > longest ? length : longest;
	}
	return longest;
}

size_t common_run_length(struct tokens a, struct tokens b, void *scratch, const atomic_bool *cancel)
{
	int32_t longest = 0;

	if (a.n < b.n) { /* the shorter one becomes the row */
		struct tokens swap = a;
		a = b;
		b = swap;
	}
	int32_t *before = scratch, *row = before + b.n + 1;
	memset(scratch, 0, common_run_scratch_size(a.n, b.n));
	for (size_t i = 0; i < a.n && !(cancel && atomic_load_explicit(cancel, memory_order_relaxed)); i++) {
		int32_t length = next_row(before, row, b.ids, b.n, a.ids[i]), *swap = before;
		longest = length > longest ? length : longest;
		before = row;
		row = swap;
	}
	return (size_t)longest;
}
