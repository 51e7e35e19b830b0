/* SPDX-License-Identifier: Apache-2.0
 *
 * model_cache - models as llama.cpp reads them: a Hugging Face folder, and a GGUF that is to be used as 8-bit Q8_0, becomes
 * DATA/cache/models/KEY.gguf at its first use.
 *
 * The key follows from what the model holds and not from where it lies (hf_folder_key(), gguf_q8_key()), so one that was moved is
 * not converted again and one that was trained on is.  Converted files that were not used for the longest time go where all together
 * exceed LIMIT_MODEL_CACHE.  Killed at any moment, what is left is a part that the next conversion removes. */
#ifndef ASSAY_ENGINE_MODEL_CACHE_H
#define ASSAY_ENGINE_MODEL_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "model/weights.h"

/* Whether the model at `path` has to be converted before it can be used.  Thread: any. */
bool model_cache_wants(const char *path);
/* The same where it is used with these weights; a GGUF that is quantized already is not converted, which is seen only later. */
bool model_cache_wants_as(const char *path, enum weights weights);

/* Gives the file that llama.cpp loads (an owned path in `*out`): `path` itself where it is a file, else the converted one, made
 * first where it is missing.  `*done` (may be NULL) goes from 0 to 1000 meanwhile.  Thread: hash or work; a big model takes
 * minutes. */
MUST_USE enum err_code model_cache_get(const char *data_dir, const char *path, char **out, atomic_int *done,
				       const atomic_bool *cancel, struct err *err);

/* The same with these weights: a folder is converted to Q8_0 at once, of a GGUF the matrices are; one that is quantized already is
 * used as it is. */
MUST_USE enum err_code model_cache_get_as(const char *data_dir, const char *path, enum weights weights, char **out, atomic_int *done,
					  const atomic_bool *cancel, struct err *err);

/* As model_cache_get() without converting: "" in `*out` where that has not happened yet. */
MUST_USE enum err_code model_cache_find(const char *data_dir, const char *path, char **out, struct err *err);
/* As model_cache_get_as() without converting. */
MUST_USE enum err_code model_cache_find_as(const char *data_dir, const char *path, enum weights weights, char **out, struct err *err);

#endif
