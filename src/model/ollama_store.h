/* SPDX-License-Identifier: Apache-2.0
 *
 * ollama_store - the models that an Ollama keeps on disk: manifests/HOST/NAMESPACE/NAME/TAG (JSON that lists layers) or
 * manifests-v2/... (links to the same JSON, kept as a blob), and blobs/sha256-HEX (the layers).
 *
 * Only reads, and never follows what a manifest names outside the blobs.  Thread: any; calls block on the disk. */
#ifndef ASSAY_MODEL_OLLAMA_STORE_H
#define ASSAY_MODEL_OLLAMA_STORE_H

#include "base/arena.h"
#include "base/err.h"

struct ollama_model {
	const char *name;     /* "llama3.2:1b", "someone/model:tag", "hf.co/owner/name:Q4_K_M": as `ollama list` shows it */
	const char *blob;     /* absolute path of its weights, "" where `problem` is set */
	const char *system;   /* what Ollama puts before a conversation, "" if nothing */
	const char *template; /* Ollama's own template (Go), "" if the model's own is used */
	const char *params;   /* JSON object of its default settings, "" if none */
	struct err problem;   /* ERR_OK, or why its weights cannot be taken from here */
};

/* All models of the store at `root`, by name; `manifests-v2` goes before `manifests`.  A store that cannot be read is
 * ERR_DENIED "err_ollama_store_denied"; one without manifests has no models. */
MUST_USE enum err_code ollama_store_list(struct arena *a, const char *root, struct ollama_model **out, size_t *n,
					 struct err *err);

/* The name of the model whose weights are the blob at `path` (the first, where several share it); NULL where `path` is not
 * in such a store, or belongs to none. */
const char *ollama_store_name(struct arena *a, const char *path);

#endif
