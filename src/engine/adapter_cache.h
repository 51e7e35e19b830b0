/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter_cache - checkpoints as llama.cpp reads them: DATA/cache/adapters/KEY.gguf, made once for each adapter and base.
 *
 * The key follows from path, size and time of the adapter's and the base's files, so that a retrained adapter is made anew.  A base
 * that is a Hugging Face folder is converted first (model_cache.h).
 * Thread: work. */
#ifndef ASSAY_ENGINE_ADAPTER_CACHE_H
#define ASSAY_ENGINE_ADAPTER_CACHE_H

#include <stdatomic.h>

#include "base/err.h"
#include "engine/machine.h"

/* Gives the cached file (an owned path in `*out`), converting first where it is missing. */
MUST_USE enum err_code adapter_cache_get(const char *data_dir, const char *adapter_path, const char *base_path, char **out,
					 const atomic_bool *cancel, struct err *err);

/* SHA-256 (hex) of an adapter's weights, for provenance: of the file itself or of the folder's adapter_model.safetensors. */
MUST_USE enum err_code adapter_hash(const char *adapter_path, char out[65], const atomic_bool *cancel, struct err *err);

/* machine_file_stamp() of an adapter's weights. */
void adapter_stamp(const char *adapter_path, char out[FILE_STAMP_SIZE]);

#endif
