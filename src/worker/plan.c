/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

#define CELL_PAD 256 /* llama.cpp rounds n_ctx up to this */

int plan_bucket(int tokens)
{
	int64_t power = 1024;
	while (power < tokens && power + power / 2 < tokens)
		power *= 2;
	if (power < tokens)
		power += power / 2;
	return power > INT32_MAX ? INT32_MAX : (int)power;
}

static int larger_first(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x < y) - (x > y);
}

struct plan plan_group(const int *own, size_t n, int prefix, int slots, int kv_tokens)
{
	struct plan p = { 0, 0 };
	int *sorted = mem_array(n + 1, sizeof(*sorted));
	for (size_t i = 0; i < n; i++)
		sorted[i] = own[i];
	qsort(sorted, n, sizeof(*sorted), larger_first);
	int64_t sum = prefix;
	while (p.slots < slots && (size_t)p.slots < n && sorted[p.slots] > 0 && sum + sorted[p.slots] <= kv_tokens)
		sum += sorted[p.slots++];
	mem_free(sorted);
	int most = kv_tokens / CELL_PAD * CELL_PAD, bucket = plan_bucket((int)sum);
	if (sum > most) /* less than a pad above it */
		most += CELL_PAD;
	p.n_ctx = bucket < most ? bucket : most;
	return p;
}
