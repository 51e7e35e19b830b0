/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_rows - turns the values of one tensor into those of its GGUF, a piece at a time: bit for bit what gguf-py, numpy and
 * torch make of them.
 *
 * However big a tensor is, a few MiB are held.  Thread: one owner at a time; blocks on the disk. */
#ifndef ASSAY_CONVERT_HF_ROWS_H
#define ASSAY_CONVERT_HF_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "convert/hf_plan.h"
#include "model/gguf_write.h"

struct hf_rows;

/* Never NULL. */
struct hf_rows *hf_rows_new(void);
/* NULL is fine. */
void hf_rows_free(struct hf_rows *r);

/* Called after each piece with the bytes that were written; false ends the work with ERR_CANCELLED. */
typedef bool (*hf_rows_fn)(void *user, uint64_t bytes);

/* Reads the tensor's values and gives them to the writer, whose next tensor it must be. */
MUST_USE enum err_code hf_rows_write(struct hf_rows *r, const struct hf_out *o, struct gguf_writer *w, hf_rows_fn step, void *user,
				     struct err *err);

/* The same of a tensor of a GGUF, in its own type or, of an F32, F16 or BF16 one, in another of those that a folder becomes. */
MUST_USE enum err_code hf_rows_copy(struct hf_rows *r, const struct gguf *g, const struct gguf_tensor *t, uint32_t type,
				    struct gguf_writer *w, hf_rows_fn step, void *user, struct err *err);

/* Single precision to IEEE half: nearest, ties to even, too big is infinite. */
uint16_t hf_rows_half(float value);

#endif
