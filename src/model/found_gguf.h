/* SPDX-License-Identifier: Apache-2.0
 *
 * found_gguf - what a GGUF header says about a model.  Thread: any; blocks on the disk. */
#ifndef ASSAY_MODEL_FOUND_GGUF_H
#define ASSAY_MODEL_FOUND_GGUF_H

#include "model/catalogue.h"
#include "model/gguf.h"

/* Bytes of F16 K and V for one token, all layers; 0 where the keys are missing.  Sliding windows are not
 * subtracted: an upper bound for models that have them. */
uint64_t gguf_kv_bytes_per_token(const struct gguf *g);

/* The same of one layer. */
uint64_t gguf_kv_bytes_of_layer(const struct gguf *g, uint64_t layer);

/* Fills everything a header knows for a base (MODEL_BASE) or a LoRA (MODEL_ADAPTER).  What is neither - a
 * vision part, an importance matrix - is ERR_DATA "err_base_not_model", a bare vocabulary
 * "err_base_no_weights".  `path` is kept as given (made part of the arena). */
MUST_USE enum err_code found_gguf_read(struct arena *a, const char *path, struct found_model *out,
				       struct err *err);

/* True for the GGUF kinds that folders of models hold beside them and that nobody would choose (mmproj,
 * imatrix). */
bool found_gguf_is_side_file(const char *path);

#endif
