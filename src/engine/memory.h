/* SPDX-License-Identifier: Apache-2.0
 *
 * memory - whether a model fits into this machine before it is loaded, and what would help where it does not. */
#ifndef ASSAY_ENGINE_MEMORY_H
#define ASSAY_ENGINE_MEMORY_H

#include "engine/devices.h"

/* What there is. */
struct memory_supply {
	int64_t available; /* main memory, without what is to be left free */
	const struct devices *devices;
	struct gpu_use gpu;
	bool has_idle_gpu; /* the machine has one that would be used but for a setting */
};

/* What a model would take of it. */
struct memory_answer {
	int64_t need; /* main memory */
	int64_t gpu_need, gpu_free; /* of the GPUs that are meant; 0 without one */
	int layers, all_layers;	     /* on GPUs, and of the model; the output counted as one */
	int64_t available;	     /* main memory, as it was given */
	int64_t kv_tokens;	     /* for so many: those that were wanted, or the most that there is room for */
	/* With another model beside it: */
	bool is_beside; /* it is that one which does not fit, also alone */
	bool together;	/* both fit at the same time */
};

/* KV tokens that there is to be room for: contexts are made as long as there is room, so where it is too little for `wanted`, less
 * will do, but not less than `least`. */
#define MEMORY_TOKENS_WANTED 2048 /* before a model is loaded to answer, where nothing that long is asked */
#define MEMORY_TOKENS_LEAST 1024
struct memory_tokens {
	int64_t wanted, least;
};

/* `out` is filled in also where it does not fit: ERR_LIMIT
 *   "err_memory_gpu"        the layers that the settings ask for do not fit onto the GPU: name, need, free, layers, most,
 *                           gpus (each with what is free of it)
 *   "err_memory_q8"         main memory is short, but with its weights as Q8_0 it would fit: name, need, free, then
 *   "err_memory_format"     main memory is short, but as {format} it would fit: name, need, free, format, then
 *   "err_memory_gpu_off"    main memory is short, and a GPU lies idle by the settings
 *   "err_memory"            main memory is short.
 * {name} is that of the file.  Thread: work (reads a header). */
MUST_USE enum err_code memory_check(const char *path, const struct memory_tokens *tokens, const struct memory_supply *supply,
				    struct memory_answer *out, struct err *err);
/* After memory_check() of another model, whose answer `out` is: whether `path` fits too, alone (the same errors) and beside it. */
MUST_USE enum err_code memory_check_beside(const char *path, const struct memory_tokens *tokens, const struct memory_supply *supply,
					   struct memory_answer *out, struct err *err);

/* Of a model whose weights are given: such an error suggests no others.  Others stay as they are. */
void memory_keeps_weights(struct err *err);
/* Such an error names the model, whose file may be one of the cache.  Others stay as they are. */
void memory_name(struct err *err, const char *name);

#endif
