/* SPDX-License-Identifier: Apache-2.0
 *
 * ggml_type - tensor types and file types of GGUF as data: names, block sizes, bytes.
 *
 * Values of ggml 0.25.1 (ggml/include/ggml.h, include/llama.h of llama.cpp v0.5.0); types that were removed
 * from the format are unknown here on purpose.  Thread: any; constant. */
#ifndef ASSAY_MODEL_GGML_TYPE_H
#define ASSAY_MODEL_GGML_TYPE_H

#include <stdint.h>

enum {
	GGML_ID_F32 = 0,
	GGML_ID_F16 = 1,
	GGML_ID_Q4_1 = 3,
	GGML_ID_Q8_0 = 8,
	GGML_ID_I8 = 24,
	GGML_ID_I64 = 27,
	GGML_ID_F64 = 28,
	GGML_ID_BF16 = 30,
	GGML_ID_MXFP4 = 39,
	GGML_ID_MAX = 63, /* every known id is below */
};
enum { FILE_TYPE_F32 = 0, FILE_TYPE_F16 = 1, FILE_TYPE_BF16 = 32, FILE_TYPE_GUESSED = 1024 };

struct ggml_type_info {
	uint32_t id;
	const char *name;      /* "Q4_K" */
	uint32_t block_values; /* values in a block; a row is a whole number of blocks */
	uint32_t block_bytes;
};

/* NULL for an id that this version does not know. */
const struct ggml_type_info *ggml_type_find(uint32_t id);

/* By name in any case; NULL if there is none. */
const struct ggml_type_info *ggml_type_named(const char *name);

/* Name of general.file_type ("Q4_K_M"), or NULL. */
const char *ggml_file_type_name(uint64_t file_type);

#endif
