/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_private - what gguf.c (one header), gguf_value.c (values) and gguf_split.c (several files) share; for
 * them only. */
#ifndef ASSAY_MODEL_GGUF_PRIVATE_H
#define ASSAY_MODEL_GGUF_PRIVATE_H

#include "model/gguf.h"

struct gguf_kv {
	const char *key;
	enum gguf_value type;
	enum gguf_value element; /* of an array */
	uint64_t count;		/* elements of an array, bytes of a string */
	uint64_t offset;	/* of the value: a string's first byte, an array's first element, a number */
	uint64_t start, end;	/* the whole value as it stands in the file, with the lengths in front */
};

struct gguf_part {
	int fd;
	uint64_t size;
	uint64_t data_offset;
};

struct gguf {
	struct arena *arena;
	const char *what;
	struct gguf_kv *kv;
	size_t n_kv;
	struct gguf_tensor *tensors;
	size_t n_tensors;
	const struct gguf_kv **kv_by_name;
	const struct gguf_tensor **tensor_by_name;
	struct gguf_part *parts;
	uint32_t n_parts;
};

/* Bytes of a number type, 0 for strings and arrays. */
size_t gguf_type_size(enum gguf_value type);

/* Sorts `tensor_by_name`; ERR_DATA "err_gguf_duplicate" where two tensors share a name. */
MUST_USE enum err_code gguf_index_tensors(struct gguf *g, struct err *err);

/* The value of `key`, NULL if there is none. */
const struct gguf_kv *gguf_kv_find(const struct gguf *g, const char *key);

#endif
