/* SPDX-License-Identifier: Apache-2.0
 *
 * model_cache - models as llama.cpp reads them: a Hugging Face folder, and a GGUF that is to be used as 8-bit Q8_0, becomes
 * DATA/cache/models/KEY.gguf at its first use.
 *
 * The key follows from what the model holds (hf_folder_key(), gguf_q8_key()) and from what is taken from another folder
 * (hf_convert_tokenizer_from()), not from where they lie, so one that was moved is not converted again and one that was trained on
 * is.  Converted files that were not used for the longest time go where all together exceed LIMIT_MODEL_CACHE, or where the disk has
 * no room for another one (cache_room.h).  Killed at any moment, what is left is a part that the next conversion removes. */
#ifndef ASSAY_ENGINE_MODEL_CACHE_H
#define ASSAY_ENGINE_MODEL_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "model/weights.h"
#include "store/model_store.h"

#define MODEL_CACHE_DIR "cache/models" /* below the data folder */

/* A model as it lies on the disk. */
struct model_source {
	const char *path;
	const char *base_path; /* of its family's base, which lends a checkpoint of weights alone its tokenizer; NULL or "": none */
	enum weights weights;  /* a folder becomes Q8_0 at once, of a GGUF the matrices do; one that is quantized stays as it is */
};

/* With its weights as they are stored, and with others.  Both borrow from the row. */
struct model_source model_cache_source(const struct model_row *row);
struct model_source model_cache_source_as(const struct model_row *row, enum weights weights);

/* Whether the model at `path` has to be converted before it can be used.  Thread: any. */
bool model_cache_wants(const char *path);
/* The same where it is used with these weights; that a GGUF is quantized already is seen only later. */
bool model_cache_wants_as(const char *path, enum weights weights);

/* Gives the file that llama.cpp loads (an owned path in `*out`): the path itself where it is a file, else the converted one, made
 * first where it is missing.  `*done` (may be NULL) goes from 0 to 1000 meanwhile.  Thread: hash or work; a big model takes
 * minutes. */
MUST_USE enum err_code model_cache_get(const char *data_dir, struct model_source source, char **out, atomic_int *done,
				       const atomic_bool *cancel, struct err *err);

/* As model_cache_get() without converting: "" in `*out` where that has not happened yet. */
MUST_USE enum err_code model_cache_find(const char *data_dir, struct model_source source, char **out, struct err *err);

/* Bytes of all converted models, and how many there are.  Thread: read or work. */
uint64_t model_cache_size(const char *data_dir, int64_t *n);

#endif
