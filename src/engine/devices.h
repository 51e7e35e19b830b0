/* SPDX-License-Identifier: Apache-2.0
 *
 * devices - what a worker says it can compute on, and how a person wants it used.  Pure; thread: any. */
#ifndef ASSAY_ENGINE_DEVICES_H
#define ASSAY_ENGINE_DEVICES_H

#include "base/json.h"
#include "model/estimate.h"

struct model_row;

#define DEVICES_MAX ESTIMATE_GPUS_MAX
#define DEVICE_ID_SIZE 32
#define GPU_DEVICES_SIZE 256 /* ids with commas between them */

struct device {
	char id[DEVICE_ID_SIZE]; /* "CUDA0" */
	char name[128];
	char type[8]; /* "cpu", "gpu", "igpu" (shares main memory), "accel" */
	int64_t memory_total, memory_free;
};

struct devices {
	struct device items[DEVICES_MAX];
	size_t n;
};

/* What the settings say, or what was chosen for one model. */
struct gpu_use {
	int layers;         /* -1: as many as fit, 0: none */
	const char *device; /* ids of those to use with commas between them, "" or NULL: all */
	bool is_forced;     /* by the command line: what was chosen for a model does not count */
};

/* What this base model uses where the settings say `set`.  The device is the row's or that of `set`. */
struct gpu_use gpu_use_of(const struct gpu_use *set, const struct model_row *base);

/* Reads "devices" of a MSG_READY or a self-test.  What is not as the protocol says is an error. */
MUST_USE enum err_code devices_read(const json_t *list, struct devices *out, struct err *err);

/* True if layers can be placed on it. */
bool device_is_gpu(const struct device *d);
bool devices_have_gpu(const struct devices *d);

/* The GPUs that `use` means, for estimate_split(). */
void devices_place(const struct devices *d, const struct gpu_use *use, struct memory_place *out);

/* Name of the GPU (the first of several, with their number) that `use` means, "" if there is none. */
void devices_label(const struct devices *d, const struct gpu_use *use, char *out, size_t size);
/* What is free of each of them: "NVIDIA H100: 3.2 GB, NVIDIA H100: 70.1 GB", cut where it does not fit. */
void devices_free(const struct devices *d, const struct gpu_use *use, char *out, size_t size);

#endif
