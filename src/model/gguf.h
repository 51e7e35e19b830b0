/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf - a strict reader of GGUF headers, versions 2 and 3, little endian.
 *
 * It guards llama.cpp: what this reader accepts has counts and strings within base/limits.h, known types,
 * tensor sizes computed in 128 bit, data that follows without gaps or overlaps and lies inside the file (the
 * same layout that ggml's own reader demands, whose size check can be bypassed: dims 2^31 x 2^31 x 4 wrap to
 * 0 there).  Every refusal names its cause. Values of keys stay in the file: strings and arrays are read
 * again when asked for, so memory is bounded by the number of keys and tensors (about 30 MiB at the limits)
 * and not by the vocabulary. Thread: one owner at a time; all calls block on the disk. */
#ifndef ASSAY_MODEL_GGUF_H
#define ASSAY_MODEL_GGUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

/* Kinds of values; the words of ggml's own header must stay free, which worker/ includes as well. */
enum gguf_value {
	GGUF_U8,
	GGUF_I8,
	GGUF_U16,
	GGUF_I16,
	GGUF_U32,
	GGUF_I32,
	GGUF_F32,
	GGUF_BOOL,
	GGUF_TEXT,
	GGUF_ARRAY,
	GGUF_U64,
	GGUF_I64,
	GGUF_F64,
	GGUF_VALUE_NONE,
};

#define GGUF_MAX_DIMS 4
#define GGUF_MAX_NAME 63    /* bytes of a tensor name; ggml keeps 64 with the NUL */
#define GGUF_MAX_KEY 256    /* bytes of a key; the longest in use have about 60 */
#define GGUF_MAX_PARTS 1024 /* files of one split model */

struct gguf_tensor {
	const char *name;
	uint32_t type; /* ggml type id, always known to ggml_type_find() */
	uint32_t n_dims;
	uint64_t ne[GGUF_MAX_DIMS]; /* ne[0] is the row; 1 above n_dims */
	uint64_t offset;	    /* from the start of its file */
	uint64_t size;		    /* bytes */
	uint32_t part;		    /* 0 unless the model is split */
};

struct gguf;

/* Opens and checks one file.  NULL on failure (ERR_DATA, ERR_UNSUPPORTED, ERR_LIMIT, ERR_IO). */
MUST_USE struct gguf *gguf_open(const char *path, struct err *err);

/* As gguf_open() for any descriptor that pread() works on (duplicated); `what` names it in messages. */
MUST_USE struct gguf *gguf_read(int fd, uint64_t size, const char *what, struct err *err);

/* As gguf_open(); where `path` is any part of a split model (NAME-00001-of-00003.gguf), opens all parts: keys
 * are those of the first, tensors those of all.  A missing or foreign part is ERR_DATA
 * "err_gguf_part_missing" / "err_gguf_part_wrong". */
MUST_USE struct gguf *gguf_open_model(const char *path, struct err *err);

/* NULL is fine. */
void gguf_close(struct gguf *g);

/* Reads "NAME-00002-of-00003.gguf": true with no = 2, count = 3 and the length of "…/NAME"; false for other
 * names. */
bool gguf_split_name(const char *path, uint32_t *no, uint32_t *count, size_t *stem_len);

/* The file name of a model without the number of a part and ".gguf"; borrowed. */
struct str gguf_stem(const char *path);

/* The path of part `no` (from 1) of the model that `path` is a part of; of a model in one file, part 1 is `path` itself.  NULL
 * behind the last part.  Owned by the caller. */
char *gguf_part_path(const char *path, uint32_t no);

/* SHA-256 of the model's file; of all parts one after another where it is split.  Reads everything: on the hash thread. */
MUST_USE enum err_code gguf_model_hash(const char *path, uint8_t digest[HASH_SIZE], const atomic_bool *cancel, struct err *err);

uint64_t gguf_file_size(const struct gguf *g);	 /* bytes of all parts */
uint64_t gguf_data_offset(const struct gguf *g); /* where the data of the (first) file starts */
uint32_t gguf_n_parts(const struct gguf *g);	 /* 1 unless split */

size_t gguf_n_tensors(const struct gguf *g);
/* In file order; borrowed, lives as long as `g`. */
const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, size_t index);
const struct gguf_tensor *gguf_tensor_find(const struct gguf *g,
					   const char *name); /* NULL if there is none */

size_t gguf_n_keys(const struct gguf *g);
const char *gguf_key_at(const struct gguf *g, size_t index); /* borrowed */
/* Type of a key's value, GGUF_VALUE_NONE if there is no such key. */
enum gguf_value gguf_key_type(const struct gguf *g, const char *key);

/* Typed values; false if there is no such key, it has another type, or the number does not fit (no integer
 * below 0). */
bool gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out);
bool gguf_get_f64(const struct gguf *g, const char *key, double *out);
bool gguf_get_bool(const struct gguf *g, const char *key, bool *out);
/* Element `index` of an integer array; a plain integer answers for every index (llama.cpp writes both forms).
 */
bool gguf_get_u64_at(const struct gguf *g, const char *key, uint64_t index, uint64_t *out);
/* Elements of an array, 0 for anything else. */
uint64_t gguf_array_len(const struct gguf *g, const char *key);

/* The bytes of a string appended to `out` (its maximum is the limit); false if absent, not a string, too
 * long, unreadable. */
bool gguf_get_text(const struct gguf *g, const char *key, struct buf *out);
/* A string as a label for people: at most 200 bytes of one line of valid UTF-8 without control or
 * bidirectional characters.
 * "" if absent.  Belongs to the arena. */
const char *gguf_get_label(const struct gguf *g, const char *key, struct arena *a);

/* Reads `len` bytes of a tensor's data from byte `from` on. */
MUST_USE enum err_code gguf_read_data(const struct gguf *g, const struct gguf_tensor *t, uint64_t from,
				      void *out, size_t len, struct err *err);

#endif
