/* SPDX-License-Identifier: Apache-2.0
 *
 * known_places - where other programs of this machine keep models: the caches of Hugging Face and llama.cpp, and the stores
 * of LM Studio and Ollama.
 *
 * LM Studio is also asked for the folder that its settings.json names (downloadsFolder).  Only reads, and only when asked to.  What is found is told; adding it is the user's choice.  Thread: work. */
#ifndef ASSAY_MODEL_KNOWN_PLACES_H
#define ASSAY_MODEL_KNOWN_PLACES_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/catalogue.h"

enum place_kind { PLACE_HUGGING_FACE, PLACE_LM_STUDIO, PLACE_OLLAMA, PLACE_LLAMA_CPP };

/* Stable lower-case name for JSON ("huggingface"), and the one that people know ("Hugging Face"). */
const char *place_kind_id(enum place_kind kind);
const char *place_kind_name(enum place_kind kind);

/* A folder that was looked at. */
struct known_place {
	enum place_kind kind;
	const char *path;   /* absolute */
	bool exists;
	struct err problem; /* ERR_OK, or why it could not be read */
	size_t n_found;
};

/* A model, a fine-tuned model, or something that looks like one and cannot be used. */
struct place_find {
	enum place_kind kind;
	const char *name;   /* as that program's users know it */
	const char *also;   /* its other names there, separated by ", "; "" if none */
	const char *path;   /* what catalogue_scan() takes to find it again */
	const char *system; /* the system prompt that goes with it there, "" if none */
	uint64_t size_bytes;
	const struct found_model *model;   /* one of the two, or neither where `problem` is set */
	const struct found_family *family;
	struct err problem;                /* ERR_OK, or why it cannot be used */
};

struct place_finds {
	const struct known_place *places;
	size_t n_places;
	const struct place_find *finds; /* by place, then name */
	size_t n_finds;
};

/* The value of an environment variable, NULL if it is not set. */
typedef const char *(*place_env_fn)(const char *name);

/* Looks at all places that $HOME, $HF_HUB_CACHE, $HF_HOME, $XDG_CACHE_HOME, $OLLAMA_MODELS and $LLAMA_CACHE (read through
 * `env`) and the defaults of those programs name; a folder that two of them name is looked at once.  ERR_CANCELLED when
 * `*cancel` (may be NULL) is set. */
MUST_USE enum err_code known_places_find(struct arena *a, place_env_fn env, struct place_finds *out,
					 const atomic_bool *cancel, struct err *err);

#endif
