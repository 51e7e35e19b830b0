/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_q8 - a GGUF with 16 or 32 bits for a weight as one with 8: the matrices become Q8_0 (F16 where their rows are no whole blocks),
 * all else stays as it is.
 *
 * The matrices are those that llama-quantize takes, and their bytes the same as its own; a split model becomes one file.
 * Streams in pieces: some 10 MiB and the header are held.  Thread: work; blocks on the disk. */
#ifndef ASSAY_CONVERT_GGUF_Q8_H
#define ASSAY_CONVERT_GGUF_Q8_H

#include "base/hash.h"
#include "convert/hf_convert.h"

/* A digest that follows from what decides about the result: of every part the size, the time, the first and the last MiB.  Where
 * the file lies does not matter. */
MUST_USE enum err_code gguf_q8_key(const char *path, uint8_t digest[HASH_SIZE], struct err *err);

/* Whether there is anything to gain: no tensor is quantized, and some matrix can be.  Fails as gguf_open_model(). */
MUST_USE enum err_code gguf_q8_wants(const char *path, bool *wants, struct err *err);

/* Bytes of the result, exact.  Fails as gguf_open_model(). */
MUST_USE enum err_code gguf_q8_size(const char *path, uint64_t *size, struct err *err);

/* Writes `out_path`; fails as gguf_open_model() and part_file_write() do, and with ERR_CANCELLED.  `progress` may be NULL. */
MUST_USE enum err_code gguf_q8_convert(const char *path, const char *out_path, hf_convert_fn progress, void *user,
				       const atomic_bool *cancel, struct err *err);

#endif
