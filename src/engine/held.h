/* SPDX-License-Identifier: Apache-2.0
 *
 * held - what an Ollama of this machine keeps in memory, as its GET /api/ps says it: read with suspicion, never more than
 * HELD_MODELS_MAX of one server.  Only servers that are in the list of providers and listen on loopback are meant: what another
 * machine holds is of no use here.  Pure; thread: any. */
#ifndef ASSAY_ENGINE_HELD_H
#define ASSAY_ENGINE_HELD_H

#include "engine/remote.h"

#define HELD_MODELS_MAX 256
#define HELD_MIN ((int64_t)50 << 20) /* less is not worth a word */

struct held_model {
	const char *name;
	int64_t bytes, gpu_bytes; /* all of it, and the part on GPUs */
};

struct held {
	struct held_model *models;
	size_t n;
	int64_t bytes, gpu_bytes; /* of all models */
};

/* Whether this provider can hold memory of this machine that it can be asked to give back. */
bool held_is_here(const struct provider_row *row);
/* For requests that a server of this machine answers at once. */
struct http_limits held_limits(void);
/* Adds what a reply to GET /api/ps says; names are in `a`. */
MUST_USE enum err_code held_read(struct arena *a, const struct remote *remote, const struct http_reply *reply, struct held *out,
				 struct err *err);
/* Adds to an error of memory_check() what Ollama holds of the memory that is short: it becomes the sentence that says so.  Nothing
 * where that is hardly anything.  `counts_gpu`: the model would be placed on a GPU. */
void held_tell(const struct held *held, bool counts_gpu, struct err *err);

#endif
