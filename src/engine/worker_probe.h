/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_probe - where the worker program is, and what it says of itself without a model: `assay-worker --self-test`.
 * Asking starts it and waits for its end (some 10 ms; up to a second where it wakes a GPU).  Thread: any; on the loop at most once. */
#ifndef ASSAY_ENGINE_WORKER_PROBE_H
#define ASSAY_ENGINE_WORKER_PROBE_H

#include <stdbool.h>

#include "engine/devices.h"

struct worker_facts {
	char sandbox[16]; /* "full" etc. */
	char build[64];   /* of llama.cpp */
	bool has_gpu_backend; /* built with one, whether it finds a GPU or not */
	struct devices devices;
};

/* The worker that belongs to this program: assay-worker beside it, or else in ../lib/assay, where an installation has it.
 * The caller's; the file need not exist. */
char *worker_program(void);

/* `cpu_only`: as a worker that looks for no GPU.  False, and all of it empty, where the program is missing or says nothing. */
bool worker_probe(const char *program, bool cpu_only, struct worker_facts *out);

#endif
