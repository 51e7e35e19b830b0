/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors - a strict reader of safetensors files.
 *
 * 8 bytes header length, a JSON object {"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {...}},
 * then the data. Stricter than the reference where two readers could disagree: names are unique, every member
 * is known, the data is tiled exactly (no gaps, no overlaps, nothing behind), header at most 16 MiB and
 * 65,536 tensors.  The header is scanned in place by our own parser: a hostile one costs no more than its own
 * size. Thread: one owner at a time; calls block on the disk. */
#ifndef ASSAY_MODEL_SAFETENSORS_H
#define ASSAY_MODEL_SAFETENSORS_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define ST_MAX_DIMS 8

enum st_dtype {
	ST_F64,
	ST_F32,
	ST_F16,
	ST_BF16,
	ST_I64,
	ST_I32,
	ST_I16,
	ST_I8,
	ST_U64,
	ST_U32,
	ST_U16,
	ST_U8,
	ST_BOOL,
	ST_F8_E4M3,
	ST_F8_E5M2,
	ST_DTYPE_COUNT,
};

struct st_tensor {
	struct str name; /* valid UTF-8 */
	enum st_dtype dtype;
	uint32_t n_dims; /* 0 is a scalar */
	uint64_t shape[ST_MAX_DIMS];
	uint64_t offset; /* from the start of the file */
	uint64_t size;	 /* bytes */
};

struct safetensors;

/* NULL on failure: ERR_DATA, ERR_UNSUPPORTED, ERR_LIMIT, ERR_IO with what is wrong. */
MUST_USE struct safetensors *safetensors_open(const char *path, struct err *err);
/* For any descriptor that pread() works on (duplicated); `what` names it in messages. */
MUST_USE struct safetensors *safetensors_read(int fd, uint64_t size, const char *what, struct err *err);
/* NULL is fine. */
void safetensors_close(struct safetensors *s);

size_t safetensors_count(const struct safetensors *s);
/* In the order of the data; borrowed. */
const struct st_tensor *safetensors_at(const struct safetensors *s, size_t index);

/* Bytes of one value, "F16". */
uint32_t st_dtype_size(enum st_dtype dtype);
const char *st_dtype_name(enum st_dtype dtype);

/* Reads `len` bytes of a tensor from byte `from` on. */
MUST_USE enum err_code safetensors_data(const struct safetensors *s, const struct st_tensor *t, uint64_t from,
					void *out, size_t len, struct err *err);

#endif
