/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf_write - writes a GGUF version 3 file front to back: keys, tensor list, then the data in the same
 * order.
 *
 *     struct gguf_writer *w = gguf_writer_new();
 *     gguf_writer_text(w, "general.architecture", "llama");
 *     gguf_writer_tensor(w, "blk.0.attn_q.weight.lora_a", GGML_ID_F16, 2, (uint64_t[]){ 576, 4 });
 *     rc = gguf_writer_begin(w, fd, err);           // header
 *     rc = gguf_writer_data(w, bytes, n, err);      // any pieces; padding between tensors is added here
 *     gguf_writer_end(w);                           // every tensor complete?
 *     gguf_writer_free(w);
 *
 * Keys and tensors are declared before gguf_writer_begin().  Wrong use is a BUG.  Thread: one owner. */
#ifndef ASSAY_MODEL_GGUF_WRITE_H
#define ASSAY_MODEL_GGUF_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/gguf.h"

struct gguf_writer;

struct gguf_writer *gguf_writer_new(void);
/* NULL is fine.  Does not close the descriptor. */
void gguf_writer_free(struct gguf_writer *w);

void gguf_writer_text(struct gguf_writer *w, const char *key, const char *value);
void gguf_writer_u32(struct gguf_writer *w, const char *key, uint32_t value);
void gguf_writer_u16(struct gguf_writer *w, const char *key, uint16_t value);
void gguf_writer_f32(struct gguf_writer *w, const char *key, float value);
void gguf_writer_bool(struct gguf_writer *w, const char *key, bool value);
void gguf_writer_texts(struct gguf_writer *w, const char *key, const char *const *values, size_t n);
void gguf_writer_u32s(struct gguf_writer *w, const char *key, const uint32_t *values, size_t n);

/* A value that is in the form of the file already: for text and arrays with the lengths in front. */
void gguf_writer_raw(struct gguf_writer *w, const char *key, enum gguf_value type, struct str value);
/* Copies key `index` of another file. */
MUST_USE enum err_code gguf_writer_copy(struct gguf_writer *w, const struct gguf *from, size_t index,
					struct err *err);

/* Declares the next tensor; returns its bytes. */
uint64_t gguf_writer_tensor(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
			    const uint64_t *ne);

/* --- in any order: the caller writes the header at 0 and each tensor's data at its place --- */

/* Appends the header to `out`; ERR_LIMIT where it is longer than LIMIT_GGUF_HEADER. */
MUST_USE enum err_code gguf_writer_head(struct gguf_writer *w, struct buf *out, struct err *err);
/* Where the data of tensor `index` starts, in the order of declaration; of index n: the length of the file.  After
 * gguf_writer_head(). */
uint64_t gguf_writer_place(const struct gguf_writer *w, uint64_t index);

/* --- front to back --- */

/* Writes the header to `fd` (borrowed) at its current position, which must be the start of the file. */
MUST_USE enum err_code gguf_writer_begin(struct gguf_writer *w, int fd, struct err *err);
/* Writes the next bytes of tensor data; a piece must not reach past the end of the current tensor. */
MUST_USE enum err_code gguf_writer_data(struct gguf_writer *w, const void *data, size_t len, struct err *err);
/* BUG if data is missing. */
void gguf_writer_end(const struct gguf_writer *w);

#endif
