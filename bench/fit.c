/* SPDX-License-Identifier: Apache-2.0
 *
 * fit - prints what model/estimate.h predicts for a model, as JSON: bench_fit MODEL CELLS STEP OUTPUTS GPU_FREE GPU_LAYERS
 * (GPU_FREE 0: no GPU). */
#include <inttypes.h>
#include <stdio.h>

#include "model/estimate.h"

static uint64_t number(const char *text)
{
	int64_t n = 0;

	return str_to_i64(str_of(text), &n) ? (uint64_t)n : 0;
}

int main(int argc, char **argv)
{
	struct memory_estimate all;
	struct memory_split split;
	struct err err = { 0 };

	if (argc != 7) {
		fprintf(stderr, "bench_fit MODEL CELLS STEP OUTPUTS GPU_FREE GPU_LAYERS\n");
		return 2;
	}
	struct memory_use use = { number(argv[2]), (uint32_t)number(argv[3]), (uint32_t)number(argv[4]), 0 };
	struct memory_place place = { .free = { number(argv[5]) }, .n_gpus = number(argv[5]) > 0, .layers = (int)number(argv[6]) };
	if (estimate_memory(argv[1], &use, &all, &err) != ERR_OK || estimate_place(argv[1], &use, &place, &split, &err) != ERR_OK) {
		fprintf(stderr, "%s\n", err.key);
		return 1;
	}
	printf("{\"weights\": %" PRIu64 ", \"kv\": %" PRIu64 ", \"compute\": %" PRIu64 ", \"total\": %" PRIu64 ", \"n_layers\": %u, "
	       "\"on_gpu\": %u, \"most\": %u, \"gpu\": %" PRIu64 ", \"host\": %" PRIu64 "}\n",
	       all.weights, all.kv, all.compute, all.total, split.n_layers, split.on_gpu, split.most, split.gpu, split.host);
	return 0;
}
